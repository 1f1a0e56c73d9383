// The form by which an API key is made, by a tenant or for one.
import { html, useState } from "/dashboard/vendor/preact.js";
import { post } from "/dashboard/api.js";
import { Field } from "/dashboard/ui.js";
import { FormDialog } from "/dashboard/pages/form-dialog.js";
import { SessionChoice } from "/dashboard/pages/session-choice.js";

const scopes = [
  ["send", "Send: look, send messages, mark them as read"],
  ["read", "Read: only look"],
  ["manage", "Manage: everything, also sessions, webhooks and keys"],
];

// KeyForm makes a key at path. Sessions are offered with own, to the account's owner;
// the operator names them.
export function KeyForm({ path, own, onDone }) {
  const [name, setName] = useState("");
  const [scope, setScope] = useState("send");
  const [sessions, setSessions] = useState([]);
  const [named, setNamed] = useState("");
  const [expires, setExpires] = useState("");
  const [answer] = useState({});
  const submit = async () => {
    const body = { name, scope };
    const chosen = own ? sessions : named.split(/[\s,]+/).filter(Boolean);
    if (chosen.length > 0) body.sessions = chosen;
    if (expires) body.expiresAt = new Date(expires).toISOString();
    answer.body = await post(path, body);
  };
  return html`<${FormDialog} title="New API key" action="Make the key" onSubmit=${submit} onClose=${(done) => onDone(done ? answer.body : null)} test="key-form">
    <${Field} label="Name" help="What it is for, such as web shop.">
      <input type="text" required maxlength="100" value=${name} onInput=${(e) => setName(e.target.value)} data-test="key-name" /><//>
    <${Field} label="What it may do">
      <select value=${scope} onChange=${(e) => setScope(e.target.value)} data-test="key-scope">
        ${scopes.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}</select><//>
    ${own
      ? html`<${SessionChoice} chosen=${sessions} onChange=${setSessions} help="With some, the key sees only those, and changes nothing of the account." test="key-sessions" />`
      : html`<${Field} label="Only these sessions" help="Ids, separated by commas; empty for all.">
          <input type="text" value=${named} onInput=${(e) => setNamed(e.target.value)} data-test="key-sessions" /><//>`}
    <${Field} label="Good until" help="Empty for ever.">
      <input type="datetime-local" value=${expires} onInput=${(e) => setExpires(e.target.value)} data-test="key-expires" /><//>
  <//>`;
}
