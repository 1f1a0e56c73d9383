// What happened lately, for a tenant.
import { html, useState } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Busy, ErrorBox, StateBadge } from "/dashboard/ui.js";
import { Bar, Plots, SessionCounts, SpanChoice, Totals, query } from "/dashboard/pages/stats-plots.js";

// countBy counts sessions by their state.
function countBy(sessions) {
  const counts = {};
  for (const { status } of sessions) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

export default function Overview() {
  const [span, setSpan] = useState("24h");
  const stats = usePoll((signal) => get("/api/account/stats", query(span), { signal }), 15_000, [span]);
  const account = usePoll((signal) => get("/api/account", undefined, { signal }), 15_000);
  const sessions = usePoll((signal) => get("/api/whatsapp/sessions", undefined, { signal }), 15_000);
  useEvents({ type: ["ready", "disconnected", "qr"] }, sessions.again);
  return html`<div data-test="overview">
    <div class="d-flex flex-wrap align-items-center gap-2 mb-3">
      <h1 class="h3 me-auto mb-0">Overview</h1>
      <${SpanChoice} span=${span} onChoose=${setSpan} />
    </div>
    <div class="row g-3 mb-3">
      <div class="col-lg-6"><div class="card h-100"><div class="card-body">
        <h2 class="h6">Sessions</h2>
        <${ErrorBox} error=${sessions.error} onRetry=${sessions.again} />
        ${sessions.data ? html`<${SessionCounts} counts=${countBy(sessions.data.sessions)} badge=${StateBadge} href="#/sessions" />` : !sessions.error && html`<${Busy} />`}
      </div></div></div>
      <div class="col-lg-6"><div class="card h-100"><div class="card-body">
        <h2 class="h6">Today</h2>
        <${ErrorBox} error=${account.error} onRetry=${account.again} />
        ${account.data ? html`<${Bar} label="Messages sent" used=${account.data.usage.sent} limit=${account.data.usage.limit} test="today-sent" />
          <p class="small text-body-secondary mb-0">Your day is that of ${account.data.timeZone}.</p>` : !account.error && html`<${Busy} />`}
      </div></div></div>
    </div>
    <${ErrorBox} error=${stats.error} onRetry=${stats.again} />
    ${stats.data ? html`<${Totals} total=${stats.data.total} /><${Plots} stats=${stats.data} />` : !stats.error && html`<${Busy} />`}
    <p class="small text-body-secondary">Counts are a few seconds old and are kept for 31 days. “Not sent” also counts what was refused at once, such as a
      message to a number without WhatsApp.</p>
  </div>`;
}
