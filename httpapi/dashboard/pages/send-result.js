// What has become of the messages that were sent from this page.
import { useState } from "/dashboard/vendor/preact.js";
import { get, sessionPath } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Copy, StateBadge, html } from "/dashboard/ui.js";
import { to } from "/dashboard/router.js";
import { kindName, plainAddress, reason } from "./chat-words.js";
import { advance } from "./inbox-thread.js";

const ended = ["read", "played", "failed"];

// Result follows one message: {session, to, id, kind, status}.
export function Result({ sent }) {
  const [list, setList] = useState([{ direction: "out", messageId: sent.id, status: sent.status }]);
  const now = list[0];
  const take = (word) => setList((was) => advance(was, word));
  useEvents({ type: "message.status", sessionId: sent.session }, ({ data }) => data?.id === sent.id && take(data));
  usePoll(async (signal) => {
    const m = await get(sessionPath(sent.session, `/messages/${encodeURIComponent(sent.id)}`), {}, { signal });
    take({ id: sent.id, status: m.status, errorCode: m.errorCode });
  }, ended.includes(now.status) ? 0 : 5_000);
  return html`<li class="list-group-item d-flex flex-wrap gap-2 align-items-center" data-test="send-result" data-id=${sent.id} data-status=${now.status}>
    <${StateBadge} state=${now.status} />
    <span class="text-break">${kindName(sent.kind)} to ${plainAddress(sent.to)}</span>
    ${now.status === "failed" || now.status === "unknown" ? html`<span class="text-danger-emphasis">${reason(now.errorCode)}</span>` : null}
    <span class="ms-auto d-flex gap-2 align-items-center">
      <code class="small text-break">${sent.id}</code><${Copy} text=${sent.id} />
      <a class="btn btn-sm btn-outline-secondary" href=${to("inbox", sent.session, sent.to)}>Chat</a>
    </span>
  </li>`;
}
