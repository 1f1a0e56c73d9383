// The files of messages: pictures where they stand, the rest on demand. They come from
// WhatsApp through the daemon, so that they need a session that is connected.
import { useState } from "/dashboard/vendor/preact.js";
import { sessionPath, url } from "/dashboard/api.js";
import { html } from "/dashboard/ui.js";
import { Icon } from "./chat-icons.js";
import { bytes, kindName } from "./chat-words.js";

// mediaURL is where the file of a message is.
export function mediaURL(m) {
  const from = m.direction === "in" ? m.fromLid || m.from : "";
  return url(sessionPath(m.sessionId, `/messages/${encodeURIComponent(m.messageId)}/media`), { from });
}

const isSound = (m) => m.type === "audio" || m.type === "voice";

// Media shows the file of a message that is in the log.
export function Media({ m, ready }) {
  const [failed, setFailed] = useState(0);
  const fail = () => setFailed((n) => n + 1);
  const name = m.media.fileName || kindName(m.type);
  if (!ready) return html`<${Facts} m=${m} name=${name} note="The file can be had while the session is connected." />`;
  const src = mediaURL(m);
  if (failed > 0) {
    return html`<${Facts} m=${m} name=${name} note="The file can't be had just now.">
      <button type="button" class="btn btn-sm btn-outline-secondary" onClick=${() => setFailed(0)}>Try again</button>
    <//>`;
  }
  switch (m.type) {
    case "image":
    case "sticker":
      return html`<a href=${src} download=${download(m)} title="Download">
        <img class=${`bubble-media ${m.type === "sticker" ? "bubble-sticker" : ""}`} src=${src} alt=${m.message || kindName(m.type)} loading="lazy" decoding="async"
          width=${m.media.width || undefined} height=${m.media.height || undefined} onError=${fail} data-test="bubble-image" />
      </a>`;
    case "video":
      return html`<video controls preload="none" src=${src} onError=${fail} aria-label=${m.message || "Video"} data-test="bubble-video"></video>`;
  }
  if (isSound(m)) return html`<audio controls preload="none" src=${src} onError=${fail} aria-label=${kindName(m.type)} data-test="bubble-audio"></audio>`;
  return html`<${Facts} m=${m} name=${name}>
    <a class="btn btn-sm btn-outline-secondary" href=${src} download=${download(m)} data-test="bubble-download">Download</a>
  <//>`;
}

function download(m) {
  const type = (m.media.mimeType ?? "").split(";")[0].split("/")[1] ?? "";
  return m.media.fileName || `${m.type}-${m.messageId}${/^[a-z0-9]+$/.test(type) ? `.${type}` : ""}`;
}

function Facts({ m, name, note, children }) {
  const facts = [bytes(m.media.size), (m.media.mimeType ?? "").split(";")[0]].filter(Boolean).join(", ");
  return html`<div class="d-flex gap-2 align-items-center border rounded p-2 mb-1"><${Icon} name="clip" />
    <div class="min-w-0 me-auto"><div class="text-break">${name}</div><div class="small text-body-secondary">${facts}</div>
      ${note && html`<div class="small text-body-secondary">${note}</div>`}</div>
    ${children}
  </div>`;
}
