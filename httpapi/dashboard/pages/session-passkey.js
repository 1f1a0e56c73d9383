// The step that accounts with a passkey need before they can be linked. A passkey
// answers only pages of the site that it was made for, which for WhatsApp's is
// WhatsApp's own: so this browser can help only where that site is this one.
import { html, useState } from "/dashboard/vendor/preact.js";
import { post, sessionPath } from "/dashboard/api.js";
import { Copy, ErrorBox, Field } from "/dashboard/ui.js";

// canAnswer tells whether the browser may use the passkey on this page.
function canAnswer({ rpId }) {
  const host = location.hostname;
  return Boolean(window.isSecureContext && window.PublicKeyCredential?.parseRequestOptionsFromJSON)
    && Boolean(rpId) && (host === rpId || host.endsWith(`.${rpId}`));
}

export default function Passkey({ id, status, onChange }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const act = async (call) => {
    setBusy(true);
    setError(null);
    try {
      await call();
      onChange();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`<section class="card border-warning mb-3" aria-labelledby="passkey-title" data-test="session-passkey">
    <div class="card-body">
      <h2 class="h5" id="passkey-title">The account has a passkey</h2>
      <${ErrorBox} error=${error} />
      ${status.passkeyCode
        ? html`<${Compare} id=${id} code=${status.passkeyCode} busy=${busy} act=${act} />`
        : html`<${Answer} id=${id} challenge=${status.passkey} busy=${busy} act=${act} />`}
      <p class="small text-body-secondary mb-0">After five minutes without an answer the linking has failed. To give up, delete the session.</p>
    </div>
  </section>`;
}

// Compare is the last step: the phone shows a code as well.
function Compare({ id, code, busy, act }) {
  return html`
    <p>The passkey was accepted. The phone shows a code now. Is it this one?</p>
    <p class="fs-3 font-monospace" role="status" data-test="passkey-code">${code}</p>
    <button type="button" class="btn btn-primary mb-3" disabled=${busy} onClick=${() => act(() => post(sessionPath(id, "/passkey/confirm")))}
      data-test="passkey-confirm">They are the same</button>`;
}

function Answer({ id, challenge, busy, act }) {
  const [text, setText] = useState("");
  const hand = (credential) => post(sessionPath(id, "/passkey"), { credential });
  const submit = (e) => {
    e.preventDefault();
    act(() => {
      let credential;
      try {
        credential = JSON.parse(text);
      } catch {
        throw new Error("This is not JSON.");
      }
      return hand(credential);
    });
  };
  const useBrowser = () => act(async () => {
    const publicKey = window.PublicKeyCredential.parseRequestOptionsFromJSON(challenge);
    const found = await navigator.credentials.get({ publicKey });
    await hand(found.toJSON());
  });
  const asked = JSON.stringify(challenge);
  return html`
    <p>WhatsApp wants the passkey before it links. Only whoever has the account can give it, on a page of ${challenge?.rpId || "WhatsApp"}:
      give them the challenge, and hand in what their passkey answers.</p>
    ${canAnswer(challenge ?? {}) && html`<button type="button" class="btn btn-primary mb-3" disabled=${busy} onClick=${useBrowser}
      data-test="passkey-browser">Use the passkey in this browser</button>`}
    <div class="mb-3">
      <div class="d-flex align-items-center gap-2 mb-1"><span>The challenge</span><${Copy} text=${asked} /></div>
      <pre class="border rounded p-2 small mb-0 challenge" tabindex="0" data-test="passkey-challenge">${asked}</pre>
    </div>
    <form onSubmit=${submit}>
      <${Field} label="The answer" help="The credential as its toJSON() prints it.">
        <textarea rows="4" required class="font-monospace small" spellcheck=${false} value=${text} onInput=${(e) => setText(e.target.value)} data-test="passkey-answer"></textarea>
      <//>
      <button type="submit" class="btn btn-primary mb-3" disabled=${busy} data-test="passkey-submit">Hand it in</button>
    </form>`;
}
