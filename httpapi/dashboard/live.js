// What changes by itself. Events come over one EventSource that everything on the
// page shares; a browser allows a host only a few connections, so it is closed while
// nobody listens and while the page has been out of sight for a while.
import { useEffect, useReducer, useRef, useState } from "/dashboard/vendor/preact.js";
import { get } from "/dashboard/api.js";

// An EventSource hears only the names that it asks for. A test holds these against
// the daemon's.
const types = [
  "qr", "ready", "disconnected", "message", "test", "message.status", "group", "call",
  "bulk.progress", "bulk.completed", "optout", "webhook.disabled", "contact", "template",
];

const hiddenPatience = 30_000; // ms out of sight before the stream is closed
const retries = [2_000, 5_000, 15_000, 30_000]; // ms between tries after a refusal

// stream is the one connection, and who listens to it.
const stream = {
  source: null,
  last: "", // id of the last event, to go on from
  refused: 0,
  timer: 0,
  state: "idle", // idle, connecting, open, broken
  listeners: new Set(),
  watchers: new Set(),
};

function tell(state) {
  if (stream.state === state) return;
  stream.state = state;
  for (const watch of stream.watchers) watch(state);
}

function open() {
  if (stream.source || stream.listeners.size === 0 || document.hidden) return;
  clearTimeout(stream.timer);
  tell("connecting");
  const after = stream.last ? `?after=${encodeURIComponent(stream.last)}` : "";
  const source = new EventSource(`/api/whatsapp/events/stream${after}`);
  stream.source = source;
  source.addEventListener("open", () => {
    stream.refused = 0;
    tell("open");
  });
  source.addEventListener("error", () => {
    // The browser tries again by itself, unless the answer was a refusal.
    tell("broken");
    if (source.readyState === EventSource.CLOSED) again();
  });
  source.addEventListener("end", (e) => {
    if (payload(e)?.reason === "unauthorized") again();
  });
  source.addEventListener("truncated", () => deliver({ event: "truncated", data: {} }));
  for (const type of types) {
    source.addEventListener(type, (e) => {
      stream.last = e.lastEventId || stream.last;
      const event = payload(e);
      if (event) deliver(event);
    });
  }
}

function payload(e) {
  try {
    return JSON.parse(e.data);
  } catch {
    return null;
  }
}

function deliver(event) {
  for (const listener of [...stream.listeners]) {
    try {
      listener(event);
    } catch (error) {
      console.error(error); // one listener's mistake is not another's
    }
  }
}

function close(state = "idle") {
  clearTimeout(stream.timer);
  stream.source?.close();
  stream.source = null;
  tell(state);
}

// again opens a stream that was refused, after a look at whether we are still known.
function again() {
  close("broken");
  const wait = retries[Math.min(stream.refused++, retries.length - 1)];
  stream.timer = setTimeout(() => {
    get("/dashboard/session").then(open, (error) => {
      if (error.status === 401) window.dispatchEvent(new Event("wapid-unauthorized"));
      else again();
    });
  }, wait);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    clearTimeout(stream.timer);
    open();
  } else if (stream.source) {
    stream.timer = setTimeout(close, hiddenPatience);
  }
});

// forget ends the stream and its cursor: whoever comes next has another log. With
// reopen that is begun at once.
export function forget({ reopen }) {
  stream.last = "";
  stream.refused = 0;
  close();
  if (reopen) open();
}

function wanted(filter, event) {
  if (event.event === "truncated") return true;
  if (typeof filter === "function") return filter(event);
  const { type, sessionId } = filter ?? {};
  if (type && ![type].flat().includes(event.event)) return false;
  return !sessionId || event.sessionId === sessionId;
}

// useEvents calls onEvent with each event that passes the filter: a function, or
// {type, sessionId} where type may be a list. {event: "truncated"} means that
// something was missed, and passes every filter.
export function useEvents(filter, onEvent) {
  const current = useRef();
  current.current = { filter, onEvent };
  useEffect(() => {
    const listener = (event) => {
      if (wanted(current.current.filter, event)) current.current.onEvent(event);
    };
    stream.listeners.add(listener);
    open();
    return () => {
      stream.listeners.delete(listener);
      // The page that follows may listen too: it would only connect anew.
      setTimeout(() => stream.listeners.size === 0 && close(), 1_000);
    };
  }, []);
}

// useStream is the state of the connection: idle, connecting, open or broken.
export function useStream() {
  const [state, setState] = useState(stream.state);
  useEffect(() => {
    setState(stream.state);
    stream.watchers.add(setState);
    return () => stream.watchers.delete(setState);
  }, []);
  return state;
}

// usePoll calls fn(signal) now, whenever deps change, every ms milliseconds while the
// page is seen, and when again() is called. It returns {data, error, busy, again};
// data stays while a later call fails. With ms 0 it asks only once; ms may also be a
// function that is given the newest data.
export function usePoll(fn, ms, deps = []) {
  const [state, setState] = useState({ data: undefined, error: null, busy: true });
  const [round, again] = useReducer((n) => n + 1, 0);
  const latest = useRef();
  latest.current = { fn, ms };
  const fresh = useRef(deps);
  useEffect(() => {
    let over = false, timer = 0, running = null, newest;
    const pause = () => (typeof latest.current.ms === "function" ? latest.current.ms(newest) : latest.current.ms);
    if (fresh.current.some((dep, i) => dep !== deps[i])) {
      fresh.current = deps;
      setState({ data: undefined, error: null, busy: true });
    }
    const look = async () => {
      clearTimeout(timer);
      running = new AbortController();
      const { signal } = running;
      try {
        newest = await latest.current.fn(signal);
        if (!over) setState({ data: newest, error: null, busy: false });
      } catch (error) {
        if (!over && !signal.aborted) setState((was) => ({ ...was, error, busy: false }));
      }
      running = null;
      if (!over && pause() > 0) timer = setTimeout(() => document.hidden || look(), pause());
    };
    const seen = () => !document.hidden && !running && pause() > 0 && look();
    document.addEventListener("visibilitychange", seen);
    look();
    return () => {
      over = true;
      clearTimeout(timer);
      running?.abort();
      document.removeEventListener("visibilitychange", seen);
    };
  }, [round, ...deps]);
  return { ...state, again };
}
