// What the forms for logging in and signing up have in common.
import { html, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { ErrorBox, Field } from "/dashboard/ui.js";

// takeToken reads a token behind the hash, as #/login?link=…, and removes it from the
// address bar and the history: whoever sees the screen later must not find it there.
export function takeToken(name) {
  const [page, query = ""] = location.hash.split("?");
  const token = new URLSearchParams(query).get(name);
  if (token) history.replaceState(history.state, "", page);
  return token ?? "";
}

// useLink is the token of a link, also of one that is opened while the page stands here:
// {token, asks, agree, drop}. asks is true while somebody is logged in who has not agreed
// to be logged out for it: a link to its sender's own account must not have them work,
// or link their number, in there without knowing.
export function useLink(name, me) {
  const present = useRef();
  present.current = me;
  const read = () => {
    const token = takeToken(name);
    return { token, asks: Boolean(token && present.current) };
  };
  const [link, setLink] = useState(read);
  useEffect(() => {
    const changed = () => {
      const next = read();
      if (next.token) setLink(next);
    };
    window.addEventListener("hashchange", changed);
    changed(); // it may have come since the page was drawn
    return () => window.removeEventListener("hashchange", changed);
  }, [name]);
  return { ...link, agree: () => setLink({ ...link, asks: false }), drop: () => setLink({ token: "", asks: false }) };
}

// Leave asks whoever is logged in whether a link may log them in anew.
export function Leave({ me, onYes, onNo }) {
  const who = me?.role === "operator" ? "the operator" : me?.tenant?.name;
  return html`<${Card} title="Use this link?" data-test="leave">
    <p>You are logged in as <strong class="text-break">${who}</strong>. The link logs you out, and in to the account that it is for.
      If you did not ask for it, stay: what you do there, and numbers that you link, would be for whoever sent it.</p>
    <div class="d-flex flex-wrap gap-2">
      <button type="button" class="btn btn-primary" onClick=${onNo} data-test="leave-no">Stay</button>
      <button type="button" class="btn btn-outline-secondary" onClick=${onYes} data-test="leave-yes">Use the link</button>
    </div>
  <//>`;
}

// useSubmit runs one submission at a time: [submit, busy, error]. work may throw.
export function useSubmit(work) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const submit = async (e) => {
    e?.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return [submit, busy, error];
}

// useArrival gives the focus to the first field of a form that has just appeared.
export function useArrival() {
  const form = useRef();
  useEffect(() => form.current?.querySelector("input")?.focus(), []);
  return form;
}

// Card is the frame around a form.
export function Card({ title, children, ...rest }) {
  return html`<div class="row justify-content-center"><div class="col-12 col-sm-10 col-md-7 col-lg-5">
    <section class="card shadow-sm mt-md-4" ...${rest}><div class="card-body p-4">
      <h1 class="h4 mb-3">${title}</h1>
      ${children}
    </div></section>
  </div></div>`;
}

// Form is a form with one button, and what went wrong above that.
export function Form({ submit, busy, error, label, test, children }) {
  const form = useArrival();
  return html`<form ref=${form} onSubmit=${submit} data-test=${test}>
    ${children}
    <${ErrorBox} error=${error} />
    <button type="submit" class="btn btn-primary w-100" disabled=${busy} data-test=${`${test}-submit`}>
      ${busy ? "One moment…" : label}
    </button>
  </form>`;
}

// Secret is a field whose text is hidden until one asks to see it.
export function Secret({ label, help, value, onInput, name, autocomplete, test, minLength }) {
  const [shown, setShown] = useState(false);
  return html`<${Field} label=${label} help=${help} class="mb-1">
      <input type=${shown ? "text" : "password"} name=${name} autocomplete=${autocomplete} required minLength=${minLength}
        maxLength="512" spellcheck=${false} autocapitalize="off" value=${value} onInput=${(e) => onInput(e.target.value)} data-test=${test} />
    <//>
    <div class="mb-3"><button type="button" class="btn btn-link btn-sm p-0" aria-pressed=${String(shown)}
      onClick=${() => setShown(!shown)}>${shown ? "Hide it" : "Show it"}</button></div>`;
}

// Email is the field for an address.
export function Email({ value, onInput, test = "email" }) {
  return html`<${Field} label="E-mail">
    <input type="email" name="email" autocomplete="username" required maxLength="254" value=${value}
      onInput=${(e) => onInput(e.target.value)} data-test=${test} />
  <//>`;
}
