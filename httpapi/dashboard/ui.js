// The small parts that every page is made of. Dialogs and toasts are Bootstrap's.
import { cloneElement, html, toChildArray, useEffect, useId, useState } from "/dashboard/vendor/preact.js";
import { serverNow } from "/dashboard/api.js";

export { html };
export { Ask, confirm, toast } from "/dashboard/ui-dialog.js";

// Busy says that something is on its way.
export function Busy({ label = "Loading…" }) {
  return html`<div class="d-flex align-items-center gap-2 text-body-secondary py-3" role="status">
    <span class="spinner-border spinner-border-sm" aria-hidden="true"></span><span>${label}</span>
  </div>`;
}

// Empty is shown where a list has nothing in it; its children say what to do.
export function Empty({ title, children }) {
  return html`<div class="text-center text-body-secondary border rounded-3 p-4 empty">
    ${title && html`<p class="h6 text-body">${title}</p>`}${children}
  </div>`;
}

// ErrorBox tells what went wrong, when to try again, and what to give the operator.
export function ErrorBox({ error, onRetry }) {
  if (!error) return null;
  return html`<div class="alert alert-danger d-flex flex-wrap align-items-center gap-2" role="alert" data-test="error">
    <div class="me-auto text-break">
      <div>${sentence(error.message ?? String(error))}</div>
      <div class="small">
        ${error.retryAfter ? html`<span class="me-2">Try again in ${duration(error.retryAfter * 1000)}.</span>` : null}
        ${error.code && error.code !== "NETWORK" ? html`<span class="me-2 font-monospace">${error.code}</span>` : null}
        ${error.requestId ? html`<span>Request <span class="font-monospace">${error.requestId}</span></span>` : null}
      </div>
    </div>
    ${onRetry && html`<button type="button" class="btn btn-sm btn-outline-danger" onClick=${onRetry}>Try again</button>`}
  </div>`;
}

// sentence begins a text with a capital, as the API's don't.
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Copy puts text onto the clipboard, and says that it did.
export function Copy({ text, label = "Copy", ...rest }) {
  const [done, setDone] = useState("");
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(""), 2_000);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => setDone((await toClipboard(text)) ? "Copied" : "Select it and copy");
  return html`<button type="button" class="btn btn-sm btn-outline-secondary" ...${rest} onClick=${copy}>
    <span aria-live="polite">${done || label}</span>
  </button>`;
}

// toClipboard resolves to whether it worked. Browsers have a clipboard only on pages
// that came over TLS or from this machine; the others get the older way.
async function toClipboard(text) {
  if (navigator.clipboard && window.isSecureContext) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.readOnly = true;
  field.className = "offscreen";
  const before = document.activeElement;
  (before?.closest(".modal") ?? document.body).append(field); // a dialog keeps the focus to itself
  field.select();
  const worked = document.execCommand("copy");
  field.remove();
  before?.focus();
  return worked;
}

const steps = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1_000]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

// ago tells a time (ms) relative to another: "3 minutes ago", "in 2 hours".
export function ago(at, now = serverNow()) {
  const away = at - now;
  const [unit, size] = steps.find(([, size]) => Math.abs(away) >= size) ?? ["second", 1_000];
  return Math.abs(away) < 5_000 ? "now" : relative.format(Math.trunc(away / size), unit);
}

// duration tells a span of time (ms) in its two largest units: "2 min 5 s".
export function duration(ms) {
  let left = Math.max(0, Math.round(ms / 1000));
  const parts = [];
  for (const [unit, size] of [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]]) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0 s";
}

