// The form by which the operator makes a tenant, or changes one.
import { html, useState } from "/dashboard/vendor/preact.js";
import { patch, post } from "/dashboard/api.js";
import { Field } from "/dashboard/ui.js";
import { FormDialog } from "/dashboard/pages/form-dialog.js";

const numbers = [
  ["dailyLimit", "Messages a day", "no limit"],
  ["maxSessions", "Sessions at a time", "no limit"],
  ["rateLimit", "Requests a minute with each key", "the daemon's own limit"],
  ["retentionDays", "Days that messages and events are kept", "for ever"],
];

// TenantForm makes a tenant, or changes the one that is given. onDone gets the answer,
// or nothing if it was given up.
export function TenantForm({ tenant, onDone }) {
  const [name, setName] = useState(tenant?.name ?? "");
  const [id, setID] = useState("");
  const [zone, setZone] = useState(tenant?.timeZone ?? "UTC");
  const [limits, setLimits] = useState(Object.fromEntries(numbers.map(([field]) => [field, tenant?.[field] ?? ""])));
  const [answer] = useState({});
  const submit = async () => {
    const body = { name, timeZone: zone };
    for (const [field] of numbers) {
      if (tenant || limits[field] !== "") body[field] = limits[field] === "" ? null : Number(limits[field]);
    }
    if (!tenant && id) body.tenantId = id;
    answer.body = tenant ? await patch(`/api/admin/tenants/${encodeURIComponent(tenant.tenantId)}`, body) : await post("/api/admin/tenants", body);
  };
  return html`<${FormDialog} title=${tenant ? `Change ${tenant.name}` : "New tenant"} action=${tenant ? "Save" : "Create"}
      onSubmit=${submit} onClose=${(done) => onDone(done ? answer.body : null)} test="tenant-form">
    <${Field} label="Name"><input type="text" required maxlength="100" value=${name} onInput=${(e) => setName(e.target.value)} data-test="tenant-name" /><//>
    ${!tenant && html`<${Field} label="Id" help="Empty to have one made from the name.">
      <input type="text" value=${id} onInput=${(e) => setID(e.target.value)} data-test="tenant-id" /><//>`}
    ${numbers.map(([field, label, none]) => html`<${Field} key=${field} label=${label} help=${`Empty for ${none}.`}>
      <input type="number" min="1" value=${limits[field]} onInput=${(e) => setLimits({ ...limits, [field]: e.target.value })} data-test=${`tenant-${field}`} /><//>`)}
    <${Field} label="Time zone" help="By which its day begins, such as Asia/Kolkata.">
      <input type="text" required value=${zone} onInput=${(e) => setZone(e.target.value)} data-test="tenant-zone" /><//>
  <//>`;
}
