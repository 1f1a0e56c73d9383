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
    if (who(known.current) !== who(identity)) forget();
    known.current = identity;
    setError(null);
    setMe(identity);
  }, []);

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
    refresh();
    get("/dashboard/info").then(setInfo, () => {}); // without it there is no sign-up and no phone
    const gone = () => take(null);
    window.addEventListener("wapid-unauthorized", gone);
    return () => window.removeEventListener("wapid-unauthorized", gone);
  }, [refresh, take]);

  return { me, info, error, refresh, take, logout };
}
