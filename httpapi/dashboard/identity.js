// Who is logged in, and what kind of daemon this is.
import { useCallback, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { get, post, setCSRF } from "/dashboard/api.js";
import { forget } from "/dashboard/live.js";

// useIdentity is {me, info, error, refresh, take, logout}. me is undefined until it
// is known, and null when nobody is logged in. take sets what a login answered.
export function useIdentity() {
  const [me, setMe] = useState(undefined);
  const [info, setInfo] = useState({ version: "", signup: false, sandbox: false });
  const [error, setError] = useState(null);
  const known = useRef(null);

  const take = useCallback((identity) => {
    const who = (i) => i && `${i.role} ${i.tenant?.id ?? ""}`;
    setCSRF(identity?.csrf);
    if (who(known.current) !== who(identity)) forget({ reopen: Boolean(identity) });
    known.current = identity;
    setError(null);
    setMe(identity);
  }, []);

  // refresh resolves to who is logged in, null for nobody.
  const refresh = useCallback(async () => {
    try {
      const identity = await get("/dashboard/session");
      take(identity);
      return identity;
    } catch (problem) {
      if (problem.status === 401) take(null);
      else setError(problem);
      return null;
    }
  }, [take]);

  const logout = useCallback(async () => {
    try {
      await post("/dashboard/logout");
    } finally {
      take(null);
    }
  }, [take]);

  useEffect(() => {
    // Who has no login need not ask whose it is: the browser would report an error.
    get("/dashboard/info").then((now) => {
      setInfo(now);
      return now.known ? refresh() : take(null);
    }, setError);
    const gone = () => take(null);
    window.addEventListener("wapid-unauthorized", gone);
    return () => window.removeEventListener("wapid-unauthorized", gone);
  }, [refresh, take]);

  return { me, info, error, refresh, take, logout };
}
