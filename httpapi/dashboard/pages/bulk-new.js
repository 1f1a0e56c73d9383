// A new job: to whom, what, when.
import { useMemo, useState } from "/dashboard/vendor/preact.js";
import { post, sessionPath, upload } from "/dashboard/api.js";
import { Busy, Empty, ErrorBox, duration, html } from "/dashboard/ui.js";
import { go, to } from "/dashboard/router.js";
import { Audience, useAudience } from "./bulk-audience.js";
import { keep } from "./bulk-leftout.js";
import { blankPlan, lacking, planFields, planProblems, takes } from "./bulk-plan.js";
import { fill } from "./bulk-recipients.js";
import { Schedule } from "./bulk-schedule.js";
import { plainAddress } from "./chat-words.js";
import { blank, body, file, kinds, problems } from "./send-body.js";
import { SendForm, SendOptions } from "./send-form.js";
import { SendError } from "./send.js";
import { NoSessions, SessionPick, useSessions } from "./send-session.js";
import { Preview } from "./send-preview.js";

const shownFirst = 3; // recipients for whom the message is shown
const notForMany = ["reaction", "edit", "revoke"];

// start makes the job. With a file of either kind the request is a form, whose part
// "request" holds the rest.
function start(session, fields, csv, media) {
  const path = sessionPath(session, "/send-bulk");
  if (!csv && !media) return post(path, fields);
  const form = new FormData();
  form.append("request", JSON.stringify(fields));
  if (csv) form.append("recipients", csv, csv.name);
  if (media) form.append("file", media, media.name);
  return upload(path, form);
}

export function NewJob({ me }) {
  const { sessions, error } = useSessions();
  const head = html`<nav aria-label="Path"><a href="#/bulk">Bulk jobs</a></nav><h1 class="h3">New bulk job</h1>`;
  if (error && !sessions) return html`${head}<${ErrorBox} error=${error} />`;
  if (!sessions) return html`${head}<${Busy} />`;
  if (sessions.length === 0) return html`${head}<${NoSessions} />`;
  if (me?.scope === "read" || me?.scope === "send") return html`${head}<${Empty}>Your key may not make bulk jobs.<//>`;
  return html`${head}<${Form} sessions=${sessions} />`;
}

