// One job: how far it is, what it waits for, and what can be done about it.
import { useRef, useState } from "/dashboard/vendor/preact.js";
import { get, post } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Busy, ErrorBox, StateBadge, Time, absolute, confirm, duration, html, toast } from "/dashboard/ui.js";
import { Items } from "./bulk-items.js";
import { LeftOut } from "./bulk-leftout.js";
import { hasEnded, rate, stateOf, waitingFor } from "./bulk-plan.js";
import { Progress } from "./bulk-progress.js";
import { reason } from "./chat-words.js";

export function Job({ id, me }) {
  const path = `/api/whatsapp/bulk-job/${encodeURIComponent(id)}`;
  const [ended, setEnded] = useState(false);
  const samples = useRef([]);
  const { data: job, error, again } = usePoll(async (signal) => {
    const found = await get(path, {}, { signal });
    samples.current = [...samples.current, { at: Date.now(), processed: found.processed }].slice(-200);
    setEnded(hasEnded(found));
    return found;
  }, ended ? 0 : 3_000, [path]);
  useEvents((e) => ["bulk.progress", "bulk.completed"].includes(e.event) && e.data?.jobId === id, again);
  const [busy, setBusy] = useState(false);
  const act = async (what, words) => {
    setBusy(true);
    try {
      await post(`${path}/${what}`);
      toast(words);
    } catch (failed) {
      toast(failed.message, "danger");
    }
    setBusy(false);
    again();
  };
  const cancel = async () => {
    if (await confirm({ title: "Cancel this job?", body: "Whoever it has not come to gets nothing. It can't be resumed.", action: "Cancel the job", danger: true })) act("cancel", "The job is cancelled.");
  };
  const head = html`<nav aria-label="Path"><a href="#/bulk">Bulk jobs</a></nav><h1 class="h3 text-break">Job <span class="font-monospace fs-5">${id}</span></h1>`;
  if (!job) return html`${head}${error ? html`<${ErrorBox} error=${error} onRetry=${again} />` : html`<${Busy} />`}`;
  const may = me?.scope !== "read" && me?.scope !== "send";
  return html`${head}
    <${ErrorBox} error=${error} />
    <section class="card mb-3" aria-label="Progress" data-test="bulk-job" data-status=${job.status} data-job=${id}><div class="card-body">
      <div class="d-flex flex-wrap gap-2 align-items-center mb-2">
        <${StateBadge} state=${stateOf(job)} data-test="bulk-state" />
        <span aria-live="polite" data-test="bulk-counts">${job.processed} of ${job.total} done</span>
        ${may && !hasEnded(job) && html`<span class="ms-auto d-flex gap-2">
          ${job.paused
            ? html`<button type="button" class="btn btn-sm btn-success" disabled=${busy} onClick=${() => act("resume", "The job goes on.")} data-test="bulk-resume">Resume</button>`
            : html`<button type="button" class="btn btn-sm btn-outline-secondary" disabled=${busy} onClick=${() => act("pause", "The job is paused.")} data-test="bulk-pause">Pause</button>`}
          <button type="button" class="btn btn-sm btn-outline-danger" disabled=${busy} onClick=${cancel} data-test="bulk-cancel">Cancel</button>
        </span>`}
      </div>
      <${Progress} job=${job} />
      <${Waiting} job=${job} />
      <${Facts} job=${job} samples=${samples.current} />
    </div></section>
    <${LeftOut} job=${id} count=${job.invalid} />
    ${job.sessions && html`<${Sessions} sessions=${job.sessions} />`}
    <${Items} path=${path} job=${job} />`;
}

function Waiting({ job }) {
  if (job.error || job.errorCode) {
    return html`<div class="alert alert-warning py-2 mt-2 mb-0" data-test="bulk-error">${job.errorCode ? `${reason(job.errorCode)[0].toUpperCase()}${reason(job.errorCode).slice(1)}.` : job.error}</div>`;
  }
  if (!job.waiting) return null;
  return html`<div class="alert alert-info py-2 mt-2 mb-0" data-test="bulk-waiting">${waitingFor(job.waiting.reason)}${job.waiting.until ? html`, until ${absolute(Date.parse(job.waiting.until))} (<${Time} at=${job.waiting.until} />)` : null}.</div>`;
}

function Facts({ job, samples }) {
  const fact = (name, value, test) => html`<div class="col-6 col-md-3"><dt class="small fw-normal text-body-secondary">${name}</dt><dd class="mb-2" data-test=${test}>${value}</dd></div>`;
  const begun = job.startedAt && Date.parse(job.startedAt);
  const spent = begun && (job.finishedAt ? Date.parse(job.finishedAt) : Date.now()) - begun;
  const speed = hasEnded(job) ? (spent > 0 ? (job.processed * 60_000) / spent : 0) : rate(samples, begun);
  return html`<dl class="row mt-3 mb-0">
    ${fact("Sent", job.succeeded, "bulk-succeeded")}${fact("Failed", job.failed, "bulk-failed")}${fact("Skipped", job.skipped, "bulk-skipped")}
    ${fact("Rate", speed ? `${speed < 10 ? speed.toFixed(1) : Math.round(speed)} a minute` : "–", "bulk-rate")}
    ${hasEnded(job)
      ? fact("Lasted", spent ? duration(spent) : "–", "bulk-lasted")
      : fact("Left", job.etaSeconds !== undefined ? `about ${duration(job.etaSeconds * 1000)}` : "not known", "bulk-eta")}
    ${fact("Made", html`<${Time} at=${job.createdAt} />`)}
    ${job.startedAt && fact("Begun", html`<${Time} at=${job.startedAt} />`)}
    ${job.finishedAt && fact("Ended", html`<${Time} at=${job.finishedAt} />`)}
    ${!job.sessions && fact("Session", job.sessionId)}
  </dl>`;
}

const shares = { active: "sending", dropped: "dropped out", done: "done" };

function Sessions({ sessions }) {
  return html`<h2 class="h5">Sessions</h2><div class="table-responsive mb-3"><table class="table table-sm align-middle">
    <thead><tr><th scope="col">Session</th><th scope="col">State</th><th scope="col">Sent</th><th scope="col">Failed</th><th scope="col">Next</th></tr></thead>
    <tbody>${sessions.map((s) => html`<tr key=${s.sessionId}><th scope="row">${s.sessionId}</th>
      <td>${shares[s.status] ?? s.status}${s.errorCode ? `: ${reason(s.errorCode)}` : ""}${s.waiting ? html`<div class="small text-body-secondary">${waitingFor(s.waiting.reason)}</div>` : null}</td>
      <td>${s.sent}</td><td>${s.failed}</td><td>${s.nextAt ? html`<${Time} at=${s.nextAt} />` : "–"}</td></tr>`)}</tbody>
  </table></div>`;
}
