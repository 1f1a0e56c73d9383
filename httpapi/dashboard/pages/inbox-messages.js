// The messages of one chat, as the log has them and as events change them.
import { useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { get, post, sessionPath } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { advance, merge } from "./inbox-thread.js";

const page = 40;

function chatPath(session, chat, rest) {
  return sessionPath(session, `/chats/${encodeURIComponent(chat)}${rest}`);
}

// useMessages are those of a chat, newest first: {about, messages, older, error, refresh}.
// about tells the chat's addresses; older reads a page more, undefined at the beginning.
export function useMessages(session, chat) {
  const key = `${session} ${chat}`;
  const [state, setState] = useState({ key });
  const path = chatPath(session, chat, "/messages");
  const { error, again } = usePoll(async (signal) => {
    const read = await get(path, { limit: page }, { signal });
    const { messages, nextCursor = "", ...about } = read;
    setState((was) => {
      if (was.key !== key || !was.messages) return { key, about, messages, cursor: nextCursor };
      return { ...was, about, messages: merge(was.messages, messages) };
    });
  }, 15_000, [session, chat]);
  const mine = state.key === key;
  useEvents((e) => e.sessionId === session && (e.event === "message" || e.event === "message.status"), ({ event, data }) => {
    const names = [chat, state.about?.chat, state.about?.lid].filter(Boolean);
    if (event === "message") {
      if (names.includes(data.chat) || (!data.isGroup && (names.includes(data.from) || names.includes(data.fromLid)))) again();
      return;
    }
    const known = state.messages?.some((m) => m.direction === "out" && m.messageId === data.id);
    if (known) setState((was) => (was.key === key ? { ...was, messages: advance(was.messages, data) } : was));
    else if (names.includes(data.to)) again();
  });
  const older = async () => {
    const read = await get(path, { limit: page, cursor: state.cursor });
    setState((was) => (was.key === key ? { ...was, messages: merge(was.messages, read.messages), cursor: read.nextCursor ?? "" } : was));
  };
  return {
    about: mine ? state.about : undefined, messages: mine ? state.messages : undefined, error, refresh: again,
    older: mine && state.cursor ? older : undefined,
  };
}

const noMessages = ["reaction", "edit", "revoke", "poll_vote"];

// useRead tells the senders that their messages were read, once somebody sees them.
// onRead is called with the chat afterwards. A refusal is not shown: the next message
// tries again.
export function useRead(session, chat, messages, may, onRead) {
  const told = useRef("");
  const [visible, setVisible] = useState(document.visibilityState === "visible");
  useEffect(() => {
    const changed = () => setVisible(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, []);
  const newest = messages?.find((m) => m.direction === "in" && m.status === "received" && !noMessages.includes(m.type));
  const which = newest ? `${session} ${chat} ${newest.messageId}` : "";
  useEffect(() => {
    if (!which || !visible || !may || told.current === which) return;
    told.current = which;
    post(chatPath(session, chat, "/read"), {}).then(() => onRead(chat), () => {});
  }, [which, visible, may]);
}
