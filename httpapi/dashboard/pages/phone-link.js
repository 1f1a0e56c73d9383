// Linked devices on a virtual phone: scanning, typing a code, approving with the
// passkey, and unlinking.
import { html, useRef, useState } from "/dashboard/vendor/preact.js";
import { get, post, sessionPath } from "/dashboard/api.js";
import { usePoll } from "/dashboard/live.js";
import { useRoute } from "/dashboard/router.js";
import { Busy, confirm, ErrorBox, Field, toast } from "/dashboard/ui.js";
import { act, enter, scan, unlink } from "/dashboard/pages/phone-network.js";

// open are the states in which a session can be linked.
const open = ["initializing", "qr_ready", "passkey_required", "authenticated"];

// useWaiting is the sessions that wait to be linked, the one on the page first.
function useWaiting() {
  const route = useRoute();
  const [chosen, setChosen] = useState("");
  const { data } = usePoll(async (signal) => {
    const { sessions } = await get("/api/whatsapp/sessions", undefined, { signal });
    return sessions.filter((s) => open.includes(s.status) && !s.phoneNumber).slice(0, 50);
  }, 1_500);
  const waiting = data ?? [];
  const onPage = route.name === "sessions" ? route.args[0] : "";
  const has = (id) => waiting.some((s) => s.sessionId === id);
  const session = [chosen, onPage].find(has) ?? waiting.at(-1)?.sessionId ?? "";
  return { known: data !== undefined, waiting, session, choose: setChosen };
}

export default function Link({ number, phone, onChange }) {
  const { known, waiting, session, choose } = useWaiting();
  const full = phone.devices.length >= 4;
  return html`<div class="p-3">
    ${!phone.online && html`<p class="small">This phone is offline: turn it on under Settings to link a device.</p>`}
    ${full && html`<p class="small">A phone has four linked devices at most.</p>`}
    ${phone.online && !full && known && waiting.length === 0 && html`<p class="small text-body-secondary">
      No session waits to be linked. Create one under <a href="#/sessions">Sessions</a>, and its code can be scanned here.</p>`}
    ${phone.online && !full && session && html`
      ${waiting.length > 1 && html`<${Field} class="mb-2" label="Which code is in front of the phone">
        <select value=${session} onChange=${(e) => choose(e.target.value)} data-test="phone-session">
          ${waiting.map((s) => html`<option key=${s.sessionId} value=${s.sessionId}>${s.name || s.sessionId}</option>`)}
        </select><//>`}
      <${Scan} key=${`${number} ${session}`} number=${number} session=${session} onChange=${onChange} />`}
    <h3 class="h6 mt-3">Linked devices</h3>
    <${Devices} number=${number} devices=${phone.devices} onChange=${onChange} />
  </div>`;
}

// Scan links a session with this phone, in the way that its owner would choose.
function Scan({ number, session, onChange }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const [code, setCode] = useState("");
  const { data: status } = usePoll((signal) => get(sessionPath(session, "/status"), undefined, { signal }), 1_000, [session]);
  const link = async (how) => {
    setBusy(true);
    setError(null);
    try {
      const { online } = await how();
      toast(online ? "Linked: the session is connected." : "Linked: the session is connecting.");
      onChange();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  // The code may have changed since the last look.
  const scanNow = () => link(async () => {
    const { qr } = await get(sessionPath(session, "/status"), { wait: 10 });
    if (!qr) throw new Error("The session shows no code at the moment.");
    return scan(number, qr);
  });
  const type = (e) => {
    e.preventDefault();
    link(() => enter(number, code));
  };
  if (!status) return html`<${Busy} />`;
  return html`
    <${ErrorBox} error=${error} />
    ${status.status === "passkey_required"
      ? html`<${Approve} number=${number} session=${session} status=${status} />`
      : html`<button type="button" class="btn btn-success w-100" disabled=${busy || !status.qr} onClick=${scanNow} data-test="phone-scan">
          ${busy ? "Linking…" : status.qr ? "Scan the QR code that is shown" : "Waiting for a code…"}</button>`}
    ${status.pairingCode && html`<form class="mt-2" onSubmit=${type}>
      <${Field} class="mb-1" label="Link with phone number: enter the code">
        <input class="font-monospace text-uppercase" value=${code} onInput=${(e) => setCode(e.target.value)} placeholder="ABCD-EFGH" autocomplete="off" required data-test="phone-code" /><//>
      <button type="submit" class="btn btn-sm btn-outline-success" disabled=${busy} data-test="phone-code-enter">Link</button>
    </form>`}`;
}

// Approve answers for the account's passkey, as its owner's fingerprint would.
function Approve({ number, session, status }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const answered = useRef(false);
  const approve = async () => {
    setBusy(true);
    setError(null);
    try {
      const credential = await act(number, "passkey", { passkey: status.passkey });
      await post(sessionPath(session, "/passkey"), { credential });
      answered.current = true;
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  if (status.passkeyCode) {
    return html`<div class="alert alert-info small"><p>The phone shows this code. Compare it with the session's, and confirm there.</p>
      <strong class="fs-5 font-monospace">${status.passkeyCode}</strong></div>`;
  }
  return html`<${ErrorBox} error=${error} />
    <p class="small">Whoever wants to link a device must prove that they own this account.</p>
    <button type="button" class="btn btn-warning w-100" disabled=${busy || answered.current} onClick=${approve} data-test="phone-passkey">
      ${answered.current ? "Approved" : "Approve with the passkey"}</button>`;
}

function Devices({ number, devices, onChange }) {
  const [error, setError] = useState(null);
  const remove = async (id) => {
    if (!(await confirm({ title: "Unlink this device?", body: "Its session is logged out, and has to be linked anew.", action: "Unlink", danger: true }))) return;
    try {
      await unlink(number, id);
      onChange();
    } catch (problem) {
      setError(problem);
    }
  };
  if (devices.length === 0) return html`<p class="small text-body-secondary mb-0">None.</p>`;
  return html`<${ErrorBox} error=${error} />
    <ul class="list-group" data-test="phone-devices">
      ${devices.map((d) => html`<li class="list-group-item d-flex align-items-center gap-2" key=${d.id} data-test="phone-device">
        <span class="me-auto small"><span class="d-block">Device ${d.id}</span>
          <span class="text-body-secondary">${d.connected ? "Connected" : "Not connected"}${d.queued ? ` · ${d.queued} waiting` : ""}</span></span>
        <button type="button" class="btn btn-sm btn-outline-danger" onClick=${() => remove(d.id)} data-test="phone-unlink">Unlink</button>
      </li>`)}
    </ul>`;
}
