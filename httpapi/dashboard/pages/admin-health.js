// How the daemon is.
import { html } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";
import { Busy, ErrorBox, StateBadge, Time, duration } from "/dashboard/ui.js";
import { SessionCounts } from "/dashboard/pages/stats-plots.js";

// bytes writes a size for people.
export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; n >= 1_024 && unit < units.length - 1; unit++) n /= 1_024;
  return `${n.toLocaleString(undefined, { maximumFractionDigits: n < 10 && unit > 0 ? 1 : 0 })} ${units[unit]}`;
}

// many writes a count; the server stops counting at a hundred thousand.
const many = (n) => (n >= 100_000 ? "100,000 or more" : n.toLocaleString());

function Facts({ title, rows, test }) {
  return html`<div class="col-md-6 col-xl-3"><div class="card h-100"><div class="card-body" data-test=${test}>
    <h2 class="h6">${title}</h2>
    <dl class="row small mb-0">${rows.map(([name, value]) => html`<dt class="col-6 fw-normal text-body-secondary">${name}</dt><dd class="col-6 mb-1 text-break">${value}</dd>`)}</dl>
  </div></div></div>`;
}

export function Health() {
  const { data, error, again } = usePoll((signal) => get("/api/admin/overview", undefined, { signal }), 5_000);
  if (!data) return error ? html`<${ErrorBox} error=${error} onRetry=${again} />` : html`<${Busy} />`;
  const { tenants, queues, disk, memory } = data;
  return html`<section class="mb-4" aria-label="Health" data-test="admin-health">
    <${ErrorBox} error=${error} onRetry=${again} />
    ${data.ready ? null : html`<div class="alert alert-danger" role="alert" data-test="admin-not-ready"><strong>The daemon is not ready.</strong>
      <ul class="mb-0">${data.reasons.map((reason) => html`<li>${reason}</li>`)}</ul></div>`}
    <div class="row g-3">
      <${Facts} title="Daemon" test="health-daemon" rows=${[
        ["Ready", data.ready ? html`<span class="badge text-bg-success" data-test="health-ready">Yes</span>` : html`<span class="badge text-bg-danger" data-test="health-ready">No</span>`],
        ["Version", data.version], ["Network", data.network === "simulated" ? "Simulated" : "WhatsApp"],
        ["Started", html`<${Time} at=${data.startedAt} />`], ["Up for", duration(data.uptime * 1_000)],
      ]} />
      <${Facts} title="Waiting" test="health-queues" rows=${[
        ["Messages", many(queues.outbox)], ["Recipients of bulk jobs", many(queues.bulk)], ["New deliveries to webhooks", many(queues.deliveries)], ["Deliveries that failed and will be repeated", many(queues.retries)],
      ]} />
      <${Facts} title="Disk and memory" test="health-disk" rows=${[
        ["Free disk", `${bytes(disk.free)} of ${bytes(disk.size)}`], ["Database", bytes(disk.database)], ["Device store", bytes(disk.deviceStore)],
        ["Memory", bytes(memory.resident || memory.heap)],
      ]} />
      <${Facts} title="Tenants" test="health-tenants" rows=${[
        ["All", tenants.total.toLocaleString()], ["Suspended", tenants.suspended.toLocaleString()], ["Being deleted", tenants.erasing.toLocaleString()],
      ]} />
    </div>
    <div class="card mt-3"><div class="card-body"><h2 class="h6">Sessions of all tenants</h2>
      <${SessionCounts} counts=${data.sessions} badge=${StateBadge} /></div></div>
  </section>`;
}