// absolute is a time (ms) in full, as the browser's place writes it.
export function absolute(at) {
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

// useNow is the time in ms by the server's clock, each ms milliseconds anew.
export function useNow(ms = 1_000) {
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}

// Time is relative and keeps up; its title is absolute. at is in ms, or ISO 8601.
export function Time({ at }) {
  const ms = typeof at === "string" ? Date.parse(at) : at;
  const now = useNow(ms && Math.abs(serverNow() - ms) < 120_000 ? 5_000 : 30_000);
  if (!ms) return html`<span class="text-body-secondary">–</span>`;
  return html`<time dateTime=${new Date(ms).toISOString()} title=${absolute(ms)}>${ago(ms, now)}</time>`;
}

// Field ties a label, a help text and an error to the one control among its
// children, and gives that Bootstrap's class.
export function Field({ label, help, error, class: cls = "mb-3", children }) {
  const id = useId();
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ");
  const check = (c) => ["checkbox", "radio"].includes(c.props.type);
  let control = null;
  const dress = (child) => {
    if (control || !["input", "select", "textarea"].includes(child?.type)) return child;
    const base = child.type === "select" ? "form-select" : check(child) ? "form-check-input" : "form-control";
    control = cloneElement(child, {
      id: child.props.id ?? id,
      class: `${base} ${child.props.class ?? ""} ${error ? "is-invalid" : ""}`,
      "aria-describedby": described || undefined,
      "aria-invalid": error ? "true" : undefined,
    });
    return control;
  };
  const dressed = toChildArray(children).map(dress);
  const inline = control && check(control);
  const text = html`<label class=${inline ? "form-check-label" : "form-label"} for=${control?.props.id ?? id}>${label}</label>`;
  return html`<div class=${inline ? `form-check ${cls}` : cls}>
    ${inline ? [dressed, text] : [text, dressed]}
    ${error && html`<div class="invalid-feedback d-block" id=${`${id}-error`}>${error.message ?? error}</div>`}
    ${help && html`<div class="form-text" id=${`${id}-help`}>${help}</div>`}
  </div>`;
}

// More asks for the next page of a list, as long as there is a cursor.
export function More({ cursor, onMore, label = "Show more" }) {
  const [busy, setBusy] = useState(false);
  if (!cursor) return null;
  const more = async () => {
    setBusy(true);
    try {
      await onMore(cursor);
    } finally {
      setBusy(false);
    }
  };
  return html`<div class="text-center my-3">
    <button type="button" class="btn btn-outline-secondary" disabled=${busy} onClick=${more} data-test="more">
      ${busy ? "Loading…" : label}
    </button>
  </div>`;
}

// What the words of the API for states mean to somebody who reads them: the colour,
// and the text. Those of sessions, jobs, deliveries and messages don't collide.
const states = {
  initializing: ["info", "Starting"],
  qr_ready: ["warning", "Waiting to be linked"],
  passkey_required: ["warning", "Passkey needed"],
  authenticated: ["info", "Linking"],
  ready: ["success", "Connected"],
  disconnected: ["danger", "Disconnected"],
  running: ["success", "Running"],
  scheduled: ["info", "Scheduled"],
  pending: ["secondary", "Waiting"],
  queued: ["secondary", "Waiting"],
  paused: ["warning", "Paused"],
  completed: ["success", "Finished"],
  cancelled: ["secondary", "Cancelled"],
  failed: ["danger", "Failed"],
  sending: ["info", "Sending"],
  sent: ["success", "Sent"],
  delivered: ["success", "Delivered"],
  read: ["primary", "Read"],
  played: ["primary", "Played"],
  unknown: ["warning", "Not known"],
  dead: ["danger", "Given up"],
  active: ["success", "Active"],
  suspended: ["warning", "Suspended"],
  deleting: ["danger", "Being deleted"],
  enabled: ["success", "On"],
  disabled: ["secondary", "Off"],
};

// StateBadge shows a state in words and colour; label replaces the words.
export function StateBadge({ state, label, ...rest }) {
  const [colour, words] = states[state] ?? ["secondary", state];
  return html`<span class=${`badge text-bg-${colour}`} data-state=${state} ...${rest}>${label ?? words}</span>`;
}
