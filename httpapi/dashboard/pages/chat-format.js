// What WhatsApp makes of a text: *bold*, _italic_, ~struck~, `code` and ```code``` in
// lines of its own. A text becomes a list of segments, which a page puts into
// elements: nothing in a text is ever markup.

const styles = { "*": "bold", "_": "italic", "~": "strike", "`": "mono" };
const word = /[\p{L}\p{N}]/u;
const space = /\s/;

// segments divides a text into {text, bold, italic, strike, mono}, each flag only where
// it is set.
export function segments(text) {
  const out = [];
  let at = 0;
  for (const fence of text.matchAll(/```([^]+?)```/g)) {
    marked(text.slice(at, fence.index), {}, out);
    push(out, fence[1], { mono: true });
    at = fence.index + fence[0].length;
  }
  marked(text.slice(at), {}, out);
  return out;
}

function push(out, text, style) {
  if (text === "") return;
  const last = out[out.length - 1];
  const same = last && Object.values(styles).every((flag) => last[flag] === style[flag]);
  if (same) last.text += text;
  else out.push({ text, ...style });
}

// marked reads the marks of single lines: no mark reaches over the end of one.
function marked(text, style, out) {
  text.split(/(\n)/).forEach((line) => (line === "\n" ? push(out, line, style) : inLine(line, style, out)));
}

function inLine(line, style, out) {
  const hopeless = {}; // marks that nothing further on in this line closes
  let from = 0;
  for (let i = 0; i < line.length; i++) {
    const flag = styles[line[i]];
    if (!flag || style[flag] || hopeless[flag] || !opens(line, i)) continue;
    const end = closing(line, i);
    if (end < 0) {
      hopeless[flag] = true;
      continue;
    }
    push(out, line.slice(from, i), style);
    const inner = line.slice(i + 1, end);
    if (flag === "mono") push(out, inner, { ...style, mono: true });
    else inLine(inner, { ...style, [flag]: true }, out);
    from = end + 1;
    i = end;
  }
  push(out, line.slice(from), style);
}

// opens tells whether a mark stands before a word, and not within one.
function opens(line, i) {
  const next = line[i + 1];
  return next !== undefined && !space.test(next) && next !== line[i] && !(i > 0 && word.test(line[i - 1]));
}

function closing(line, start) {
  for (let i = line.indexOf(line[start], start + 2); i > 0; i = line.indexOf(line[start], i + 1)) {
    const next = line[i + 1];
    if (!space.test(line[i - 1]) && !(next !== undefined && word.test(next))) return i;
  }
  return -1;
}

// links divides a segment's text into {text, href}; href only of what begins as a web
// address does, so that no other kind of link can be in it.
export function links(text) {
  const out = [];
  let at = 0;
  for (const found of text.matchAll(/\bhttps?:\/\/[^\s<>"]+/gi)) {
    const href = found[0].replace(/[.,;:!?)\]}'*_~]+$/, "");
    if (!URL.canParse(href)) continue;
    if (found.index > at) out.push({ text: text.slice(at, found.index) });
    out.push({ text: href, href });
    at = found.index + href.length;
  }
  if (at < text.length) out.push({ text: text.slice(at) });
  return out;
}

// compose puts a header above and a footer below a message, as the daemon does.
export function compose(header, message, footer) {
  return [header && `*${header}*`, message, footer && `_${footer}_`].filter(Boolean).join("\n\n");
}
