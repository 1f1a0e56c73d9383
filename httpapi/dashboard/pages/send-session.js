// Which session something is sent over.
import { useEffect, useMemo } from "/dashboard/vendor/preact.js";
import { get, sessionPath } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Empty, Field, html } from "/dashboard/ui.js";
import { plainAddress } from "./chat-words.js";

// useSessions are the account's sessions, those that can send first: {sessions, error},
// sessions undefined until they are known.
export function useSessions() {
  const { data, error, again } = usePoll((signal) => get("/api/whatsapp/sessions", {}, { signal }), 15_000);
  useEvents({ type: ["ready", "disconnected"] }, again);
  const sessions = useMemo(() => data?.sessions.toSorted((a, b) =>
    Number(b.status === "ready") - Number(a.status === "ready") || a.sessionId.localeCompare(b.sessionId)), [data]);
  return { sessions, error };
}

export function sessionLabel(s) {
  const number = s.phoneNumber ? ` · ${plainAddress(s.phoneNumber)}` : "";
  return `${s.name || s.sessionId}${number}${s.status === "ready" ? "" : " (not connected)"}`;
}

// canSend tells whether somebody may do more than look.
export function canSend(me) {
  return me?.scope !== "read";
}

// NoSessions is shown where there is nothing to choose from.
export function NoSessions() {
  return html`<${Empty} title="No session yet">
    <p class="mb-0">Link a number first, on the page <a href="#/sessions">Sessions</a>.</p>
  <//>`;
}

// SessionPick lets somebody choose a session; the first one that can send is chosen
// until then.
export function SessionPick({ sessions, value, onChange, label = "Send over", ...rest }) {
  useEffect(() => {
    if (sessions?.length && !sessions.some((s) => s.sessionId === value)) onChange(sessions[0].sessionId);
  }, [sessions, value]);
  return html`<${Field} label=${label} ...${rest}>
    <select value=${value} onChange=${(e) => onChange(e.target.value)} data-test="session-pick">
      ${(sessions ?? []).map((s) => html`<option value=${s.sessionId} key=${s.sessionId}>${sessionLabel(s)}</option>`)}
    </select>
  <//>`;
}

// useGroups are the groups of a session that is connected: {groups, error}.
export function useGroups(session, wanted) {
  const { data, error } = usePoll((signal) => (wanted && session ? get(sessionPath(session, "/groups"), {}, { signal }) : null), 0, [session, wanted]);
  return { groups: data?.groups, error };
}
