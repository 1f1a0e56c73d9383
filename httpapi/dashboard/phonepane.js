// The place of the sandbox's virtual phone: beside the page where there is room, over
// it where there is none. What is in it is pages/phone.js.
import { html, useEffect, useRef } from "/dashboard/vendor/preact.js";
import { Offcanvas } from "/dashboard/vendor/bootstrap.js";
import { Busy, Empty } from "/dashboard/ui.js";
import { useModule } from "/dashboard/page.js";

// Phone shows the phone until onClose, which is called when the pane was closed.
export function Phone({ load, me, onClose }) {
  const { View, error } = useModule(load);
  const pane = useRef();
  useEffect(() => {
    // Only where it covers the page is it a dialog.
    const wide = matchMedia("(min-width: 992px)");
    const place = pane.current;
    const before = document.activeElement;
    const hidden = () => onClose();
    let canvas = null;
    const cover = () => {
      if (wide.matches || canvas) return;
      canvas = new Offcanvas(place, { backdrop: false, scroll: true });
      canvas.show();
      place.focus();
    };
    cover();
    wide.addEventListener("change", cover);
    place.addEventListener("hidden.bs.offcanvas", hidden);
    return () => {
      wide.removeEventListener("change", cover);
      place.removeEventListener("hidden.bs.offcanvas", hidden);
      canvas?.dispose();
      if (place.contains(document.activeElement) || document.activeElement === document.body) before?.focus();
    };
  }, []);
  return html`<section class="offcanvas-lg offcanvas-end phone-pane border-start" tabindex="-1" ref=${pane} aria-label="Virtual phone" data-test="phone-pane">
    <div class="offcanvas-header">
      <h2 class="offcanvas-title h5">Virtual phone</h2>
      <button type="button" class="btn-close ms-auto" aria-label="Close the phone" onClick=${onClose}></button>
    </div>
    <div class="offcanvas-body d-block">
      ${error ? html`<${Empty}>The phone is not there.<//>` : View ? html`<${View} me=${me} />` : html`<${Busy} />`}
    </div>
  </section>`;
}
