// The form by which a webhook is added or changed.
import { html, useState } from "/dashboard/vendor/preact.js";
import { patch, post } from "/dashboard/api.js";
import { Field } from "/dashboard/ui.js";
import { FormDialog } from "/dashboard/pages/form-dialog.js";
import { SessionChoice } from "/dashboard/pages/session-choice.js";
import { events, formats, tellable } from "/dashboard/pages/webhook-words.js";

const usual = ["message", "qr", "ready", "disconnected", "test"];

// asked are the events that a format asks for by itself: of Meta's not those of templates,
// which Meta tells to those who ask for them.
function asked(format) {
  const can = tellable(format);
  return can === events ? usual : can.map(([type]) => type).filter((type) => format !== "meta" || type !== "template");
}

// writeHeaders and readHeaders are headers as lines of text. readHeaders throws what is
// wrong with them.
function writeHeaders(headers) {
  return Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n");
}

function readHeaders(text) {
  const headers = {};
  for (const line of text.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const at = line.indexOf(":");
    if (at < 1) throw new Error(`“${line}” is not a header: write Name: value`);
    headers[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return headers;
}

function EventChoice({ format, chosen, onChange }) {
  const all = chosen.includes("*");
  const toggle = (type) => onChange(chosen.includes(type) ? chosen.filter((one) => one !== type) : [...chosen, type]);
  return html`<fieldset class="mb-3" data-test="webhook-events">
    <legend class="fs-6 mb-1">Events</legend>
    <div class="border rounded p-2 choices">
      <label class="form-check"><input type="checkbox" class="form-check-input" checked=${all} onChange=${() => onChange(all ? asked(format) : ["*"])} value="*" />
        <span class="form-check-label">Everything, also what later versions tell of</span></label>
      ${!all && tellable(format).map(([type, words]) => html`<label class="form-check" key=${type}>
        <input type="checkbox" class="form-check-input" checked=${chosen.includes(type)} onChange=${() => toggle(type)} value=${type} />
        <span class="form-check-label">${words} <code class="small">${type}</code></span></label>`)}
    </div>
  </fieldset>`;
}

// WebhookForm adds a webhook, or changes the one that is given. onDone gets the answer,
// or nothing if it was given up.
export function WebhookForm({ webhook, onDone }) {
  const [url, setURL] = useState(webhook?.url ?? "");
  const [name, setName] = useState(webhook?.name ?? "");
  const [chosen, setChosen] = useState(webhook?.events ?? usual);
  const [sessions, setSessions] = useState(webhook?.sessions ?? []);
  const [headers, setHeaders] = useState(writeHeaders(webhook?.headers));
  const [mode, setMode] = useState(webhook?.signatureMode ?? "both");
  const [format, setFormat] = useState(webhook?.format ?? "wapiconnect");
  // Another format asks for what it can tell, or for the usual.
  const choose = (next) => {
    setFormat(next);
    setChosen(asked(next));
  };
  const [answer] = useState({}); // what the submit has brought, for the time after the dialog
  const submit = async () => {
    const body = { url, name, events: chosen, sessions, headers: readHeaders(headers), signatureMode: mode, format };
    answer.body = webhook ? await patch(`/api/account/webhooks/${webhook.webhookId}`, body) : await post("/api/account/webhooks", body);
  };
  return html`<${FormDialog} title=${webhook ? "Change the webhook" : "Add a webhook"} action=${webhook ? "Save" : "Add"}
      disabled=${chosen.length === 0} onSubmit=${submit} onClose=${(done) => onDone(done ? answer.body : null)} test="webhook-form">
    <${Field} label="Address" help="Where events are posted to. This server must be able to reach it.">
      <input type="url" required value=${url} onInput=${(e) => setURL(e.target.value)} data-test="webhook-url" /><//>
    <${Field} label="Name" help="For you, to tell it from others.">
      <input type="text" maxlength="100" value=${name} onInput=${(e) => setName(e.target.value)} data-test="webhook-name" /><//>
    <${Field} label="Format" help="How what is posted looks: choose the system that your receiver was written for.">
      <select value=${format} disabled=${Boolean(webhook?.origin)} onChange=${(e) => choose(e.target.value)} data-test="webhook-format">
        ${formats.map(([name, words]) => html`<option key=${name} value=${name}>${words}</option>`)}
      </select><//>
    <${EventChoice} format=${format} chosen=${chosen} onChange=${setChosen} />
    <${SessionChoice} chosen=${sessions} onChange=${setSessions} help="Events of these alone are posted." />
    <${Field} label="Headers" help="One a line, such as Authorization: Basic dXNlcjpwYXNz. Values that are kept show as ***; leave them so to keep them.">
      <textarea rows="2" class="font-monospace" value=${headers} onInput=${(e) => setHeaders(e.target.value)} data-test="webhook-headers"></textarea><//>
    ${format === "wapiconnect" && html`<${Field} label="Signature">
      <select value=${mode} onChange=${(e) => setMode(e.target.value)}>
        <option value="both">In the body and in headers</option><option value="body">In the body</option><option value="header">In headers</option>
      </select><//>`}
  <//>`;
}
