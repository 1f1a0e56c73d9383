// The inbox: chats, and the messages of one of them, as they come and go.
import { useEffect, useLayoutEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { Busy, Empty, ErrorBox, html } from "/dashboard/ui.js";
import { go, to } from "/dashboard/router.js";
import { Chat } from "./inbox-chat.js";
import { Chats, useChats } from "./inbox-chats.js";
import { nameOfChat, useNames } from "./inbox-names.js";
import { NoSessions, canSend, sessionLabel, useSessions } from "./send-session.js";

export default function Inbox({ args: [session, chat], me }) {
  const { sessions, error } = useSessions();
  useEffect(() => {
    if (!session && sessions?.length) go(to("inbox", sessions[0].sessionId), { replace: true });
  }, [session, sessions]);
  if (error && !sessions) return html`<h1 class="h3">Inbox</h1><${ErrorBox} error=${error} />`;
  if (!sessions) return html`<${Busy} />`;
  if (sessions.length === 0) return html`<h1 class="h3">Inbox</h1><${NoSessions} />`;
  if (!session) return html`<${Busy} />`;
  const known = sessions.find((s) => s.sessionId === session);
  return html`
    <div class=${`${chat ? "d-none d-md-flex" : "d-flex"} flex-wrap gap-2 align-items-center justify-content-between mb-2`}>
      <h1 class="h3 mb-0">Inbox</h1>
      <select class="form-select w-auto mw-100" aria-label="Session" value=${session} onChange=${(e) => go(to("inbox", e.target.value))} data-test="inbox-session">
        ${!known && html`<option value=${session}>${session}</option>`}
        ${sessions.map((s) => html`<option value=${s.sessionId} key=${s.sessionId}>${sessionLabel(s)}</option>`)}
      </select>
    </div>
    <${OfSession} key=${session} session=${session} chat=${chat} ready=${known?.status === "ready"} may=${canSend(me)} />`;
}

const least = 352, below = 16; // pixels: how high the inbox is at least, and what stands under it

// useRest is [ref, height]: what is left of the window under the top of an element. How high
// the bar above is, nobody knows beforehand: it breaks into lines on small screens.
function useRest(deps) {
  const box = useRef();
  const [height, setHeight] = useState(0);
  useLayoutEffect(() => {
    const fit = () => setHeight(Math.max(least, Math.floor(window.innerHeight - box.current.getBoundingClientRect().top - window.scrollY - below)));
    fit();
    window.addEventListener("resize", fit);
    return () => window.removeEventListener("resize", fit);
  }, deps);
  return [box, height];
}

function OfSession({ session, chat, ready, may }) {
  const list = useChats(session);
  const { nameOf, mentions } = useNames(session, ready);
  const listed = list.chats?.find((c) => c.chat === chat);
  const [box, height] = useRest([chat]);
  return html`<div class=${`inbox ${chat ? "inbox-chosen" : ""}`} ref=${box} style=${height ? { height: `${height}px` } : undefined}>
    <${Chats} session=${session} current=${chat} list=${list} nameOf=${nameOf} />
    ${chat
      ? html`<${Chat} session=${session} chat=${chat} ready=${ready} may=${may} nameOf=${nameOf} mentions=${mentions}
          title=${listed ? nameOfChat(listed, nameOf) : nameOf(chat)} onRead=${list.seen} onSent=${list.refresh} />`
      : html`<section class="inbox-thread border rounded-end d-flex align-items-center justify-content-center"><${Empty}>Choose a chat.<//></section>`}
  </div>`;
}
