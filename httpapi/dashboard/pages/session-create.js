// The form for a new session.
import { html, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { post } from "/dashboard/api.js";
import { go, to } from "/dashboard/router.js";
import { ErrorBox, Field } from "/dashboard/ui.js";
import { OptionFields, readOptions } from "/dashboard/pages/session-fields.js";

const pattern = "[A-Za-z0-9][A-Za-z0-9._@+\\-]{0,63}";

// Create makes a session and goes to it. first opens it without a way to close it:
// there is nothing else to do yet.
export default function Create({ me, first, onClose, onCreated }) {
  const [id, setId] = useState(first ? "main" : "");
  const [name, setName] = useState("");
  const [options, setOptions] = useState({ proxy: "", typing: false, delayMin: "", delayMax: "", interactive: "text" });
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const box = useRef();
  useEffect(() => {
    if (!first) box.current?.querySelector("input")?.focus();
  }, []);

  const submit = async (e) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const body = { sessionId: id, ...readOptions(options) };
      if (name.trim()) body.name = name.trim();
      const made = await post("/api/whatsapp/session", body);
      onCreated();
      go(to("sessions", made.sessionId));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };

  return html`<form class="card mb-3" ref=${box} onSubmit=${submit} aria-label="New session" data-test="session-form">
    <div class="card-body">
      <${ErrorBox} error=${error} />
      <div class="row g-3">
        <${Field} class="col-sm-6" label="Id" help="Yours to choose, and used in every call: letters, digits and . _ @ + -. It can't be changed later.">
          <input required maxlength="64" pattern=${pattern} autocomplete="off" spellcheck=${false} value=${id} list=${me.sessions ? "session-ids" : undefined}
            onInput=${(e) => setId(e.target.value)} data-test="session-id" />
        <//>
        <${Field} class="col-sm-6" label="Name (may be left empty)" help="What you see it as here. It can be changed.">
          <input maxlength="100" autocomplete="off" value=${name} onInput=${(e) => setName(e.target.value)} data-test="session-name" />
        <//>
      </div>
      ${me.sessions && html`<datalist id="session-ids">${me.sessions.map((s) => html`<option key=${s} value=${s} />`)}</datalist>`}
      <details class="my-3"><summary>Options</summary>
        <div class="pt-3"><${OptionFields} value=${options} onChange=${setOptions} /></div>
      </details>
      <div class="d-flex gap-2">
        <button type="submit" class="btn btn-primary" disabled=${busy} data-test="session-create">${busy ? "Creating…" : "Create and link"}</button>
        ${!first && html`<button type="button" class="btn btn-outline-secondary" onClick=${onClose}>Cancel</button>`}
      </div>
    </div>
  </form>`;
}
