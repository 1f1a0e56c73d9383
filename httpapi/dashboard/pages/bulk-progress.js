// How far a job has come, as a bar.
import { html } from "/dashboard/ui.js";

const parts = [["succeeded", "success", "sent"], ["failed", "danger", "failed"], ["skipped", "secondary", "skipped"]];

export function Progress({ job }) {
  const share = (n) => (100 * n) / Math.max(1, job.total);
  const done = job.succeeded + job.failed + job.skipped;
  const words = parts.filter(([name]) => job[name] > 0).map(([name, , word]) => `${job[name]} ${word}`).join(", ") || "nothing yet";
  return html`<div class="progress-stacked" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax=${job.total} aria-valuenow=${Math.min(done, job.total)}
      aria-valuetext=${`${words}, of ${job.total}`} data-test="bulk-progress" data-done=${done} data-total=${job.total}>
    ${parts.map(([name, colour]) => html`<div class="progress" style=${{ width: `${share(job[name])}%` }} key=${name}><div class=${`progress-bar bg-${colour}`}></div></div>`)}
  </div>`;
}
