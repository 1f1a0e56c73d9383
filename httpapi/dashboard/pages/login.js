// Logging in: with an API key, as the operator, with e-mail and password where people
// may sign up, or with a one-time link, which does it by itself.
import { html, useEffect, useState } from "/dashboard/vendor/preact.js";
import { post } from "/dashboard/api.js";
import { Busy, ErrorBox } from "/dashboard/ui.js";
import { home } from "/dashboard/pages.js";
import { Card, Email, Form, Leave, Secret, takeToken, useLink, useSubmit } from "/dashboard/pages/login-form.js";
import { Forgot, Reset } from "/dashboard/pages/login-reset.js";

const ways = {
  email: { label: "E-mail", signup: true },
  key: { label: "API key" },
  admin: { label: "Operator" },
};

// Ways chooses how to log in.
function Ways({ info, way, onWay }) {
  const shown = Object.entries(ways).filter(([, { signup }]) => !signup || info.signup);
  return html`<ul class="nav nav-pills nav-fill gap-1 mb-3" aria-label="How to log in">
    ${shown.map(([name, { label }]) => html`<li class="nav-item" key=${name}>
      <button type="button" class=${`nav-link ${way === name ? "active" : ""}`} aria-pressed=${String(way === name)}
        onClick=${() => onWay(name)} data-test=${`login-with-${name}`}>${label}</button>
    </li>`)}
  </ul>`;
}

function KeyForm({ sandbox, onLogin }) {
  const [key, setKey] = useState("");
  const [submit, busy, error] = useSubmit(async () => onLogin(await post("/dashboard/login", { apiKey: key.trim() })));
  return html`<${Form} submit=${submit} busy=${busy} error=${error} label="Log in" test="login">
    <${Secret} label="API key" name="api-key" autocomplete="off" value=${key} onInput=${setKey} test="login-key"
      help=${sandbox ? "The sandbox's stands in the file api-key of its data directory." : "It begins with wapid_. You can do here what the key may."} />
  <//>`;
}

function AdminForm({ onLogin }) {
  const [key, setKey] = useState("");
  const [submit, busy, error] = useSubmit(async () => onLogin(await post("/dashboard/login", { adminKey: key.trim() })));
  return html`<${Form} submit=${submit} busy=${busy} error=${error} label="Log in as the operator" test="login">
    <${Secret} label="Admin key" name="admin-key" autocomplete="off" value=${key} onInput=${setKey} test="login-admin-key"
      help="For whoever runs this server. It was printed when the server was first started." />
  <//>`;
}

function EmailForm({ onLogin, onForgot }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [submit, busy, error] = useSubmit(async () => onLogin(await post("/dashboard/login", { email: email.trim(), password })));
  return html`<${Form} submit=${submit} busy=${busy} error=${error} label="Log in" test="login">
      <${Email} value=${email} onInput=${setEmail} test="login-email" />
      <${Secret} label="Password" name="password" autocomplete="current-password" value=${password} onInput=${setPassword} test="login-password" />
    <//>
    <p class="d-flex justify-content-between mt-3 mb-0">
      <a href="#/register" data-test="login-register">Sign up</a>
      <button type="button" class="btn btn-link p-0" onClick=${onForgot} data-test="login-forgot">Forgot the password?</button>
    </p>`;
}

// LinkLogin logs in with the link that was opened.
function LinkLogin({ token, onLogin, onGiveUp }) {
  const [error, setError] = useState(null);
  useEffect(() => {
    let over = false;
    post("/dashboard/login", { link: token }).then((me) => over || onLogin(me), (problem) => over || setError(problem));
    return () => {
      over = true;
    };
  }, [token]);
  if (!error) return html`<${Card} title="Logging in"><${Busy} label="One moment…" /><//>`;
  return html`<${Card} title="This link does not open" data-test="login-link-failed">
    ${error.status === 410
      ? html`<p>It works once, and within an hour. Whoever runs the server makes another with
          <code class="text-nowrap"> wapid tenant login-link</code> and the tenant's id.</p>`
      : html`<${ErrorBox} error=${error} />`}
    <button type="button" class="btn btn-primary" onClick=${onGiveUp}>Log in another way</button>
  <//>`;
}

// Present is for somebody who comes here and is logged in already.
function Present({ me }) {
  const who = me.role === "operator" ? "the operator" : me.tenant.name;
  return html`<p class="alert alert-info d-flex flex-wrap align-items-center gap-2">
    <span class="me-auto">You are logged in as ${who}.</span>
    <a class="btn btn-sm btn-outline-primary" href=${home(me)}>Go on</a>
  </p>`;
}

export default function Login({ me, info, onLogin }) {
  const link = useLink("link", me);
  const [reset, setReset] = useState(() => takeToken("reset"));
  const [way, setWay] = useState("");
  const [forgot, setForgot] = useState(false);
  if (link.asks) return html`<${Leave} me=${me} onYes=${link.agree} onNo=${link.drop} />`;
  if (link.token) return html`<${LinkLogin} key=${link.token} token=${link.token} onLogin=${onLogin} onGiveUp=${link.drop} />`;
  if (reset) return html`<${Reset} token=${reset} onDone=${() => setReset("")} />`;
  if (forgot) return html`<${Forgot} onDone=${() => setForgot(false)} />`;
  const chosen = way || (info.signup ? "email" : "key");
  return html`<${Card} title="Log in" data-test="login-page">
    ${me && html`<${Present} me=${me} />`}
    <${Ways} info=${info} way=${chosen} onWay=${setWay} />
    ${chosen === "key" && html`<${KeyForm} sandbox=${info.sandbox} onLogin=${onLogin} />`}
    ${chosen === "admin" && html`<${AdminForm} onLogin=${onLogin} />`}
    ${chosen === "email" && html`<${EmailForm} onLogin=${onLogin} onForgot=${() => setForgot(true)} />`}
  <//>`;
}
