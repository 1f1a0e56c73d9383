// To whom: a number or an address, or one of the session's groups.
import { useEffect, useState } from "/dashboard/vendor/preact.js";
import { post, sessionPath } from "/dashboard/api.js";
import { ErrorBox, Field, html } from "/dashboard/ui.js";
import { plainAddress, reason } from "./chat-words.js";
import { useGroups } from "./send-session.js";

// Recipient calls onChange with what the API takes as `to`.
export function Recipient({ session, value, onChange, error }) {
  const [group, setGroup] = useState(value.endsWith("@g.us"));
  const choose = (wanted) => () => {
    setGroup(wanted);
    onChange("");
  };
  return html`<div class="mb-3">
    <div class="btn-group btn-group-sm mb-2" role="group" aria-label="Kind of recipient">
      <input type="radio" class="btn-check" name="to-kind" id="to-person" checked=${!group} onChange=${choose(false)} />
      <label class="btn btn-outline-secondary" for="to-person">Person</label>
      <input type="radio" class="btn-check" name="to-kind" id="to-group" checked=${group} onChange=${choose(true)} data-test="send-to-group" />
      <label class="btn btn-outline-secondary" for="to-group">Group</label>
    </div>
    ${group
      ? html`<${GroupPick} session=${session} value=${value} onChange=${onChange} error=${error} />`
      : html`<${Person} session=${session} value=${value} onChange=${onChange} error=${error} />`}
  </div>`;
}

function Person({ session, value, onChange, error }) {
  const [checked, setChecked] = useState(null); // {busy} or a result or {failed}
  useEffect(() => setChecked(null), [session, value]);
  const isNumber = !value.includes("@") && value.trim() !== "";
  const check = async () => {
    setChecked({ busy: true });
    try {
      const { results } = await post(sessionPath(session, "/check"), { phones: [value] });
      setChecked(results[0]);
    } catch (failed) {
      setChecked({ failed });
    }
  };
  return html`<${Field} label="To" error=${error} class="mb-2"
      help="A phone number with its country code, such as +91 98765 43211, or an address that ends in @lid, @g.us or @newsletter.">
      <input type="text" inputmode="tel" autocomplete="off" spellcheck=${false} value=${value} onInput=${(e) => onChange(e.target.value)} data-test="send-to" />
    <//>
    <div class="d-flex flex-wrap align-items-center gap-2" aria-live="polite">
      <button type="button" class="btn btn-sm btn-outline-secondary" disabled=${!isNumber || !session || checked?.busy} onClick=${check} data-test="send-check">
        ${checked?.busy ? "Looking…" : "Is it on WhatsApp?"}
      </button>
      ${checked && !checked.busy && !checked.failed && html`<${Checked} result=${checked} onUse=${onChange} />`}
    </div>
    ${checked?.failed && html`<div class="mt-2"><${ErrorBox} error=${checked.failed} /></div>`}`;
}

function Checked({ result, onUse }) {
  const number = result.jid?.replace(/@.*/, "");
  if (result.error) return html`<span class="text-danger-emphasis" data-test="send-checked">${result.error}</span>`;
  if (!result.exists) return html`<span class="text-danger-emphasis" data-test="send-checked">${plainAddress(result.number)}: ${reason("NOT_ON_WHATSAPP")}.</span>`;
  return html`<span class="text-success-emphasis" data-test="send-checked">${plainAddress(number)} is on WhatsApp.</span>
    ${number !== result.number && html`<button type="button" class="btn btn-sm btn-link p-0" onClick=${() => onUse(number)}>Write to this number</button>`}`;
}

function GroupPick({ session, value, onChange, error }) {
  const { groups, error: failed } = useGroups(session, true);
  if (failed) return html`<${ErrorBox} error=${failed} />`;
  return html`<${Field} label="To" error=${error} help=${groups?.length === 0 ? "This account is in no group." : undefined}>
    <select value=${value} onChange=${(e) => onChange(e.target.value)} data-test="send-group">
      <option value="">${groups ? "Choose a group" : "Loading…"}</option>
      ${(groups ?? []).map((g) => html`<option value=${g.id} key=${g.id}>${g.subject} (${g.size} ${g.size === 1 ? "person" : "people"})</option>`)}
    </select>
  <//>`;
}
