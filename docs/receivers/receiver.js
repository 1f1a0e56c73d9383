// A webhook receiver for wapid in Node 18 or newer, without packages.
//   WEBHOOK_SECRET=whsec_… WAPID_URL=http://127.0.0.1:8080 WAPID_KEY=… PORT=4000 node receiver.js
// It answers "ping" with "pong", once, whatever is repeated.
const { createHmac, timingSafeEqual } = require("node:crypto");
const { existsSync, mkdirSync, writeFileSync } = require("node:fs");
const http = require("node:http");

const { WEBHOOK_SECRET, WAPID_URL, WAPID_KEY, PORT = "4000", SEEN = "seen" } = process.env;
mkdirSync(SEEN, { recursive: true });

// The key is the decoded part of a secret of the form whsec_<base64>, else its bytes.
const key = WEBHOOK_SECRET.startsWith("whsec_") ? Buffer.from(WEBHOOK_SECRET.slice(6), "base64") : Buffer.from(WEBHOOK_SECRET);

// verified tells whether wapid has signed these very bytes, within five minutes.
function verified(headers, raw) {
  const id = headers["webhook-id"] ?? "", at = headers["webhook-timestamp"] ?? "";
  if (!/^[\w-]{1,64}$/.test(id) || !(Math.abs(Date.now() / 1000 - Number(at)) < 300)) return false;
  const expected = createHmac("sha256", key).update(`${id}.${at}.`).update(raw).digest();
  // While a secret is being rotated there are two signatures; one must fit.
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const given = Buffer.from(one.replace(/^v1,/, ""), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

// handle does the work. It may run twice for one event, so it must not matter if it
// does: here the idempotency key sees to that.
async function handle(event, id) {
  if (event.event !== "message" || event.data.body !== "ping") return;
  const res = await fetch(`${WAPID_URL}/api/whatsapp/session/${encodeURIComponent(event.sessionId)}/send`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-API-Key": WAPID_KEY, "Idempotency-Key": id },
    body: JSON.stringify({ to: event.data.chat, message: "pong" }),
  });
  if (!res.ok) throw new Error(`the reply was refused: ${res.status} ${await res.text()}`);
}

http.createServer((req, res) => {
  const chunks = [];
  req.on("data", (chunk) => chunks.push(chunk));
  req.on("end", async () => {
    const raw = Buffer.concat(chunks);
    const end = (status) => res.writeHead(status).end();
    if (req.method !== "POST" || !verified(req.headers, raw)) return end(401);
    const seen = `${SEEN}/${req.headers["webhook-id"]}`;
    if (existsSync(seen)) return end(200); // delivered again
    try {
      await handle(JSON.parse(raw), req.headers["webhook-id"]);
      writeFileSync(seen, ""); // in a real service: a unique row, with what was done
      end(200);
    } catch (err) {
      console.error(err.message);
      end(500); // wapid tries again
    }
  });
}).listen(Number(PORT), "127.0.0.1", () => console.log(`listening on ${PORT}`));
