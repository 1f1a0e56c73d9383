// Statistics as plots: the same for a tenant, and for the operator over all of them.
import { html, useMemo } from "/dashboard/vendor/preact.js";
import { Plot } from "/dashboard/plot.js";

const hour = 3_600_000;

// spans are what can be looked at: how far back in hours, and how many hours make a point.
export const spans = {
  "24h": { label: "24 hours", hours: 24, step: 1 },
  "7d": { label: "7 days", hours: 7 * 24, step: 3 },
  "30d": { label: "30 days", hours: 30 * 24, step: 12 },
};

// query is what to ask the statistics for.
export function query(span) {
  const { hours, step } = spans[span];
  return { from: Date.now() - hours * hour, step };
}

// SpanChoice chooses among the spans.
export function SpanChoice({ span, onChoose }) {
  return html`<div class="btn-group btn-group-sm" role="group" aria-label="How far back">
    ${Object.entries(spans).map(([name, { label }]) => html`<button key=${name} type="button" aria-pressed=${String(name === span)}
      class=${`btn btn-outline-primary ${name === span ? "active" : ""}`} onClick=${() => onChoose(name)} data-test=${`span-${name}`}>${label}</button>`)}
  </div>`;
}

// messages are the series of what came and went.
function messages(intervals) {
  const series = [
    { label: "Sent", values: intervals.map((i) => i.sent), stroke: "--bs-blue" },
    { label: "Received", values: intervals.map((i) => i.received), stroke: "--bs-green" },
    { label: "Not sent", values: intervals.map((i) => i.failed + i.refused), stroke: "--bs-red" },
  ];
  if (intervals.some((i) => i.unknown > 0)) {
    series.push({ label: "Not known", values: intervals.map((i) => i.unknown), stroke: "--bs-orange" });
  }
  return series;
}

// times are the series of how long something took, in seconds where any
// took one. Where nothing happened there is a gap.
function times(intervals, name) {
  const known = intervals.map((i) => i[name]);
  const highest = known.reduce((most, took) => Math.max(most, took?.p99 ?? 0), 0);
  const [unit, size] = highest >= 1_000 ? ["s", 1_000] : ["ms", 1];
  const of = (quantile) => known.map((took) => (took ? took[quantile] / size : null));
  return {
    unit,
    series: [
      { label: "Half within", values: of("p50"), stroke: "--bs-blue" },
      { label: "9 of 10 within", values: of("p90"), stroke: "--bs-orange" },
      { label: "99 of 100 within", values: of("p99"), stroke: "--bs-red" },
    ],
  };
}

// Plots draws what the statistics say.
export function Plots({ stats }) {
  const drawn = useMemo(() => ({
    at: stats.intervals.map((i) => i.at / 1000),
    messages: messages(stats.intervals),
    send: times(stats.intervals, "sendTime"),
    receipt: times(stats.intervals, "receiptTime"),
    delivery: times(stats.intervals, "deliveryTime"),
  }), [stats]);
  const per = stats.step === 1 ? "hour" : `${stats.step} hours`;
  return html`<div class="row g-3" data-test="plots">
    <div class="col-xl-6" data-test="plot-messages"><${Plot} title=${`Messages per ${per}`} times=${drawn.at} series=${drawn.messages} /></div>
    <div class="col-xl-6" data-test="plot-send"><${Plot} title="How long sending took" times=${drawn.at} series=${drawn.send.series} unit=${drawn.send.unit} /></div>
    <div class="col-xl-6" data-test="plot-receipt"><${Plot} title="How long until the recipient's phone had it" times=${drawn.at} series=${drawn.receipt.series} unit=${drawn.receipt.unit} /></div>
    <div class="col-xl-6" data-test="plot-delivery"><${Plot} title="How long until webhooks had an event" times=${drawn.at} series=${drawn.delivery.series} unit=${drawn.delivery.unit} /></div>
  </div>`;
}

// took writes milliseconds for people.
export function took(ms) {
  if (ms === undefined || ms === null) return "–";
  if (ms < 1) return "under 1 ms";
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;
  return `${(ms / 60_000).toLocaleString(undefined, { maximumFractionDigits: 1 })} min`;
}

function Figure({ label, value, note, test }) {
  return html`<div class="col-6 col-md-4 col-xl"><div class="card h-100"><div class="card-body py-2">
    <div class="small text-body-secondary">${label}</div>
    <div class="fs-4" data-test=${test}>${typeof value === "number" ? value.toLocaleString() : value}</div>
    <div class="small text-body-secondary">${note}</div>
  </div></div></div>`;
}

// Totals tells the sums of a span in figures.
export function Totals({ total }) {
  const lost = total.failed + total.refused;
  return html`<div class="row g-2 mb-3" data-test="totals">
    <${Figure} label="Sent" value=${total.sent} note=${total.sendTime ? `half within ${took(total.sendTime.p50)}` : " "} test="total-sent" />
    <${Figure} label="Received" value=${total.received} test="total-received" />
    <${Figure} label="Not sent" value=${lost} note=${total.unknown ? `and ${total.unknown.toLocaleString()} not known` : " "} test="total-failed" />
    <${Figure} label="Reached a phone" value=${total.receiptTime?.count ?? 0} note=${total.receiptTime ? `half within ${took(total.receiptTime.p50)}` : " "} test="total-arrived" />
    <${Figure} label="Events delivered to webhooks" value=${total.deliveryTime?.count ?? 0}
      note=${total.failedTries ? `${total.failedTries.toLocaleString()} tries failed` : total.deliveryTime ? `half within ${took(total.deliveryTime.p50)}` : " "} test="total-delivered" />
  </div>`;
}

// SessionCounts shows how many sessions stand in each state, each as a link if there
// is anywhere to go.
export function SessionCounts({ counts, badge: Badge, href }) {
  const entries = Object.entries(counts).sort(([a], [b]) => a.localeCompare(b));
  if (entries.length === 0) return html`<p class="text-body-secondary mb-0">There are no sessions yet.</p>`;
  return html`<ul class="list-inline mb-0" data-test="session-counts">
    ${entries.map(([state, n]) => html`<li class="list-inline-item mb-1" key=${state} data-test=${`count-${state}`}>
      <${Badge} state=${state} /> <strong>${n.toLocaleString()}</strong></li>`)}
    ${href && html`<li class="list-inline-item"><a href=${href}>Show them</a></li>`}
  </ul>`;
}

// Bar shows how much of a limit is used, in words too.
export function Bar({ label, used, limit, test }) {
  const share = limit ? Math.min(100, Math.round((used / limit) * 100)) : 0;
  const colour = share >= 100 ? "bg-danger" : share >= 80 ? "bg-warning" : "";
  return html`<div class="mb-3" data-test=${test}>
    <div class="d-flex justify-content-between small"><span>${label}</span>
      <span>${used.toLocaleString()}${limit ? ` of ${limit.toLocaleString()}` : ", no limit"}</span></div>
    ${limit ? html`<div class="progress" role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax=${limit} aria-valuenow=${used}
      aria-valuetext=${`${used} of ${limit}`}><div class=${`progress-bar ${colour}`} style=${{ width: `${share}%` }}></div></div>` : null}
  </div>`;
}
