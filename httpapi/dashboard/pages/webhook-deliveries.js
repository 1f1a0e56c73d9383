// What went to a webhook: the log, every try of a delivery, and once more.
import { html, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { get, post } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Busy, Empty, ErrorBox, Field, More, StateBadge, Time, absolute, toast } from "/dashboard/ui.js";
import { FormDialog } from "/dashboard/pages/form-dialog.js";
import { took } from "/dashboard/pages/stats-plots.js";
import { events, outcome } from "/dashboard/pages/webhook-words.js";

const states = [["", "Any state"], ["pending", "Waiting"], ["sending", "Under way"], ["delivered", "Delivered"], ["dead", "Given up"]];

function Tries({ path, delivery }) {
  const { data, error } = usePoll((signal) => get(`${path}/deliveries/${delivery.deliveryId}`, undefined, { signal }), 0, [delivery.tries, delivery.state]);
  if (error) return html`<${ErrorBox} error=${error} />`;
  if (!data) return html`<${Busy} />`;
  if (data.attempts.length === 0) return html`<p class="small mb-0">It has not been tried yet.</p>`;
  return html`<ol class="list-unstyled mb-0" data-test="delivery-tries">${data.attempts.map((a, i) => html`
    <li key=${i} class="mb-2" data-test="delivery-try">
      <div class="small">Try ${i + 1}, ${absolute(Date.parse(a.at))}: <strong>${outcome(a)}</strong>, ${took(a.durationMs)}</div>
      ${a.body ? html`<pre class="small mb-0 border rounded p-2 answer" aria-label="The receiver's answer"><code>${a.body}</code></pre>` : null}
    </li>`)}</ol>`;
}

function Row({ path, delivery, may, onAgain }) {
  const [open, setOpen] = useState(false);
  const over = delivery.state === "delivered" || delivery.state === "dead";
  return html`<tbody data-test="delivery" data-id=${delivery.deliveryId} data-state=${delivery.state}>
    <tr>
      <td><button type="button" class="btn btn-sm btn-link p-0 text-start text-nowrap" aria-expanded=${String(open)} onClick=${() => setOpen(!open)} data-test="delivery-open">
        ${open ? "▾" : "▸"} ${delivery.event}</button><div class="small text-body-secondary text-break">${delivery.sessionId}</div></td>
      <td><${StateBadge} state=${delivery.state} label=${delivery.state === "sending" ? "Under way" : undefined} />
        ${delivery.state === "pending" && delivery.nextTryAt ? html`<div class="small">again <${Time} at=${delivery.nextTryAt} /></div>` : null}</td>
      <td>${outcome(delivery.lastTry)}<div class="small text-body-secondary">${delivery.lastTry ? took(delivery.lastTry.durationMs) : ""}</div></td>
      <td class="text-end d-none d-sm-table-cell">${delivery.tries}</td>
      <td class="d-none d-sm-table-cell"><${Time} at=${delivery.createdAt} /></td>
      <td class="text-end">${may && html`<button type="button" class="btn btn-sm btn-outline-primary" disabled=${!over && delivery.tries === 0}
        onClick=${() => onAgain(delivery)} data-test="delivery-redeliver" aria-label=${`Deliver this ${delivery.event} again`}>Again</button>`}</td>
    </tr>
    ${open && html`<tr><td colspan="6"><${Tries} path=${path} delivery=${delivery} /></td></tr>`}
  </tbody>`;
}

