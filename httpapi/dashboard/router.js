// The part of the address behind the hash: #/name/arg/arg.
import { useEffect, useState } from "/dashboard/vendor/preact.js";

// parse reads a hash. Parts that are not encoded properly are taken as they are.
export function parse(hash) {
  const [name = "", ...args] = hash.replace(/^#\/?/, "").split("?")[0].split("/").map(decode);
  return { hash, name, args: args.filter((arg) => arg !== "") };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// to makes a hash of a page's name and its arguments.
export function to(name, ...args) {
  return `#/${[name, ...args].map(encodeURIComponent).join("/")}`;
}

// go shows another page; replace leaves no step back to this one.
export function go(hash, { replace = false } = {}) {
  if (location.hash === hash) return;
  if (replace) location.replace(hash);
  else location.hash = hash;
}

// useRoute is what the address says now.
export function useRoute() {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash));
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return route;
}
