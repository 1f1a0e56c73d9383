// Signing up: the form, the mail that proves the address, and the API key, shown once.
import { html, useState } from "/dashboard/vendor/preact.js";
import { post } from "/dashboard/api.js";
import { Copy, Field } from "/dashboard/ui.js";
import { Card, Email, Form, Leave, Secret, useLink, useSubmit } from "/dashboard/pages/login-form.js";

function SignUp({ onSent }) {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [submit, busy, error] = useSubmit(async () => {
    await post("/dashboard/register", { email: email.trim(), password, name: name.trim() });
    onSent(email.trim());
  });
  return html`<${Card} title="Sign up" data-test="register-page">
    <${Form} submit=${submit} busy=${busy} error=${error} label="Sign up" test="register">
      <${Field} label="Name" help="Of your business, or your own.">
        <input type="text" name="name" autocomplete="organization" required maxLength="100" value=${name}
          onInput=${(e) => setName(e.target.value)} data-test="register-name" />
      <//>
      <${Email} value=${email} onInput=${setEmail} test="register-email" />
      <${Secret} label="Password" name="password" autocomplete="new-password" minLength="10" value=${password} onInput=${setPassword}
        test="register-password" help="10 characters at least." />
    <//>
    <p class="mt-3 mb-0">Signed up already? <a href="#/login">Log in</a></p>
  <//>`;
}

function Sent({ email, onAgain }) {
  return html`<${Card} title="Check your mail">
    <p role="status" data-test="register-sent">A mail is on its way to <strong class="text-break">${email}</strong>. Its link makes your account;
      it works once, within a day. If the address has an account already, the mail says so.</p>
    <p class="mb-0">Nothing came? Look into the spam folder, or${" "}
      <button type="button" class="btn btn-link p-0 align-baseline" onClick=${onAgain}>try again</button>.</p>
  <//>`;
}

// Verify proves the address with the link of the mail, asks for the password, which
// somebody else may have chosen, and shows the key.
function Verify({ token, onLogin }) {
  const [made, setMade] = useState(null);
  const [password, setPassword] = useState("");
  const [submit, busy, error] = useSubmit(async () => setMade(await post("/dashboard/verify", { token, password })));
  if (error?.status === 410) {
    return html`<${Card} title="This link does not open" data-test="register-failed">
      <p>It works once, and within a day. If you have used it, your account is there.</p>
      <p class="mb-0 d-flex gap-3"><a href="#/login">Log in</a><a href="#/register">Sign up</a></p>
    <//>`;
  }
  if (!made) {
    return html`<${Card} title="One more step" data-test="verify-page">
      <p>Give the password that you chose when you signed up. If it was not you who signed up, close this page.</p>
      <${Form} submit=${submit} busy=${busy} error=${error} label="Make my account" test="verify">
        <${Secret} label="Password" name="password" autocomplete="current-password" value=${password} onInput=${setPassword} test="verify-password" />
      <//>
    <//>`;
  }
  const { apiKey, success, ...me } = made;
  return html`<${Card} title="Welcome">
    <p role="status">Your account is there, and you are logged in. This is its API key, for programs that send with it.
      <strong> It is shown this once:</strong> put it where you keep secrets.</p>
    <div class="input-group mb-3">
      <input class="form-control font-monospace" readonly value=${apiKey} aria-label="API key" data-test="register-key" onFocus=${(e) => e.target.select()} />
      <${Copy} text=${apiKey} data-test="register-copy" />
    </div>
    <button type="button" class="btn btn-primary w-100" onClick=${() => onLogin(me)} data-test="register-done">Go on to the sessions</button>
  <//>`;
}

export default function Register({ me, info, onLogin }) {
  const link = useLink("token", me);
  const [sent, setSent] = useState("");
  if (link.asks) return html`<${Leave} me=${me} onYes=${link.agree} onNo=${link.drop} />`;
  if (link.token) return html`<${Verify} key=${link.token} token=${link.token} onLogin=${onLogin} />`;
  if (sent) return html`<${Sent} email=${sent} onAgain=${() => setSent("")} />`;
  if (!info.signup) {
    return html`<${Card} title="Sign up"><p>Nobody can sign up here: whoever runs this server makes the accounts.</p>
      <p class="mb-0"><a href="#/login">Log in</a></p><//>`;
  }
  return html`<${SignUp} onSent=${setSent} />`;
}
