// Recipients as people paste them, and what a message with placeholders becomes for
// one of them. The daemon decides in the end who can be sent to; this is what can be
// told before anything is sent.

// parse reads pasted recipients: one a line, or several on a line with commas between
// them; "number;name" gives a number a name. It returns {recipients: [{phone, name?}],
// invalid: [{line, text, why}], duplicates}, where a number that is there twice counts once.
export function parse(text) {
  const recipients = [], invalid = [];
  const seen = new Set();
  let duplicates = 0;
  text.split(/\r\n|\r|\n/).forEach((row, i) => {
    for (const one of entries(row)) {
      const found = recipient(one);
      if (found.why) {
        invalid.push({ line: i + 1, text: one, why: found.why });
      } else if (seen.has(key(found.phone))) {
        duplicates++;
      } else {
        seen.add(key(found.phone));
        recipients.push(found);
      }
    }
  });
  return { recipients, invalid, duplicates };
}

// entries are those of one line. In a line with a name a comma belongs to the name, and
// what follows the only number of a line without being one is a name.
function entries(row) {
  if (/[;\t]/.test(row)) return [row.trim()].filter(Boolean);
  const parts = row.split(",").map((part) => part.trim()).filter(Boolean);
  if (parts.length === 2 && /\p{L}/u.test(parts[1]) && !/[\d@]/.test(parts[1])) return [parts.join(";")];
  return parts;
}

function recipient(one) {
  const [first, ...rest] = one.split(/[;\t]/);
  const phone = first.trim().replace(/^'/, "");
  const name = rest.join(" ").trim().replace(/\s+/g, " ");
  const why = faultOf(phone);
  if (why) return { why };
  return name ? { phone, name } : { phone };
}

// faultOf says why something can't be a number with its country code, or an address;
// "" if it may be one.
export function faultOf(phone) {
  if (/^[^@\s]+@(s\.whatsapp\.net|lid|g\.us|newsletter)$/.test(phone)) return "";
  if (phone.includes("@")) return "no such address";
  if (/[eE][+-]?\d+$/.test(phone)) return "a spreadsheet has shortened this number";
  if (/\p{L}/u.test(phone)) return "no number";
  if (!/^[+\d\s().\-\/]+$/.test(phone)) return "no number";
  const digits = plain(phone);
  if (digits.length < 7) return "too short: the country code belongs to it";
  if (digits.length > 15) return "too long";
  return "";
}

// plain is a number by its digits alone.
export function plain(phone) {
  return phone.replace(/\(0\)/g, "").replace(/\D/g, "").replace(/^00/, "");
}

function key(phone) {
  return phone.includes("@") ? phone.toLowerCase() : plain(phone);
}

// A placeholder is {{name}}, or {{name|what stands in for a missing one}}.
const placeholder = /\{\{\s*([^\s{}|](?:[^{}|\r\n]*[^\s{}|])?)\s*(\|[^{}]*)?\}\}/g;

// placeholders are the fields of a text: [{name, required}], each once.
export function placeholders(text) {
  const found = new Map();
  for (const [, name, standIn] of text.matchAll(placeholder)) {
    found.set(name, (found.get(name) ?? false) || standIn === undefined);
  }
  return [...found].map(([name, required]) => ({ name, required }));
}

// fill is {text, missing}: the text for one recipient, and the fields that it lacks and
// that nothing stands in for. Such a recipient is not sent to.
export function fill(text, fields) {
  const missing = [];
  const filled = text.replace(placeholder, (_, name, standIn) => {
    const value = fields[name];
    if (value !== undefined && value !== "") return String(value);
    if (standIn === undefined && value === undefined && !missing.includes(name)) missing.push(name);
    return standIn === undefined ? "" : standIn.slice(1);
  });
  return { text: filled, missing };
}