function Form({ sessions }) {
  const [session, setSession] = useState("");
  const [form, setForm] = useState(blank);
  const [plan, setPlan] = useState(blankPlan);
  const [tried, setTried] = useState(false);
  const [state, setState] = useState({ busy: false, error: null });
  const audience = useAudience();
  const { survey } = audience;

  const texts = [form.message, form.header, form.footer];
  const lacks = useMemo(() => (survey ? lacking(survey, texts) : { count: 0, names: [] }), [survey, ...texts]);
  const wrong = { ...problems(form), ...planProblems(plan) };
  const count = (survey?.recipients.length ?? 0) - lacks.count;
  if (!survey || count <= 0) wrong.recipients = audience.mode === "csv" && !audience.file ? "Choose a file." : lacks.count > 0 ? "Nobody has all the fields that the message needs." : "There is nobody to send to.";
  const shownWrong = tried ? wrong : {};

  const submit = async (e) => {
    e.preventDefault();
    setTried(true);
    if (Object.keys(wrong).length > 0 || state.busy) return;
    setState({ busy: true, error: null });
    const fields = { ...body(form), ...planFields(plan, session) };
    const csv = audience.mode === "csv" ? audience.upload() : null;
    if (!csv) fields.recipients = survey.recipients;
    try {
      const answer = await start(session, fields, csv, file(form));
      keep(answer);
      go(to("bulk", answer.jobId));
    } catch (failed) {
      setState({ busy: false, error: failed });
    }
  };
  return html`<form class="row g-4" novalidate onSubmit=${submit}>
    <div class="col-lg-7">
      <${SessionPick} sessions=${sessions} value=${session} onChange=${setSession} />
      <h2 class="h5">To whom</h2>
      <${Audience} audience=${audience} error=${shownWrong.recipients} />
      <h2 class="h5">What</h2>
      <${SendForm} form=${form} set=${(changes) => setForm((was) => ({ ...was, ...changes }))} wrong=${shownWrong} without=${notForMany} template=${true} />
      ${survey && survey.fields.length > 1 && html`<p class="form-text">Fields: ${survey.fields.map((name) => html`<code class="me-2">${`{{${name}}}`}</code>`)}</p>`}
      <${SendOptions} form=${form} set=${(changes) => setForm((was) => ({ ...was, ...changes }))} many=${true} />
      <h2 class="h5">When</h2>
      <${Schedule} plan=${plan} set=${(changes) => setPlan((was) => ({ ...was, ...changes }))} wrong=${shownWrong} sessions=${sessions} session=${session} />
    </div>
    <div class="col-lg-5">
      <h2 class="h5">Before you start</h2>
      <${Look} survey=${survey} lacks=${lacks} count=${count} plan=${plan} />
      <h3 class="h6">What ${survey ? "the first of them get" : "they get"}</h3>
      ${(survey?.recipients.slice(0, shownFirst) ?? [{}]).map((r, i) => html`<${ForOne} recipient=${r} form=${form} key=${i} />`)}
      <button type="submit" class="btn btn-primary my-3" disabled=${state.busy || !session || audience.busy} data-test="bulk-start">${state.busy ? "Starting…" : count > 0 ? `Send to ${count}` : "Send"}</button>
      ${tried && Object.keys(wrong).length > 0 && html`<p class="text-danger-emphasis" role="alert">Something is missing: look at the marked fields.</p>`}
      <${SendError} error=${state.error} />
    </div>
  </form>`;
}

// Look is what can be told before the job is made. The daemon looks again.
function Look({ survey, lacks, count, plan }) {
  if (!survey) return html`<p class="text-body-secondary">Give recipients, and see here who can be sent to.</p>`;
  const { invalid, duplicates } = survey;
  const time = takes(count, plan, 1 + plan.sessions.length);
  return html`<ul class="list-unstyled mb-3" aria-live="polite" data-test="bulk-look" data-valid=${count} data-invalid=${invalid.length} data-duplicates=${duplicates}>
    <li><strong>${count}</strong> can be sent to${count > 1 ? html`, in about ${duration(time)}` : null}.</li>
    ${duplicates > 0 && html`<li>${duplicates} ${duplicates === 1 ? "is given twice, and gets" : "are given twice, and get"} one message.</li>`}
    ${lacks.count > 0 && html`<li class="text-warning-emphasis">${lacks.count} ${lacks.count === 1 ? "has" : "have"} no ${lacks.names.join(", ")}, and get nothing.</li>`}
    ${invalid.length > 0 && html`<li class="text-danger-emphasis">${invalid.length} can't be read:
      <ul class="small">${invalid.slice(0, 5).map((one) => html`<li class="text-break">Line ${one.line}: ${one.text || "–"} — ${one.why}</li>`)}${invalid.length > 5 && html`<li>and ${invalid.length - 5} more</li>`}</ul></li>`}
  </ul>`;
}

function ForOne({ recipient, form }) {
  const texts = kinds[form.kind].decorated ? [form.header, form.message, form.footer] : [form.message];
  const missing = fill(texts.join("\n"), recipient).missing;
  return html`<div class="mb-2">
    ${recipient.phone && html`<div class="small text-body-secondary">${plainAddress(recipient.phone)}${recipient.name ? `, ${recipient.name}` : ""}</div>`}
    ${recipient.phone && missing.length > 0
      ? html`<p class="text-warning-emphasis small mb-0">Gets nothing: no ${missing.join(", ")}.</p>`
      : html`<${Preview} form=${form} fill=${(text) => (recipient.phone ? fill(text, recipient).text : text)} />`}
  </div>`;
}
