// What was done to tenants and keys, and by whom.
import { html, useEffect, useState } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";
import { go, to } from "/dashboard/router.js";
import { Busy, Empty, ErrorBox, Field, More, Time, toast } from "/dashboard/ui.js";

const actions = {
  "tenant.create": "A tenant was made",
  "tenant.update": "A tenant was changed",
  "tenant.suspend": "A tenant was suspended",
  "tenant.resume": "A tenant may go on",
  "tenant.delete": "A tenant's deletion began",
  "tenant.erased": "A tenant is gone",
  "key.create": "A key was made",
  "key.delete": "A key was deleted",
  "key.reset": "A main key was replaced",
  "login.link": "A login link was made",
  "tenant.signup": "Somebody signed up",
  "password.reset": "A password was replaced",
  "app.rotate": "An app got new secrets",
  "session.export": "A session was exported",
  "session.import": "A session was imported",
  "session.reclaim": "A session was taken back",
  "conversation.publish": "A conversation was shown to everybody",
  "conversation.unpublish": "A conversation was taken back",
  "log.level": "The log's level was changed",
};

// actor says who did something.
function actor(word) {
  if (word === "operator") return "The operator";
  if (word === "shell") return "The shell on the server";
  if (word === "visitor") return "Somebody who was not logged in";
  if (word.startsWith("web:")) return html`The tenant, in a browser (<code>${word.slice(4)}</code>)`;
  return word.startsWith("key:") ? html`The tenant, with the key <code>${word.slice(4)}</code>` : word;
}

function Details({ details }) {
  const parts = Object.entries(details ?? {}).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return parts.length ? html`<div class="small text-body-secondary text-break">${parts.join(", ")}</div>` : null;
}

export function Audit({ tenant }) {
  const [text, setText] = useState(tenant);
  const [action, setAction] = useState("");
  const [older, setOlder] = useState({ list: [], cursor: undefined });
  const filter = { tenantId: tenant, action, limit: 50 };
  const first = usePoll((signal) => get("/api/admin/audit", filter, { signal }), 15_000, [tenant, action]);
  useEffect(() => {
    setText(tenant);
    setOlder({ list: [], cursor: undefined });
  }, [tenant, action]);
  const more = async (cursor) => {
    try {
      const page = await get("/api/admin/audit", { ...filter, cursor });
      setOlder((was) => ({ list: [...was.list, ...page.entries], cursor: page.nextCursor ?? "" }));
    } catch (problem) {
      toast(problem.message, "danger");
    }
  };
  const search = (e) => {
    e.preventDefault();
    const id = text.trim();
    go(id ? to("admin", "audit", id) : to("admin", "audit"));
  };
  const newest = first.data?.entries ?? [];
  const known = new Set(newest.map((e) => e.id));
  const all = [...newest, ...older.list.filter((e) => !known.has(e.id))];
  return html`<div data-test="audit">
    <h1 class="h3 mb-3">Audit log</h1>
    <form class="row g-2 align-items-end mb-3" onSubmit=${search}>
      <div class="col-sm-5 col-lg-4"><${Field} label="Tenant" class="mb-0">
        <input type="search" placeholder="its id, also of one that is gone" value=${text} onInput=${(e) => setText(e.target.value)} data-test="audit-tenant" /><//></div>
      <div class="col-sm-5 col-lg-4"><${Field} label="What was done" class="mb-0">
        <select value=${action} onChange=${(e) => setAction(e.target.value)} data-test="audit-action">
          <option value="">Anything</option>${Object.entries(actions).map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}</select><//></div>
      <div class="col-auto"><button type="submit" class="btn btn-outline-primary" data-test="audit-search">Search</button></div>
    </form>
    <${ErrorBox} error=${first.error} onRetry=${first.again} />
    ${!first.data && !first.error && html`<${Busy} />`}
    ${first.data && all.length === 0 && html`<${Empty}><p class="mb-0">Nothing was done yet, or nothing passes the filter.</p><//>`}
    ${all.length > 0 && html`<div class="table-responsive"><table class="table table-sm align-middle">
      <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Tenant</th><th scope="col" class="d-none d-md-table-cell">By</th><th scope="col" class="d-none d-lg-table-cell">Request</th></tr></thead>
      <tbody>${all.map((e) => html`<tr key=${e.id} data-test="audit-entry" data-action=${e.action}>
        <td><${Time} at=${e.at} /></td>
        <td>${actions[e.action] ?? e.action}<${Details} details=${e.details} /><div class="small text-body-secondary text-break d-md-none">${actor(e.actor)}</div></td>
        <td class="text-break"><a href=${to("admin", "tenants", e.tenantId)}>${e.tenantId}</a>${e.target && e.target !== e.tenantId ? html`<div class="small text-body-secondary">${e.target}</div>` : null}</td>
        <td class="text-break d-none d-md-table-cell">${actor(e.actor)}</td>
        <td class="small font-monospace text-break d-none d-lg-table-cell">${e.requestId}</td>
      </tr>`)}</tbody>
    </table></div>`}
    <${More} cursor=${older.cursor ?? first.data?.nextCursor} onMore=${more} />
  </div>`;
}
