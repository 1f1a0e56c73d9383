const express = require("express");
const crypto = require("crypto");
const app = express();
app.use(express.json());
const WEBHOOK_SECRET = process.env.WAPI_WEBHOOK_SECRET;
app.post("/whatsapp-webhook", (req, res) => {
const { event, sessionId, data, signature } = req.body;
// Verify signature (if secret is set)
if (WEBHOOK_SECRET && signature) {
const expected = crypto
.createHmac("sha256", WEBHOOK_SECRET)
.update(JSON.stringify(req.body))
.digest("hex");
if (expected !== signature) return res.status(401).end();
}
if (event === "message") {
const from = data.from.replace("@s.whatsapp.net", "");
console.log(`Message from ${from}: ${data.body}`);
// Handle auto-replies, store in DB, etc.
}
res.json({ ok: true });
});
app.listen(4000);
