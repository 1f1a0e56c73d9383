// The list of chats, the one with the newest message first.
import { useCallback, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { get, sessionPath } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Busy, Empty, ErrorBox, html } from "/dashboard/ui.js";
import { go, to } from "/dashboard/router.js";
import { clock, day, plainAddress, summary } from "./chat-words.js";
import { faultOf, plain } from "./bulk-recipients.js";
import { Tick } from "./chat-bubble.js";
import { Icon } from "./chat-icons.js";
import { nameOfChat } from "./inbox-names.js";
import { advance, place } from "./inbox-thread.js";

const quiet = 400; // ms after an event before the list is read again, with all that came meanwhile

// useChats are the chats of a session: {chats, error, more, seen, written, setWritten}. more
// reads the next page, undefined at the end; seen(chat) tells that a chat was read; written
// says that only chats in which somebody has written are wanted.
export function useChats(session) {
  const [written, choose] = useState(false);
  const [state, setState] = useState({ session, chats: undefined, cursor: "" });
  const timer = useRef(0);
  const setWritten = (wanted) => {
    setState({ session, chats: undefined, cursor: "" });
    choose(wanted);
  };
  const path = sessionPath(session, "/chats");
  const { error, again } = usePoll(async (signal) => {
    const page = await get(path, { limit: 30, written }, { signal });
    setState((was) => (was.session !== session || !was.chats
      ? { session, chats: page.chats, cursor: page.nextCursor ?? "" }
      : { ...was, chats: place(was.chats, page.chats) }));
  }, 20_000, [session, written]);
  useEffect(() => () => clearTimeout(timer.current), [session]);
  const soon = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(again, quiet);
  };
  useEvents((e) => e.sessionId === session && ["message", "message.status"].includes(e.event), ({ event, data }) => {
    if (event === "message.status") {
      let known = false;
      setState((was) => {
        if (was.session !== session || !was.chats) return was;
        return { ...was, chats: was.chats.map((c) => {
          const [last] = advance([c.lastMessage], data);
          known ||= c.lastMessage.messageId === data.id;
          return last === c.lastMessage ? c : { ...c, lastMessage: last };
        }) };
      });
      if (known || !["sent", "failed", "unknown"].includes(data.status)) return;
    }
    soon();
  });
  const more = async () => {
    const page = await get(path, { limit: 30, written, cursor: state.cursor });
    setState((was) => (was.session === session ? { ...was, chats: place(page.chats, was.chats), cursor: page.nextCursor ?? "" } : was));
  };
  const seen = useCallback((chat) => setState((was) => ({ ...was, chats: was.chats?.map((c) => (c.chat === chat ? { ...c, unread: 0 } : c)) })), []);
  const mine = state.session === session;
  return { chats: mine ? state.chats : undefined, error, more: mine && state.cursor ? more : undefined, seen, refresh: soon, written, setWritten };
}

// Chats shows them; current is the chat that is open.
export function Chats({ session, current, list, nameOf }) {
  const { chats, error, more, written, setWritten } = list;
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const found = (chats ?? []).filter((c) => wanted === "" || [nameOfChat(c, nameOf), c.chat, summary(c.lastMessage)].some((text) => text.toLowerCase().includes(wanted)));
  const number = faultOf(search.trim()) === "" ? search.trim() : "";
  return html`<div class="inbox-chats border rounded-start d-flex flex-column">
    <div class="p-2 border-bottom">
      <input type="search" class="form-control" placeholder="Search, or a number to write to" aria-label="Search the chats, or give a number to write to"
        value=${search} onInput=${(e) => setSearch(e.target.value)} data-test="inbox-search" />
      <div class="form-check mt-2 mb-0 small"><input type="checkbox" class="form-check-input" id="inbox-written" checked=${written} onChange=${(e) => setWritten(e.target.checked)} data-test="inbox-written" />
        <label class="form-check-label" for="inbox-written">Only those who have written</label></div>
    </div>
    <div class="inbox-scroll">
      ${error && html`<div class="p-2"><${ErrorBox} error=${error} /></div>`}
      ${!chats && !error && html`<div class="p-2"><${Busy} /></div>`}
      ${chats?.length === 0 && !more && html`<div class="p-2"><${Empty} title="No chats yet"><p class="mb-0">Whoever writes to this number, or is written to, is listed here.</p><//></div>`}
      <div class="list-group list-group-flush" role="list" aria-label="Chats">
        ${found.map((c) => html`<${Row} key=${c.chat} session=${session} chat=${c} current=${c.chat === current} nameOf=${nameOf} />`)}
      </div>
      ${number && html`<div class="p-2"><button type="button" class="btn btn-outline-primary w-100" data-test="inbox-write"
        onClick=${() => { setSearch(""); go(to("inbox", session, number.includes("@") ? number : `${plain(number)}@s.whatsapp.net`)); }}>Write to ${plainAddress(number)}</button></div>`}
      ${more && html`<${MoreChats} more=${more} />`}
    </div>
  </div>`;
}

function Row({ session, chat, current, nameOf }) {
  const { lastMessage: m, unread } = chat;
  const name = nameOfChat(chat, nameOf);
  const when = Date.parse(m.createdAt);
  return html`<div role="listitem"><a class="inbox-chat list-group-item list-group-item-action px-3 py-2" href=${to("inbox", session, chat.chat)}
      aria-current=${current ? "true" : undefined} data-test="inbox-chat" data-chat=${chat.chat}>
    <div class="d-flex justify-content-between gap-2">
      <span class=${`text-truncate ${unread ? "fw-bold" : "fw-semibold"}`}>${chat.isGroup ? html`<${Icon} name="people" /> <span class="visually-hidden">Group </span>` : null}${name}</span>
      <time class="small text-body-secondary text-nowrap" dateTime=${m.createdAt}>${day(when) === "Today" ? clock(when) : day(when)}</time>
    </div>
    <div class="d-flex justify-content-between gap-2">
      <span class="text-truncate small text-body-secondary" data-test="inbox-last">
        ${m.direction === "out" ? html`<${Tick} status=${m.status} errorCode=${m.errorCode} /> ` : chat.isGroup && html`${nameOf(m.fromLid || m.from, m)}: `}${summary(m)}</span>
      ${unread > 0 && html`<span class="badge rounded-pill text-bg-success align-self-center" data-test="inbox-unread">${unread >= 200 ? "200+" : unread}<span class="visually-hidden"> unread</span></span>`}
    </div>
  </a></div>`;
}

function MoreChats({ more }) {
  const [state, setState] = useState({ busy: false, error: null });
  const load = async () => {
    setState({ busy: true, error: null });
    try {
      await more();
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return html`<div class="p-2 text-center"><${ErrorBox} error=${state.error} />
    <button type="button" class="btn btn-sm btn-outline-secondary" disabled=${state.busy} onClick=${load} data-test="inbox-more-chats">${state.busy ? "Loading…" : "More chats"}</button></div>`;
}
