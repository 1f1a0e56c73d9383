// The chats of a virtual phone: their list, and one of them.
import { html, useState } from "/dashboard/vendor/preact.js";
import { Empty } from "/dashboard/ui.js";
import Chat from "/dashboard/pages/phone-chat.js";
import { pretty } from "/dashboard/pages/phone-network.js";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

// title names a chat by its number, as its phone has no address book, or its subject.
const title = (chat) => (chat.number ? chat.name || pretty(chat.number) : chat.name || "A group");

// preview is the latest message in one line.
function preview({ last, typing }) {
  if (typing) return "writing…";
  const words = last.deleted ? "Deleted" : last.text || last.fileName || { image: "A picture", ptt: "A voice message" }[last.media] || "A file";
  return last.fromMe ? `You: ${words}` : words;
}

// Chats shows one chat where open names one, and the list otherwise.
export default function Chats({ number, online, chats, open, onOpen, onChange }) {
  const [to, setTo] = useState("");
  const digits = to.replace(/\D/g, "");
  if (open) {
    const chat = chats.find((c) => c.chat === open || c.number === open) ?? { chat: open, number: open, name: "", unread: 0 };
    return html`<${Chat} key=${`${number} ${open}`} number=${number} online=${online} chat=${chat} title=${title(chat)}
      onBack=${() => onOpen("")} onChange=${onChange} />`;
  }
  const start = (e) => {
    e.preventDefault();
    if (!/^[1-9]\d{6,14}$/.test(digits)) return;
    setTo("");
    onOpen(digits);
  };
  return html`
    ${chats.length === 0 && html`<div class="p-2"><${Empty} title="No messages yet">
      <p class="mb-0 small">What is sent to this phone appears here.</p><//></div>`}
    <div class="list-group list-group-flush" data-test="phone-chats">
      ${chats.map((chat) => html`<button type="button" key=${chat.chat} class="list-group-item list-group-item-action d-flex gap-2 align-items-center"
        onClick=${() => onOpen(chat.number || chat.chat)} data-test="phone-chat" data-chat=${chat.number || chat.chat}>
        <span class="me-auto min-w-0">
          <span class="d-block fw-semibold text-truncate">${title(chat)}</span>
          <span class=${`d-block small text-truncate ${chat.typing ? "text-success" : "text-body-secondary"}`}>${preview(chat)}</span>
        </span>
        <span class="text-end small">
          <span class="d-block text-body-secondary text-nowrap">${clock.format(chat.last.time)}</span>
          ${chat.unread > 0 && html`<span class="badge rounded-pill text-bg-success">${chat.unread}<span class="visually-hidden"> unread</span></span>`}
        </span>
      </button>`)}
    </div>
    <form class="input-group input-group-sm p-2" onSubmit=${start}>
      <input class="form-control" type="tel" value=${to} onInput=${(e) => setTo(e.target.value)} autocomplete="off"
        aria-label="Write to a number" placeholder="Write to a number…" data-test="phone-to" />
      <button type="submit" class="btn btn-outline-secondary" disabled=${digits.length < 7} data-test="phone-to-open">Open</button>
    </form>`;
}
