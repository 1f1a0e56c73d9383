// whatsapp-business, whose host is fixed: route.cjs is preloaded.
import { readFile } from "node:fs/promises";
import { finished } from "node:stream/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WABAClient, WebhookClient } from "whatsapp-business";
import { lacks, run, settings, sha256, tell } from "./harness.mjs";

const { token, phone, waba, verifyToken, port } = settings;
const client = new WABAClient({ apiToken: token, phoneId: phone, accountId: waba });
const sent = (answer) => answer.messages[0].id;
const send = (type, to, content, more = {}) => client.sendMessage({ recipient_type: "individual", to, type, [type]: content, ...more });

new WebhookClient({ path: "/", port, token: verifyToken }).initWebhook({
  onStartListening: () => tell({ listening: port }),
  onMessageReceived: (m, contact, metadata) => {
    tell({ received: { kind: "message", id: m.id, from: m.from, type: m.type, text: m.text?.body, media: (m.image ?? m.document)?.id, name: contact.profile.name,
      phone: metadata.phone_number_id, context: m.context?.id, choice: m.interactive?.button_reply?.id, emoji: m.reaction?.emoji } });
  },
  onStatusReceived: (s, metadata) => {
    tell({ received: { kind: "status", id: s.id, status: s.status, to: s.recipient_id, phone: metadata.phone_number_id, code: s.errors?.[0].code } });
  },
});

await run({
  subscribe: lacks("manages no subscriptions"),
  text: async ({ to, body }) => sent(await send("text", to, { body })),
  reply: async ({ to, body, context }) => sent(await send("text", to, { body }, { context: { message_id: context } })),
  upload: async ({ file, mime }) => (await client.uploadMedia({ file, type: mime })).id,
  image: async ({ to, media, caption }) => sent(await send("image", to, { id: media, caption })),
  link: async ({ to, link, caption }) => sent(await send("image", to, { link, caption })),
  fetch: async ({ media }) => {
    const file = join(tmpdir(), `wapid-client-${process.pid}`);
    await finished(await client.downloadMedia((await client.getMedia(media)).url, file)); // with the token
    return sha256(await readFile(file));
  },
  remove: async ({ media }) => (await client.deleteMedia(media)).success,
  location: async ({ to, latitude, longitude, name }) => sent(await send("location", to, { latitude, longitude, name })),
  contact: async ({ to, name, number }) => sent(await send("contacts", to, [{ name: { formatted_name: name, first_name: name }, phones: [{ phone: number, type: "CELL" }] }])),
  createTemplate: lacks("manages no templates"),
  templates: lacks("manages no templates"),
  template: async ({ to, name, language, values }) => sent(await send("template", to, { name, language: { code: language },
    components: [{ type: "body", parameters: values.map((text) => ({ type: "text", text })) }] })),
  buttons: async ({ to, body, buttons }) => sent(await send("interactive", to, { type: "button", body: { text: body }, action: { buttons: buttons.map((reply) => ({ type: "reply", reply })) } })),
  list: async ({ to, body, button, rows }) => sent(await send("interactive", to, { type: "list", body: { text: body }, action: { button, sections: [{ title: "All", rows }] } })),
  reaction: async ({ to, message, emoji }) => sent(await send("reaction", to, { message_id: message, emoji })),
  read: async ({ message }) => (await client.markMessageAsRead(message)).success,
  profile: async () => (await client.getBusinessProfile()).data[0].messaging_product,
  numbers: async () => (await client.getBusinessPhoneNumbers()).data.map((n) => n.id),
  block: lacks("blocks nobody"),
  verify: lacks("checks no signatures"),
  flow: async ({ to }) => sent(await send("interactive", to, { type: "flow", body: { text: "A form" }, action: { name: "flow", parameters: { flow_message_version: "3", flow_id: "1", flow_cta: "Open" } } })),
  badToken: async ({ to }) => sent(await new WABAClient({ apiToken: "wrong", phoneId: phone, accountId: waba }).sendMessage({ to, type: "text", text: { body: "no" } })),
});
