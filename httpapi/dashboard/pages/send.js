// One message of any kind.
import { useState } from "/dashboard/vendor/preact.js";
import { post, sessionPath, upload, url } from "/dashboard/api.js";
import { Busy, Empty, ErrorBox, html } from "/dashboard/ui.js";
import { SendForm, SendOptions } from "./send-form.js";
import { blank, body, file, parts, problems } from "./send-body.js";
import { knows, reason } from "./chat-words.js";
import { NoSessions, SessionPick, canSend, useSessions } from "./send-session.js";
import { Preview } from "./send-preview.js";
import { Recipient } from "./send-recipient.js";
import { Result } from "./send-result.js";

// submit sends a form and resolves to the API's answer.
export function submit(session, recipient, form) {
  const path = url(sessionPath(session, "/send"), form.wait ? {} : { wait: "false", ttl: form.ttl });
  const fields = { to: recipient, ...body(form) };
  const chosen = file(form);
  if (!chosen) return post(path, fields);
  const data = new FormData();
  for (const [name, value] of parts(fields)) data.append(name, value);
  data.append("file", chosen, chosen.name); // last, so that the server knows by then what it is
  return upload(path, data);
}

// SendError says in words what has happened, and whether the message may be out.
export function SendError({ error }) {
  if (!error) return null;
  const words = knows(error.code) ? reason(error.code) : "";
  return html`<div data-test="send-error" data-code=${error.code}>
    ${words && html`<p class="text-danger-emphasis mb-1">${words[0].toUpperCase() + words.slice(1)}.
      ${error.code === "SENT_LIMIT_EXCEEDED" && error.body?.limit ? html` (${error.body.used} of ${error.body.limit} today.)` : null}</p>`}
    <${ErrorBox} error=${error} />
  </div>`;
}

export default function Send({ args, me }) {
  const { sessions, error } = useSessions();
  const [session, setSession] = useState(args[0] ?? "");
  const [recipient, setRecipient] = useState(args[1] ?? "");
  const [form, setForm] = useState(blank);
  const [tried, setTried] = useState(false);
  const [state, setState] = useState({ busy: false, error: null });
  const [results, setResults] = useState([]);
  if (error && !sessions) return html`<h1 class="h3">Send a message</h1><${ErrorBox} error=${error} />`;
  if (!sessions) return html`<${Busy} />`;

  const set = (changes) => setForm((was) => ({ ...was, ...changes }));
  const wrong = problems(form);
  if (recipient.trim() === "") wrong.to = "To whom?";
  const shownWrong = tried ? wrong : {};
  const send = async (e) => {
    e.preventDefault();
    setTried(true);
    if (Object.keys(wrong).length > 0 || state.busy) return;
    setState({ busy: true, error: null });
    try {
      const answer = await submit(session, recipient.trim(), form);
      const one = { session, to: recipient.trim(), id: answer.messageId, kind: form.kind, status: answer.status ?? "sent" };
      setResults((was) => [one, ...was].slice(0, 10));
      setTried(false);
      setState({ busy: false, error: null });
    } catch (failed) {
      setState({ busy: false, error: failed });
    }
  };
  return html`<h1 class="h3">Send a message</h1>
    ${sessions.length === 0 ? html`<${NoSessions} />` : !canSend(me) ? html`<${Empty}>Your key may look, but not send.<//>` : html`
    <form class="row g-4" novalidate onSubmit=${send}>
      <div class="col-lg-7">
        <${SessionPick} sessions=${sessions} value=${session} onChange=${setSession} />
        <${Recipient} session=${session} value=${recipient} onChange=${setRecipient} error=${shownWrong.to} />
        <${SendForm} form=${form} set=${set} wrong=${shownWrong} />
        <${SendOptions} form=${form} set=${set} />
      </div>
      <div class="col-lg-5">
        <h2 class="h5">Preview</h2>
        <${Preview} form=${form} />
        <button type="submit" class="btn btn-primary my-3" disabled=${state.busy || !session} data-test="send-submit">${state.busy ? "Sending…" : "Send"}</button>
        <div aria-live="polite">
          ${state.busy && html`<${Busy} label="Waiting for WhatsApp's answer…" />`}
          <${SendError} error=${state.error} />
          ${results.length > 0 && html`<h2 class="h5">Sent from here</h2>
            <ul class="list-group" data-test="send-results">${results.map((one) => html`<${Result} sent=${one} key=${one.id} />`)}</ul>`}
        </div>
      </div>
    </form>`}`;
}
