// How a receiver checks that a request comes from here.
import { html } from "/dashboard/vendor/preact.js";
import { Copy } from "/dashboard/ui.js";

const snippet = `const { createHmac, timingSafeEqual } = require("crypto");

// body: the parsed JSON of the request; secret: the webhook's
function verify(body, secret) {
  const { signature, ...payload } = body;
  const expected = createHmac("sha256", secret).update(JSON.stringify(payload)).digest("hex");
  return signature?.length === expected.length
    && timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
}`;

const meta = `const { createHmac, timingSafeEqual } = require("crypto");

// raw: the body as it came, a Buffer; header: x-hub-signature-256; secret: the webhook's
function verify(raw, header, secret) {
  const expected = "sha256=" + createHmac("sha256", secret).update(raw).digest("hex");
  return header?.length === expected.length
    && timingSafeEqual(Buffer.from(header), Buffer.from(expected));
}`;

// Verify shows it for Node, where a format has a signature of its own; the API's pages
// have the others.
export function Verify({ format }) {
  const code = { wapiconnect: snippet, meta }[format];
  return html`<details class="mb-2" data-test="webhook-verify">
    <summary>How to check the signature${code ? " (Node)" : ""}</summary>
    ${code && html`<pre class="border rounded p-2 mt-2 small"><code>${code}</code></pre>
    <${Copy} text=${code} label="Copy the code" />`}
    <p class="small mt-2 mb-0">Every request also has the headers of Standard Webhooks (<code>webhook-id</code>,${" "}
      <code>webhook-timestamp</code>, <code>webhook-signature</code>), for which most languages have a library.</p>
  </details>`;
}
