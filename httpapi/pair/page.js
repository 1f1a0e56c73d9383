"use strict";

// The page asks for the state of its link every two seconds while it is looked
// at, and shows what it is told. All that it knows comes from there.

const notes = {
  waiting: "One moment, the code is on its way …",
  scan: "",
  passkey: "This account is protected by a passkey. Ask whoever sent you this link how to go on.",
  linking: "Scanned. Finishing …",
  linked: "Done: the device is linked. You can close this page.",
  idle: "Nobody has scanned the code in time.",
  stopped: "Linking is not possible at the moment. Ask whoever sent you this link.",
  ended: "This link has ended. Ask whoever sent it for a new one.",
  lost: "No connection. Trying again …",
};

const element = (id) => document.getElementById(id);
let timer = 0;
let changesAt = 0; // when the code that is shown ends, by this machine's clock

function show(state, status) {
  element("note").textContent = notes[state] || "";
  element("code").hidden = state !== "scan";
  element("steps").hidden = state === "linked" || state === "ended" || state === "stopped";
  element("again").hidden = state !== "idle";
  if (state === "scan") {
    if (element("qr").src !== status.qrCode) element("qr").src = status.qrCode;
    changesAt = Date.now() + status.qrSeconds * 1000;
    count();
  } else {
    element("qr").removeAttribute("src");
  }
}

function count() {
  element("left").textContent = String(Math.max(0, Math.round((changesAt - Date.now()) / 1000)));
}

async function look() {
  clearTimeout(timer);
  let state = "lost";
  let status = {};
  try {
    const answer = await fetch(location.pathname.replace(/\/+$/, "") + "/status", { cache: "no-store", credentials: "omit" });
    if (answer.status === 410) {
      state = "ended";
    } else if (answer.ok) {
      status = await answer.json();
      state = status.state;
    }
  } catch {
    // The network is away: the note says so, and the next look may succeed.
  }
  show(state, status);
  if (!["linked", "ended", "idle", "stopped"].includes(state)) schedule();
}

function schedule() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, 2000);
}

element("again").addEventListener("click", () => location.reload());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
setInterval(count, 1000);
look();
