// To whom a job goes: numbers that are pasted, or a CSV file, which the daemon reads.
import { useEffect, useId, useMemo, useState } from "/dashboard/vendor/preact.js";
import { Busy, Field, html } from "/dashboard/ui.js";
import { head, renamed } from "./bulk-csv.js";
import { inFile, pasted } from "./bulk-plan.js";

const largest = 16 << 20; // bytes of a file, as the API takes them

// useAudience is {mode, setMode, text, setText, file, setFile, column, setColumn, csv, survey,
// busy, problem, upload}: survey is what can be told of the recipients, null without any;
// upload() is the file to send, with its column of numbers called as the API wants it.
export function useAudience() {
  const [mode, setMode] = useState("paste");
  const [text, setText] = useState("");
  const [file, setFile] = useState(null);
  const [read, setRead] = useState(null); // {file, text} or {file, problem}
  const [chosen, setColumn] = useState(-1);
  useEffect(() => {
    setRead(null);
    setColumn(-1);
    if (!file) return undefined;
    let over = false;
    const tell = (found) => over || setRead({ file, ...found });
    if (file.size > largest) tell({ problem: "The file is larger than 16 MiB." });
    else file.arrayBuffer().then((bytes) => tell(decode(bytes)), () => tell({ problem: "The file can't be read." }));
    return () => {
      over = true;
    };
  }, [file]);
  const csv = useMemo(() => (read?.text === undefined ? null : head(read.text)), [read]);
  const column = chosen >= 0 ? chosen : csv?.phone ?? -1;
  const survey = useMemo(() => {
    if (mode === "paste") return text.trim() === "" ? null : pasted(text);
    return csv && column >= 0 ? inFile(read.text, column) : null;
  }, [mode, text, csv, column]);
  const upload = () => {
    if (column === csv.phone) return file;
    return new File([renamed(csv.columns, column, csv.delimiter), read.text.slice(csv.headerEnd)], file.name, { type: "text/csv" });
  };
  return { mode, setMode, text, setText, file, setFile, column, setColumn, csv, survey, busy: Boolean(file && !read), problem: read?.problem, upload };
}

function decode(bytes) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (text.includes("\0")) return { problem: "The file is encoded in UTF-16: save it as CSV UTF-8." };
    return { text };
  } catch {
    return { problem: "The file is not UTF-8 text: save it as CSV UTF-8." };
  }
}

export function Audience({ audience, error }) {
  const { mode, setMode } = audience, id = useId();
  const way = (name, label) => html`<input type="radio" class="btn-check" name=${id} id=${`${id}-${name}`} checked=${mode === name} onChange=${() => setMode(name)} data-test=${`bulk-mode-${name}`} />
    <label class="btn btn-outline-secondary" for=${`${id}-${name}`}>${label}</label>`;
  return html`<div class="mb-3">
    <div class="btn-group btn-group-sm mb-2" role="group" aria-label="Source of the recipients">${way("paste", "Paste numbers")}${way("csv", "CSV file")}</div>
    ${mode === "paste" ? html`<${Paste} audience=${audience} error=${error} />` : html`<${Csv} audience=${audience} error=${error} />`}
  </div>`;
}

function Paste({ audience: { text, setText }, error }) {
  return html`<${Field} label="Recipients" error=${error} class="mb-0" help="One a line, with the country code; or several with commas between them. “number;name” gives a name.">
    <textarea rows="6" class="font-monospace" spellcheck=${false} autocomplete="off" placeholder=${"919876543210;Asha\n919876543211"} value=${text} onInput=${(e) => setText(e.target.value)} data-test="bulk-recipients"></textarea>
  <//>`;
}

function Csv({ audience, error }) {
  const { file, setFile, csv, column, setColumn, busy, problem } = audience;
  const why = problem ?? (csv && csv.columns.length === 0 ? "The file is empty." : error);
  return html`<${Field} label="CSV file" error=${why} class="mb-2" help="UTF-8; its first line names the columns. Up to 100,000 rows, in 16 MiB.">
      <input type="file" accept=".csv,text/csv,text/plain" onChange=${(e) => setFile(e.target.files[0] ?? null)} data-test="bulk-csv" />
    <//>
    ${busy && html`<${Busy} label="Reading…" />`}
    ${file && csv && csv.columns.length > 0 && html`<${Field} label="Column with the numbers" class="mb-2">
        <select value=${String(column)} onChange=${(e) => setColumn(Number(e.target.value))} data-test="bulk-column">
          ${column < 0 && html`<option value="-1">Choose a column</option>`}
          ${csv.columns.map((name, i) => html`<option value=${String(i)}>${name || `Column ${i + 1}`}</option>`)}
        </select>
      <//>
      <div class="table-responsive border rounded"><table class="table table-sm mb-0" data-test="bulk-csv-rows">
        <caption class="visually-hidden">The first rows of the file</caption>
        <thead><tr>${csv.columns.map((name, i) => html`<th scope="col" class=${i === column ? "table-success" : ""}>${name}</th>`)}</tr></thead>
        <tbody>${csv.rows.map((cells) => html`<tr>${csv.columns.map((_, i) => html`<td class=${i === column ? "table-success" : ""}>${cells[i] ?? ""}</td>`)}</tr>`)}</tbody>
      </table></div>`}`;
}
