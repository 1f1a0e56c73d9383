// Small drawings beside texts. They say nothing that the text does not.
import { html } from "/dashboard/ui.js";

const paths = {
  clip: "M10.5 4.5 5.6 9.4a2 2 0 0 0 2.9 2.9l5-5a3.4 3.4 0 0 0-4.9-4.8l-5.2 5.2a4.9 4.9 0 0 0 6.9 6.9l3.8-3.8",
  pin: "M8 15s4.7-4.9 4.7-8.6A4.7 4.7 0 0 0 3.3 6.4C3.3 10.1 8 15 8 15Zm0-6.8a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8Z",
  person: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-5.5 6c.5-3 2.7-4.3 5.5-4.3S13 11 13.5 14",
  people: "M6 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 6 8Zm-4.7 5.5c.4-2.6 2.3-3.7 4.7-3.7s4.3 1.1 4.7 3.7M10.5 7.8a2.3 2.3 0 1 0-.6-4.6M12 9.9c1.6.4 2.5 1.5 2.7 3.3",
};

export function Icon({ name, size = 16 }) {
  return html`<svg width=${size} height=${size} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linecap="round"
    stroke-linejoin="round" aria-hidden="true" class="flex-shrink-0"><path d=${paths[name]} /></svg>`;
}
