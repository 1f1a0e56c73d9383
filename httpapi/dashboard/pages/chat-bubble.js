// A message as a phone shows it: in the inbox, and before it is sent.
import { html } from "/dashboard/ui.js";
import { links, segments } from "./chat-format.js";
import { Icon } from "./chat-icons.js";
import { clock, kindName, plainAddress, tick } from "./chat-words.js";
import { tally } from "./inbox-thread.js";

// Rich shows a text with its marks. names may give people who are mentioned their names.
export function Rich({ text, names = {} }) {
  return html`<span class="bubble-text">${segments(text ?? "").map((s) => {
    let shown = s.mono ? s.text : links(s.text).map((l) =>
      l.href ? html`<a href=${l.href} target="_blank" rel="noopener noreferrer">${l.text}</a>` : mentioned(l.text, names));
    if (s.mono) shown = html`<code class="text-body">${shown}</code>`;
    if (s.strike) shown = html`<s>${shown}</s>`;
    if (s.italic) shown = html`<em>${shown}</em>`;
    if (s.bold) shown = html`<strong>${shown}</strong>`;
    return shown;
  })}</span>`;
}

// mentioned shows "@number" with the name that belongs to it.
function mentioned(text, names) {
  if (Object.keys(names).length === 0) return text;
  return text.split(/(@\d{5,20})/).map((part, i) => {
    const name = i % 2 === 1 && names[part.slice(1)];
    return name ? html`<span class="text-primary-emphasis">@${name}</span>` : part;
  });
}

const signs = { clock: "◷", one: "✓", two: "✓✓", blue: "✓✓", failed: "⚠", unknown: "?" };

// Tick shows how far an outgoing message has come, in a sign and, for those who don't
// see it, in words.
export function Tick({ status, errorCode }) {
  const told = tick(status, errorCode);
  if (!told) return null;
  return html`<span class=${`ms-1 tick-${told.sign}`} title=${told.words} data-test="tick" data-status=${status}>
    <span class=${told.sign === "failed" ? "" : "tick"} aria-hidden="true">${signs[told.sign]}</span><span class="visually-hidden">${status === "failed" ? "Not sent" : told.words}</span>
  </span>`;
}

function Quote({ quoted, nameOf }) {
  const who = quoted.from ? nameOf(quoted.from) : "";
  return html`<div class="bubble-quote mb-1" data-test="bubble-quote">
    ${who && html`<div class="fw-semibold small">${who}</div>`}
    <div class="text-break">${quoted.body ? html`<${Rich} text=${quoted.body} />` : kindName(quoted.type ?? "text")}</div>
  </div>`;
}

function Poll({ poll, votes }) {
  const people = new Set(votes.map((v) => v.by)).size;
  return html`<div class="mt-1">
    <div class="small text-body-secondary">${poll.selectableCount === 1 ? "Choose one" : poll.selectableCount > 1 ? `Choose up to ${poll.selectableCount}` : "Choose any"}</div>
    <ul class="list-unstyled mb-1">${(poll.options ?? []).map((option) => {
      const count = votes.filter((v) => v.option === option).length;
      return html`<li class="mb-1">
        <div class="d-flex gap-3 justify-content-between"><span class="text-break">${option}</span><span aria-label=${`${count} votes`}>${count}</span></div>
        <div class="progress poll-bar" aria-hidden="true"><div class="progress-bar bg-success" style=${{ width: `${people ? (100 * count) / people : 0}%` }}></div></div>
      </li>`;
    })}</ul>
  </div>`;
}

function Location({ location }) {
  const at = `${location.latitude}, ${location.longitude}`;
  return html`<div class="d-flex gap-2">
    <${Icon} name="pin" size=${22} />
    <div><div class="fw-semibold">${location.name || "Location"}</div>
      ${location.address && html`<div class="small">${location.address}</div>`}
      <a class="small" href=${`geo:${location.latitude},${location.longitude}`}>${at}</a>
      ${location.live && html`<span class="badge text-bg-info ms-1">live</span>`}</div>
  </div>`;
}

function Contacts({ contacts }) {
  return html`<ul class="list-unstyled mb-0">${contacts.map((c) => html`<li class="d-flex gap-2">
    <${Icon} name="person" /><div><div class="fw-semibold">${c.name}</div>${c.phone && html`<div class="small">${plainAddress(c.phone)}</div>`}</div>
  </li>`)}</ul>`;
}

// Content is what stands in a bubble beside its text.
function Content({ m, media, votes }) {
  if (m.type === "poll" && m.poll) return html`<${Poll} poll=${m.poll} votes=${votes} />`;
  if (m.type === "location" && m.location) return html`<${Location} location=${m.location} />`;
  if (m.type === "contact" && m.contacts) return html`<${Contacts} contacts=${m.contacts} />`;
  if (m.type === "unsupported") return html`<em class="text-body-secondary">${kindName("unsupported")}</em>`;
  return m.media ? media(m) : null;
}

// Bubble shows an entry of a thread. media(m) shows a file; nameOf(address) names
// people; children stand above all, such as a menu.
export function Bubble({ entry, media = () => null, nameOf = plainAddress, names, showSender = false, children }) {
  const { m, text, edited, revoked, reactions, votes } = entry;
  const out = m.direction === "out";
  const textFirst = m.type === "poll";
  const body = text && m.type !== "unsupported" && html`<div><${Rich} text=${text} names=${names} /></div>`;
  return html`<div class=${`bubble ${out ? "bubble-out ms-auto" : "bubble-in"}`} data-test="bubble" data-id=${m.messageId} data-direction=${m.direction} data-type=${m.type}>
    ${showSender && !out && html`<div class="small fw-semibold text-success-emphasis">${nameOf(m.fromLid || m.from, m)}</div>`}
    ${m.forwarded && html`<div class="small fst-italic text-body-secondary">Forwarded</div>`}
    ${m.quoted && html`<${Quote} quoted=${m.quoted} nameOf=${nameOf} />`}
    ${revoked
      ? html`<em class="text-body-secondary">${out ? "You deleted this message" : "This message was deleted"}</em>`
      : html`${textFirst && body}
        <${Content} m=${m} media=${media} votes=${votes} />
        ${!textFirst && body}
        ${m.viewOnce && html`<div class="small text-body-secondary">Can be opened once</div>`}`}
    <div class="bubble-foot">
      ${edited && !revoked && html`<span class="me-1">edited</span>`}
      ${m.createdAt && html`<time dateTime=${m.createdAt} title=${new Date(m.createdAt).toLocaleString()}>${clock(m.createdAt)}</time>`}
      ${out && html`<${Tick} status=${m.status} errorCode=${m.errorCode} />`}
    </div>
    ${out && m.status === "failed" && html`<div class="small text-danger-emphasis">${tick("failed", m.errorCode).words}</div>`}
    ${reactions.length > 0 && html`<div class="bubble-reactions" data-test="bubble-reactions">
      ${tally(reactions).map((r) => html`<span class=${`badge rounded-pill me-1 ${r.mine ? "text-bg-success" : "text-bg-secondary"}`}
        title=${r.mine ? "You among them" : ""}>${r.emoji}${r.count > 1 ? ` ${r.count}` : ""}</span>`)}
    </div>`}
    ${children}
  </div>`;
}
