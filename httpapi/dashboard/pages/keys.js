// The API keys of an account: what each may do, a new one, an end to one, and another
// main key. The tenant sees its own so, and the operator those of a tenant.
import { html, useState } from "/dashboard/vendor/preact.js";
import { del, get, post } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";
import { Busy, ErrorBox, Time, confirm, toast } from "/dashboard/ui.js";
import { KeyForm } from "/dashboard/pages/key-form.js";
import { showOnce } from "/dashboard/pages/once.js";

function Row({ k, mine, onDelete }) {
  return html`<tr data-test="key" data-id=${k.keyId}>
    <td class="text-break">${k.name} ${k.main && html`<span class="badge text-bg-secondary">Main</span>`} ${mine && html`<span class="badge text-bg-info">Yours</span>`}
      <div class="small text-body-secondary font-monospace">${k.prefix ? `${k.prefix}…` : ""}</div></td>
    <td>${k.scope}<div class="small text-body-secondary text-break">${k.sessions ? `only ${k.sessions.join(", ")}` : "all sessions"}</div></td>
    <td>${k.lastUsedAt ? html`<${Time} at=${k.lastUsedAt} />` : "never"}</td>
    <td>${k.expiresAt ? html`<${Time} at=${k.expiresAt} />` : "never"}</td>
    <td class="text-end">${k.main ? null : html`<button type="button" class="btn btn-sm btn-outline-danger" disabled=${mine}
      title=${mine ? "You are logged in with it" : undefined} onClick=${() => onDelete(k)} data-test="key-delete" aria-label=${`Delete the key ${k.name}`}>Delete</button>`}</td>
  </tr>`;
}

// Keys shows the keys at base, such as /api/account. current is the id of the key that
// the browser is logged in with, if it is one; a reset may change that.
export function Keys({ base, current, own = false, onReset }) {
  const { data, error, again } = usePoll((signal) => get(`${base}/api-keys`, undefined, { signal }), 30_000, [base]);
  const [adding, setAdding] = useState(false);
  const remove = async (k) => {
    if (!(await confirm({ title: `Delete the key “${k.name}”?`, body: "Whatever uses it is refused from then on.", action: "Delete", danger: true }))) return;
    try {
      await del(`${base}/api-keys/${encodeURIComponent(k.keyId)}`);
      toast("The key is deleted.");
    } catch (problem) {
      toast(problem.message, "danger");
    }
    again();
  };
  const reset = async () => {
    const yes = await confirm({
      title: "Replace the main key?", action: "Replace it", danger: true,
      body: `The present main key is refused at once, everywhere, and who is logged in with it somewhere else is logged out.${own ? " You stay logged in here." : ""}`,
    });
    if (!yes) return;
    try {
      const answer = await post(`${base}/api-key/reset`);
      showOnce({ title: "The new main key", text: answer.apiKey, test: "key-made" });
      again();
      onReset?.();
    } catch (problem) {
      toast(problem.message, "danger");
    }
  };
  const added = (done) => {
    setAdding(false);
    if (!done) return;
    again();
    showOnce({ title: `The key “${done.name}”`, text: done.apiKey, test: "key-made" });
  };
  return html`<section aria-label="API keys" data-test="keys">
    <div class="d-flex flex-wrap align-items-center gap-2 mb-2">
      <h2 class="h5 me-auto mb-0">API keys</h2>
      <button type="button" class="btn btn-sm btn-outline-danger" onClick=${reset} data-test="key-reset">Replace the main key</button>
      <button type="button" class="btn btn-sm btn-primary" onClick=${() => setAdding(true)} data-test="key-add">New key</button>
    </div>
    <${ErrorBox} error=${error} onRetry=${again} />
    ${!data && !error && html`<${Busy} />`}
    ${data && html`<div class="table-responsive"><table class="table table-sm align-middle">
      <thead><tr><th scope="col">Name</th><th scope="col">May</th><th scope="col">Last used</th><th scope="col">Ends</th><th scope="col"><span class="visually-hidden">Delete</span></th></tr></thead>
      <tbody>${data.keys.map((k) => html`<${Row} key=${k.keyId} k=${k} mine=${own && k.keyId === current} onDelete=${remove} />`)}</tbody>
    </table></div>`}
    ${adding && html`<${KeyForm} path=${`${base}/api-keys`} own=${own} onDone=${added} />`}
  </section>`;
}
