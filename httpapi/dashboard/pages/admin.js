// What the operator sees: the daemon and its tenants, one tenant, or the audit log.
import { html, useState } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";
import { Busy, ErrorBox } from "/dashboard/ui.js";
import { Audit } from "/dashboard/pages/admin-audit.js";
import { Health } from "/dashboard/pages/admin-health.js";
import { Tenant } from "/dashboard/pages/admin-tenant.js";
import { Tenants } from "/dashboard/pages/admin-tenants.js";
import { Plots, SpanChoice, Totals, query } from "/dashboard/pages/stats-plots.js";

// Statistics are those of all tenants together.
function Statistics() {
  const [span, setSpan] = useState("24h");
  const { data, error, again } = usePoll((signal) => get("/api/admin/stats", query(span), { signal }), 15_000, [span]);
  return html`<section aria-label="Statistics" data-test="admin-stats">
    <div class="d-flex flex-wrap align-items-center gap-2 mb-3">
      <h2 class="h5 me-auto mb-0">All tenants together</h2>
      <${SpanChoice} span=${span} onChoose=${setSpan} />
    </div>
    <${ErrorBox} error=${error} onRetry=${again} />
    ${data ? html`<${Totals} total=${data.total} /><${Plots} stats=${data} />` : !error && html`<${Busy} />`}
  </section>`;
}

export default function Admin({ args }) {
  if (args[0] === "audit") return html`<${Audit} tenant=${args[1] ?? ""} />`;
  if (args[0] === "tenants" && args[1]) return html`<${Tenant} key=${args[1]} id=${args[1]} />`;
  return html`<div data-test="admin">
    <h1 class="h3 mb-3">Administration</h1>
    <${Health} />
    <${Tenants} />
    <${Statistics} />
  </div>`;
}