// local writes a time as an input of the type datetime-local has it.
function local(ms) {
  const at = new Date(ms);
  return new Date(ms - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

// Redeliver asks for what to deliver again, and goes on until all of it is queued.
function Redeliver({ path, onDone }) {
  const [what, setWhat] = useState("dead");
  const [from, setFrom] = useState(local(Date.now() - 86_400_000));
  const [to, setTo] = useState(local(Date.now()));
  const [queued] = useState({ n: 0 });
  const submit = async () => {
    const edges = { from: new Date(from).toISOString(), to: new Date(new Date(to).getTime() + 59_999).toISOString() };
    let body = what === "dead" ? { state: "dead", ...edges } : edges;
    for (;;) {
      const answer = await post(`${path}/redeliver`, body);
      queued.n += answer.queued;
      if (!answer.more) return;
      if (answer.next) body = { ...body, from: answer.next };
    }
  };
  return html`<${FormDialog} title="Deliver again" action="Deliver again" onSubmit=${submit} onClose=${(done) => onDone(done ? queued.n : null)} test="redeliver-form">
    <${Field} label="What">
      <select value=${what} onChange=${(e) => setWhat(e.target.value)} data-test="redeliver-what">
        <option value="dead">What was given up</option>
        <option value="all">Everything that this webhook wants, also what was delivered</option>
      </select><//>
    <div class="row">
      <div class="col-sm-6"><${Field} label="From"><input type="datetime-local" required value=${from} onInput=${(e) => setFrom(e.target.value)} data-test="redeliver-since" /><//></div>
      <div class="col-sm-6"><${Field} label="To"><input type="datetime-local" required value=${to} onInput=${(e) => setTo(e.target.value)} data-test="redeliver-until" /><//></div>
    </div>
    <p class="small text-body-secondary mb-0">They come with the same <code>webhook-id</code> as before, by which your receiver knows what it has.</p>
  <//>`;
}

// useLog holds the pages that were read, and reads the first one anew as things happen.
function useLog(path, filter, round) {
  const [older, setOlder] = useState({ list: [], before: undefined });
  const query = { ...filter, limit: 25 };
  const first = usePoll((signal) => get(`${path}/deliveries`, query, { signal }), 4_000, [filter.state, filter.type]);
  useEffect(() => setOlder({ list: [], before: undefined }), [filter.state, filter.type]);
  useEffect(() => { if (round > 0) first.again(); }, [round]); // what is open stays open
  const timer = useRef(0);
  useEvents(null, () => { // not a look for each event of a burst
    clearTimeout(timer.current);
    timer.current = setTimeout(first.again, 500);
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  const more = async (before) => {
    try {
      const page = await get(`${path}/deliveries`, { ...query, before });
      setOlder((was) => ({ list: [...was.list, ...page.deliveries], before: page.nextBefore ?? 0 }));
    } catch (problem) {
      toast(problem.message, "danger");
    }
  };
  const newest = first.data?.deliveries ?? [];
  const known = new Set(newest.map((d) => d.deliveryId));
  const all = [...newest, ...older.list.filter((d) => !known.has(d.deliveryId))];
  return { all, first, more, next: older.before ?? first.data?.nextBefore };
}

// Deliveries is the log of a webhook at path. round changes when it is to be read anew.
export function Deliveries({ path, may, round, onChange }) {
  const [state, setState] = useState("");
  const [type, setType] = useState("");
  const [mine, setMine] = useState(0);
  const [asking, setAsking] = useState(false);
  const { all, first, more, next } = useLog(path, { state, type }, round + mine);
  const refresh = () => {
    setMine((n) => n + 1);
    onChange();
  };
  const again = async (delivery) => {
    try {
      const { queued } = await post(`${path}/redeliver`, { deliveryIds: [delivery.deliveryId] });
      toast(queued ? "It is delivered again." : "It waits to be delivered already.", queued ? "success" : "info");
    } catch (problem) {
      toast(problem.message, "danger");
    }
    refresh();
  };
  const done = (queued) => {
    setAsking(false);
    if (queued === null) return;
    toast(queued ? `${queued.toLocaleString()} are delivered again.` : "There was nothing to deliver again.", queued ? "success" : "info");
    refresh();
  };
  return html`<section aria-label="Deliveries" data-test="deliveries">
    <div class="d-flex flex-wrap align-items-end gap-2 mb-2">
      <h2 class="h5 me-auto mb-0">Deliveries</h2>
      <select class="form-select form-select-sm w-auto" aria-label="State" value=${state} onChange=${(e) => setState(e.target.value)} data-test="delivery-state">
        ${states.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}</select>
      <select class="form-select form-select-sm w-auto" aria-label="Event" value=${type} onChange=${(e) => setType(e.target.value)} data-test="delivery-type">
        <option value="">Any event</option>${events.map(([value]) => html`<option key=${value} value=${value}>${value}</option>`)}</select>
      ${may && html`<button type="button" class="btn btn-sm btn-outline-primary" onClick=${() => setAsking(true)} data-test="delivery-redeliver-many">Deliver again…</button>`}
    </div>
    <${ErrorBox} error=${first.error} onRetry=${first.again} />
    ${!first.data && !first.error && html`<${Busy} />`}
    ${first.data && all.length === 0 && html`<${Empty}><p class="mb-0">${state || type ? "Nothing passes the filter." : "Nothing was delivered yet. Send a test."}</p><//>`}
    ${all.length > 0 && html`<div class="table-responsive"><table class="table table-sm align-middle">
      <caption class="visually-hidden">Deliveries, newest first</caption>
      <thead><tr><th scope="col">Event</th><th scope="col">State</th><th scope="col">Last answer</th><th scope="col" class="text-end d-none d-sm-table-cell">Tries</th><th scope="col" class="d-none d-sm-table-cell">Since</th>
        <th scope="col"><span class="visually-hidden">Deliver again</span></th></tr></thead>
      ${all.map((d) => html`<${Row} key=${d.deliveryId} path=${path} delivery=${d} may=${may} onAgain=${again} />`)}
    </table></div>`}
    <${More} cursor=${next} onMore=${more} />
    ${asking && html`<${Redeliver} path=${path} onDone=${done} />`}
  </section>`;
}
