// The recipients of a job, with what became of each.
import { useState } from "/dashboard/vendor/preact.js";
import { get, url } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";
import { Busy, Empty, ErrorBox, StateBadge, Time, html } from "/dashboard/ui.js";
import { to } from "/dashboard/router.js";
import { hasEnded } from "./bulk-plan.js";
import { plainAddress, reason } from "./chat-words.js";

const filters = { "": "All", pending: "Waiting", sending: "Being sent", sent: "Sent", failed: "Failed", skipped: "Skipped" };
const limit = 50;

export function Items({ path, job }) {
  const [status, setStatus] = useState("");
  const [page, setPage] = useState(1);
  // What has moved the job's counts has moved its items.
  const { data, error } = usePoll((signal) => get(`${path}/items`, { status, page, limit }, { signal }), hasEnded(job) ? 0 : 5_000,
    [path, status, page, hasEnded(job)]);
  const choose = (e) => {
    setStatus(e.target.value);
    setPage(1);
  };
  return html`<section aria-label="Recipients">
    <div class="d-flex flex-wrap gap-2 align-items-center mb-2">
      <h2 class="h5 mb-0 me-auto">Recipients</h2>
      <select class="form-select form-select-sm w-auto" aria-label="Which recipients" value=${status} onChange=${choose} data-test="bulk-filter">
        ${Object.entries(filters).map(([name, label]) => html`<option value=${name}>${label}</option>`)}
      </select>
      <a class="btn btn-sm btn-outline-secondary" href=${url(`${path}/items`, { format: "csv", status })} download=${`job-${job.jobId}${status ? `-${status}` : ""}.csv`} data-test="bulk-export">Download CSV</a>
    </div>
    <${ErrorBox} error=${error} />
    ${!data && !error && html`<${Busy} />`}
    ${data?.items.length === 0 && html`<${Empty}>Nobody.<//>`}
    ${data?.items.length > 0 && html`<div class="table-responsive"><table class="table table-sm align-middle" data-test="bulk-items">
      <thead><tr><th scope="col">#</th><th scope="col">Recipient</th><th scope="col">State</th><th scope="col">Why</th><th scope="col">Sent</th></tr></thead>
      <tbody>${data.items.map((one) => html`<tr key=${one.index} data-test="bulk-item" data-status=${one.status}>
        <td>${one.index + 1}</td>
        <td class="nowrap-cell">${one.status === "sent" ? html`<a href=${to("inbox", one.sessionId ?? job.sessionId, address(one.recipient))}>${plainAddress(one.recipient)}</a>` : plainAddress(one.recipient)}</td>
        <td><${StateBadge} state=${one.status} label=${filters[one.status]} /></td>
        <td class="text-break why-cell">${one.errorCode ? reason(one.errorCode) : one.attempts ? `tried ${one.attempts} times` : ""}</td>
        <td class="nowrap-cell">${one.sentAt ? html`<${Time} at=${one.sentAt} />` : "–"}</td>
      </tr>`)}</tbody>
    </table></div>`}
    ${data?.pages > 1 && html`<nav class="d-flex gap-2 align-items-center" aria-label="Pages of recipients">
      <button type="button" class="btn btn-sm btn-outline-secondary" disabled=${page <= 1} onClick=${() => setPage(page - 1)}>Before</button>
      <span>Page ${data.page} of ${data.pages}</span>
      <button type="button" class="btn btn-sm btn-outline-secondary" disabled=${page >= data.pages} onClick=${() => setPage(page + 1)} data-test="bulk-next">Next</button>
    </nav>`}
  </section>`;
}

function address(recipient) {
  return recipient.includes("@") ? recipient : `${recipient}@s.whatsapp.net`;
}
