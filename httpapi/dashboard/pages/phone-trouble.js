// What can happen to a phone and its account, at the press of a button.
import { html, useState } from "/dashboard/vendor/preact.js";
import { duration, ErrorBox, Field } from "/dashboard/ui.js";
import { act, end, trouble } from "/dashboard/pages/phone-network.js";

const minutes = 2;

// troubles are what WhatsApp, or its owner, may do to an account.
const troubles = [
  { name: "ban", label: `Ban for ${minutes} minutes`, fault: { kind: "temp_ban", expire: minutes * 60 }, danger: true },
  { name: "ban-forever", label: "Ban for good", fault: { kind: "login_failure", code: 406 }, danger: true },
  { name: "restrict", label: `No new chats for ${minutes} minutes`, fault: { kind: "timelock", expire: minutes * 60 } },
  { name: "passkey", label: "Ask for the passkey at the next linking", fault: { kind: "passkey", times: 1 } },
];

const words = {
  temp_ban: "Banned for a while", login_failure: "Banned for good", timelock: "May not write to strangers", passkey: "The next linking needs the passkey",
};

export default function Trouble({ number, phone, onChange }) {
  const [error, setError] = useState(null);
  const attempt = async (what) => {
    setError(null);
    try {
      await what();
      onChange();
    } catch (problem) {
      setError(problem);
    }
  };
  return html`<div class="p-3">
    <${ErrorBox} error=${error} />
    <div class="form-check form-switch mb-3">
      <input class="form-check-input" type="checkbox" role="switch" id="phone-online" checked=${phone.online} data-test="phone-online"
        onChange=${(e) => attempt(() => act(number, "settings", { online: e.target.checked }))} />
      <label class="form-check-label" for="phone-online">Connected to the network</label>
      <div class="form-text">Off, as in airplane mode: what is sent to the phone waits. Linked devices go on working.</div>
    </div>
    <${Name} key=${phone.pushName} name=${phone.pushName} onSave=${(pushName) => attempt(() => act(number, "settings", { pushName }))} />
    <h3 class="h6">What WhatsApp does to the account</h3>
    <div class="d-grid gap-2 mb-3">
      ${troubles.map(({ name, label, fault, danger }) => html`<button type="button" key=${name} data-test=${`phone-${name}`}
        class=${`btn btn-sm btn-outline-${danger ? "danger" : "secondary"}`} onClick=${() => attempt(() => trouble(number, fault))}>${label}</button>`)}
    </div>
    <div aria-live="polite">
      ${phone.faults.length > 0 && html`<ul class="list-group" data-test="phone-faults">
        ${phone.faults.map((f) => html`<li class="list-group-item d-flex align-items-center gap-2 small" key=${f.id}>
          <span class="me-auto">${words[f.kind] ?? f.kind}${f.left ? html`<span class="d-block text-body-secondary">${duration(f.left * 1000)} left</span>` : null}</span>
          <button type="button" class="btn btn-sm btn-outline-secondary" onClick=${() => attempt(() => end(f.id))} data-test="phone-fault-end">End it</button>
        </li>`)}
      </ul>`}
    </div>
  </div>`;
}

function Name({ name, onSave }) {
  const [text, setText] = useState(name);
  const save = (e) => {
    e.preventDefault();
    if (text.trim() !== name) onSave(text.trim());
  };
  return html`<form class="mb-3" onSubmit=${save}>
    <${Field} class="mb-1" label="Name" help="What others see beside the number.">
      <input value=${text} maxlength="25" autocomplete="off" onInput=${(e) => setText(e.target.value)} data-test="phone-name" />
    <//>
    <button type="submit" class="btn btn-sm btn-outline-primary">Rename</button>
  </form>`;
}
