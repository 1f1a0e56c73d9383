// What stands above the page: questions, and short news in the corner.
import { html, render, useEffect, useId, useRef } from "/dashboard/vendor/preact.js";
import { Modal, Toast } from "/dashboard/vendor/bootstrap.js";

// Ask is a dialog that asks one question. onYes or onNo is called once, after it
// has gone. The focus returns to where it was.
export function Ask({ title, body, action = "Yes", danger = false, onYes, onNo }) {
  const box = useRef(), yes = useRef(false), id = useId();
  useEffect(() => {
    const before = document.activeElement;
    const modal = new Modal(box.current);
    const shown = () => box.current?.querySelector("[data-first]")?.focus();
    const hidden = () => {
      before?.isConnected && before.focus();
      (yes.current ? onYes : onNo)?.();
    };
    box.current.addEventListener("shown.bs.modal", shown);
    box.current.addEventListener("hidden.bs.modal", hidden);
    modal.show();
    return () => modal.dispose();
  }, []);
  const accept = () => {
    yes.current = true;
    Modal.getInstance(box.current).hide();
  };
  return html`<div class="modal" tabindex="-1" role="alertdialog" aria-modal="true" ref=${box}
      aria-labelledby=${`${id}-title`} aria-describedby=${`${id}-body`} data-test="ask">
    <div class="modal-dialog modal-dialog-centered"><div class="modal-content">
      <div class="modal-header">
        <h1 class="modal-title fs-5" id=${`${id}-title`}>${title}</h1>
        <button type="button" class="btn-close" data-bs-dismiss="modal" aria-label="Close"></button>
      </div>
      <div class="modal-body text-break" id=${`${id}-body`}>${body}</div>
      <div class="modal-footer">
        <button type="button" class="btn btn-secondary" data-bs-dismiss="modal" data-first=${danger || undefined} data-test="ask-no">Cancel</button>
        <button type="button" class=${`btn btn-${danger ? "danger" : "primary"}`} data-first=${!danger || undefined} onClick=${accept}
          data-test="ask-yes">${action}</button>
      </div>
    </div></div>
  </div>`;
}

// confirm asks, and resolves to whether the answer was yes. body may be markup of
// html``; danger has the focus begin on Cancel.
export function confirm({ title, body, action, danger }) {
  return new Promise((resolve) => {
    const place = document.createElement("div");
    document.getElementById("dialogs").append(place);
    const end = (answer) => () => {
      render(null, place);
      place.remove();
      resolve(answer);
    };
    render(html`<${Ask} ...${{ title, body, action, danger }} onYes=${end(true)} onNo=${end(false)} />`, place);
  });
}

// toast shows a line for a few seconds, which is also read aloud. kind is success,
// danger, warning or info.
export function toast(text, kind = "success") {
  const place = document.createElement("div");
  document.getElementById("toasts").append(place);
  render(html`<div class=${`toast text-bg-${kind} border-0`} data-test="toast">
    <div class="d-flex">
      <div class="toast-body text-break">${text}</div>
      <button type="button" class="btn-close btn-close-white me-2 m-auto" data-bs-dismiss="toast" aria-label="Close"></button>
    </div>
  </div>`, place);
  const element = place.firstElementChild;
  element.addEventListener("hidden.bs.toast", () => {
    render(null, place);
    place.remove();
  });
  new Toast(element, { delay: kind === "danger" ? 8_000 : 4_000 }).show();
}
