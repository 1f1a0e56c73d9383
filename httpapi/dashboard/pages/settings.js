// The account: its name, limits and use, its keys, and who wants no bulk messages.
import { html, useEffect, useState } from "/dashboard/vendor/preact.js";
import { get, patch } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";
import { Busy, Copy, ErrorBox, Field, toast } from "/dashboard/ui.js";
import { Keys } from "/dashboard/pages/keys.js";
import { manages } from "/dashboard/pages/rights.js";
import { OptOuts } from "/dashboard/pages/settings-optouts.js";
import { Bar } from "/dashboard/pages/stats-plots.js";

function Name({ account, may, onSaved }) {
  const [name, setName] = useState(account.name);
  const [error, setError] = useState(null);
  useEffect(() => setName(account.name), [account.name]);
  const save = async (e) => {
    e.preventDefault();
    setError(null);
    try {
      await patch("/api/account", { name });
      toast("The name is saved.");
      onSaved();
    } catch (problem) {
      setError(problem);
    }
  };
  return html`<form class="row g-2 align-items-end mb-2" onSubmit=${save}>
    <div class="col"><${Field} label="Name" class="mb-0"><input type="text" required maxlength="100" disabled=${!may} value=${name}
      onInput=${(e) => setName(e.target.value)} data-test="account-name" /><//></div>
    ${may && html`<div class="col-auto"><button type="submit" class="btn btn-outline-primary" disabled=${name === account.name} data-test="account-save">Save</button></div>`}
    <${ErrorBox} error=${error} />
  </form>`;
}

function Account({ account, may, again }) {
  return html`<div class="row g-3 mb-4" data-test="account">
    <div class="col-lg-6"><div class="card h-100"><div class="card-body">
      <h2 class="h5">Account</h2>
      <${Name} account=${account} may=${may} onSaved=${again} />
      <dl class="row small mb-0">
        <dt class="col-5">Id</dt><dd class="col-7 text-break"><code data-test="account-id">${account.tenantId}</code> <${Copy} text=${account.tenantId} /></dd>
        <dt class="col-5">Time zone</dt><dd class="col-7">${account.timeZone}</dd>
        <dt class="col-5">Messages and events are kept</dt><dd class="col-7">${account.retentionDays ? `${account.retentionDays} days` : "for ever"}</dd>
      </dl>
    </div></div></div>
    <div class="col-lg-6"><div class="card h-100"><div class="card-body">
      <h2 class="h5">Limits and use</h2>
      <${Bar} label=${`Messages today (${account.usage.day})`} used=${account.usage.sent} limit=${account.dailyLimit} test="usage-messages" />
      <${Bar} label="Sessions" used=${account.sessions} limit=${account.maxSessions} test="usage-sessions" />
      <p class="small text-body-secondary mb-0">Each key may make ${account.rateLimit.toLocaleString()} requests a minute. The limits are the operator's to change.</p>
    </div></div></div>
  </div>`;
}

export default function Settings({ me }) {
  const { data: account, error, again } = usePoll((signal) => get("/api/account", undefined, { signal }), 20_000);
  const may = manages(me);
  return html`<div data-test="settings">
    <h1 class="h3 mb-3">Settings</h1>
    <${ErrorBox} error=${error} onRetry=${again} />
    ${!account && !error && html`<${Busy} />`}
    ${account && html`<${Account} account=${account} may=${may} again=${again} />`}
    ${may && html`<div class="mb-4"><${Keys} base="/api/account" current=${account?.key?.keyId} own onReset=${again} /></div>`}
    ${!me.sessions?.length && html`<${OptOuts} may=${may} mayAdd=${me.scope !== "read"} />`}
  </div>`;
}
