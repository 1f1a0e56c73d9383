// The options that a session can have, as fields of a form.
import { html, useState } from "/dashboard/vendor/preact.js";
import { post } from "/dashboard/api.js";
import { ErrorBox, Field } from "/dashboard/ui.js";

// readOptions makes the fields of a request out of what the form holds. What is
// empty is left out.
export function readOptions({ proxy, typing, delayMin, delayMax, interactive }) {
  const body = {};
  if (proxy.trim()) body.proxy = proxy.trim();
  if (typing) body.typing = true;
  if (delayMin !== "") body.delayMin = Number(delayMin);
  if (delayMax !== "") body.delayMax = Number(delayMax);
  if (interactive !== "text") body.interactive = interactive;
  return body;
}

// OptionFields shows the options of a value {proxy, typing, delayMin, delayMax, interactive}.
// proxyHelp stands under the proxy instead of the usual text. A session of Meta's official
// API has no proxy, and buttons that are no experiment.
export function OptionFields({ value, onChange, proxyHelp, official }) {
  const set = (name, of = (e) => e.target.value) => (e) => onChange({ ...value, [name]: of(e) });
  return html`
    ${!official && html`<${ProxyField} value=${value.proxy} onInput=${set("proxy")} help=${proxyHelp} />`}
    <${Field} label="Show that you are typing before a text goes out">
      <input type="checkbox" role="switch" checked=${value.typing} onChange=${set("typing", (e) => e.target.checked)} data-test="session-typing" />
    <//>
    <fieldset class="row g-3">
      <legend class="fs-6 mb-0">Pause before each message, chosen at random between</legend>
      <${Field} class="col-6 col-sm-4" label="At least (ms)">
        <input type="number" min="0" max="60000" step="1" value=${value.delayMin} onInput=${set("delayMin")} data-test="session-delay-min" />
      <//>
      <${Field} class="col-6 col-sm-4" label="At most (ms)">
        <input type="number" min="0" max="60000" step="1" value=${value.delayMax} onInput=${set("delayMax")} data-test="session-delay-max" />
      <//>
    </fieldset>
    <${Field} class="mt-3" label="Questions with choices"
      help=${official ? "Meta has up to 3 buttons, or a list of up to 10." : "WhatsApp may accept buttons and show nothing: try them with a number of your own first."}>
      <select value=${value.interactive} onChange=${set("interactive")} data-test="session-interactive">
        <option value="text">As numbered lines of the text</option>
        <option value="poll">As a poll</option>
        <option value="native">As WhatsApp's own buttons${official ? " and lists" : " (experimental)"}</option>
      </select>
    <//>`;
}

// ProxyField takes a proxy's URL, and tries it on request before it is set.
function ProxyField({ value, onInput, help }) {
  const [state, setState] = useState({});
  const test = async () => {
    setState({ busy: true });
    try {
      const { durationMs } = await post("/api/whatsapp/proxy/test", { proxy: value.trim() });
      setState({ done: `WhatsApp answered through it in ${durationMs} ms.` });
    } catch (error) {
      setState({ error });
    }
  };
  return html`
    <div class="d-flex align-items-start gap-2">
      <${Field} class="flex-grow-1 mb-2" label="Proxy" help=${help ?? "Its connection goes through this, or nowhere: http, https, socks5 or socks5h, with user and password if need be."}>
        <input type="text" autocomplete="off" spellcheck=${false} placeholder="socks5h://user:password@proxy.example.com:1080" value=${value}
          onInput=${(e) => { setState({}); onInput(e); }} data-test="session-proxy" />
      <//>
      <button type="button" class="btn btn-outline-secondary beside-field" disabled=${!value.trim() || state.busy} onClick=${test}
        data-test="session-proxy-test">${state.busy ? "Trying…" : "Try"}</button>
    </div>
    <div aria-live="polite" class="mb-2">
      ${state.done && html`<div class="text-success" data-test="session-proxy-result">${state.done}</div>`}
      <${ErrorBox} error=${state.error} />
    </div>`;
}
