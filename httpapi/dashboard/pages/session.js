// One session: how it stands, what can be done next, and what has happened to it.
import { html, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { get, sessionPath } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Busy, Copy, Empty, ErrorBox } from "/dashboard/ui.js";
import Actions from "/dashboard/pages/session-actions.js";
import Events from "/dashboard/pages/session-events.js";
import Link from "/dashboard/pages/session-link.js";
import Options from "/dashboard/pages/session-options.js";
import Passkey from "/dashboard/pages/session-passkey.js";
import { explain, mayManage, Restrictions, SessionBadge, Until } from "/dashboard/pages/session-words.js";

// pace is how often a status is looked at, in ms: codes change every 20 seconds, and
// steps of a linking within one, until the session has settled.
function pace({ status, reason } = {}) {
  return status === "ready" || (status === "disconnected" && reason !== "network") ? 10_000 : 1_500;
}

function useStatus(id) {
  const status = usePoll((signal) => get(sessionPath(id, "/status"), undefined, { signal }), pace, [id]);
  useEvents({ type: ["qr", "ready", "disconnected"], sessionId: id }, () => status.again());
  return status;
}

export default function Session({ id, me }) {
  const [gone, setGone] = useState("");
  if (gone) return html`<${Gone} title=${gone} />`;
  return html`<${Live} id=${id} me=${me} onGone=${setGone} />`;
}

// Gone takes the focus: the button that had it is no more.
function Gone({ title }) {
  const link = useRef();
  useEffect(() => link.current.focus(), []);
  return html`<${Empty} title=${title}><a href="#/sessions" ref=${link} data-test="session-back">To the sessions</a><//>`;
}

function Live({ id, me, onGone }) {
  const { data: status, error, again } = useStatus(id);
  const manage = mayManage(me);
  useEffect(() => {
    if (error?.status === 404) onGone("There is no session of this id");
  }, [error]);
  return html`
    <nav aria-label="Where you are"><ol class="breadcrumb mb-2">
      <li class="breadcrumb-item"><a href="#/sessions">Sessions</a></li>
      <li class="breadcrumb-item active text-break" aria-current="page">${id}</li>
    </ol></nav>
    <${ErrorBox} error=${error} onRetry=${again} />
    ${!status && !error && html`<${Busy} />`}
    ${status && html`
      <${Head} id=${id} status=${status} />
      <${Restrictions} list=${status.restrictions} />
      ${manage && html`<${Actions} id=${id} status=${status} onChange=${again} onGone=${() => onGone("The session is deleted")} />`}
      ${status.status === "passkey_required" && manage && html`<${Passkey} id=${id} status=${status} onChange=${again} />`}
      ${linkable(status) && html`<${Link} id=${id} status=${status} manage=${manage} onChange=${again} />`}
      <div class="row g-3">
        <div class="col-lg-7"><${Events} id=${id} status=${status.status} /></div>
        ${manage && html`<div class="col-lg-5"><${Options} id=${id} status=${status} onChange=${again} /></div>`}
      </div>`}`;
}

// linkable tells whether a phone could link the session now. None can a session of Meta's
// official API.
function linkable({ status, network }) {
  return network !== "cloud" && (status === "qr_ready" || status === "initializing");
}

function Head({ id, status }) {
  const { reason } = status;
  return html`
    <div class="d-flex flex-wrap align-items-center gap-2 mb-2">
      <h1 class="h3 mb-0 text-break">${status.name || id}</h1>
      <span role="status"><${SessionBadge} status=${status.status} reason=${reason} data-test="session-status" /></span>
    </div>
    <dl class="d-flex flex-wrap column-gap-4 row-gap-1 small mb-3 facts">
      <div><dt>Id</dt><dd>${id} <${Copy} text=${id} /></dd></div>
      ${status.phoneNumber && html`<div><dt>Number</dt><dd data-test="session-number">+${status.phoneNumber} <${Copy} text=${status.phoneNumber} /></dd></div>`}
      ${status.lid && html`<div><dt title="WhatsApp's other name for the account, which hides the number">LID</dt><dd>${status.lid}</dd></div>`}
      ${status.cloud && html`<div><dt>Network</dt><dd data-test="session-network">Meta's official API, number id ${status.cloud.phoneNumberId}</dd></div>
        <div><dt title="To be entered at Meta as the callback URL">Webhook for Meta</dt><dd class="text-break">${status.cloud.webhookUrl} <${Copy} text=${status.cloud.webhookUrl} /></dd></div>`}
      ${status.options?.proxy && html`<div><dt>Proxy</dt><dd class="text-break">${status.options.proxy}</dd></div>`}
    </dl>
    ${status.cloud?.problem && html`<div class="alert alert-warning" data-test="session-problem">${status.cloud.problem}</div>`}
    ${reason && html`<div class=${`alert ${reason === "stopped" ? "alert-secondary" : "alert-warning"}`} data-test="session-reason">
      ${explain(reason)}${" "}
      ${reason === "banned" ? html`<${Until} at=${status.until} prefix="The ban ends" />`
        : status.nextAttemptAt ? html`<${Until} at=${status.nextAttemptAt} prefix="The next try begins" />` : null}
    </div>`}`;
}
