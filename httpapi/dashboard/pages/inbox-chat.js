// One chat: its messages, and the box to write into.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "/dashboard/vendor/preact.js";
import "/dashboard/vendor/bootstrap.js"; // the menus of the messages
import { Busy, Empty, ErrorBox, confirm, html, toast } from "/dashboard/ui.js";
import { to } from "/dashboard/router.js";
import { Bubble } from "./chat-bubble.js";
import { day, plainAddress } from "./chat-words.js";
import { Media } from "./inbox-media.js";
import { useMessages, useRead } from "./inbox-messages.js";
import { Reply } from "./inbox-reply.js";
import { thread } from "./inbox-thread.js";
import { blank } from "./send-body.js";
import { submit } from "./send.js";

const near = 60; // pixels from an end of the list that count as there

export function Chat({ session, chat, ready, may, nameOf, mentions, title, onRead, onSent }) {
  const { about, messages, older, error, refresh } = useMessages(session, chat);
  const entries = useMemo(() => thread(messages ?? []), [messages]);
  const [quoted, setQuoted] = useState(null);
  const [editing, setEditing] = useState(null);
  const done = () => {
    setQuoted(null);
    setEditing(null);
  };
  useEffect(done, [session, chat]);
  useRead(session, chat, messages, may && ready, onRead);
  const act = async (form, words) => {
    try {
      await submit(session, chat, { ...blank, ...form });
      refresh();
    } catch (failed) {
      toast(`${words}: ${failed.message}`, "danger");
    }
  };
  const actions = {
    reply: (entry) => { setEditing(null); setQuoted(entry); },
    edit: (entry) => { setQuoted(null); setEditing(entry); },
    react: (entry, emoji) => act({ kind: "reaction", messageId: entry.m.messageId, emoji }, "The reaction was not sent"),
    revoke: async (entry) => {
      if (await confirm({ title: "Delete for everyone?", body: "The message disappears from all phones of this chat.", action: "Delete", danger: true })) {
        act({ kind: "revoke", messageId: entry.m.messageId }, "The message was not deleted");
      }
    },
  };
  const address = plainAddress(about?.chat ?? chat);
  return html`<section class="inbox-thread border rounded-end d-flex flex-column" aria-label=${`Chat with ${title}`} data-test="inbox-thread" data-chat=${chat}>
    <header class="d-flex gap-2 align-items-center border-bottom p-2">
      <a class="btn btn-sm btn-outline-secondary d-md-none" href=${to("inbox", session)} aria-label="Back to the chats" data-test="inbox-back">←</a>
      <div class="min-w-0"><h2 class="h6 mb-0 text-truncate" data-test="inbox-title">${title}</h2>${title !== address && html`<div class="small text-body-secondary text-truncate">${address}</div>`}</div>
    </header>
    ${error && !messages && html`<div class="p-2"><${ErrorBox} error=${error} /></div>`}
    ${!messages && !error && html`<div class="p-3 flex-grow-1"><${Busy} /></div>`}
    ${messages && html`<${Wall} entries=${entries} older=${older} ready=${ready} may=${may && ready} actions=${actions} nameOf=${nameOf} mentions=${mentions}
      isGroup=${about?.isGroup} key=${`${session} ${chat}`} />`}
    ${may && html`<${Reply} session=${session} chat=${about?.chat ?? chat} quoted=${quoted} editing=${editing} onDone=${done}
      onSent=${() => { refresh(); onSent(); }} disabled=${ready ? "" : "The session is not connected"} />`}
  </section>`;
}

