// Bulk jobs: their list, a new one, and one of them.
import { useState } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Busy, Empty, ErrorBox, More, StateBadge, Time, html } from "/dashboard/ui.js";
import { to } from "/dashboard/router.js";
import { Job } from "./bulk-job.js";
import { NewJob } from "./bulk-new.js";
import { stateOf, waitingFor } from "./bulk-plan.js";
import { Progress } from "./bulk-progress.js";
import { canSend } from "./send-session.js";

export default function Bulk({ args: [which], me }) {
  if (which === "new") return html`<${NewJob} me=${me} />`;
  if (which) return html`<${Job} id=${which} me=${me} key=${which} />`;
  return html`<${Jobs} me=${me} />`;
}

function Jobs({ me }) {
  const [older, setOlder] = useState([]);
  const [cursor, setCursor] = useState(undefined); // of older; undefined before the first
  const { data, error, again } = usePoll((signal) => get("/api/whatsapp/bulk-jobs", {}, { signal }), 10_000);
  useEvents({ type: ["bulk.progress", "bulk.completed"] }, again);
  const more = async (before) => {
    const page = await get("/api/whatsapp/bulk-jobs", { before });
    setOlder((was) => [...was, ...page.jobs]);
    setCursor(page.nextBefore ?? "");
  };
  const newest = data?.jobs ?? [];
  const known = new Set(newest.map((j) => j.jobId));
  const jobs = [...newest, ...older.filter((j) => !known.has(j.jobId))];
  return html`<div class="d-flex flex-wrap gap-2 justify-content-between align-items-center mb-3">
      <h1 class="h3 mb-0">Bulk jobs</h1>
      ${canSend(me) && me?.scope !== "send" && html`<a class="btn btn-primary" href="#/bulk/new" data-test="bulk-new">New job</a>`}
    </div>
    <${ErrorBox} error=${error} />
    ${!data && !error && html`<${Busy} />`}
    ${data && jobs.length === 0 && html`<${Empty} title="No jobs yet"><p class="mb-0">A job sends one message to many people, with pauses in between.</p><//>`}
    <div class="list-group" data-test="bulk-list">
      ${jobs.map((job) => html`<a class="list-group-item list-group-item-action" href=${to("bulk", job.jobId)} key=${job.jobId} data-test="bulk-row" data-job=${job.jobId}>
        <div class="d-flex flex-wrap gap-2 align-items-center mb-1">
          <${StateBadge} state=${stateOf(job)} /><span>${job.sessionId}${job.sessions ? ` and ${job.sessions.length - 1} more` : ""}</span>
          <span class="text-body-secondary small">${job.processed} of ${job.total}${job.failed ? `, ${job.failed} failed` : ""}</span>
          <span class="ms-auto small text-body-secondary"><${Time} at=${job.createdAt} /></span>
        </div>
        <${Progress} job=${job} />
        ${job.waiting && html`<div class="small text-body-secondary mt-1">${waitingFor(job.waiting.reason)}</div>`}
      </a>`)}
    </div>
    <${More} cursor=${cursor ?? data?.nextBefore} onMore=${more} />`;
}
