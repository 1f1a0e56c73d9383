// whatsapp-api-js. Its host is fixed; it takes a fetch of the caller's.
import { readFile } from "node:fs/promises";
import { WhatsAppAPI } from "whatsapp-api-js/middleware/node-http";
import * as messages from "whatsapp-api-js/messages";
import { createServer } from "node:http";
import { lacks, run, settings, sha256, tell } from "./harness.mjs";

const { base, token, phone, appSecret, verifyToken, port } = settings;
const fetchHere = (url, init) => fetch(String(url).replace("https://graph.facebook.com", base), init);
const open = (bearer) => new WhatsAppAPI({ token: bearer, appSecret, webhookVerifyToken: verifyToken, v: "v24.0", ponyfill: { fetch: fetchHere } });
const client = open(token);
// The library gives back whatever the API answers, an error as well.
const sent = (answer) => {
  if (answer.error) {
    throw answer;
  }
  return answer.messages[0].id;
};

client.on.message = ({ phoneID, from, name, message: m }) => {
  tell({ received: { kind: "message", id: m.id, from, type: m.type, text: m.text?.body, media: (m.image ?? m.document)?.id, name, phone: phoneID,
    context: m.context?.id, choice: m.interactive?.button_reply?.id, emoji: m.reaction?.emoji } });
};
client.on.status = ({ phoneID, phone: to, status, id, error }) => {
  tell({ received: { kind: "status", id, status, to, phone: phoneID, code: error?.code } });
};
const server = createServer(async (request, response) => {
  if (request.method === "GET") {
    try {
      response.end(client.handle_get(request));
    } catch (status) {
      response.statusCode = status;
      response.end();
    }
    return;
  }
  response.statusCode = await client.handle_post(request);
  if (response.statusCode === 401) {
    tell({ received: { refused: true } });
  }
  response.end();
});
await new Promise((done) => server.listen(port, "127.0.0.1", done));
tell({ listening: port });

const { Text, Image, Location, Contacts, Name, Phone, Reaction, Template, BodyComponent, BodyParameter, Interactive, ActionButtons, ActionList, ListSection, Row, Button, Body, ActionNavigateFlow } = messages;

await run({
  subscribe: lacks("manages no subscriptions"),
  text: async ({ to, body }) => sent(await client.sendMessage(phone, to, new Text(body))),
  reply: async ({ to, body, context }) => sent(await client.sendMessage(phone, to, new Text(body), context)),
  upload: async ({ file, mime }) => {
    const form = new FormData();
    form.set("file", new Blob([await readFile(file)], { type: mime }), "picture.png");
    return (await client.uploadMedia(phone, form)).id;
  },
  image: async ({ to, media, caption }) => sent(await client.sendMessage(phone, to, new Image(media, true, caption))),
  link: async ({ to, link, caption }) => sent(await client.sendMessage(phone, to, new Image(link, false, caption))),
  fetch: async ({ media }) => sha256(await (await client.fetchMedia((await client.retrieveMedia(media, phone)).url)).arrayBuffer()), // with the token
  remove: async ({ media }) => (await client.deleteMedia(media)).success,
  location: async ({ to, latitude, longitude, name }) => sent(await client.sendMessage(phone, to, new Location(longitude, latitude, name))),
  contact: async ({ to, name, number }) => sent(await client.sendMessage(phone, to, new Contacts([new Name(name, name), new Phone(number, "CELL")]))),
  createTemplate: lacks("manages no templates"),
  templates: lacks("manages no templates"),
  template: async ({ to, name, language, values }) => sent(await client.sendMessage(phone, to, new Template(name, language, new BodyComponent(...values.map((v) => new BodyParameter(v)))))),
  buttons: async ({ to, body, buttons }) => sent(await client.sendMessage(phone, to, new Interactive(new ActionButtons(...buttons.map((b) => new Button(b.id, b.title))), new Body(body)))),
  list: async ({ to, body, button, rows }) => sent(await client.sendMessage(phone, to, new Interactive(new ActionList(button, new ListSection("All", ...rows.map((r) => new Row(r.id, r.title)))), new Body(body)))),
  reaction: async ({ to, message, emoji }) => sent(await client.sendMessage(phone, to, new Reaction(message, emoji))),
  read: async ({ message }) => (await client.markAsRead(phone, message, "text")).success,
  profile: lacks("has no business profile"),
  numbers: lacks("lists no phone numbers"),
  block: async ({ to }) => (await client.blockUser(phone, to)).block_users.added_users[0].wa_id,
  verify: async ({ body, signature }) => client.verifyRequestSignature(body, signature),
  flow: async ({ to }) => sent(await client.sendMessage(phone, to, new Interactive(new ActionNavigateFlow("token", "1", "Open", "FIRST"), new Body("A form")))),
  badToken: async ({ to }) => sent(await open("wrong").sendMessage(phone, to, new Text("no"))),
});
