// The fields of a message: those that its kind has, and no others.
import { useId } from "/dashboard/vendor/preact.js";
import { Field, html } from "/dashboard/ui.js";
import { kinds } from "./send-body.js";
import { bytes } from "./chat-words.js";

// SendForm shows the fields of form. set(changes) is told what somebody has filled in.
// wrong are the problems by field. without names kinds that can't be chosen; template
// says that the text may have placeholders.
export function SendForm({ form, set, wrong, without = [], template }) {
  const kind = kinds[form.kind];
  const input = (field) => ({ value: form[field], onInput: (e) => set({ [field]: e.target.value }) });
  return html`
    <${Field} label="Kind of message">
      <select value=${form.kind} onChange=${(e) => set({ kind: e.target.value, file: null })} data-test="send-kind">
        ${Object.entries(kinds).filter(([name]) => !without.includes(name)).map(([name, k]) => html`<option value=${name} key=${name}>${k.label}</option>`)}
      </select>
    <//>
    ${kind.target && html`<${Field} label="About the message" error=${wrong.messageId} help=${targetHelp[form.kind]}>
      <input type="text" autocomplete="off" spellcheck=${false} maxLength="128" ...${input("messageId")} data-test="send-target" />
    <//>`}
    ${form.kind === "reaction" && html`<${Field} label="Reaction" help="Empty takes a reaction back."><input type="text" maxLength="16" ...${input("emoji")} data-test="send-emoji" /><//>`}
    ${kind.file && html`<${FileFields} form=${form} set=${set} wrong=${wrong} input=${input} />`}
    ${form.kind === "location" && html`<${LocationFields} wrong=${wrong} input=${input} />`}
    ${form.kind === "contact" && html`<${ContactFields} form=${form} set=${set} wrong=${wrong} />`}
    ${kind.text && html`<${Field} label=${kind.text} error=${wrong.message} help=${template ? placeholderHelp : formatHelp}>
      <textarea rows="4" maxLength="65536" ...${input("message")} data-test="send-message"></textarea>
    <//>`}
    ${form.kind === "poll" && html`<${PollFields} form=${form} set=${set} wrong=${wrong} />`}
    ${kind.decorated && html`<div class="row">
      <${Field} label="Header" class="col-sm-6 mb-3" help="In bold, above."><input type="text" ...${input("header")} data-test="send-header" /><//>
      <${Field} label="Footer" class="col-sm-6 mb-3" help="In italics, below."><input type="text" ...${input("footer")} data-test="send-footer" /><//>
    </div>`}`;
}

const targetHelp = {
  reaction: "The id of a message that this session has sent or received in this chat.",
  edit: "The id of a message of your own, of the last 20 minutes.",
  revoke: "The id of a message of your own, of the last 60 hours; in a group that you administer, also of others.",
};
const formatHelp = html`<strong>*bold*</strong> <em>_italic_</em> <s>~struck~</s> <code>\`\`\`mono\`\`\`</code>`;
const placeholderHelp = html`<code>${"{{name}}"}</code> becomes the recipient's name; <code>${"{{name|there}}"}</code> has a stand-in where there is none.`;

function FileFields({ form, set, wrong, input }) {
  const kind = kinds[form.kind], id = useId();
  const source = (name, label) => html`
    <input type="radio" class="btn-check" name=${id} id=${`${id}-${name}`} checked=${form.source === name} onChange=${() => set({ source: name })} data-test=${`send-source-${name}`} />
    <label class="btn btn-outline-secondary" for=${`${id}-${name}`}>${label}</label>`;
  return html`<div>
    <div class="btn-group btn-group-sm mb-2" role="group" aria-label="Source of the file">${source("file", "From this device")}${source("url", "From a URL")}</div>
    ${form.source === "file"
      ? html`<${Field} label="File" error=${wrong.file} help=${form.file ? `${form.file.name}, ${bytes(form.file.size)}` : fileHelp[form.kind]}>
          <input type="file" accept=${kind.file} key=${form.kind} onChange=${(e) => set({ file: e.target.files[0] ?? null })} data-test="send-file" />
        <//>`
      : html`<${Field} label="URL of the file" error=${wrong.mediaUrl} help="The server fetches it; it must be reachable from the internet.">
          <input type="url" maxLength="8192" placeholder="https://example.com/invoice.pdf" ...${input("mediaUrl")} data-test="send-url" />
        <//>`}
    ${kind.named && html`<${Field} label="File name" help="As the recipient sees it; the file's own unless given."><input type="text" maxLength="255" ...${input("fileName")} /><//>`}
  </div>`;
}

const fileHelp = {
  image: "JPEG, PNG, WebP or GIF, up to 16 MiB.",
  video: "MP4, MOV or 3GP.",
  audio: "MP3, AAC, M4A, AMR, Ogg and other audio.",
  voice: "Opus in Ogg only: other audio is not converted.",
  sticker: "WebP up to 512 × 512 pixels; JPEG and PNG are made into one.",
  document: "Any file.",
};

function LocationFields({ wrong, input }) {
  return html`<div class="row">
    <${Field} label="Latitude" class="col-6 mb-3" error=${wrong.latitude}><input type="text" inputmode="decimal" placeholder="12.9716" ...${input("latitude")} data-test="send-latitude" /><//>
    <${Field} label="Longitude" class="col-6 mb-3" error=${wrong.longitude}><input type="text" inputmode="decimal" placeholder="77.5946" ...${input("longitude")} data-test="send-longitude" /><//>
    <${Field} label="Name of the place" class="col-sm-6 mb-3"><input type="text" ...${input("locationName")} data-test="send-place" /><//>
    <${Field} label="Its address" class="col-sm-6 mb-3"><input type="text" ...${input("locationAddress")} /><//>
  </div>`;
}

function ContactFields({ form, set, wrong }) {
  const change = (i, more) => set({ contacts: form.contacts.map((c, at) => (at === i ? { ...c, ...more } : c)) });
  return html`<fieldset class="mb-3"><legend class="form-label fs-6">Contacts</legend>
    ${form.contacts.map((c, i) => html`<div class="row g-2 mb-2" key=${i}>
      <div class="col"><input type="text" class="form-control" placeholder="Name" aria-label=${`Name of contact ${i + 1}`} value=${c.name} onInput=${(e) => change(i, { name: e.target.value })} data-test="send-contact-name" /></div>
      <div class="col"><input type="text" inputmode="tel" class="form-control" placeholder="Number" aria-label=${`Number of contact ${i + 1}`} value=${c.phone} onInput=${(e) => change(i, { phone: e.target.value })} data-test="send-contact-phone" /></div>
    </div>`)}
    ${wrong.contacts && html`<div class="text-danger-emphasis small mb-2">${wrong.contacts}</div>`}
    <button type="button" class="btn btn-sm btn-outline-secondary" disabled=${form.contacts.length >= 100} onClick=${() => set({ contacts: [...form.contacts, { name: "", phone: "" }] })}>Add a contact</button>
  </fieldset>`;
}

function PollFields({ form, set, wrong }) {
  const filled = form.options.filter((o) => o.trim()).length;
  return html`<fieldset class="mb-3"><legend class="form-label fs-6">Options</legend>
    ${form.options.map((o, i) => html`<input type="text" class="form-control mb-2" maxLength="100" key=${i} aria-label=${`Option ${i + 1}`} value=${o}
      onInput=${(e) => set({ options: form.options.with(i, e.target.value) })} data-test="send-option" />`)}
    ${wrong.options && html`<div class="text-danger-emphasis small mb-2">${wrong.options}</div>`}
    <button type="button" class="btn btn-sm btn-outline-secondary mb-3" disabled=${form.options.length >= 12} onClick=${() => set({ options: [...form.options, ""] })} data-test="send-option-add">Add an option</button>
    <${Field} label="How many may be chosen" class="">
      <select value=${form.selectableCount} onChange=${(e) => set({ selectableCount: e.target.value })} data-test="send-selectable">
        <option value="1">One</option><option value="0">Any number</option>
        ${Array.from({ length: Math.max(0, filled - 2) }, (_, i) => html`<option value=${String(i + 2)}>Up to ${i + 2}</option>`)}
      </select>
    <//>
  </fieldset>`;
}

// SendOptions are what is rarely needed. many is for a bulk job, which can't reply to a
// message and always waits.
export function SendOptions({ form, set, many = false }) {
  const kind = kinds[form.kind];
  const check = (field, label, help) => html`<${Field} label=${label} help=${help} class="mb-2">
    <input type="checkbox" checked=${form[field]} onChange=${(e) => set({ [field]: e.target.checked })} data-test=${`send-${field}`} />
  <//>`;
  const text = (field, label, help) => html`<${Field} label=${label} help=${help}>
    <input type="text" autocomplete="off" value=${form[field]} onInput=${(e) => set({ [field]: e.target.value })} data-test=${`send-${field}`} />
  <//>`;
  return html`<details class="mb-3" data-test="send-more"><summary class="mb-2">More</summary>
    ${kind.preview && check("linkPreview", "Show a preview of the first link", "The server fetches its page first.")}
    ${kind.once && check("viewOnce", "Can be opened once")}
    ${kind.quote && !many && text("quotedMessageId", "In reply to", "The id of the message that this replies to.")}
    ${kind.mentions && text("mentions", "People who are mentioned", "Their numbers; the text has each as @ and the number.")}
    ${kind.file && text("mediaMimeType", "Type of the file", "Only where its bytes don't tell, such as application/pdf.")}
    ${!many && check("wait", "Wait for WhatsApp's answer", "Without it the message is queued, and sent as soon as the session can.")}
    ${!many && !form.wait && html`<${Field} label="Give up after (seconds)" help="A day unless given, a week at most.">
      <input type="number" min="1" max="604800" value=${form.ttl} onInput=${(e) => set({ ttl: e.target.value })} data-test="send-ttl" />
    <//>`}
  </details>`;
}
