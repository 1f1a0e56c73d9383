// What can be done to a session as a whole.
import { html, useState } from "/dashboard/vendor/preact.js";
import { del, post, sessionPath } from "/dashboard/api.js";
import { confirm, ErrorBox, toast } from "/dashboard/ui.js";
import { to } from "/dashboard/router.js";

// Actions restarts, disconnects and deletes. onGone is called once the session is no more.
export default function Actions({ id, status, onChange, onGone }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState("");
  const act = (what, call) => async () => {
    setBusy(what);
    setError(null);
    try {
      await call();
    } catch (problem) {
      setError(problem);
    }
    setBusy("");
  };

  const restart = act("restart", async () => {
    await post(sessionPath(id, "/restart"));
    toast("The connection is made anew.");
    onChange();
  });
  const stop = act("stop", async () => {
    const yes = await confirm({
      title: "Disconnect this session?", action: "Disconnect",
      body: "It sends and receives nothing until you restart it. The number stays linked.",
    });
    if (!yes) return;
    await del(sessionPath(id), { logout: false });
    toast("Disconnected.");
    onChange();
  });
  const remove = act("remove", async () => {
    const yes = await confirm({
      title: "Log out and delete this session?", action: "Log out and delete", danger: true,
      body: html`The number is unlinked, as if <em>Log out</em> were chosen on the phone, and <strong>${id}</strong> is forgotten here. To use the number again it has to be linked again.`,
    });
    if (!yes) return;
    const { unlinked } = await del(sessionPath(id));
    toast(unlinked ? "Logged out and deleted." : "Deleted. The phone may show the device until WhatsApp forgets it.");
    onGone();
  });

  const stopped = status.status === "disconnected" && !["network", "banned"].includes(status.reason);
  return html`
    <div class="d-flex flex-wrap gap-2 mb-3" role="group" aria-label="Actions">
      ${status.connected && html`<a class="btn btn-sm btn-primary" href="#/send" data-test="session-send">Send a message</a>
        <a class="btn btn-sm btn-outline-primary" href=${to("inbox", id)}>Inbox</a>`}
      <button type="button" class=${`btn btn-sm btn-${stopped ? "primary" : "outline-secondary"}`} disabled=${busy !== ""} onClick=${restart}
        data-test="session-restart">${stopped ? "Start again" : "Restart"}</button>
      <button type="button" class="btn btn-sm btn-outline-secondary" disabled=${busy !== "" || status.reason === "stopped"} onClick=${stop}
        data-test="session-stop">Disconnect</button>
      <button type="button" class="btn btn-sm btn-outline-danger" disabled=${busy !== ""} onClick=${remove} data-test="session-delete">Log out and delete</button>
    </div>
    <${ErrorBox} error=${error} />`;
}
