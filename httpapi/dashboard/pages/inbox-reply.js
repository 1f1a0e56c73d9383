// Writing into a chat: a text, or a file with one, perhaps in reply to a message.
import { useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { html } from "/dashboard/ui.js";
import { Icon } from "./chat-icons.js";
import { bytes, summary } from "./chat-words.js";
import { blank } from "./send-body.js";
import { SendError, submit } from "./send.js";

const pictures = ["image/jpeg", "image/png", "image/webp", "image/gif"];
const films = ["video/mp4", "video/quicktime", "video/3gpp"];

// kindOf is what a chosen file is sent as. What WhatsApp does not show goes as a document.
export function kindOf(type) {
  if (pictures.includes(type)) return "image";
  if (films.includes(type)) return "video";
  return type.startsWith("audio/") ? "audio" : "document";
}

// Reply sends into a chat. quoted is the message that is replied to, editing the one that
// is changed; onDone ends either. The message is queued, so that the answer comes at once
// and its ticks tell the rest.
export function Reply({ session, chat, quoted, editing, onDone, onSent, disabled }) {
  const [text, setText] = useState("");
  const [file, setFile] = useState(null);
  const [state, setState] = useState({ busy: false, error: null });
  const box = useRef(), chooser = useRef();
  useEffect(() => {
    if (editing) setText(editing.text);
    if (quoted || editing) box.current?.focus();
  }, [quoted, editing]);
  useEffect(() => {
    setText("");
    setFile(null);
    setState({ busy: false, error: null });
  }, [session, chat]);

  const send = async (e) => {
    e?.preventDefault();
    if (state.busy || disabled || (text.trim() === "" && !file)) return;
    setState({ busy: true, error: null });
    const form = editing
      ? { ...blank, kind: "edit", message: text, messageId: editing.m.messageId }
      : { ...blank, kind: file ? kindOf(file.type) : "text", message: text, file, quotedMessageId: quoted?.m.messageId ?? "", wait: false };
    try {
      await submit(session, chat, form);
      setText("");
      clear();
      onDone();
      setState({ busy: false, error: null });
      onSent();
    } catch (error) {
      setState({ busy: false, error });
    }
    box.current?.focus();
  };
  const clear = () => {
    setFile(null);
    if (chooser.current) chooser.current.value = "";
  };
  const key = (e) => {
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) send(e);
    if (e.key === "Escape" && (quoted || editing)) cancel();
  };
  const cancel = () => {
    if (editing) setText("");
    onDone();
  };
  const about = quoted ?? editing;
  return html`<form class="border-top p-2" onSubmit=${send}>
    <${SendError} error=${state.error} />
    ${about && html`<div class="d-flex gap-2 align-items-start mb-2">
      <div class="bubble-quote flex-grow-1 min-w-0"><div class="small fw-semibold">${editing ? "Edit" : "Reply to"}</div><div class="text-truncate">${summary(about.m)}</div></div>
      <button type="button" class="btn-close" aria-label=${editing ? "Don't edit" : "Don't reply to this"} onClick=${cancel}></button>
    </div>`}
    ${file && html`<div class="d-flex gap-2 align-items-center mb-2 small"><${Icon} name="clip" /><span class="text-break">${file.name}, ${bytes(file.size)}</span>
      <button type="button" class="btn-close" aria-label="Remove the file" onClick=${clear}></button></div>`}
    <div class="d-flex gap-2 align-items-end">
      ${!editing && html`<label class="btn btn-outline-secondary mb-0" title="Attach a file"><${Icon} name="clip" /><span class="visually-hidden">Attach a file</span>
        <input type="file" class="visually-hidden" ref=${chooser} disabled=${disabled} onChange=${(e) => setFile(e.target.files[0] ?? null)} data-test="inbox-file" /></label>`}
      <textarea class="form-control" rows=${Math.min(6, text.split("\n").length)} maxLength="65536" placeholder=${disabled || (file ? "A caption" : "Write a message")} aria-label="Message"
        ref=${box} value=${text} disabled=${Boolean(disabled)} onInput=${(e) => setText(e.target.value)} onKeyDown=${key} data-test="inbox-text"></textarea>
      <button type="submit" class="btn btn-primary" disabled=${Boolean(disabled) || state.busy || (text.trim() === "" && !file)} data-test="inbox-send">${state.busy ? "Sending…" : "Send"}</button>
    </div>
  </form>`;
}
