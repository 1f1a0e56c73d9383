// whatsapp-cloud-api, whose host is fixed: route.cjs is preloaded.
import { createBot } from "whatsapp-cloud-api";
import { lacks, run, settings, tell } from "./harness.mjs";

const { token, phone, verifyToken, port } = settings;
const bot = createBot(phone, token, { version: "v23.0" });
const sent = (answer) => answer.messageId;

bot.on("message", (m) => {
  // It tells of no reactions, and of a message's own content only as "data".
  tell({ received: { kind: "message", id: m.id, from: m.from, type: m.type === "button_reply" ? "interactive" : m.type, text: m.data.text, media: m.type === "image" ? m.data.id : undefined,
    name: m.name, phone, context: m.data.context?.id, choice: m.type === "button_reply" ? m.data.id : undefined } });
});
const { server } = await bot.startExpressServer({ port, webhookPath: "/", webhookVerifyToken: verifyToken });
tell({ listening: server.address().port });

await run({
  subscribe: lacks("manages no subscriptions"),
  text: async ({ to, body }) => sent(await bot.sendText(to, body)),
  reply: lacks("sends no context"),
  upload: lacks("uploads nothing"),
  image: async ({ to, media, caption }) => sent(await bot.sendImage(to, media, { caption })),
  link: async ({ to, link, caption }) => sent(await bot.sendImage(to, link, { caption })),
  fetch: lacks("fetches nothing"),
  remove: lacks("deletes nothing"),
  location: async ({ to, latitude, longitude, name }) => sent(await bot.sendLocation(to, latitude, longitude, { name })),
  contact: async ({ to, name, number }) => sent(await bot.sendContacts(to, [{ name: { formatted_name: name, first_name: name }, phones: [{ phone: number, type: "CELL" }] }])),
  createTemplate: lacks("manages no templates"),
  templates: lacks("manages no templates"),
  template: async ({ to, name, language, values }) => sent(await bot.sendTemplate(to, name, language, [{ type: "body", parameters: values.map((text) => ({ type: "text", text })) }])),
  buttons: async ({ to, body, buttons }) => sent(await bot.sendReplyButtons(to, body, Object.fromEntries(buttons.map((b) => [b.id, b.title])))),
  list: async ({ to, body, button, rows }) => sent(await bot.sendList(to, button, body, { All: rows })),
  reaction: lacks("sends no reactions"),
  read: lacks("marks nothing as read"),
  profile: lacks("has no business profile"),
  numbers: lacks("lists no phone numbers"),
  block: lacks("blocks nobody"),
  verify: lacks("checks no signatures"),
  flow: lacks("sends no flows"),
  badToken: async ({ to }) => sent(await createBot(phone, "wrong", { version: "v23.0" }).sendText(to, "no")),
});
