// A forgotten password: asking for the mail, and choosing another one with its link.
import { html, useState } from "/dashboard/vendor/preact.js";
import { post } from "/dashboard/api.js";
import { toast } from "/dashboard/ui.js";
import { Card, Email, Form, Secret, useSubmit } from "/dashboard/pages/login-form.js";

// Forgot asks for a mail. The answer is the same whether the address is known or not.
export function Forgot({ onDone }) {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const [submit, busy, error] = useSubmit(async () => {
    await post("/dashboard/forgot", { email: email.trim() });
    setSent(true);
  });
  const back = html`<p class="mt-3 mb-0"><button type="button" class="btn btn-link p-0" onClick=${onDone}>Back to the login</button></p>`;
  if (sent) {
    return html`<${Card} title="Check your mail">
      <p role="status" data-test="forgot-sent">If somebody has signed up with this address, a mail with a link is on its way.
        The link works once, within an hour.</p>
      ${back}
    <//>`;
  }
  return html`<${Card} title="Forgot the password">
    <${Form} submit=${submit} busy=${busy} error=${error} label="Send me a link" test="forgot">
      <${Email} value=${email} onInput=${setEmail} test="forgot-email" />
    <//>
    ${back}
  <//>`;
}

// Reset chooses another password.
export function Reset({ token, onDone }) {
  const [password, setPassword] = useState("");
  const [submit, busy, error] = useSubmit(async () => {
    await post("/dashboard/reset", { token, password });
    toast("The password is changed. Log in with it.", "success");
    onDone();
  });
  return html`<${Card} title="Choose another password">
    <${Form} submit=${submit} busy=${busy} error=${error} label="Change the password" test="reset">
      <${Secret} label="New password" name="new-password" autocomplete="new-password" minLength="10" value=${password}
        onInput=${setPassword} test="reset-password" help="10 characters at least. Every browser that is logged in by password is logged out." />
    <//>
    <p class="mt-3 mb-0"><button type="button" class="btn btn-link p-0" onClick=${onDone}>Back to the login</button></p>
  <//>`;
}
