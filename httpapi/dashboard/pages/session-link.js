// The ways to link a number: a QR code, a code to type, or a page for somebody else.
import { html, useState } from "/dashboard/vendor/preact.js";
import { post, sessionPath } from "/dashboard/api.js";
import { Busy, Copy, duration, ErrorBox, Field, useNow } from "/dashboard/ui.js";
import { Until } from "/dashboard/pages/session-words.js";

export default function Link({ id, status, manage, onChange }) {
  return html`<section class="card mb-3" aria-labelledby="link-title" data-test="session-link">
    <div class="card-body">
      <h2 class="h5" id="link-title">Link a number</h2>
      <div class="row g-4">
        <div class="col-md-6 text-center"><${Code} status=${status} /></div>
        <div class="col-md-6">
          <ol class="mb-3">
            <li>Open WhatsApp on the phone.</li>
            <li>Go to <strong>Settings → Linked devices → Link a device</strong>.</li>
            <li>Point the phone at the code.</li>
          </ol>
          ${manage && html`
            <${ByNumber} id=${id} status=${status} onChange=${onChange} />
            <${ForSomebody} id=${id} />`}
        </div>
      </div>
    </div>
  </section>`;
}

// shownFor is how long a code lives, in ms: the first one longer than the others.
function shownFor(attempt) {
  return attempt === 1 ? 60_000 : 20_000;
}

// Code is the QR code with its countdown. The code is announced when it changes, the
// seconds are not.
function Code({ status }) {
  const now = useNow(500);
  if (!status.qrCode) return html`<${Busy} label="Waiting for WhatsApp to give a code…" />`;
  const left = Math.max(0, status.qrExpiresAt - now);
  const { qrAttempt: attempt, qrCodes: most } = status;
  const which = attempt ? `Code ${attempt}${most ? ` of ${most}` : ""}` : "Scan this code";
  const share = Math.min(100, (left / shownFor(attempt)) * 100);
  return html`
    <img class="qr rounded" src=${status.qrCode} width="264" height="264" alt="QR code to be scanned with WhatsApp on the phone"
      data-test="session-qr" data-qr=${status.qr} />
    <div class="progress qr-left mx-auto my-2" aria-hidden="true"><div class="progress-bar" style=${{ width: `${share}%` }}></div></div>
    <p class="mb-0">
      <span role="status" data-test="session-qr-attempt">${which}</span>
      <span class="text-body-secondary" data-test="session-qr-left"> · ${left > 0 ? `${duration(left)} left` : "the next one comes…"}</span>
    </p>
    ${most && attempt === most ? html`<p class="small text-body-secondary mb-0">This is the last one. Then restart the session for new codes.</p>` : null}`;
}

// ByNumber links with a code that is typed into the phone instead of being scanned.
function ByNumber({ id, status, onChange }) {
  const [phone, setPhone] = useState("");
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const ask = async (e) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await post(sessionPath(id, "/pairing-code"), { phone });
      onChange();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  const code = status.pairingCode;
  return html`<details class="mb-3" open=${Boolean(code)} data-test="session-by-number">
    <summary>Type a code instead</summary>
    <form class="pt-2" onSubmit=${ask}>
      <${ErrorBox} error=${error} />
      <${Field} class="mb-2" label="The phone's number" help="With the country code, as in +91 98765 43210.">
        <input type="tel" required autocomplete="off" value=${phone} onInput=${(e) => setPhone(e.target.value)} data-test="pairing-phone" />
      <//>
      <button type="submit" class="btn btn-outline-primary btn-sm" disabled=${busy} data-test="pairing-code-ask">${busy ? "Asking…" : code ? "Get another code" : "Get a code"}</button>
    </form>
    <div aria-live="polite">
      ${code && html`<div class="mt-3">
        <div class="fs-3 font-monospace" data-test="pairing-code">${code.slice(0, code.length / 2)}-${code.slice(code.length / 2)}</div>
        <p class="small mb-0">On the phone choose <strong>Link with phone number instead</strong> and type it.
          ${" "}<${Until} at=${status.pairingCodeExpiresAt} prefix="It ends" /></p>
      </div>`}
    </div>
  </details>`;
}

const lives = [[900, "15 minutes"], [3_600, "1 hour"], [86_400, "1 day"]];

// ForSomebody makes a link to a page that shows the code and nothing else of this account.
function ForSomebody({ id }) {
  const [life, setLife] = useState(900);
  const [link, setLink] = useState(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const make = async (e) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      setLink(await post(sessionPath(id, "/pairing-link"), { expiresIn: life }));
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`<details data-test="session-for-somebody">
    <summary>Let somebody else scan it</summary>
    <form class="pt-2" onSubmit=${make}>
      <p class="small">A page with the code, for whoever has the phone. Send its address as you would send a password: whoever has it can link their phone.</p>
      <${ErrorBox} error=${error} />
      <${Field} class="mb-2" label="Good for">
        <select value=${life} onChange=${(e) => setLife(Number(e.target.value))} data-test="pairing-link-life">
          ${lives.map(([seconds, label]) => html`<option key=${seconds} value=${seconds}>${label}</option>`)}
        </select>
      <//>
      <button type="submit" class="btn btn-outline-primary btn-sm" disabled=${busy} data-test="pairing-link-make">${link ? "Make another" : "Make a link"}</button>
    </form>
    <div aria-live="polite">
      ${link && html`<div class="mt-3">
        <div class="input-group"><input class="form-control form-control-sm" readonly value=${link.url} aria-label="The link"
          onFocus=${(e) => e.target.select()} data-test="pairing-link" /><${Copy} text=${link.url} /></div>
        <p class="small mb-0"><${Until} at=${link.expiresAt} prefix="It ends" /> It also ends once the number is linked, or when you make another.</p>
      </div>`}
    </div>
  </details>`;
}
