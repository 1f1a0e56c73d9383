// One webhook: how it does, what can be done with it, and its deliveries.
import { html, useState } from "/dashboard/vendor/preact.js";
import { del, get, patch, post } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { go } from "/dashboard/router.js";
import { Busy, ErrorBox, Field, Time, confirm, toast } from "/dashboard/ui.js";
import { FormDialog } from "/dashboard/pages/form-dialog.js";
import { showOnce } from "/dashboard/pages/once.js";
import { manages } from "/dashboard/pages/rights.js";
import { Deliveries } from "/dashboard/pages/webhook-deliveries.js";
import { took } from "/dashboard/pages/stats-plots.js";
import { WebhookForm } from "/dashboard/pages/webhook-form.js";
import { Health } from "/dashboard/pages/webhook-health.js";
import { Verify } from "/dashboard/pages/webhook-verify.js";
import { formatWords, originSystem, originWords, outcome } from "/dashboard/pages/webhook-words.js";

const overlaps = [[86_400, "A day"], [604_800, "A week"], [3_600, "An hour"], [0, "Not at all: the old one ends now"]];

function Rotate({ path, onDone }) {
  const [overlap, setOverlap] = useState(86_400);
  const [answer] = useState({});
  const submit = async () => {
    answer.body = await post(`${path}/rotate-secret`, { overlapSeconds: Number(overlap) });
  };
  return html`<${FormDialog} title="New secret" action="Make a new secret" onSubmit=${submit} onClose=${(done) => onDone(done ? answer.body : null)} test="rotate-form">
    <p>A new secret is made and shown once. For a while requests are signed with both in <code>webhook-signature</code>, so that your receiver can be changed
      without missing any. The signature in the body is made with the new one at once.</p>
    <${Field} label="How long the old secret counts as well">
      <select value=${overlap} onChange=${(e) => setOverlap(e.target.value)} data-test="rotate-overlap">
        ${overlaps.map(([seconds, words]) => html`<option key=${seconds} value=${seconds}>${words}</option>`)}
      </select><//>
  <//>`;
}

// Tried shows what the receiver made of a test.
function Tried({ result }) {
  const { state, status, durationMs, body } = result.delivery;
  const kind = state === "delivered" ? "success" : state === "sending" ? "info" : "warning";
  return html`<div class=${`alert alert-${kind}`} role="status" data-test="webhook-tested" data-state=${state}>
    <div><strong>${state === "delivered" ? "The receiver took the test." : state === "sending" ? "The receiver takes its time." : "The test failed; it will be tried again."}</strong>
      ${" "}${state === "sending" ? "" : outcome(result.delivery)}${durationMs !== undefined ? `, ${took(durationMs)}` : ""}</div>
    ${body && html`<pre class="small mb-0 mt-2 answer"><code>${body}</code></pre>`}
  </div>`;
}

function Facts({ webhook }) {
  const rows = [
    ["Address", html`<span class="text-break">${webhook.url}</span>`],
    ["Format", html`<span data-test="webhook-format-shown">${formatWords(webhook.format)}</span>`],
    webhook.origin && ["Set for", `${originWords(webhook.origin)}, through ${originSystem(webhook.origin)}`],
    ["Events", webhook.events.includes("*") ? "Everything" : webhook.events.join(", ")],
    ["Sessions", webhook.sessions.length ? webhook.sessions.join(", ") : "All"],
    ["Secret", webhook.hasSecret ? html`ends in <code>${webhook.secretHint}</code>` : "None: requests are not signed"],
    webhook.oldSecretUntil && ["Old secret", html`counts until <${Time} at=${webhook.oldSecretUntil} />`],
    Object.keys(webhook.headers).length > 0 && ["Headers", Object.keys(webhook.headers).join(", ")],
    ["Added", html`<${Time} at=${webhook.createdAt} />`],
  ].filter(Boolean);
  return html`<dl class="row mb-2 small">${rows.map(([name, value]) => html`
    <dt class="col-4 col-sm-2">${name}</dt><dd class="col-8 col-sm-10 mb-1 text-break">${value}</dd>`)}</dl>`;
}

