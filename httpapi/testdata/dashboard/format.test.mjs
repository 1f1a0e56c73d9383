import assert from "node:assert/strict";
import { test } from "node:test";
import { compose, links, segments } from "./pages/chat-format.js";

// show writes segments as text: B bold, I italic, S struck, M mono.
function show(text) {
  return segments(text).map((s) => {
    const marks = (s.bold ? "B" : "") + (s.italic ? "I" : "") + (s.strike ? "S" : "") + (s.mono ? "M" : "");
    return marks ? `${marks}(${s.text})` : s.text;
  }).join("");
}

test("marks around words are styles, and everything else is text", () => {
  for (const [text, want] of [
    ["", ""],
    ["plain", "plain"],
    ["a *b* c", "a B(b) c"],
    ["*a* _b_ ~c~ ```d``` `e`", "B(a) I(b) S(c) M(d) M(e)"],
    ["*bold _both_*", "B(bold )BI(both)"],
    ["2*3*4", "2*3*4"],
    ["snake_case_name", "snake_case_name"],
    ["* a*", "* a*"],
    ["*a *", "*a *"],
    ["**", "**"],
    ["**a**", "*B(a)*"],
    ["*a", "*a"],
    ["*a\nb*", "*a\nb*"],
    ["*a*\n_b_", "B(a)\nI(b)"],
    ["```*not bold*\nnext```", "M(*not bold*\nnext)"],
    ["(*a*), *b*!", "(B(a)), B(b)!"],
    ["*é*x", "*é*x"],
    ["~_*x*_~", "BIS(x)"],
  ]) assert.equal(show(text), want, text);
});

test("markup in a text stays text", () => {
  const evil = `<img src=x onerror="alert(1)"> *<b>x</b>*`;
  assert.equal(segments(evil).map((s) => s.text).join(""), evil.replaceAll("*", ""));
});

test("a long text of marks takes no time", () => {
  const begun = performance.now();
  for (const text of ["*a ".repeat(22_000), "*".repeat(65_536), "_*~".repeat(22_000), "```".repeat(21_845), "*a*".repeat(22_000)]) segments(text);
  assert.ok(performance.now() - begun < 2_000);
});

test("only web addresses are links, without what ends a sentence", () => {
  const show = (text) => links(text).map((l) => (l.href ? `[${l.href}]` : l.text)).join("");
  for (const [text, want] of [
    ["see https://example.com/a?b=1#c.", "see [https://example.com/a?b=1#c]."],
    ["(http://example.com)", "([http://example.com])"],
    ["javascript:alert(1) data:text/html,x", "javascript:alert(1) data:text/html,x"],
    ["https://", "https://"],
    ["xhttps://example.com", "xhttps://example.com"],
    ["https://a.example https://b.example", "[https://a.example] [https://b.example]"],
  ]) assert.equal(show(text), want);
});

test("header and footer are put around a message", () => {
  assert.equal(compose("H", "m", "F"), "*H*\n\nm\n\n_F_");
  assert.equal(compose("", "m", ""), "m");
  assert.equal(compose("", "", ""), "");
});
