// What webhooks can be told of, in words.
export const events = [
  ["message", "A message came in"],
  ["message.status", "A message was sent, delivered, read or failed"],
  ["ready", "A session is connected"],
  ["disconnected", "A session has lost its connection"],
  ["qr", "A session shows a new QR code"],
  ["group", "A group has changed"],
  ["call", "Somebody calls"],
  ["bulk.progress", "A bulk job goes on"],
  ["bulk.completed", "A bulk job has ended"],
  ["optout", "Somebody opted out of bulk messages, or in again"],
  ["contact", "The contacts book has learnt of somebody"],
  ["template", "A message template was made, edited or deleted"],
  ["webhook.disabled", "Another webhook was switched off"],
  ["test", "A test"],
];

// Why the server has switched a webhook off.
export const disabledReasons = {
  gone: "The receiver answered 410: it wants no more.",
  failing: "Nothing could be delivered for five days.",
  unreadable: "Its headers were damaged in the database. Give them anew.",
};

// outcome tells what came of a try.
export function outcome(attempt) {
  if (!attempt) return "–";
  if (attempt.status) return `HTTP ${attempt.status}`;
  return attempt.error || "no answer";
}
