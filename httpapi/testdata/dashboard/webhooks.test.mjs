import assert from "node:assert/strict";
import { test } from "node:test";
import { originSystem, originWords } from "./pages/webhook-words.js";

test("a webhook that another system's API set is told in words", () => {
  const told = ["app", "waba", "phone:919876543210", "d360:919876543210"].map((o) => `${originWords(o)}, through ${originSystem(o)}`);
  assert.deepEqual(told, [
    "the app, through Meta's Graph API",
    "the business account, through Meta's Graph API",
    "+919876543210, through Meta's Graph API",
    "+919876543210, through 360dialog's API",
  ]);
});
