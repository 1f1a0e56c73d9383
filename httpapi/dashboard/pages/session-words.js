// What the API's words for a session mean, for people who don't know WhatsApp's protocol.
import { absolute, duration, html, StateBadge, useNow } from "/dashboard/ui.js";

const reasons = {
  network: "The connection was lost. It is made again by itself.",
  logged_out: "The phone has removed this device. Start it again to link it anew.",
  qr_timeout: "Nobody scanned the code in time. Start it again for new codes.",
  replaced: "The same device has logged in elsewhere. Start it again here to take it back.",
  banned: "WhatsApp has banned this number for a while.",
  client_outdated: "WhatsApp no longer accepts this version of the server. The operator has to update it.",
  stopped: "It was disconnected here, and stays linked. Start it again to connect.",
  pairing_failed: "Linking was refused or broke off. Start it again to try once more.",
  moved: "It was moved to another server, which speaks for the number now.",
  unreadable: "Its options are damaged in the database. Save them anew.",
};

// explain says why a session is disconnected; "" for any other.
export function explain(reason) {
  return reasons[reason] ?? (reason || "");
}

const falls = {
  network: "The connection was lost", logged_out: "The phone logged it out", qr_timeout: "Nobody scanned the code",
  replaced: "The device logged in elsewhere", banned: "WhatsApp banned the number", client_outdated: "WhatsApp refused the server's version",
  stopped: "Disconnected on request", pairing_failed: "Linking failed", moved: "Moved to another server",
  unreadable: "The options could not be read",
};

// fall tells how a session came to be disconnected, as an event.
export function fall(reason) {
  return falls[reason] ?? `Disconnected: ${reason}`;
}

const short = {
  network: "Reconnecting", logged_out: "Logged out", qr_timeout: "Not scanned", replaced: "Replaced", banned: "Banned",
  client_outdated: "Outdated", stopped: "Stopped", pairing_failed: "Linking failed", moved: "Moved", unreadable: "Damaged",
};

// SessionBadge is a session's status, with the reason where there is one.
export function SessionBadge({ status, reason, ...rest }) {
  return html`<${StateBadge} state=${status} label=${reason ? `Disconnected: ${short[reason] ?? reason}` : undefined}
    data-reason=${reason} title=${explain(reason) || undefined} ...${rest} />`;
}

const restrictions = {
  reachout_timelock: "This number may not write to people who have not written to it.",
};

// Until says when something ends, counting down; at is in ms, 0 where nobody knows.
export function Until({ at, prefix = "ends", unknown = "WhatsApp did not say until when" }) {
  const now = useNow(1_000);
  if (!at) return html`<span>${unknown}.</span>`;
  if (at <= now) return html`<span>${prefix} now.</span>`;
  return html`<span title=${absolute(at)}>${prefix} in ${duration(at - now)}.</span>`;
}

// Restrictions are the limits that WhatsApp has put on an account, with their ends.
export function Restrictions({ list }) {
  if (!list?.length) return null;
  return html`<div class="alert alert-warning" role="status" data-test="session-restrictions">
    ${list.map(({ type, until }) => html`<div key=${type}>
      <strong>${restrictions[type] ?? type}</strong> ${" "}<${Until} at=${until} prefix="It ends" />
    </div>`)}
  </div>`;
}

// mayManage tells whether the identity may change sessions; a key of a smaller scope only looks.
export function mayManage(me) {
  return (me.scope ?? "manage") === "manage";
}
