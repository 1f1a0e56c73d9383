// A form in a dialog. The dialog is Bootstrap's.
import { html, useEffect, useId, useRef, useState } from "/dashboard/vendor/preact.js";
import { Modal } from "/dashboard/vendor/bootstrap.js";
import { ErrorBox } from "/dashboard/ui.js";

// FormDialog is open as long as it is drawn. onSubmit does the work and throws what went
// wrong, which is shown; onClose is called once the dialog has gone, with true after a
// submit that worked.
export function FormDialog({ title, action, danger = false, disabled = false, onSubmit, onClose, children, test }) {
  const box = useRef(), done = useRef(false), id = useId();
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const before = document.activeElement;
    const modal = new Modal(box.current);
    const shown = () => box.current?.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    const hidden = () => {
      if (before?.isConnected) before.focus();
      onClose(done.current);
    };
    box.current.addEventListener("shown.bs.modal", shown);
    box.current.addEventListener("hidden.bs.modal", hidden);
    modal.show();
    return () => modal.dispose();
  }, []);
  const submit = async (e) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await onSubmit();
      done.current = true;
      Modal.getInstance(box.current)?.hide();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return html`<div class="modal" tabindex="-1" role="dialog" aria-modal="true" ref=${box} aria-labelledby=${id} data-test=${test}>
    <div class="modal-dialog modal-dialog-scrollable"><form class="modal-content" onSubmit=${submit} autocomplete="off">
      <div class="modal-header">
        <h1 class="modal-title fs-5" id=${id}>${title}</h1>
        <button type="button" class="btn-close" data-bs-dismiss="modal" aria-label="Close"></button>
      </div>
      <div class="modal-body">${children}<${ErrorBox} error=${error} /></div>
      <div class="modal-footer">
        <button type="button" class="btn btn-secondary" data-bs-dismiss="modal">Cancel</button>
        <button type="submit" class=${`btn btn-${danger ? "danger" : "primary"}`} disabled=${busy || disabled}
          data-test=${test && `${test}-submit`}>${busy ? "One moment…" : action}</button>
      </div>
    </form></div>
  </div>`;
}
