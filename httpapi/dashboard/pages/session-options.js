// A session's name and options. The id stays what it is.
import { html, useState } from "/dashboard/vendor/preact.js";
import { patch, sessionPath } from "/dashboard/api.js";
import { ErrorBox, Field, toast } from "/dashboard/ui.js";
import { OptionFields } from "/dashboard/pages/session-fields.js";

function formOf({ name = "", options = {} }) {
  return { name, proxy: "", typing: options.typing ?? false, delayMin: options.delayMin ?? 0, delayMax: options.delayMax ?? 0,
    interactive: options.interactive ?? "text" };
}

// changes are the fields that differ: what is not named stays as it is. A proxy can
// only be set anew, as its password is never shown.
function changes(form, was) {
  const body = {};
  if (form.name.trim() !== was.name) body.name = form.name.trim() || null;
  if (form.proxy.trim()) body.proxy = form.proxy.trim();
  if (form.typing !== was.typing) body.typing = form.typing;
  if (form.interactive !== was.interactive) body.interactive = form.interactive;
  for (const name of ["delayMin", "delayMax"]) {
    if (Number(form[name]) !== was[name]) body[name] = Number(form[name]);
  }
  return body;
}

export default function Options({ id, status, onChange }) {
  const was = formOf(status);
  const [form, setForm] = useState(was);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const body = changes(form, was);

  const save = async (change) => {
    setBusy(true);
    setError(null);
    try {
      setForm(formOf(await patch(sessionPath(id), change)));
      toast("Saved.");
      onChange();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  const submit = (e) => {
    e.preventDefault();
    save(body);
  };

  const proxy = status.options?.proxy;
  return html`<section class="card" aria-labelledby="options-title">
    <form class="card-body" onSubmit=${submit} data-test="session-options">
      <h2 class="h5" id="options-title">Name and options</h2>
      <${ErrorBox} error=${error} />
      <${Field} label="Name" help="Only you see it. Without one the id is shown.">
        <input maxlength="100" autocomplete="off" value=${form.name} onInput=${(e) => setForm({ ...form, name: e.target.value })} data-test="session-rename" />
      <//>
      <${OptionFields} value=${form} onChange=${(value) => setForm({ ...form, ...value })}
        official=${status.network === "cloud"}
        proxyHelp=${proxy ? `Now ${proxy}. Its password is never shown; type a whole new one to change it.` : undefined} />
      <div class="d-flex flex-wrap gap-2 mt-3">
        <button type="submit" class="btn btn-primary" disabled=${busy || Object.keys(body).length === 0} data-test="session-save">Save</button>
        ${proxy && html`<button type="button" class="btn btn-outline-secondary" disabled=${busy} onClick=${() => save({ proxy: null })}
          data-test="session-proxy-remove">Go without the proxy</button>`}
      </div>
    </form>
  </section>`;
}
