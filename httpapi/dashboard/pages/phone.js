// A virtual phone of the sandbox, beside the pages: it stands in for the phone in
// somebody's hand, so that everything can be tried without one.
import { html, useEffect, useState } from "/dashboard/vendor/preact.js";
import { usePoll } from "/dashboard/live.js";
import { ErrorBox } from "/dashboard/ui.js";
import Chats from "/dashboard/pages/phone-chats.js";
import Link from "/dashboard/pages/phone-link.js";
import Trouble from "/dashboard/pages/phone-trouble.js";
import { look, others, people, pretty } from "/dashboard/pages/phone-network.js";

const looks = 1_000; // ms between two looks at the phone

// kept is what the pane shows when it is opened again.
const kept = { number: people[0].number, tab: "", chat: "" };

export default function Phone({ me }) {
  const [number, setNumber] = useState(kept.number);
  const [tab, setTab] = useState(kept.tab);
  const [chat, setChat] = useState(kept.chat);
  const { data, error, again } = usePoll((signal) => look(number, signal), looks, [number]);
  useEffect(() => Object.assign(kept, { number, tab, chat }), [number, tab, chat]);
  const choose = (next) => {
    setNumber(next);
    setChat("");
    setTab("");
  };
  if (me.scope && me.scope !== "manage") {
    return html`<p class="text-body-secondary">The virtual phones answer to API keys that may manage the account. Yours may not.</p>`;
  }
  const phone = data?.phone;
  // An account that has nothing yet begins with being linked.
  const first = number === people[0].number && phone?.devices.length === 0 && data.chats.length === 0 ? "link" : "chats";
  const shown = tab || first;
  return html`
    <${Choose} number=${number} onChoose=${choose} />
    <div class="phone-body border rounded-4 mt-2" data-test="phone" data-number=${number} data-online=${phone ? String(phone.online) : undefined}>
      <${Bar} number=${number} phone=${phone} />
      <${ErrorBox} error=${error} />
      ${data && html`<div class="phone-screen">
        ${shown === "chats" && html`<${Chats} number=${number} online=${phone.online} chats=${data.chats} open=${chat} onOpen=${setChat} onChange=${again} />`}
        ${shown === "link" && html`<${Link} number=${number} phone=${phone} onChange=${again} />`}
        ${shown === "trouble" && html`<${Trouble} number=${number} phone=${phone} onChange=${again} />`}
      </div>`}
      <${Tabs} shown=${shown} onShow=${setTab} unread=${(data?.chats ?? []).reduce((n, c) => n + c.unread, 0)} />
    </div>`;
}

// Choose picks a phone: one of the friendly ones, one that was used, or any number.
function Choose({ number, onChoose }) {
  const { data } = usePoll((signal) => others(signal), 10_000, [number]);
  const [asking, setAsking] = useState(false);
  const [text, setText] = useState("");
  const more = (data ?? []).filter((p) => !people.some((known) => known.number === p.number));
  if (number && !people.some((p) => p.number === number) && !more.some((p) => p.number === number)) more.push({ number, pushName: "" });
  const digits = text.replace(/\D/g, "");
  const take = (e) => {
    e.preventDefault();
    if (!/^[1-9]\d{6,14}$/.test(digits)) return;
    setAsking(false);
    setText("");
    onChoose(digits);
  };
  return html`
    <label class="form-label small mb-1" for="phone-choose">Whose phone</label>
    <select class="form-select form-select-sm" id="phone-choose" value=${asking ? "" : number} data-test="phone-choose"
      onChange=${(e) => (e.target.value ? (setAsking(false), onChoose(e.target.value)) : setAsking(true))}>
      ${people.map((p) => html`<option key=${p.number} value=${p.number}>${p.label} · ${pretty(p.number)}</option>`)}
      ${more.map((p) => html`<option key=${p.number} value=${p.number}>${p.pushName ? `${p.pushName} · ` : ""}${pretty(p.number)}</option>`)}
      <option value="">Another number…</option>
    </select>
    ${asking && html`<form class="input-group input-group-sm mt-1" onSubmit=${take}>
      <input class="form-control" type="tel" required value=${text} onInput=${(e) => setText(e.target.value)} aria-label="The number, with its country code"
        placeholder="91 98765 43213" autocomplete="off" data-test="phone-number" />
      <button type="submit" class="btn btn-outline-primary">Take it</button>
    </form>`}`;
}

// Bar is the line at the top of a phone's screen.
function Bar({ number, phone }) {
  const trouble = phone?.faults.find((f) => ["temp_ban", "login_failure", "timelock"].includes(f.kind));
  return html`<div class="phone-bar d-flex align-items-center gap-2 px-3 py-2 small">
    <strong class="text-truncate me-auto">${phone?.pushName || pretty(number)}</strong>
    ${trouble && html`<span class="badge text-bg-danger">${trouble.kind === "timelock" ? "Restricted" : "Banned"}</span>`}
    ${phone && html`<span class=${`badge text-bg-${phone.online ? "success" : "secondary"}`} role="status" data-test="phone-state">
      ${phone.online ? "Online" : `Offline${phone.waiting ? ` · ${phone.waiting} waiting` : ""}`}</span>`}
  </div>`;
}

const tabs = [["chats", "Chats"], ["link", "Linked devices"], ["trouble", "Settings"]];

function Tabs({ shown, onShow, unread }) {
  return html`<nav class="nav nav-pills nav-fill small phone-tabs border-top p-1" aria-label="The phone's pages">
    ${tabs.map(([name, label]) => html`<button key=${name} type="button" class=${`nav-link ${shown === name ? "active" : ""}`}
      aria-current=${shown === name ? "true" : undefined} onClick=${() => onShow(name)} data-test=${`phone-tab-${name}`}>
      ${label}${name === "chats" && unread > 0 ? html` <span class="badge text-bg-success">${unread}</span>` : null}
    </button>`)}
  </nav>`;
}
