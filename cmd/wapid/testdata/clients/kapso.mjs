// @kapso/whatsapp-cloud-api, whose base URL can be chosen.
import { readFile } from "node:fs/promises";
import { WhatsAppClient } from "@kapso/whatsapp-cloud-api";
import { normalizeWebhook, verifySignature } from "@kapso/whatsapp-cloud-api/server";
import { lacks, run, serve, settings, sha256, tell } from "./harness.mjs";

const { base, token, phone, waba, appSecret, verifyToken } = settings;
const client = new WhatsAppClient({ baseUrl: base, accessToken: token });
const phoneNumberId = phone;
const sent = (answer) => answer.messages[0].id;

await serve(({ method, headers, query, body }) => {
  if (method === "GET") { // the library has nothing for that
    return query["hub.verify_token"] === verifyToken ? [200, query["hub.challenge"]] : [403, ""];
  }
  if (!verifySignature({ appSecret, rawBody: body, signatureHeader: headers["x-hub-signature-256"] })) {
    tell({ received: { refused: true } });
    return [401, ""];
  }
  const told = normalizeWebhook(JSON.parse(body));
  for (const m of told.messages) {
    const media = m.image ?? m.document;
    tell({ received: { kind: "message", id: m.id, from: m.from, type: m.type, text: m.text?.body, media: media?.id, name: told.contacts[0].profile.name,
      phone: told.phoneNumberId, context: m.context?.id, choice: m.interactive?.buttonReply?.id, emoji: m.reaction?.emoji } });
  }
  for (const s of told.statuses) {
    tell({ received: { kind: "status", id: s.id, status: s.status, to: s.recipientId, phone: told.phoneNumberId, code: s.errors?.[0].code } });
  }
  return [200, ""];
});

await run({
  subscribe: lacks("manages no subscriptions"),
  text: async ({ to, body }) => sent(await client.messages.sendText({ phoneNumberId, to, body })),
  reply: async ({ to, body, context }) => sent(await client.messages.sendText({ phoneNumberId, to, body, contextMessageId: context })),
  upload: async ({ file, mime }) => (await client.media.upload({ phoneNumberId, type: mime, file: new Blob([await readFile(file)], { type: mime }), fileName: "picture.png" })).id,
  image: async ({ to, media, caption }) => sent(await client.messages.sendImage({ phoneNumberId, to, image: { id: media, caption } })),
  link: async ({ to, link, caption }) => sent(await client.messages.sendImage({ phoneNumberId, to, image: { link, caption } })),
  fetch: async ({ media }) => sha256(await client.media.download({ mediaId: media, phoneNumberId })), // without the token
  remove: async ({ media }) => (await client.media.delete({ mediaId: media })).success,
  location: async ({ to, latitude, longitude, name }) => sent(await client.messages.sendLocation({ phoneNumberId, to, location: { latitude, longitude, name } })),
  contact: async ({ to, name, number }) => sent(await client.messages.sendContacts({ phoneNumberId, to, contacts: [{ name: { formattedName: name, firstName: name }, phones: [{ phone: number, type: "CELL" }] }] })),
  createTemplate: async ({ name, language, text }) => (await client.templates.create({ businessAccountId: waba, name, language, category: "UTILITY",
    components: [{ type: "BODY", text, example: { bodyText: [["Asha", "12"]] } }] })).status,
  templates: async () => (await client.templates.list({ businessAccountId: waba })).data.map((t) => t.name),
  template: async ({ to, name, language, values }) => sent(await client.messages.sendTemplate({ phoneNumberId, to, template: { name, language: { code: language },
    components: [{ type: "body", parameters: values.map((text) => ({ type: "text", text })) }] } })),
  buttons: async ({ to, body, buttons }) => sent(await client.messages.sendInteractiveButtons({ phoneNumberId, to, bodyText: body, buttons })),
  list: async ({ to, body, button, rows }) => sent(await client.messages.sendInteractiveList({ phoneNumberId, to, bodyText: body, buttonText: button, sections: [{ title: "All", rows }] })),
  reaction: async ({ to, message, emoji }) => sent(await client.messages.sendReaction({ phoneNumberId, to, reaction: { messageId: message, emoji } })),
  read: async ({ message }) => (await client.messages.markRead({ phoneNumberId, messageId: message })).success,
  profile: async () => (await client.phoneNumbers.businessProfile.get({ phoneNumberId })).data[0].messagingProduct,
  numbers: lacks("lists no phone numbers"),
  block: lacks("blocks nobody"),
  verify: async ({ body, signature }) => verifySignature({ appSecret, rawBody: body, signatureHeader: signature }),
  flow: async ({ to }) => sent(await client.messages.sendInteractiveFlow({ phoneNumberId, to, bodyText: "A form", parameters: { flowId: "1", flowCta: "Open" } })),
  badToken: async ({ to }) => sent(await new WhatsAppClient({ baseUrl: base, accessToken: "wrong" }).messages.sendText({ phoneNumberId, to, body: "no" })),
});
