// One chat of a virtual phone, as its owner sees it.
import { html, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { usePoll } from "/dashboard/live.js";
import { ErrorBox } from "/dashboard/ui.js";
import Composer from "/dashboard/pages/phone-compose.js";
import { act, file, pretty, read } from "/dashboard/pages/phone-network.js";

const looks = 1_000; // ms
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const ticks = { sent: ["✓", "Sent"], delivered: ["✓✓", "Delivered"], read: ["✓✓", "Read"], played: ["✓✓", "Played"] };
const emojis = ["👍", "❤️", "😂", "🙏"];

// kept says whether a chat that is open counts as read, as on a real phone.
const kept = { reads: true };

export default function Chat({ number, online, chat, title, onBack, onChange }) {
  const to = chat.number || chat.chat;
  const { data, error, again } = usePoll((signal) => read(number, to, signal), looks, [number, to]);
  const [reply, setReply] = useState(null);
  const [reads, setReads] = useState(kept.reads);
  const [refused, setRefused] = useState(null);
  const end = useRef();
  const messages = data?.messages ?? [];
  const latest = messages.at(-1)?.id;
  const changed = () => {
    again();
    onChange();
  };
  useEffect(() => {
    if (end.current) end.current.scrollTop = end.current.scrollHeight;
  }, [latest]);
  useReading({ number, to, messages, on: reads && online, onRead: changed });
  const change = async (body) => {
    setRefused(null);
    try {
      await act(number, "act", { to, ...body });
      changed();
    } catch (problem) {
      setRefused(problem);
    }
  };
  const setReading = (on) => {
    kept.reads = on;
    setReads(on);
  };
  return html`
    <div class="d-flex align-items-center gap-2 p-2 border-bottom">
      <button type="button" class="btn btn-sm btn-outline-secondary" onClick=${onBack} aria-label="Back to the chats" data-test="phone-back">←</button>
      <span class="min-w-0 me-auto"><span class="d-block fw-semibold text-truncate">${title}</span>
        <span class="d-block small text-body-secondary" role="status">${data?.typing ? "writing…" : chat.number ? pretty(chat.number) : ""}</span></span>
      <div class="form-check form-switch mb-0 small">
        <input class="form-check-input" type="checkbox" role="switch" id="phone-reads" checked=${reads} onChange=${(e) => setReading(e.target.checked)} data-test="phone-reads" />
        <label class="form-check-label" for="phone-reads">Read</label>
      </div>
    </div>
    <${ErrorBox} error=${error ?? refused} />
    <div class="phone-messages p-2" ref=${end} role="log" aria-label="Messages" tabindex="0" data-test="phone-messages">
      ${data && messages.length === 0 && html`<p class="small text-body-secondary text-center my-3">No messages yet.</p>`}
      ${messages.map((m) => html`<${Line} key=${m.id} number=${number} message=${m} quoted=${messages.find((q) => q.id === m.quotes)}
        group=${!chat.number} online=${online} onReply=${() => setReply(m)} onChange=${change} />`)}
    </div>
    <${Composer} number=${number} to=${to} online=${online} reply=${reply} onReplied=${() => setReply(null)} onSent=${changed} />`;
}

// useReading reads what is on the screen, as looking at a phone does.
function useReading({ number, to, messages, on, onRead }) {
  const asked = useRef(new Set());
  const ids = messages.filter((m) => !m.fromMe && m.status === "sent" && !asked.current.has(m.id)).map((m) => m.id);
  useEffect(() => {
    if (!on || ids.length === 0) return;
    ids.forEach((id) => asked.current.add(id));
    act(number, "read", { chat: to, ids }).then(onRead, () => ids.forEach((id) => asked.current.delete(id)));
  }, [on, ids.join()]);
}

function Line({ number, message: m, quoted, group, online, onReply, onChange }) {
  const [open, setOpen] = useState(false);
  const [tick, words] = ticks[m.status] ?? ticks.sent;
  const react = (emoji) => () => {
    setOpen(false);
    onChange({ kind: "react", id: m.id, text: emoji });
  };
  return html`<div class=${`phone-line ${m.fromMe ? "phone-mine" : ""}`} data-test="phone-message" data-id=${m.id} data-status=${m.status} data-mine=${String(m.fromMe)}>
    <div class="phone-bubble rounded-3 px-2 py-1">
      ${group && !m.fromMe && html`<div class="small fw-semibold">${m.name || pretty(m.number)}</div>`}
      ${m.quotes && html`<blockquote class="small border-start border-3 ps-2 mb-1 text-truncate">${quoted ? quoted.text || "A file" : "A message"}</blockquote>`}
      ${m.deleted ? html`<em class="text-body-secondary">Deleted</em>` : html`<${Content} number=${number} message=${m} />`}
      <div class="d-flex align-items-center gap-1 small text-body-secondary justify-content-end">
        ${m.edited && html`<span>edited</span>`}
        <time dateTime=${new Date(m.time).toISOString()}>${clock.format(m.time)}</time>
        ${m.fromMe && html`<span class=${["read", "played"].includes(m.status) ? "text-primary" : ""} title=${words}>
          <span aria-hidden="true">${tick}</span><span class="visually-hidden">${words}</span></span>`}
        ${online && !m.deleted && html`<button type="button" class="btn btn-sm btn-link p-0 phone-more" aria-expanded=${String(open)}
          aria-label="Answer or react" onClick=${() => setOpen(!open)} data-test="phone-more">⋯</button>`}
      </div>
      ${m.reactions && html`<div class="small">${m.reactions.map((r) => html`<span key=${r.number} title=${pretty(r.number)}>${r.emoji}</span>`)}</div>`}
      ${open && html`<div class="d-flex flex-wrap gap-1 pt-1">
        ${emojis.map((emoji) => html`<button type="button" key=${emoji} class="btn btn-sm btn-light" onClick=${react(emoji)} aria-label=${`React with ${emoji}`} data-test="phone-react">${emoji}</button>`)}
        <button type="button" class="btn btn-sm btn-light" onClick=${() => (setOpen(false), onReply())} data-test="phone-reply">Reply</button>
        ${m.fromMe && html`<button type="button" class="btn btn-sm btn-light" onClick=${() => (setOpen(false), onChange({ kind: "revoke", id: m.id }))} data-test="phone-delete">Delete</button>`}
      </div>`}
    </div>
  </div>`;
}

// Content is what a message says or shows.
function Content({ number, message: m }) {
  const address = file(number, m.id);
  const text = m.text && html`<div class="text-break phone-text">${m.text}</div>`;
  if (["image", "sticker"].includes(m.media)) {
    return html`<img class="img-fluid rounded mb-1" src=${address} alt=${m.text || "A picture"} data-test="phone-picture" />${text}`;
  }
  if (["audio", "ptt"].includes(m.media)) return html`<audio class="w-100" controls preload="none" src=${address}></audio>`;
  if (["video", "gif"].includes(m.media)) return html`<video class="w-100 rounded" controls preload="none" src=${address}></video>${text}`;
  if (m.media === "document") return html`<a href=${address} download=${m.fileName || ""}>${m.fileName || "A file"}</a>${text}`;
  if (m.kind === "poll") return html`<div class="text-break">Poll: ${m.text}</div>`;
  return text || html`<em class="text-body-secondary">${m.media || "Something else"}</em>`;
}
