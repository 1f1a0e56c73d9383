// The beginning of a CSV file, as somebody wants to see it before the daemon reads all
// of it. The rules are the daemon's: commas, semicolons or tabs, quotes, and a first
// line that names the columns.

// phoneColumns are what the column with the numbers may be called.
export const phoneColumns = ["phone", "number", "to", "mobile", "recipient"];

// head reads the beginning of a file: {columns, rows, phone, delimiter, headerEnd}. phone
// is the place of the column with the numbers, -1 if none is called so. headerEnd is where
// the first line ends. whole says that the text is all of the file, so that its last row counts.
export function head(text, { most = 5, whole = true } = {}) {
  const start = text.startsWith("\uFEFF") ? 1 : 0;
  let from = start, delimiter = "";
  const told = /^sep=([,;\t])\r?\n/.exec(text.slice(start));
  if (told) {
    delimiter = told[1];
    from += told[0].length;
  }
  delimiter ||= guess(text.slice(from));
  const read = rows(text, from, delimiter, most + 1, whole);
  const columns = (read.rows[0]?.cells ?? []).map((name) => name.trim());
  return { columns, rows: read.rows.slice(1).map((row) => row.cells), phone: phoneColumn(columns), delimiter, headerStart: from, headerEnd: read.rows[0]?.end ?? from };
}

function phoneColumn(columns) {
  const lower = columns.map((name) => name.toLowerCase());
  for (const name of phoneColumns) {
    const at = lower.indexOf(name);
    if (at >= 0) return at;
  }
  return -1;
}

// guess is what the first line has most of outside of quotes.
function guess(text) {
  const count = { ",": 0, ";": 0, "\t": 0 };
  let quoted = false;
  for (const ch of text) {
    if (ch === '"') quoted = !quoted;
    else if (ch === "\n" && !quoted) break;
    else if (!quoted && ch in count) count[ch]++;
  }
  return Object.keys(count).reduce((best, ch) => (count[ch] > count[best] ? ch : best), ",");
}

function rows(text, from, delimiter, most, whole) {
  const found = [];
  let cells = [], cell = "", quoted = false, wasQuoted = false, i = from;
  const endRow = (end) => {
    cells.push(cell);
    if (cells.some((one) => one.trim() !== "")) found.push({ cells, end });
    cells = [];
    cell = "";
    wasQuoted = false;
  };
  for (; i < text.length && found.length < most; i++) {
    const ch = text[i];
    if (quoted) {
      if (ch !== '"') cell += ch;
      else if (text[i + 1] === '"') cell += text[i++];
      else quoted = false;
    } else if (ch === '"' && cell === "" && !wasQuoted) {
      quoted = wasQuoted = true;
    } else if (ch === delimiter) {
      cells.push(cell);
      cell = "";
      wasQuoted = false;
    } else if (ch === "\n") {
      cell = cell.replace(/\r$/, "");
      endRow(i + 1);
    } else {
      cell += ch;
    }
  }
  if (i >= text.length && whole && !quoted && (cell !== "" || cells.length > 0)) endRow(text.length);
  return { rows: found };
}

// columnsWith are the names of the columns with the one at `phone` called "phone": the
// daemon takes that before any other. Whatever was called so is called otherwise.
export function columnsWith(columns, phone) {
  return columns.map((name, i) => (i === phone ? "phone" : name.toLowerCase() === "phone" ? `${name} (other)` : name));
}

// renamed is the line that says so.
export function renamed(columns, phone, delimiter) {
  return columnsWith(columns, phone).map((name) => `"${name.replaceAll('"', '""')}"`).join(delimiter) + "\n";
}

// fieldsOf are a row's fields by the names of their columns, also in lower case.
export function fieldsOf(columns, cells, phone) {
  const fields = {};
  columns.forEach((name, i) => {
    const value = cells[i] ?? "";
    if (i === phone || name === "" || value.trim() === "") return;
    fields[name] = value;
    if (!columns.includes(name.toLowerCase())) fields[name.toLowerCase()] ??= value;
  });
  if (cells[phone] !== undefined) fields.phone = cells[phone].trim().replace(/^'/, "");
  return fields;
}
