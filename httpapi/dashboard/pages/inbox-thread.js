// From the messages of a log to what a chat shows: edits, deletions, reactions and
// votes are messages of their own there, and belong to the one they are about here.

// keyOf tells a message from the others of its chat: senders choose their ids.
export function keyOf(m) {
  return `${m.direction} ${m.messageId} ${m.direction === "in" ? m.fromLid || m.from : ""}`;
}

// merge adds messages to a list, newest first; one that is there already is replaced.
export function merge(list, more) {
  const all = new Map(list.map((m) => [keyOf(m), m]));
  for (const m of more) all.set(keyOf(m), later(all.get(keyOf(m)), m));
  return [...all.values()].sort(newestFirst);
}

function newestFirst(a, b) {
  return a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0;
}

const far = ["queued", "pending", "unknown", "failed", "sent", "received", "delivered", "read", "played"];

// later is the one of two states of a message that has come further: an answer that
// was on its way may tell what was before an event.
function later(was, is) {
  return was && far.indexOf(was.status) > far.indexOf(is.status) ? { ...is, status: was.status, errorCode: was.errorCode } : is;
}

// advance takes the word of a message.status event. It returns the same list if the
// message is not in it, or is further.
export function advance(list, { id, status, errorCode }) {
  const i = list.findIndex((m) => m.direction === "out" && m.messageId === id);
  if (i < 0 || far.indexOf(list[i].status) >= far.indexOf(status)) return list;
  return list.with(i, { ...list[i], status, errorCode });
}

// thread makes entries, oldest first, of messages that come newest first. An entry is
// {key, m, text, edited, revoked, reactions: [{emoji, by, mine}], votes: [{option, by}]}.
// What is about a message that is not in the list is left out.
export function thread(messages) {
  const entries = [], known = new Map();
  for (const m of messages.toReversed()) {
    const target = known.get((m.reaction ?? m.edit ?? m.revoke ?? m.vote)?.messageId);
    if (m.direction === "out" && m.status === "failed" && isAbout(m)) continue;
    switch (m.type) {
      case "reaction":
        if (target) react(target, m);
        continue;
      case "poll_vote":
        if (target) vote(target, m);
        continue;
      case "edit":
        if (target) Object.assign(target, { text: m.message, edited: true });
        continue;
      case "revoke":
        if (target) Object.assign(target, { text: "", revoked: true, reactions: [] });
        continue;
    }
    const entry = { key: keyOf(m), m, text: m.message ?? "", edited: false, revoked: false, reactions: [], votes: [] };
    known.set(m.messageId, entry);
    entries.push(entry);
  }
  return entries;
}

function isAbout(m) {
  return ["reaction", "edit", "revoke", "poll_vote"].includes(m.type);
}

function who(m) {
  return m.direction === "out" ? "me" : m.fromLid || m.from;
}

function react(entry, m) {
  const by = who(m);
  entry.reactions = entry.reactions.filter((r) => r.by !== by);
  const emoji = m.reaction.emoji || m.message;
  if (emoji) entry.reactions.push({ emoji, by, mine: by === "me" });
}

function vote(entry, m) {
  const by = who(m);
  entry.votes = entry.votes.filter((v) => v.by !== by);
  for (const option of m.vote.options ?? []) entry.votes.push({ option, by });
}

// tally counts the reactions of an entry: [{emoji, count, mine}].
export function tally(reactions) {
  const counts = new Map();
  for (const r of reactions) {
    const one = counts.get(r.emoji) ?? { emoji: r.emoji, count: 0, mine: false };
    counts.set(r.emoji, { emoji: r.emoji, count: one.count + 1, mine: one.mine || r.mine });
  }
  return [...counts.values()];
}

// place puts chats into the order of their newest messages; a chat that is there already
// is replaced by what is told of it later.
export function place(list, more) {
  const all = new Map(list.map((c) => [c.chat, c]));
  for (const c of more) all.set(c.chat, c);
  return [...all.values()].sort((a, b) => newestFirst(a.lastMessage, b.lastMessage));
}