// Wall shows the entries and stays at their end, unless somebody reads further above.
function Wall({ entries, older, ready, may, actions, nameOf, mentions, isGroup }) {
  const box = useRef();
  const stick = useRef(true), fromEnd = useRef(0), first = useRef(), last = useRef();
  const [missed, setMissed] = useState(false);
  const [loading, setLoading] = useState(false);
  const bottom = () => {
    box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(() => {
    const grewAbove = first.current && first.current !== entries[0]?.key;
    const grewBelow = last.current && last.current !== entries.at(-1)?.key;
    first.current = entries[0]?.key;
    last.current = entries.at(-1)?.key;
    if (stick.current) bottom();
    else if (grewAbove) box.current.scrollTop = box.current.scrollHeight - fromEnd.current;
    else if (grewBelow) setMissed(true);
  }, [entries]);
  useEffect(() => {
    const grown = () => stick.current && bottom(); // a picture has come
    const element = box.current;
    element.addEventListener("load", grown, true);
    return () => element.removeEventListener("load", grown, true);
  }, []);
  const load = async () => {
    if (loading || !older) return;
    setLoading(true);
    fromEnd.current = box.current.scrollHeight - box.current.scrollTop;
    stick.current = false;
    try {
      await older();
    } catch (error) {
      toast(error.message, "danger");
    }
    setLoading(false);
  };
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    stick.current = scrollHeight - scrollTop - clientHeight < near;
    fromEnd.current = scrollHeight - scrollTop;
    if (stick.current) setMissed(false);
    if (scrollTop < near && scrollHeight > clientHeight) load();
  };
  let before = "";
  return html`<div class="inbox-scroll chat-wall position-relative p-3" tabindex="0" role="log" aria-label="Messages" ref=${box} onScroll=${scrolled} data-test="inbox-messages">
    ${older && html`<div class="text-center mb-3"><button type="button" class="btn btn-sm btn-outline-secondary" disabled=${loading} onClick=${load} data-test="inbox-older">${loading ? "Loading…" : "Older messages"}</button></div>`}
    ${entries.length === 0 && html`<${Empty}>Nothing was sent or received here yet.<//>`}
    ${entries.map((entry) => {
      const date = day(Date.parse(entry.m.createdAt));
      const divider = date !== before && html`<div class="text-center my-2"><span class="badge text-bg-secondary">${date}</span></div>`;
      before = date;
      return html`<div key=${entry.key} class="mb-2">${divider}
        <div class="d-flex"><${Bubble} entry=${entry} nameOf=${nameOf} names=${mentions} showSender=${isGroup} media=${(m) => html`<${Media} m=${m} ready=${ready} />`}>
          ${may && !entry.revoked && entry.m.status !== "failed" && html`<${Menu} entry=${entry} actions=${actions} />`}
        <//></div></div>`;
    })}
    ${missed && html`<button type="button" class="btn btn-sm btn-success position-sticky bottom-0 start-50 translate-middle-x" onClick=${() => { stick.current = true; setMissed(false); bottom(); }}>New messages ↓</button>`}
  </div>`;
}

const emojis = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
const editFor = 20 * 60_000, revokeFor = 60 * 3_600_000; // ms, as the API takes them
const editable = ["text", "image", "video", "document"];

function Menu({ entry, actions }) {
  const { m } = entry;
  const age = Date.now() - Date.parse(m.createdAt);
  const own = m.direction === "out" && !["queued", "pending"].includes(m.status);
  const mine = entry.reactions.find((r) => r.mine)?.emoji;
  return html`<div class="dropdown bubble-menu">
    <button type="button" class="btn btn-sm btn-outline-secondary bg-body py-0 px-1" data-bs-toggle="dropdown" aria-expanded="false" aria-label="What to do with this message" data-test="bubble-menu">⋯</button>
    <div class="dropdown-menu dropdown-menu-end">
      <div class="d-flex px-2" role="group" aria-label="React">${emojis.map((emoji) => html`<button type="button" class=${`btn btn-sm px-1 ${emoji === mine ? "btn-success" : ""}`}
        aria-label=${emoji === mine ? `Take ${emoji} back` : `React with ${emoji}`} onClick=${() => actions.react(entry, emoji === mine ? "" : emoji)} data-test="bubble-react">${emoji}</button>`)}</div>
      <button type="button" class="dropdown-item" onClick=${() => actions.reply(entry)} data-test="bubble-reply">Reply</button>
      ${own && age < editFor && editable.includes(m.type) && html`<button type="button" class="dropdown-item" onClick=${() => actions.edit(entry)} data-test="bubble-edit">Edit</button>`}
      ${own && age < revokeFor && html`<button type="button" class="dropdown-item text-danger" onClick=${() => actions.revoke(entry)} data-test="bubble-revoke">Delete for everyone</button>`}
    </div>
  </div>`;
}
