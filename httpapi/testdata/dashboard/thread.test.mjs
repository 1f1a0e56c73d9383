import assert from "node:assert/strict";
import { test } from "node:test";
import { advance, keyOf, merge, place, tally, thread } from "./pages/inbox-thread.js";
import { bytes, reason, summary, tick } from "./pages/chat-words.js";
import { blank, body, parts, problems, shown } from "./pages/send-body.js";

const at = (i) => new Date(1_700_000_000_000 + i * 1000).toISOString();
const message = (i, over) => ({ messageId: `M${i}`, direction: "in", from: "491", type: "text", message: `text ${i}`, status: "received", createdAt: at(i), ...over });

test("edits, deletions, reactions and votes belong to their messages", () => {
  const log = [
    message(0), message(1, { direction: "out", status: "sent" }), message(2, { type: "poll", poll: { options: ["a", "b"] } }),
    message(3, { type: "reaction", message: "👍", reaction: { messageId: "M1", emoji: "👍" } }),
    message(4, { type: "reaction", direction: "out", status: "sent", message: "🎉", reaction: { messageId: "M1", emoji: "🎉" } }),
    message(5, { type: "reaction", message: "❤️", reaction: { messageId: "M1", emoji: "❤️" } }),
    message(6, { type: "edit", message: "mended", edit: { messageId: "M0" } }),
    message(7, { type: "poll_vote", vote: { messageId: "M2", options: ["a"] } }),
    message(8, { type: "poll_vote", vote: { messageId: "M2", options: ["b"] } }),
    message(9, { type: "revoke", direction: "out", status: "failed", revoke: { messageId: "M1" } }),
    message(10, { type: "reaction", message: "x", reaction: { messageId: "nowhere", emoji: "x" } }),
  ].reverse();
  const entries = thread(log);
  assert.deepEqual(entries.map((e) => e.text), ["mended", "text 1", "text 2"]);
  assert.ok(entries[0].edited && !entries[1].revoked);
  assert.deepEqual(tally(entries[1].reactions), [{ emoji: "🎉", count: 1, mine: true }, { emoji: "❤️", count: 1, mine: false }]);
  assert.deepEqual(entries[2].votes, [{ option: "b", by: "491" }]);
  const gone = thread([message(12, { type: "revoke", revoke: { messageId: "M0" } }), message(11, { type: "reaction", message: "", reaction: { messageId: "M1", emoji: "" } }), ...log]);
  assert.ok(gone[0].revoked && gone[0].text === "");
  assert.deepEqual(gone[1].reactions.map((r) => r.emoji), ["🎉"]);
});

test("a status only moves forward", () => {
  const list = [message(1, { direction: "out", status: "pending" })];
  const read = advance(list, { id: "M1", status: "read" });
  assert.equal(read[0].status, "read");
  assert.equal(advance(read, { id: "M1", status: "delivered" }), read);
  assert.equal(advance(list, { id: "other", status: "read" }), list);
  assert.equal(merge(read, [{ ...list[0], status: "sent" }])[0].status, "read");
  assert.equal(advance([message(1, { direction: "out", status: "failed" })], { id: "M1", status: "delivered" })[0].status, "delivered");
});

test("pages and events are merged without repetition", () => {
  const list = merge([message(2), message(1)], [message(3), message(2, { status: "read" }), message(0)]);
  assert.deepEqual(list.map((m) => m.messageId), ["M3", "M2", "M1", "M0"]);
  assert.equal(list[1].status, "read");
  assert.notEqual(keyOf(message(1)), keyOf(message(1, { from: "492" })));
  const chats = place([{ chat: "a", lastMessage: message(1) }, { chat: "b", lastMessage: message(2) }], [{ chat: "a", lastMessage: message(3), unread: 1 }]);
  assert.deepEqual(chats.map((c) => c.chat), ["a", "b"]);
});

test("there are words for everything", () => {
  assert.equal(summary(message(1, { message: "two\nlines" })), "two lines");
  assert.equal(summary(message(1, { type: "image", message: "" })), "Photo");
  assert.equal(summary(message(1, { type: "document", media: { fileName: "a.pdf" } })), "Document: a.pdf");
  assert.equal(summary(message(1, { type: "reaction", message: "" })), "Took a reaction back");
  for (const status of ["queued", "pending", "sent", "delivered", "read", "played", "failed", "unknown"]) assert.ok(tick(status).words);
  assert.equal(tick("received"), null);
  assert.match(tick("failed", "NOT_ON_WHATSAPP").words, /not on WhatsApp/);
  assert.equal(reason("SOMETHING_NEW"), "SOMETHING_NEW");
  assert.deepEqual([0, 12, 1536, 20 << 20].map(bytes), ["", "12 B", "1.5 KiB", "20 MiB"]);
});

test("a form becomes the fields that go with its kind, and no others", () => {
  const full = { ...blank, header: "H", footer: "F", message: "m", mentions: "491 492", linkPreview: true, viewOnce: true, quotedMessageId: "Q", messageId: "T",
    latitude: "1.5", longitude: "-2", locationName: "L", options: ["a", " b ", ""], contacts: [{ name: "A", phone: "491" }, { name: "", phone: "" }],
    source: "url", mediaUrl: "https://example.com/x.jpg?y", fileName: "n.pdf" };
  const fieldsOf = (kind) => Object.keys(body({ ...full, kind })).sort().join(" ");
  assert.equal(fieldsOf("text"), "footer header linkPreview mentions message quotedMessageId type");
  assert.equal(fieldsOf("image"), "footer header mediaUrl mentions message quotedMessageId type viewOnce");
  assert.equal(fieldsOf("document"), "fileName footer header mediaUrl mentions message quotedMessageId type");
  assert.equal(fieldsOf("audio"), "mediaUrl quotedMessageId type");
  assert.deepEqual(body({ ...full, kind: "voice" }), { type: "audio", ptt: true, viewOnce: true, quotedMessageId: "Q", mediaUrl: full.mediaUrl });
  assert.deepEqual(body({ ...full, kind: "poll" }).options, ["a", "b"]);
  assert.equal(body({ ...full, kind: "location" }).longitude, -2);
  assert.deepEqual(body({ ...full, kind: "reaction", emoji: "" }), { type: "reaction", messageId: "T", emoji: "" });
  assert.deepEqual(body({ ...full, kind: "revoke" }), { type: "revoke", messageId: "T" });
  assert.deepEqual(parts({ to: "1", options: ["a"], ptt: true }), [["to", "1"], ["options", `["a"]`], ["ptt", "true"]]);
  assert.equal(shown({ ...full, kind: "image" }, "m").media.fileName, "n.pdf");
  for (const [kind, field] of [["text", "message"], ["image", "file"], ["poll", "options"], ["location", "latitude"], ["contact", "contacts"], ["revoke", "messageId"]]) {
    assert.ok(problems({ ...blank, kind })[field], kind);
    assert.deepEqual(problems({ ...full, kind }), {}, kind);
  }
});
