// The message before it is sent, as the recipient will see it.
import { useEffect, useState } from "/dashboard/vendor/preact.js";
import { html } from "/dashboard/ui.js";
import { Bubble } from "./chat-bubble.js";
import { Icon } from "./chat-icons.js";
import { bytes, kindName } from "./chat-words.js";
import { compose } from "./chat-format.js";
import { file, kinds, shown } from "./send-body.js";

// Preview shows form; fill may replace the placeholders of its text.
export function Preview({ form, fill = (text) => text }) {
  const kind = kinds[form.kind];
  const text = !kind.text ? "" : fill(kind.decorated ? compose(form.header, form.message, form.footer) : form.message);
  const bubble = (m) => html`<${Bubble} entry=${{ m, text, edited: form.kind === "edit", revoked: form.kind === "revoke", reactions: [], votes: [] }}
    media=${(one) => html`<${PreviewMedia} form=${form} m=${one} />`} />`;
  let content;
  if (form.kind === "reaction") {
    content = html`<div class="bubble bubble-in">A message of this chat
      <div class="bubble-reactions">${form.emoji ? html`<span class="badge rounded-pill text-bg-success">${form.emoji}</span>` : html`<em>The reaction is taken back</em>`}</div></div>`;
  } else {
    const m = shown(form, text);
    if (form.quotedMessageId && kind.quote) m.quoted = { messageId: form.quotedMessageId, body: `Message ${form.quotedMessageId}` };
    content = bubble(m);
  }
  return html`<section class="chat-wall rounded-3 border p-3 send-preview" aria-label="Preview" data-test="send-preview">${content}</section>`;
}

// PreviewMedia shows a chosen file. One that is fetched from elsewhere is not shown:
// this page asks no other host for anything.
function PreviewMedia({ form, m }) {
  const chosen = file(form);
  const [src, setSrc] = useState("");
  useEffect(() => {
    if (!chosen) {
      setSrc("");
      return undefined;
    }
    const made = URL.createObjectURL(chosen);
    setSrc(made);
    return () => URL.revokeObjectURL(made);
  }, [chosen]);
  if (src && (form.kind === "image" || form.kind === "sticker")) {
    return html`<img class=${`bubble-media ${form.kind === "sticker" ? "bubble-sticker" : ""}`} src=${src} alt=${`The chosen ${kindName(form.kind).toLowerCase()}`} />`;
  }
  if (src && form.kind === "video") return html`<video controls preload="metadata" src=${src}></video>`;
  if (src && (form.kind === "audio" || form.kind === "voice")) return html`<audio controls preload="metadata" src=${src}></audio>`;
  return html`<div class="d-flex gap-2 align-items-center border rounded p-2 mb-1"><${Icon} name="clip" />
    <div class="min-w-0"><div class="text-break">${m.media.fileName}</div><div class="small text-body-secondary">${kindName(form.kind)} ${bytes(m.media.size)}</div></div></div>`;
}
