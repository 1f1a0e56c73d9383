// Chooses all sessions or some of them.
import { html } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";

// SessionChoice shows the account's sessions and those that are chosen already; an empty
// list of chosen ones means all.
export function SessionChoice({ chosen, onChange, label = "Sessions", help, test = "session-choice" }) {
  const { data } = usePoll((signal) => get("/api/whatsapp/sessions", undefined, { signal }), 0);
  const names = new Map((data?.sessions ?? []).map((s) => [s.sessionId, s.name]));
  const ids = [...new Set([...names.keys(), ...chosen])];
  const toggle = (id) => onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  return html`<fieldset class="mb-3" data-test=${test}>
    <legend class="fs-6 mb-1">${label}</legend>
    <div class="border rounded p-2 choices">
      <label class="form-check"><input type="checkbox" class="form-check-input" checked=${chosen.length === 0} onChange=${() => onChange([])} data-test=${`${test}-all`} />
        <span class="form-check-label">All, also those to come</span></label>
      ${ids.map((id) => html`<label class="form-check" key=${id}>
        <input type="checkbox" class="form-check-input" checked=${chosen.includes(id)} onChange=${() => toggle(id)} value=${id} />
        <span class="form-check-label text-break">${id}${names.get(id) ? ` (${names.get(id)})` : ""}</span></label>`)}
    </div>
    ${help && html`<div class="form-text">${help}</div>`}
  </fieldset>`;
}
