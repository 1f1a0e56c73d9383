// One tenant, as the operator looks after it.
import { html, useState } from "/dashboard/vendor/preact.js";
import { del, get, post } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";
import { go, to } from "/dashboard/router.js";
import { Busy, ErrorBox, Field, StateBadge, Time, absolute, confirm, toast } from "/dashboard/ui.js";
import { FormDialog } from "/dashboard/pages/form-dialog.js";
import { Keys } from "/dashboard/pages/keys.js";
import { showOnce } from "/dashboard/pages/once.js";
import { Bar, Plots, SpanChoice, Totals, query } from "/dashboard/pages/stats-plots.js";
import { TenantForm } from "/dashboard/pages/tenant-form.js";

// Delete asks for the tenant's id, so that nobody deletes one by a slip.
function Delete({ tenant, path, onClose }) {
  const [typed, setTyped] = useState("");
  return html`<${FormDialog} title=${`Delete ${tenant.name}?`} action="Delete for ever" danger disabled=${typed !== tenant.tenantId}
      onSubmit=${() => del(path)} onClose=${onClose} test="tenant-delete-form">
    <p>Its keys end at once, its sessions are unlinked, and everything of it is removed. There is no way back.</p>
    <${Field} label=${html`Type <code>${tenant.tenantId}</code> to confirm`}>
      <input type="text" autocapitalize="off" spellcheck="false" value=${typed} onInput=${(e) => setTyped(e.target.value)} data-test="tenant-delete-id" /><//>
  <//>`;
}

function Facts({ tenant }) {
  const rows = [
    ["Id", html`<code data-test="tenant-id-shown">${tenant.tenantId}</code>`],
    ["Time zone", tenant.timeZone],
    ["Requests a minute", tenant.rateLimit === null ? "the daemon's own limit" : tenant.rateLimit.toLocaleString()],
    ["Messages and events are kept", tenant.retentionDays === null ? "for ever" : `${tenant.retentionDays} days`],
    ["Made", html`<${Time} at=${tenant.createdAt} />`],
    tenant.suspendedAt && ["Suspended", html`<${Time} at=${tenant.suspendedAt} />`],
  ].filter(Boolean);
  return html`<dl class="row small mb-0">${rows.map(([name, value]) => html`<dt class="col-5 fw-normal text-body-secondary">${name}</dt><dd class="col-7 mb-1 text-break">${value}</dd>`)}</dl>`;
}

function Statistics({ id }) {
  const [span, setSpan] = useState("24h");
  const { data, error, again } = usePoll((signal) => get("/api/admin/stats", { ...query(span), tenantId: id }, { signal }), 15_000, [span]);
  return html`<section class="mb-4" aria-label="Statistics">
    <div class="d-flex flex-wrap align-items-center gap-2 mb-3"><h2 class="h5 me-auto mb-0">What happened</h2><${SpanChoice} span=${span} onChoose=${setSpan} /></div>
    <${ErrorBox} error=${error} onRetry=${again} />
    ${data ? html`<${Totals} total=${data.total} /><${Plots} stats=${data} />` : !error && html`<${Busy} />`}
  </section>`;
}

function Buttons({ tenant, path, again, show }) {
  const act = (work) => async () => {
    try {
      await work();
    } catch (problem) {
      toast(problem.message, "danger");
    }
    again();
  };
  const suspended = tenant.status === "suspended";
  const suspend = act(async () => {
    const yes = suspended || await confirm({ title: `Suspend ${tenant.name}?`, action: "Suspend", danger: true,
      body: "Its requests are refused and its bulk jobs wait. Its sessions stay linked, and what they receive is kept." });
    if (!yes) return;
    await post(`${path}/${suspended ? "resume" : "suspend"}`);
    toast(suspended ? "The tenant may go on." : "The tenant is suspended.");
  });
  const link = act(async () => {
    const { url, expiresAt } = await post(`${path}/login-link`);
    showOnce({ title: `A login for ${tenant.name}`, text: url, test: "tenant-link",
      body: html`<p class="small mb-0">Whoever opens it first is logged in as this tenant. It works once, until ${absolute(expiresAt)}.</p>` });
  });
  return html`<div class="d-flex flex-wrap gap-2 mb-3">
    <button type="button" class="btn btn-primary" onClick=${() => show("edit")} data-test="tenant-edit">Change</button>
    <button type="button" class="btn btn-outline-primary" disabled=${suspended} onClick=${link} data-test="tenant-login-link">Login link</button>
    <a class="btn btn-outline-secondary" href=${to("admin", "audit", tenant.tenantId)} data-test="tenant-audit">Audit log</a>
    <button type="button" class=${`btn btn-outline-${suspended ? "success" : "warning"}`} onClick=${suspend} data-test=${suspended ? "tenant-resume" : "tenant-suspend"}>
      ${suspended ? "Resume" : "Suspend"}</button>
    <button type="button" class="btn btn-outline-danger" onClick=${() => show("delete")} data-test="tenant-delete">Delete</button>
  </div>`;
}

export function Tenant({ id }) {
  const path = `/api/admin/tenants/${encodeURIComponent(id)}`;
  const { data: tenant, error, again } = usePoll((signal) => get(path, undefined, { signal }), 10_000);
  const [shown, show] = useState("");
  const edited = (done) => {
    show("");
    if (done) toast("Saved.");
    again();
  };
  const deleted = (done) => {
    show("");
    if (!done) return;
    toast("The tenant is being deleted.");
    go("#/admin");
  };
  return html`<div data-test="tenant-detail">
    <nav aria-label="Where you are"><a href="#/admin">← All tenants</a></nav>
    <${ErrorBox} error=${error} onRetry=${again} />
    ${!tenant && !error && html`<${Busy} />`}
    ${tenant && html`
      <h1 class="h3 mt-2 text-break">${tenant.name} <${StateBadge} state=${tenant.status === "erasing" ? "deleting" : tenant.status} data-test="tenant-state" /></h1>
      ${tenant.status !== "erasing" && html`<${Buttons} tenant=${tenant} path=${path} again=${again} show=${show} />`}
      <div class="row g-3 mb-4">
        <div class="col-lg-6"><div class="card h-100"><div class="card-body"><${Facts} tenant=${tenant} /></div></div></div>
        <div class="col-lg-6"><div class="card h-100"><div class="card-body">
          <${Bar} label=${`Messages today (${tenant.usage.day})`} used=${tenant.usage.sent} limit=${tenant.dailyLimit} test="usage-messages" />
          <${Bar} label="Sessions" used=${tenant.sessions} limit=${tenant.maxSessions} test="usage-sessions" />
        </div></div></div>
      </div>
      ${tenant.status !== "erasing" && html`<div class="mb-4"><${Keys} base=${path} /></div>`}
      <${Statistics} id=${id} />
      ${shown === "edit" && html`<${TenantForm} tenant=${tenant} onDone=${edited} />`}
      ${shown === "delete" && html`<${Delete} tenant=${tenant} path=${path} onClose=${deleted} />`}
    `}
  </div>`;
}
