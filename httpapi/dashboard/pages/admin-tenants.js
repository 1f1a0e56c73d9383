// The tenants: found by name, with what each has sent, and a new one.
import { html, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";
import { to } from "/dashboard/router.js";
import { Busy, Empty, ErrorBox, More, StateBadge, Time, toast } from "/dashboard/ui.js";
import { showOnce } from "/dashboard/pages/once.js";
import { TenantForm } from "/dashboard/pages/tenant-form.js";

const limit = (n, none = "–") => (n === null ? none : n.toLocaleString());

function Row({ tenant, sent }) {
  return html`<tr data-test="tenant" data-id=${tenant.tenantId}>
    <td class="text-break"><a href=${to("admin", "tenants", tenant.tenantId)} data-test="tenant-open">${tenant.name}</a>
      <div class="small text-body-secondary">${tenant.tenantId}</div></td>
    <td><${StateBadge} state=${tenant.status === "erasing" ? "deleting" : tenant.status} /></td>
    <td class="text-end">${sent === undefined ? "–" : sent.toLocaleString()}</td>
    <td class="text-end d-none d-md-table-cell">${limit(tenant.dailyLimit)}</td>
    <td class="text-end d-none d-md-table-cell">${limit(tenant.maxSessions)}</td>
    <td class="d-none d-md-table-cell"><${Time} at=${tenant.createdAt} /></td>
  </tr>`;
}

// useUsage is what each tenant has sent in the last 30 days, as far as one page tells.
function useUsage() {
  const { data } = usePoll((signal) => get("/api/admin/usage", { limit: 200 }, { signal }), 60_000);
  const sent = Object.fromEntries((data?.tenants ?? []).map((t) => [t.tenantId, t.sent]));
  return { total: data?.total, of: (id) => (data ? sent[id] ?? (data.nextCursor ? undefined : 0) : undefined) };
}

export function Tenants() {
  const [text, setText] = useState("");
  const [q, setQ] = useState("");
  const [older, setOlder] = useState({ list: [], cursor: undefined });
  const [adding, setAdding] = useState(false);
  const timer = useRef(0);
  const first = usePoll((signal) => get("/api/admin/tenants", { q, limit: 25 }, { signal }), 10_000, [q]);
  const usage = useUsage();
  useEffect(() => setOlder({ list: [], cursor: undefined }), [q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (value) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQ(value.trim()), 250);
  };
  const more = async (cursor) => {
    try {
      const page = await get("/api/admin/tenants", { q, limit: 25, cursor });
      setOlder((was) => ({ list: [...was.list, ...page.tenants], cursor: page.nextCursor ?? "" }));
    } catch (problem) {
      toast(problem.message, "danger");
    }
  };
  const made = (tenant) => {
    setAdding(false);
    if (!tenant) return;
    first.again();
    showOnce({
      title: `The API key of ${tenant.name}`, text: tenant.apiKey, test: "tenant-key",
      body: html`<p class="small mb-0">Give it to the tenant, whose id is <code>${tenant.tenantId}</code>. With it they log in here and use the API.</p>`,
    });
  };
  const all = [...(first.data?.tenants ?? []), ...older.list];
  return html`<section class="mb-4" aria-label="Tenants" data-test="tenants">
    <div class="d-flex flex-wrap align-items-center gap-2 mb-2">
      <h2 class="h5 me-auto mb-0">Tenants</h2>
      <input type="search" class="form-control form-control-sm w-auto" maxlength="100" aria-label="Search tenants" placeholder="Name or id"
        value=${text} onInput=${(e) => search(e.target.value)} data-test="tenant-search" />
      <button type="button" class="btn btn-sm btn-primary" onClick=${() => setAdding(true)} data-test="tenant-add">New tenant</button>
    </div>
    <${ErrorBox} error=${first.error} onRetry=${first.again} />
    ${!first.data && !first.error && html`<${Busy} />`}
    ${first.data && html`<p class="small text-body-secondary mb-1" role="status">${first.data.total.toLocaleString()} ${first.data.total === 1 ? "tenant" : "tenants"}${q ? " found" : ""}.
      ${usage.total === undefined ? "" : ` All have sent ${usage.total.toLocaleString()} messages in 30 days.`}</p>`}
    ${first.data && all.length === 0 && html`<${Empty}><p class="mb-0">No tenant is called that.</p><//>`}
    ${all.length > 0 && html`<div class="table-responsive"><table class="table table-sm align-middle">
      <thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col" class="text-end">Sent in 30 days</th><th scope="col" class="text-end d-none d-md-table-cell">Daily limit</th>
        <th scope="col" class="text-end d-none d-md-table-cell">Sessions at most</th><th scope="col" class="d-none d-md-table-cell">Since</th></tr></thead>
      <tbody>${all.map((t) => html`<${Row} key=${t.tenantId} tenant=${t} sent=${usage.of(t.tenantId)} />`)}</tbody>
    </table></div>`}
    <${More} cursor=${older.cursor ?? first.data?.nextCursor} onMore=${more} />
    ${adding && html`<${TenantForm} onDone=${made} />`}
  </section>`;
}
