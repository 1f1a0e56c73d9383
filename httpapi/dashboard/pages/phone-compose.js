// Writing on a virtual phone.
import { html, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { ErrorBox } from "/dashboard/ui.js";
import { act, attachment, drawn } from "/dashboard/pages/phone-network.js";

const pause = 5_000; // ms without a key until writing has stopped

// useTyping tells the other side that somebody writes, and that they have stopped.
function useTyping(number, to) {
  const timer = useRef(0), on = useRef(false);
  const tell = (now) => {
    clearTimeout(timer.current);
    if (on.current !== now) act(number, "typing", { to, on: now }).catch(() => {}); // nobody waits for it
    on.current = now;
    if (now) timer.current = setTimeout(() => tell(false), pause);
  };
  useEffect(() => () => tell(false), []);
  return tell;
}

export default function Composer({ number, to, online, reply, onReplied, onSent }) {
  const [text, setText] = useState("");
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const box = useRef(), picker = useRef();
  const typing = useTyping(number, to);
  useEffect(() => reply && box.current.focus(), [reply]);
  const send = async (what) => {
    setBusy(true);
    setError(null);
    typing(false);
    try {
      await what();
      setText("");
      onReplied();
      onSent();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  const write = (e) => {
    e.preventDefault();
    if (!text.trim()) return;
    send(() => (reply ? act(number, "act", { kind: "reply", to, id: reply.id, text }) : act(number, "send", { to, text }))).then(() => box.current?.focus());
  };
  const sendFile = async (blob, name) => send(async () => {
    const media = await attachment(blob, name);
    await act(number, "send", { to, text: media.kind === "audio" ? "" : text, media });
  });
  const picked = (e) => {
    const [chosen] = e.target.files;
    e.target.value = "";
    if (chosen) sendFile(chosen, chosen.name);
  };
  if (!online) return html`<p class="small text-body-secondary p-2 mb-0 border-top">This phone is offline. What is sent to it waits.</p>`;
  return html`<form class="border-top p-2" onSubmit=${write}>
    <${ErrorBox} error=${error} />
    ${reply && html`<div class="d-flex small border-start border-3 ps-2 mb-1"><span class="text-truncate me-auto">${reply.text || "A file"}</span>
      <button type="button" class="btn-close btn-sm" aria-label="Don't reply" onClick=${onReplied}></button></div>`}
    <div class="input-group input-group-sm">
      <input class="form-control" ref=${box} value=${text} autocomplete="off" maxlength="4096" aria-label="Write a message" placeholder="Message" data-test="phone-text"
        onInput=${(e) => { setText(e.target.value); typing(e.target.value !== ""); }} />
      <button type="submit" class="btn btn-success" disabled=${busy} data-test="phone-send">Send</button>
    </div>
    <div class="d-flex gap-2 pt-1">
      <button type="button" class="btn btn-sm btn-link p-0" disabled=${busy} onClick=${async () => sendFile(await drawn(), "hills.jpg")} data-test="phone-picture-send">Send a picture</button>
      <button type="button" class="btn btn-sm btn-link p-0" disabled=${busy} onClick=${() => picker.current.click()} data-test="phone-file-send">Send a file…</button>
      <input type="file" class="d-none" ref=${picker} onChange=${picked} tabindex="-1" aria-label="A file to send" data-test="phone-file" />
    </div>
  </form>`;
}
