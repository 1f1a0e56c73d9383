// How a webhook does.
import { html } from "/dashboard/vendor/preact.js";
import { StateBadge, Time } from "/dashboard/ui.js";
import { disabledReasons } from "/dashboard/pages/webhook-words.js";

// Health says in a badge and words how a webhook does.
export function Health({ webhook }) {
  const { enabled, disabledReason, circuit } = webhook;
  if (!enabled) {
    return html`<${StateBadge} state="disabled" data-test="webhook-state" /> <span class="small">${disabledReasons[disabledReason] ?? "Switched off."}</span>`;
  }
  if (circuit.state === "open") {
    return html`<span class="badge text-bg-danger" data-test="webhook-state" data-state="open">Not answering</span>
      <span class="small"> since <${Time} at=${circuit.since} />; tried again <${Time} at=${circuit.nextProbeAt} /></span>`;
  }
  if (circuit.consecutiveFailures > 0) {
    return html`<span class="badge text-bg-warning" data-test="webhook-state" data-state="failing">Failing</span>
      <span class="small"> the last ${circuit.consecutiveFailures} ${circuit.consecutiveFailures === 1 ? "try" : "tries"} failed</span>`;
  }
  return html`<${StateBadge} state="enabled" data-test="webhook-state" />`;
}
