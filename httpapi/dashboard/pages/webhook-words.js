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

// How what is posted may look, and the events that a format has words for; none for all.
export const formats = [
  ["wapiconnect", "WapiConnect"],
  ["meta", "Meta's Cloud API", ["message", "message.status", "template", "test"]],
  ["onprem", "On-Premises API, 360dialog", ["message", "message.status", "test"]],
  ["hub", "WhatsApp Hub", ["message", "message.status", "template", "contact", "test"]],
  ["standard", "Standard Webhooks"],
];

export function formatWords(format) {
  return formats.find(([name]) => name === format)?.[1] ?? format;
}

// tellable are the events that a format has words for.
export function tellable(format) {
  const can = formats.find(([name]) => name === format)?.[2];
  return can ? events.filter(([type]) => can.includes(type)) : events;
}

// originWords tells what a webhook was set for through another system's API.
export function originWords(origin) {
  if (origin === "app") return "the app";
  if (origin === "waba") return "the business account";
  return origin.replace(/^(phone|d360):/, "+");
}

// originSystem is the API through which it was set.
export function originSystem(origin) {
  return origin.startsWith("d360:") ? "360dialog's API" : "Meta's Graph API";
}

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
