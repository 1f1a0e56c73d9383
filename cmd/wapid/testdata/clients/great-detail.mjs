// @great-detail/whatsapp 8.x, whose base URL can be chosen.
import { readFile } from "node:fs/promises";
import Client from "@great-detail/whatsapp";
import { lacks, run, serve, settings, sha256, tell } from "./harness.mjs";

const { base, token, phone, waba, appSecret, verifyToken } = settings;
const options = (bearer) => ({ prefixUrl: base, request: { headers: { Authorization: `Bearer ${bearer}` }, retry: 0 } });
const client = new Client(options(token));
const phoneNumberID = phone;
const sent = async (answer) => (await answer.json()).messages[0].id;
// The library leaves the answer to a refusal unread; what it says is in there.
const opened = (call) => async (args) => {
  try {
    return await call(args);
  } catch (error) {
    if (error.response) {
      Object.assign(error, await error.response.json());
    }
    throw error;
  }
};

await serve(async ({ method, headers, query, body }) => {
  if (method === "GET") {
    const registration = await client.webhook.register({ method, query, headers, body: undefined });
    return registration.verifyToken === verifyToken ? [200, registration.accept()] : [403, registration.reject()];
  }
  const event = await client.webhook.eventNotification({ method, query, headers, body });
  try {
    await event.verifySignature(appSecret);
  } catch (error) {
    tell({ received: { refused: true } });
    return [401, ""];
  }
  const { value } = event.eventNotification.entry[0].changes[0];
  for (const m of value.messages ?? []) {
    const media = m.image ?? m.document;
    tell({ received: { kind: "message", id: m.id, from: m.from, type: m.type, text: m.text?.body, media: media?.id, name: value.contacts[0].profile.name,
      phone: value.metadata.phone_number_id, context: m.context?.id, choice: m.interactive?.button_reply?.id, emoji: m.reaction?.emoji } });
  }
  for (const s of value.statuses ?? []) {
    tell({ received: { kind: "status", id: s.id, status: s.status, to: s.recipient_id, phone: value.metadata.phone_number_id, code: s.errors?.[0].code } });
  }
  return [200, event.accept()];
});

const message = (to, type, content, more = {}) => client.message.createMessage({ phoneNumberID, to, type, [type]: content, ...more });

await run({
  subscribe: async ({ callback }) => (await (await client.subscribedApps.createSubscription({ businessAccountID: waba, override_callback_uri: callback, verify_token: verifyToken })).json()).success,
  text: opened(async ({ to, body }) => sent(await message(to, "text", { body }))),
  reply: async ({ to, body, context }) => sent(await message(to, "text", { body }, { context: { message_id: context } })),
  upload: async ({ file, mime }) => (await (await client.media.upload({ phoneNumberID, mimeType: mime, file: new Blob([await readFile(file)], { type: mime }), filename: "picture.png" })).json()).id,
  image: async ({ to, media, caption }) => sent(await message(to, "image", { id: media, caption })),
  link: async ({ to, link, caption }) => sent(await message(to, "image", { link, caption })),
  // The library fetches without the token, and calls the host lookaside.fbsbx.com.
  fetch: async ({ media }) => {
    const { url } = await (await client.media.getURL({ mediaID: media, phoneNumberID })).json();
    return sha256(await (await client.media.download({ mediaURL: url })).arrayBuffer());
  },
  remove: async ({ media }) => (await (await client.media.delete({ mediaID: media })).json()).success,
  location: async ({ to, latitude, longitude, name }) => sent(await message(to, "location", { latitude, longitude, name })),
  contact: async ({ to, name, number }) => sent(await message(to, "contacts", [{ name: { formatted_name: name, first_name: name }, phones: [{ phone: number, type: "CELL" }] }])),
  createTemplate: async ({ name, language, text }) => (await (await client.template.create(waba, { name, language, category: "UTILITY",
    components: [{ type: "BODY", text, example: { body_text: [["Asha", "12"]] } }] })).json()).status,
  templates: async () => (await (await client.template.list(waba, { limit: 10 })).json()).data.map((t) => t.name),
  template: async ({ to, name, language, values }) => sent(await message(to, "template", { name, language: { code: language },
    components: [{ type: "body", parameters: values.map((text) => ({ type: "text", text })) }] })),
  buttons: async ({ to, body, buttons }) => sent(await message(to, "interactive", { type: "button", body: { text: body },
    action: { buttons: buttons.map((reply) => ({ type: "reply", reply })) } })),
  list: async ({ to, body, button, rows }) => sent(await message(to, "interactive", { type: "list", body: { text: body }, action: { button, sections: [{ title: "All", rows }] } })),
  reaction: async ({ to, message: id, emoji }) => sent(await message(to, "reaction", { message_id: id, emoji })),
  read: async ({ message: id }) => (await (await client.message.createStatus({ phoneNumberID, message_id: id, status: "read", typing_indicator: { type: "text" } })).json()).success,
  profile: async () => (await (await client.businessProfile.getBusinessProfile({ phoneNumberID, fields: ["about", "email"] })).json()).data[0].messaging_product,
  numbers: async () => (await (await client.phoneNumbers.listPhoneNumbers({ businessAccountID: waba })).json()).data.map((n) => n.id),
  block: lacks("blocks nobody"),
  verify: async ({ body, signature }) => {
    const event = await client.webhook.eventNotification({ method: "POST", headers: { "x-hub-signature-256": signature }, query: {}, body });
    return event.checkSignature(appSecret);
  },
  flow: opened(async ({ to }) => sent(await message(to, "interactive", { type: "flow", body: { text: "A form" },
    action: { name: "flow", parameters: { flow_message_version: "3", flow_id: "1", flow_cta: "Open" } } }))),
  badToken: opened(async ({ to }) => sent(await new Client(options("wrong")).message.createMessage({ phoneNumberID, to, type: "text", text: { body: "no" } }))),
});
