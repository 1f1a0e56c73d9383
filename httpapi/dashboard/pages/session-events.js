// What has happened to a session: the newest entries of its log, and what they say of
// how well it is connected.
import { html, useEffect, useState } from "/dashboard/vendor/preact.js";
import { get, serverNow } from "/dashboard/api.js";
import { useEvents } from "/dashboard/live.js";
import { Busy, Empty, ErrorBox, More, Time } from "/dashboard/ui.js";
import { fall } from "/dashboard/pages/session-words.js";

const page = 30;
const most = 300; // entries that are kept while new ones come in

const types = [
  ["", "Everything"], ["message", "Messages in"], ["message.status", "Messages out"], ["ready", "Connected"], ["disconnected", "Disconnected"],
  ["qr", "QR codes"], ["group", "Groups"], ["call", "Calls"], ["bulk.progress", "Bulk progress"], ["bulk.completed", "Bulk ends"], ["optout", "Opt-outs"], ["contact", "Contacts"], ["template", "Templates"],
];

export default function Events({ id, status }) {
  const [type, setType] = useState("");
  const [log, setLog] = useState(null);
  const [error, setError] = useState(null);

  const load = async (before) => {
    try {
      const found = await get("/api/whatsapp/events", { order: "newest", sessionId: id, type, before, limit: page });
      setError(null);
      setLog((was) => ({ events: before ? [...was.events, ...found.events] : found.events, next: found.more ? found.nextBefore : "" }));
    } catch (problem) {
      setError(problem);
    }
  };
  useEffect(() => {
    setLog(null);
    load();
  }, [id, type]);
  useEvents({ type: type || undefined, sessionId: id }, (event) => {
    if (event.event === "truncated") {
      load(); // something was missed
      return;
    }
    setLog((was) => was && !was.events.some((e) => e.id === event.id) ? { ...was, events: [event, ...was.events].slice(0, most) } : was);
  });

  return html`<section class="card" aria-labelledby="events-title">
    <div class="card-body">
      <div class="d-flex flex-wrap align-items-center gap-2 mb-2">
        <h2 class="h5 mb-0 me-auto" id="events-title">Events</h2>
        <select class="form-select form-select-sm w-auto" aria-label="Which events" value=${type} onChange=${(e) => setType(e.target.value)} data-test="session-events-type">
          ${types.map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}
        </select>
      </div>
      <${Health} id=${id} status=${status} />
      <${ErrorBox} error=${error} onRetry=${() => load()} />
      ${!log && !error && html`<${Busy} />`}
      ${log?.events.length === 0 && html`<${Empty}>Nothing has happened yet.<//>`}
      ${log && log.events.length > 0 && html`<ul class="list-group list-group-flush" data-test="session-events">
        ${log.events.map((e) => html`<${Entry} key=${e.id} event=${e} />`)}
      </ul>`}
      <${More} cursor=${log?.next} onMore=${load} label="Older events" />
    </div>
  </section>`;
}

function Entry({ event }) {
  return html`<li class="list-group-item px-0" data-event=${event.event}>
    <details>
      <summary class="d-flex flex-wrap gap-2">
        <span class="me-auto text-break">${tell(event)}</span>
        <span class="small text-body-secondary"><${Time} at=${event.timestamp} /></span>
      </summary>
      <pre class="small bg-body-tertiary rounded p-2 mt-2 mb-0 payload" tabindex="0">${JSON.stringify(event.data, shorten, 2)}</pre>
    </details>
  </li>`;
}

// shorten keeps pictures in their text form out of what is shown.
function shorten(_, value) {
  return typeof value === "string" && value.length > 600 ? `${value.slice(0, 100)}… (${value.length} characters)` : value;
}

const plain = (address = "") => address.replace(/@s\.whatsapp\.net$/, "").replace(/^(\d+)$/, "+$1");

const words = {
  queued: "waits", sending: "is on its way", sent: "was sent", delivered: "was delivered", read: "was read", played: "was played",
  failed: "failed", unknown: "may or may not have been sent",
};

// tell says in one line what an event is about.
function tell({ event, data }) {
  switch (event) {
    case "qr": return `QR code ${data.attempt} was shown`;
    case "ready": return `Connected as +${data.phoneNumber}`;
    case "disconnected": return fall(data.reason);
    case "message": return `${data.type === "text" ? "Message" : `Message (${data.type})`} from ${plain(data.from)}`;
    case "message.status": return `Message to ${plain(data.to)} ${words[data.status] ?? data.status}`;
    case "group": return "A group has changed";
    case "call": return `Call from ${plain(data.from)}`;
    case "bulk.progress": return "A bulk job went on";
    case "bulk.completed": return "A bulk job ended";
    case "optout": return "Somebody asked to get no more messages";
    case "contact": return data.action === "new" ? "Somebody wrote for the first time" : "A contact has changed";
    case "template": return data.status === "DELETED" ? "A message template was deleted" : "A message template can be sent";
    default: return event;
  }
}

const day = 86_400_000;

// Health sums up a day of connecting: since when the session is up, and how often it fell.
function Health({ id, status }) {
  const [health, setHealth] = useState(null);
  const look = async () => {
    const of = (type) => get("/api/whatsapp/events", { order: "newest", sessionId: id, type, limit: 100 });
    try {
      const [up, down] = await Promise.all([of("ready"), of("disconnected")]);
      const since = serverNow() - day;
      setHealth({ up: up.events[0]?.timestamp ?? 0, down: down.events[0]?.timestamp ?? 0, falls: down.events.filter((e) => e.timestamp > since && e.data.reason !== "stopped").length });
    } catch {
      setHealth(null); // the list below says what is wrong
    }
  };
  useEffect(() => {
    look();
  }, [id]);
  useEvents({ type: ["ready", "disconnected"], sessionId: id }, look);
  if (!health || (!health.up && !health.down) || !["ready", "disconnected"].includes(status)) return null;
  const times = health.falls === 0 ? "It did not fall out in the last 24 hours." : `It fell out ${health.falls === 1 ? "once" : `${health.falls} times`} in the last 24 hours.`;
  return html`<p class="small" role="status" data-test="session-health">
    ${status === "ready" ? "Connected" : "Disconnected"} since <${Time} at=${status === "ready" ? health.up : health.down} />. ${times}
  </p>`;
}
