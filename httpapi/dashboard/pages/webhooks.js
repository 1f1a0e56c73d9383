// The webhooks of an account; with an id, one of them.
import { html, useState } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Busy, Empty, ErrorBox } from "/dashboard/ui.js";
import { to } from "/dashboard/router.js";
import { showOnce } from "/dashboard/pages/once.js";
import { manages } from "/dashboard/pages/rights.js";
import { WebhookDetail } from "/dashboard/pages/webhook-detail.js";
import { WebhookForm } from "/dashboard/pages/webhook-form.js";
import { Health } from "/dashboard/pages/webhook-health.js";
import { Verify } from "/dashboard/pages/webhook-verify.js";
import { formatWords, originWords } from "/dashboard/pages/webhook-words.js";

function eventWords(types) {
  return types.includes("*") ? "everything" : types.join(", ");
}

function Card({ webhook }) {
  return html`<li class="list-group-item" data-test="webhook" data-id=${webhook.webhookId}>
    <div class="d-flex flex-wrap align-items-center gap-2">
      <a class="fw-semibold text-break stretched-link" href=${to("webhooks", webhook.webhookId)} data-test="webhook-open">${webhook.name || webhook.url}</a>
      ${webhook.main && html`<span class="badge text-bg-secondary">Main</span>`}
      ${webhook.format !== "wapiconnect" && html`<span class="badge text-bg-light border" data-test="webhook-format-of">${formatWords(webhook.format)}</span>`}
      ${webhook.origin && html`<span class="badge text-bg-light border">Of ${originWords(webhook.origin)}</span>`}
      <span class="ms-auto"><${Health} webhook=${webhook} /></span>
    </div>
    <div class="small text-body-secondary text-break">${webhook.name ? webhook.url : ""}</div>
    <div class="small text-body-secondary text-break">Events: ${eventWords(webhook.events)}${webhook.sessions.length ? ` · of ${webhook.sessions.join(", ")}` : ""}</div>
  </li>`;
}

function List({ me }) {
  const [adding, setAdding] = useState(false);
  const { data, error, again } = usePoll((signal) => get("/api/account/webhooks", undefined, { signal }), 10_000);
  useEvents({ type: "webhook.disabled" }, again);
  const done = (answer) => {
    setAdding(false);
    if (!answer) return;
    again();
    showOnce({
      title: "The webhook's secret", text: answer.secret, test: "webhook-secret",
      body: html`<p class="small">With it your receiver checks that a request comes from here.</p><${Verify} format=${answer.format} />`,
    });
  };
  return html`<div data-test="webhooks">
    <div class="d-flex flex-wrap align-items-center gap-2 mb-3">
      <h1 class="h3 me-auto mb-0">Webhooks</h1>
      ${manages(me) && html`<button type="button" class="btn btn-primary" onClick=${() => setAdding(true)} data-test="webhook-add">Add a webhook</button>`}
    </div>
    <p class="text-body-secondary">A webhook is an address of yours that is told of everything that happens, as it happens.</p>
    <${ErrorBox} error=${error} onRetry=${again} />
    ${!data && !error && html`<${Busy} />`}
    ${data?.webhooks.length === 0 && html`<${Empty} title="No webhooks yet">
      <p class="mb-0">${manages(me) ? "Add one to have your program told of messages." : "Your key sees none."}</p><//>`}
    ${data?.webhooks.length > 0 && html`<ul class="list-group">${data.webhooks.map((w) => html`<${Card} key=${w.webhookId} webhook=${w} />`)}</ul>`}
    ${adding && html`<${WebhookForm} onDone=${done} />`}
  </div>`;
}

export default function Webhooks({ args, me }) {
  return args[0] ? html`<${WebhookDetail} key=${args[0]} id=${args[0]} me=${me} />` : html`<${List} me=${me} />`;
}