// useActions are the buttons' work. run shows what goes wrong in a toast.
function useActions(path, again, show) {
  const [busy, setBusy] = useState("");
  const run = (name, work) => async () => {
    setBusy(name);
    try {
      await work();
    } catch (problem) {
      toast(problem.message, "danger");
    } finally {
      setBusy("");
    }
  };
  return {
    busy,
    test: run("test", async () => {
      show({ tried: await post(`${path}/test`) });
      again();
    }),
    toggle: (enabled) => run("toggle", async () => {
      await patch(path, { enabled });
      toast(enabled ? "The webhook is on." : "The webhook is off.");
      again();
    }),
    remove: run("remove", async () => {
      const yes = await confirm({ title: "Delete this webhook?", body: "What waits to be delivered to it goes with it. This can't be undone.", action: "Delete", danger: true });
      if (!yes) return;
      await del(path);
      toast("The webhook is deleted.");
      go("#/webhooks");
    }),
  };
}

export function WebhookDetail({ id, me }) {
  const path = `/api/account/webhooks/${encodeURIComponent(id)}`;
  const { data: webhook, error, again } = usePoll((signal) => get(path, undefined, { signal }), 5_000);
  const [shown, setShown] = useState({}); // {edit, rotate, tried}
  const [round, setRound] = useState(0);
  const refresh = () => {
    again();
    setRound((n) => n + 1);
  };
  useEvents({ type: "webhook.disabled" }, again);
  const { busy, test, toggle, remove } = useActions(path, refresh, setShown);
  const may = manages(me);
  return html`<div data-test="webhook-detail">
    <nav aria-label="Where you are"><a href="#/webhooks" data-test="webhook-back">← All webhooks</a></nav>
    <h1 class="h3 mt-2 text-break">${webhook?.name || webhook?.url || "Webhook"} ${webhook?.main && html`<span class="badge text-bg-secondary fs-6">Main</span>`}</h1>
    <${ErrorBox} error=${error} onRetry=${again} />
    ${!webhook && !error && html`<${Busy} />`}
    ${webhook && html`
      <p><${Health} webhook=${webhook} /></p>
      <${Facts} webhook=${webhook} />
      ${may && html`<div class="d-flex flex-wrap gap-2 mb-3">
        <button type="button" class="btn btn-primary" disabled=${!webhook.enabled || busy} onClick=${test} data-test="webhook-test">
          ${busy === "test" ? "Waiting for the answer…" : "Send a test"}</button>
        <button type="button" class="btn btn-outline-primary" onClick=${() => setShown({ edit: true })} data-test="webhook-edit">Change</button>
        ${!webhook.origin && html`<button type="button" class="btn btn-outline-primary" onClick=${() => setShown({ rotate: true })} data-test="webhook-rotate">New secret</button>`}
        <button type="button" class="btn btn-outline-secondary" disabled=${busy} onClick=${toggle(!webhook.enabled)} data-test="webhook-toggle">
          ${webhook.enabled ? "Switch off" : "Switch on"}</button>
        <button type="button" class="btn btn-outline-danger" disabled=${busy} onClick=${remove} data-test="webhook-delete">Delete</button>
      </div>`}
      ${shown.tried && html`<${Tried} result=${shown.tried} />`}
      <${Deliveries} path=${path} may=${may} round=${round} onChange=${again} />
      ${shown.edit && html`<${WebhookForm} webhook=${webhook} onDone=${(done) => { setShown({}); if (done) { toast("Saved."); refresh(); } }} />`}
      ${shown.rotate && html`<${Rotate} path=${path} onDone=${(done) => { setShown({}); refresh(); if (done) showOnce({ title: "The new secret", text: done.secret, body: html`<${Verify} format=${webhook.format} />`, test: "webhook-secret" }); }} />`}
    `}
  </div>`;
}
