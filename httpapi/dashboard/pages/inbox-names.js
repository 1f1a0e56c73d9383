// Names for the people and groups of a session: from the phone's address book and from
// its groups, where the session is connected, and else as people call themselves.
import { useCallback, useMemo } from "/dashboard/vendor/preact.js";
import { get, sessionPath } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { plainAddress } from "./chat-words.js";

// useNames is {nameOf, mentions}: nameOf(address, about) names an address, where about
// may have a pushName of its own; mentions gives names by number or LID alone.
export function useNames(session, ready) {
  const contacts = usePoll((signal) => (ready ? get(sessionPath(session, "/contacts"), { limit: 1000 }, { signal }) : null), 0, [session, ready]);
  const groups = usePoll((signal) => (ready ? get(sessionPath(session, "/groups"), {}, { signal }) : null), 0, [session, ready]);
  useEvents({ type: "group", sessionId: session }, groups.again);
  const known = useMemo(() => {
    const names = new Map();
    for (const g of groups.data?.groups ?? []) names.set(g.id, g.subject);
    for (const c of contacts.data?.contacts ?? []) {
      const name = c.name || c.businessName || c.pushName;
      for (const address of [c.jid, c.lid, c.phoneNumber]) if (address && name) names.set(address, name);
    }
    return names;
  }, [contacts.data, groups.data]);
  const nameOf = useCallback((address, about) =>
    known.get(address) ?? known.get((address ?? "").replace(/@s\.whatsapp\.net$/, "")) ?? (about?.pushName || plainAddress(address)), [known]);
  const mentions = useMemo(() => Object.fromEntries([...known].map(([address, name]) => [address.split("@")[0], name])), [known]);
  return { nameOf, mentions };
}

// nameOfChat names a chat of the list. A group's pushName is that of whoever wrote last.
export function nameOfChat(chat, nameOf) {
  return nameOf(chat.chat, chat.isGroup ? null : chat);
}
