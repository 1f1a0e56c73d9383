// whatsapp, Meta's own SDK, which it has given up. It speaks TLS on port 443 only:
// route.cjs is preloaded.
import { lacks, run, settings, tell } from "./harness.mjs";

const { token, phone, waba, appSecret, verifyToken, port } = settings;
Object.assign(process.env, {
  NODE_ENV: "production", WA_PHONE_NUMBER_ID: phone, WA_BUSINESS_ACCOUNT_ID: waba, M4D_APP_ID: "1", M4D_APP_SECRET: appSecret, CLOUD_API_VERSION: "v16.0",
  CLOUD_API_ACCESS_TOKEN: token, WEBHOOK_ENDPOINT: "", WEBHOOK_VERIFICATION_TOKEN: verifyToken, LISTENER_PORT: String(port), WA_BASE_URL: "graph.facebook.com",
});
const { default: WhatsApp } = await import("whatsapp");
const client = new WhatsApp(phone); // a number of the environment would be rounded
// The library gives back the answer, an error as well.
const answered = async (call) => {
  const body = await (await call).responseBodyToJSON();
  if (body.error) {
    throw body;
  }
  return body;
};
const sent = async (call) => (await answered(call)).messages[0].id;

client.webhooks.start((status, headers, body, response, error) => {
  tell({ received: error ? { refused: true } : { kind: "any", status } });
  response?.end();
});
tell({ listening: port });

await run({
  subscribe: lacks("manages no subscriptions"),
  text: async ({ to, body }) => sent(client.messages.text({ body }, to)),
  reply: async ({ to, body, context }) => sent(client.messages.text({ body }, to, context)),
  upload: lacks("uploads nothing"),
  image: async ({ to, media, caption }) => sent(client.messages.image({ id: media, caption }, to)),
  link: async ({ to, link, caption }) => sent(client.messages.image({ link, caption }, to)),
  fetch: lacks("fetches nothing"),
  remove: lacks("deletes nothing"),
  location: async ({ to, latitude, longitude, name }) => sent(client.messages.location({ latitude, longitude, name }, to)),
  contact: async ({ to, name, number }) => sent(client.messages.contacts([{ name: { formatted_name: name, first_name: name }, phones: [{ phone: number, type: "CELL" }] }], to)),
  createTemplate: lacks("manages no templates"),
  templates: lacks("manages no templates"),
  template: async ({ to, name, language, values }) => sent(client.messages.template({ name, language: { code: language, policy: "deterministic" },
    components: [{ type: "body", parameters: values.map((text) => ({ type: "text", text })) }] }, to)),
  buttons: async ({ to, body, buttons }) => sent(client.messages.interactive({ type: "button", body: { text: body }, action: { buttons: buttons.map((reply) => ({ type: "reply", reply })) } }, to)),
  list: async ({ to, body, button, rows }) => sent(client.messages.interactive({ type: "list", body: { text: body }, action: { button, sections: [{ title: "All", rows }] } }, to)),
  reaction: lacks("sends no reactions"),
  read: async ({ message }) => (await answered(client.messages.status({ status: "read", message_id: message }))).success,
  profile: lacks("has no business profile"),
  numbers: lacks("lists no phone numbers"),
  block: lacks("blocks nobody"),
  verify: lacks("checks no signature apart from its server"),
  flow: async ({ to }) => sent(client.messages.interactive({ type: "flow", body: { text: "A form" }, action: { name: "flow", parameters: { flow_message_version: "3", flow_id: "1", flow_cta: "Open" } } }, to)),
  badToken: async ({ to }) => {
    const other = new WhatsApp(phone);
    other.requester.accessToken = "wrong"; // updateAccessToken does not reach it
    return sent(other.messages.text({ body: "no" }, to));
  },
});
