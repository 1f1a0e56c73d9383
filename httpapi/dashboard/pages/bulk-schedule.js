// When a job sends, how fast, and over which sessions.
import { useMemo } from "/dashboard/vendor/preact.js";
import { Field, html } from "/dashboard/ui.js";
import { days } from "./bulk-plan.js";
import { sessionLabel } from "./send-session.js";

export function Schedule({ plan, set, wrong, sessions, session }) {
  const input = (field) => ({ value: plan[field], onInput: (e) => set({ [field]: e.target.value }) });
  const others = sessions.filter((s) => s.sessionId !== session);
  const toggle = (id) => set({ sessions: plan.sessions.includes(id) ? plan.sessions.filter((s) => s !== id) : [...plan.sessions, id] });
  return html`
    <div class="row">
      <${Field} label="Shortest pause (seconds)" class="col-6 mb-3" error=${wrong.delayMin}><input type="number" min="0" max="3600" step="0.1" ...${input("delayMin")} data-test="bulk-delay-min" /><//>
      <${Field} label="Longest pause (seconds)" class="col-6 mb-3" error=${wrong.delayMax}><input type="number" min="0" max="3600" step="0.1" ...${input("delayMax")} data-test="bulk-delay-max" /><//>
    </div>
    <p class="form-text">Between two messages there is a pause of random length. Short ones get numbers banned.</p>
    <${Field} label="Look every number up first" class="mb-3" help="Writing to many numbers that are not on WhatsApp gets an account restricted.">
      <input type="checkbox" checked=${plan.checkNumbers} onChange=${(e) => set({ checkNumbers: e.target.checked })} data-test="bulk-check" />
    <//>
    ${others.length > 0 && html`<fieldset class="mb-3"><legend class="form-label fs-6">Further sessions that share the work</legend>
      ${others.map((s) => html`<${Field} label=${sessionLabel(s)} key=${s.sessionId} class="mb-0">
        <input type="checkbox" checked=${plan.sessions.includes(s.sessionId)} onChange=${() => toggle(s.sessionId)} data-test="bulk-session" />
      <//>`)}
    </fieldset>`}
    <details class="mb-3" data-test="bulk-more"><summary class="mb-2">When, and how many an hour</summary>
      <div class="row">
        <${Field} label="Begin at" class="col-sm-6 mb-3" error=${wrong.startAt} help="At once unless given."><input type="datetime-local" ...${input("startAt")} data-test="bulk-start-at" /><//>
        <${Field} label="Messages an hour, at most" class="col-sm-6 mb-3" error=${wrong.maxPerHour} help="Of each session."><input type="number" min="1" max="10000" ...${input("maxPerHour")} data-test="bulk-per-hour" /><//>
      </div>
      <${Windows} plan=${plan} set=${set} error=${wrong.windows} />
    </details>`;
}

function Windows({ plan, set, error }) {
  const zones = useMemo(() => Intl.supportedValuesOf("timeZone"), []);
  const here = useMemo(() => Intl.DateTimeFormat().resolvedOptions().timeZone, []);
  const change = (i, more) => set({ windows: plan.windows.map((w, at) => (at === i ? { ...w, ...more } : w)) });
  const add = () => set({ windows: [...plan.windows, { days: ["mon", "tue", "wed", "thu", "fri"], from: "09:00", to: "20:00" }], timeZone: plan.timeZone || here });
  return html`<fieldset><legend class="form-label fs-6">Hours in which it may send</legend>
    ${plan.windows.length === 0 && html`<p class="form-text mt-0">At any time.</p>`}
    ${plan.windows.map((w, i) => html`<div class="border rounded p-2 mb-2" key=${i} data-test="bulk-window">
      <div class="d-flex flex-wrap gap-2 align-items-center mb-2">
        <input type="time" class="form-control form-control-sm w-auto" aria-label="From" value=${w.from} onInput=${(e) => change(i, { from: e.target.value })} />
        <span>to</span>
        <input type="time" class="form-control form-control-sm w-auto" aria-label="To" value=${w.to} onInput=${(e) => change(i, { to: e.target.value })} />
        <button type="button" class="btn-close ms-auto" aria-label="Remove these hours" onClick=${() => set({ windows: plan.windows.filter((_, at) => at !== i) })}></button>
      </div>
      <div class="btn-group btn-group-sm flex-wrap" role="group" aria-label="Days">
        ${Object.entries(days).map(([day, label]) => html`<button type="button" class=${`btn ${w.days.includes(day) ? "btn-secondary" : "btn-outline-secondary"}`} aria-pressed=${w.days.includes(day) ? "true" : "false"}
          onClick=${() => change(i, { days: Object.keys(days).filter((d) => (d === day ? !w.days.includes(d) : w.days.includes(d))) })} key=${day}>${label}</button>`)}
      </div>
    </div>`)}
    ${error && html`<div class="text-danger-emphasis small mb-2">${error}</div>`}
    <button type="button" class="btn btn-sm btn-outline-secondary mb-3" disabled=${plan.windows.length >= 21} onClick=${add} data-test="bulk-window-add">Add hours</button>
    ${plan.windows.length > 0 && html`<${Field} label="Time zone of the hours">
      <select value=${plan.timeZone} onChange=${(e) => set({ timeZone: e.target.value })}>
        <option value="">The account's</option>${zones.map((zone) => html`<option value=${zone}>${zone}</option>`)}
      </select>
    <//>`}
  </fieldset>`;
}
