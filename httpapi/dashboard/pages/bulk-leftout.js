// Whom a job left out when it was made. The API tells it once, in the answer that made
// the job, so that it is kept here for as long as the page is open.
import { html } from "/dashboard/ui.js";

const answers = new Map();

// keep remembers the answer to a request that made a job.
export function keep(answer) {
  answers.set(answer.jobId, answer);
}

const lists = { invalid: "Can't be sent to", duplicates: "Given twice", skipped: "Don't want bulk messages" };

// LeftOut shows what is known: the lists, or, after the page was loaded anew, how many.
export function LeftOut({ job, count }) {
  const answer = answers.get(job);
  if (!answer) return count > 0 ? html`<p class="text-body-secondary">${count} ${count === 1 ? "entry was" : "entries were"} left out when the job was made.</p>` : null;
  return Object.entries(lists).filter(([name]) => answer[name]?.length).map(([name, title]) => html`<details class="mb-2" open=${name === "invalid"} key=${name} data-test=${`bulk-${name}-list`}>
    <summary>${title}: ${answer[name].length}</summary>
    <ul class="small mb-2">${answer[name].slice(0, 200).map((one) => html`<li class="text-break">${one.row ? `Line ${one.row}: ` : ""}${one.recipient || "–"} — ${one.reason}</li>`)}</ul>
  </details>`);
}
