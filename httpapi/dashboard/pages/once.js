// What the server shows once and keeps only as a hash, or not readable at all.
import { html, render, useEffect, useId, useRef } from "/dashboard/vendor/preact.js";
import { Modal } from "/dashboard/vendor/bootstrap.js";
import { Copy } from "/dashboard/ui.js";

function Once({ title, text, body, test, onDone }) {
  const box = useRef(), id = useId();
  useEffect(() => {
    const before = document.activeElement;
    const modal = new Modal(box.current, { backdrop: "static", keyboard: false });
    const shown = () => box.current?.querySelector("button")?.focus();
    const hidden = () => {
      if (before?.isConnected) before.focus();
      onDone();
    };
    box.current.addEventListener("shown.bs.modal", shown);
    box.current.addEventListener("hidden.bs.modal", hidden);
    modal.show();
    return () => modal.dispose();
  }, []);
  return html`<div class="modal" tabindex="-1" role="dialog" aria-modal="true" ref=${box} aria-labelledby=${`${id}-title`} aria-describedby=${`${id}-body`} data-test=${test}>
    <div class="modal-dialog modal-dialog-centered modal-dialog-scrollable"><div class="modal-content">
      <div class="modal-header"><h1 class="modal-title fs-5" id=${`${id}-title`}>${title}</h1></div>
      <div class="modal-body" id=${`${id}-body`}>
        <p>Copy it now: it is shown this once, and nobody can read it again.</p>
        <div class="border rounded p-2 mb-3 d-flex flex-wrap align-items-center gap-2">
          <code class="text-break user-select-all me-auto" data-test=${`${test}-text`}>${text}</code>
          <${Copy} text=${text} data-test=${`${test}-copy`} />
        </div>
        ${body}
      </div>
      <div class="modal-footer"><button type="button" class="btn btn-primary" data-bs-dismiss="modal" data-test=${`${test}-done`}>I have it</button></div>
    </div></div>
  </div>`;
}

// showOnce shows a secret in a dialog that goes only when somebody says so, and stays
// also when the login has ended meanwhile. It resolves when it has gone. body is markup
// that says what the secret is for.
export function showOnce({ title, text, body = null, test = "once" }) {
  return new Promise((resolve) => {
    const place = document.createElement("div");
    document.getElementById("dialogs").append(place);
    const done = () => {
      render(null, place);
      place.remove();
      resolve();
    };
    render(html`<${Once} ...${{ title, text, body, test }} onDone=${done} />`, place);
  });
}
