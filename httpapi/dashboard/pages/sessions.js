// The list of sessions, and behind #/sessions/ID one of them.
import { html, useMemo, useRef, useState } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { to } from "/dashboard/router.js";
import { Busy, Empty, ErrorBox, Time } from "/dashboard/ui.js";
import Create from "/dashboard/pages/session-create.js";
import Session from "/dashboard/pages/session.js";
import { mayManage, SessionBadge } from "/dashboard/pages/session-words.js";

const atOnce = 100; // rows that are drawn before "Show more"
const unsettled = new Set(["initializing", "qr_ready", "passkey_required", "authenticated"]);

export default function Sessions({ args, me }) {
  if (args.length > 0) return html`<${Session} key=${args[0]} id=${args[0]} me=${me} />`;
  return html`<${List} me=${me} />`;
}

// pace is how often a list is looked at, in ms. A large one is mostly at rest.
function pace(sessions = []) {
  if (sessions.length > 500) return 30_000;
  return sessions.some((s) => unsettled.has(s.status)) ? 3_000 : 10_000;
}

// useSessions is the list, kept up to date: events tell that something has changed,
// and a slow look tells what no event does.
function useSessions() {
  const list = usePoll(async (signal) => {
    const { sessions } = await get("/api/whatsapp/sessions", undefined, { signal });
    return sessions;
  }, pace);
  const timer = useRef(0);
  useEvents({ type: ["qr", "ready", "disconnected"] }, () => {
    clearTimeout(timer.current); // a server that restarts tells of all its sessions
    timer.current = setTimeout(list.again, 300);
  });
  return list;
}

function List({ me }) {
  const { data, error, busy, again } = useSessions();
  const [text, setText] = useState("");
  const [status, setStatus] = useState("");
  const [most, setMost] = useState(atOnce);
  const [creating, setCreating] = useState(false);
  const sessions = data ?? [];
  const found = useMemo(() => filter(sessions, text, status), [data, text, status]);
  const open = creating || (data && data.length === 0 && mayManage(me));

  return html`
    <div class="d-flex flex-wrap align-items-center gap-2 mb-3">
      <h1 class="h3 mb-0 me-auto">Sessions</h1>
      ${mayManage(me) && html`<button type="button" class="btn btn-primary" aria-expanded=${String(Boolean(open))}
        onClick=${() => setCreating(!creating)} data-test="session-new">New session</button>`}
    </div>
    <p class="text-body-secondary">A session is one WhatsApp number that is linked to this server, as WhatsApp Web is to a browser.</p>
    ${open && html`<${Create} me=${me} first=${sessions.length === 0} onClose=${() => setCreating(false)} onCreated=${again} />`}
    <${ErrorBox} error=${error} onRetry=${again} />
    ${busy && !data && html`<${Busy} />`}
    ${sessions.length > 0 && html`
      <${Filter} sessions=${sessions} text=${text} onText=${setText} status=${status} onStatus=${setStatus} />
      <${Rows} sessions=${found.slice(0, most)} />
      ${found.length === 0 && html`<${Empty}>No session fits.<//>`}
      ${found.length > most && html`<div class="text-center my-3">
        <button type="button" class="btn btn-outline-secondary" onClick=${() => setMost(most + atOnce)}>Show more of ${found.length}</button>
      </div>`}`}
    ${data?.length === 0 && !mayManage(me) && html`<${Empty} title="No sessions">Nothing that you may see is here.<//>`}`;
}

function filter(sessions, text, status) {
  const wanted = text.trim().toLowerCase();
  return sessions.filter((s) => (!status || s.status === status)
    && (!wanted || [s.sessionId, s.name, s.phoneNumber].some((v) => v?.toLowerCase().includes(wanted))));
}

function Filter({ sessions, text, onText, status, onStatus }) {
  const counts = sessions.reduce((all, s) => ({ ...all, [s.status]: (all[s.status] ?? 0) + 1 }), {});
  if (sessions.length < 2) return null;
  return html`<div class="d-flex flex-wrap align-items-center gap-2 mb-2">
    <input type="search" class="form-control w-auto flex-grow-1" placeholder="Search id, name or number" aria-label="Search sessions"
      value=${text} onInput=${(e) => onText(e.target.value)} data-test="session-search" />
    <div class="d-flex flex-wrap gap-2" role="group" aria-label="Filter by status">
      ${Object.entries(counts).map(([state, count]) => html`<button type="button" key=${state} class="btn btn-sm p-1 filter"
        aria-pressed=${String(status === state)} onClick=${() => onStatus(status === state ? "" : state)}>
        <${SessionBadge} status=${state} /> ${count}</button>`)}
    </div>
  </div>`;
}

function Rows({ sessions }) {
  return html`<ul class="list-group" aria-label="Sessions" data-test="session-list">
    ${sessions.map((s) => html`<li class="list-group-item list-group-item-action position-relative d-flex flex-wrap align-items-center gap-2" key=${s.sessionId}
        data-test="session-row" data-session=${s.sessionId}>
      <div class="me-auto min-w-0">
        <a class="stretched-link fw-semibold text-reset text-decoration-none text-break" href=${to("sessions", s.sessionId)}>${s.name || s.sessionId}</a>
        <div class="small text-body-secondary text-break">
          ${s.name && s.name !== s.sessionId ? html`<span class="me-2">${s.sessionId}</span>` : null}
          ${s.phoneNumber ? html`<span class="me-2">+${s.phoneNumber}</span>` : null}
          ${s.network === "cloud" ? html`<span class="me-2">official API</span>` : null}
          <span>created <${Time} at=${s.createdAt} /></span>
        </div>
      </div>
      <${SessionBadge} status=${s.status} reason=${s.reason} data-test="session-status" />
    </li>`)}
  </ul>`;
}
