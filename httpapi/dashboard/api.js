// The one way to the API. The browser's cookie says who asks; a token from the
// identity proves that it is this page, and not another site, that changes something.

let csrf = "";
let ahead = 0; // ms that the server's clock is ahead of the browser's

// setCSRF is called by the shell with each new identity.
export function setCSRF(token) {
  csrf = token ?? "";
}

// csrfHeader is what a request that changes something carries, for the few that
// are not made here.
export function csrfHeader() {
  return csrf ? { "X-Wapid-Csrf": csrf } : {};
}

// ApiError is what every refused or failed request rejects with. status is 0 when
// there was no answer at all; retryAfter is in seconds, or undefined.
export class ApiError extends Error {
  constructor({ status, code, message, requestId, retryAfter, body }) {
    super(message);
    this.name = "ApiError";
    Object.assign(this, { status, code, requestId, retryAfter, body });
  }
}

// url adds the parts of a query that have a value.
export function url(path, query = {}) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") params.append(name, value);
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

// serverNow is the time (ms) by the server's clock, which is what it means when it
// says until when something holds.
export function serverNow() {
  return Date.now() + ahead;
}

// learnClock takes the time from an answer. It tells whole seconds, so that a small
// difference means nothing.
function learnClock(answer) {
  const away = Date.parse(answer.headers.get("Date") ?? "") - Date.now();
  if (Number.isFinite(away)) ahead = Math.abs(away) > 2_000 ? away : 0;
}

async function request(method, path, { query, body, form, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") Object.assign(headers, csrfHeader());
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer, text;
  try {
    answer = await fetch(url(path, query), {
      method, headers, signal, credentials: "same-origin", cache: "no-store", redirect: "error",
      body: form ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
    text = await answer.text();
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError({ status: 0, code: "NETWORK", message: "The server can't be reached." });
  }
  learnClock(answer);
  const decoded = decode(text);
  if (answer.ok) return decoded ?? null;
  const refused = refusal(answer, decoded);
  // The login itself answers 401 to a wrong key: that is the login page's to say.
  if (answer.status === 401 && !path.startsWith("/dashboard/")) {
    window.dispatchEvent(new Event("wapid-unauthorized"));
  }
  throw refused;
}

function decode(text) {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined; // whatever stands between us and the daemon says
  }
}

function refusal(answer, body) {
  const wait = Number(answer.headers.get("Retry-After") ?? NaN);
  return new ApiError({
    status: answer.status,
    code: body?.code ?? "UNKNOWN",
    message: body?.error ?? `The server answered ${answer.status}.`,
    requestId: body?.requestId ?? answer.headers.get("X-Request-Id") ?? undefined,
    retryAfter: Number.isFinite(wait) ? wait : undefined,
    body,
  });
}

// Each resolves to the decoded JSON. options may hold a signal that ends the request.
export const get = (path, query, options) => request("GET", path, { ...options, query });
export const post = (path, body, options) => request("POST", path, { ...options, body });
export const put = (path, body, options) => request("PUT", path, { ...options, body });
export const patch = (path, body, options) => request("PATCH", path, { ...options, body });
export const del = (path, query, options) => request("DELETE", path, { ...options, query });
export const upload = (path, form, options) => request("POST", path, { ...options, form });

// sessionPath is the path of a session's route; rest begins with a slash or is empty.
export function sessionPath(id, rest = "") {
  return `/api/whatsapp/session/${encodeURIComponent(id)}${rest}`;
}
