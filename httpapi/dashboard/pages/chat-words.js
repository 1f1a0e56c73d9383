// Words for what messages are and what became of them.

const kinds = {
  text: "Text", image: "Photo", video: "Video", audio: "Audio", voice: "Voice message", document: "Document", sticker: "Sticker",
  location: "Location", contact: "Contact", poll: "Poll", poll_vote: "Vote", reaction: "Reaction", edit: "Edit", revoke: "Deletion",
  unsupported: "Message of a kind that can't be shown here",
};

export function kindName(kind) {
  return kinds[kind] ?? kind;
}

// summary is a message in one line, as a list of chats shows it.
export function summary(m) {
  const text = (m.message ?? "").replace(/\s+/g, " ").trim();
  switch (m.type) {
    case "text":
      return text;
    case "reaction":
      return text ? `Reacted ${text}` : "Took a reaction back";
    case "revoke":
      return "Deleted a message";
    case "edit":
      return `Edited: ${text}`;
    case "poll_vote":
      return m.vote?.options?.length ? `Voted: ${m.vote.options.join(", ")}` : "Voted";
    case "document":
      return `Document: ${m.media?.fileName || text || "a file"}`;
    case "contact":
      return `Contact: ${(m.contacts ?? []).map((c) => c.name).join(", ")}`;
    case "location":
      return `Location${m.location?.name ? `: ${m.location.name}` : ""}`;
    case "unsupported":
      return kinds.unsupported;
  }
  return text ? `${kindName(m.type)}: ${text}` : kindName(m.type);
}

// tick is how far an outgoing message has come: {sign, words, state}.
export function tick(status, errorCode) {
  switch (status) {
    case "queued":
      return { sign: "clock", words: "Waiting to be sent" };
    case "pending":
      return { sign: "clock", words: "Being sent" };
    case "sent":
      return { sign: "one", words: "Sent" };
    case "delivered":
      return { sign: "two", words: "Delivered" };
    case "read":
      return { sign: "blue", words: "Read" };
    case "played":
      return { sign: "blue", words: "Played" };
    case "failed":
      return { sign: "failed", words: `Not sent: ${reason(errorCode)}` };
    case "unknown":
      return { sign: "unknown", words: "It is not known whether this was sent" };
  }
  return null;
}

const reasons = {
  NOT_ON_WHATSAPP: "this number is not on WhatsApp",
  RECIPIENT_INVALID: "there is no such person or group, or this account may not write there",
  RECIPIENT_UNREACHABLE: "no device of the recipient could be written to; try again later",
  SEND_REJECTED: "WhatsApp refused the message",
  SEND_OUTCOME_UNKNOWN: "it may have been sent, but WhatsApp never said so; look before you send it again",
  WINDOW_CLOSED: "the recipient has not written for 24 hours: Meta takes templates alone then",
  REACHOUT_TIMELOCK: "WhatsApp lets this account write to nobody new for a while",
  RATE_LIMITED: "too much at once; wait a little",
  SENT_LIMIT_EXCEEDED: "today's messages are used up",
  SESSION_NOT_READY: "the session is not connected",
  SESSION_NOT_FOUND: "the session was removed",
  SESSION_MOVED: "the session was moved to another server",
  SESSION_BANNED: "WhatsApp has banned this account",
  MESSAGE_EXPIRED: "nobody could send it in time",
  MEDIA_INVALID: "the file is not one of this kind, or can't be fetched",
  MEDIA_GONE: "nobody has the file any more",
  URL_REFUSED: "this address leads into a private network, or does not exist",
  NETWORK_REFUSED: "WhatsApp did not take the file",
  STORAGE_UNAVAILABLE: "the server's database does not answer; try again after a few seconds",
  PAYLOAD_TOO_LARGE: "this is larger than the server takes",
  NOT_SUPPORTED: "this can't be done there",
  TENANT_SUSPENDED: "the operator has suspended the account",
  OPTED_OUT: "this person does not want to get such messages",
  JOB_CANCELLED: "the job was cancelled",
  FORBIDDEN: "your key does not allow this",
  INTERNAL_ERROR: "the server has a defect; tell the operator the request's number",
};

// reason says in words what an error code means; the code itself if it is a new one.
export function reason(code) {
  return reasons[code] ?? code ?? "the reason is not known";
}

// knows tells whether there are words for a code.
export function knows(code) {
  return Object.hasOwn(reasons, code);
}

// bytes is a size for people.
export function bytes(n) {
  if (!n) return "";
  const units = ["B", "KiB", "MiB", "GiB"];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i === 0 || n >= 10 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

// plainAddress shows a number as people write it, and any other address as it is.
export function plainAddress(address) {
  const user = (address ?? "").replace(/@s\.whatsapp\.net$/, "");
  return /^\d+$/.test(user) ? `+${user}` : user;
}

// clock is the time of the day; day the date, today's and yesterday's in words.
export function clock(at) {
  return new Date(at).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}

export function day(at, now = Date.now()) {
  const midnight = (t) => new Date(t).setHours(0, 0, 0, 0);
  const away = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  if (away === 0) return "Today";
  if (away === 1) return "Yesterday";
  return new Date(at).toLocaleDateString(undefined, { dateStyle: "medium" });
}
