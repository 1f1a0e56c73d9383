// The shell: who is logged in, which page is shown, and what stands around it.
import { html, render, useCallback, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { Busy, ErrorBox } from "/dashboard/ui.js";
import { useIdentity } from "/dashboard/identity.js";
import { go, useRoute } from "/dashboard/router.js";
import { home, loadPhone, pages } from "/dashboard/pages.js";
import { Nav } from "/dashboard/nav.js";
import { Page } from "/dashboard/page.js";
import { Phone } from "/dashboard/phonepane.js";

// isOpen tells whether a page is for everybody.
function isOpen(name) {
  return Object.hasOwn(pages, name) && pages[name].for === "anyone";
}

// useFocus moves the focus to the page whenever another one is shown, so that a
// screen reader begins there, and gives the document its title.
function useFocus(route) {
  const main = useRef();
  const first = useRef(true);
  useEffect(() => {
    const title = Object.hasOwn(pages, route.name) ? pages[route.name].title : "Nothing here";
    document.title = [...route.args.slice(0, 1), title, "wapid"].filter(Boolean).join(" · ");
    if (route.name === "login") document.title = "Log in · wapid"; // what stands behind it is a secret
    if (!first.current) {
      main.current.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    first.current = false;
  }, [route.name, route.args.join("/")]);
  return main;
}

// useGate sends those whom we don't know to the login, and back from there.
function useGate({ me, refresh, take }, route) {
  const wanted = useRef("");
  const before = useRef(route.name);
  const [asking, setAsking] = useState(false);
  const open = isOpen(route.name);
  useEffect(() => {
    const left = isOpen(before.current) && !open;
    before.current = route.name;
    if (me && route.name === "") go(home(me), { replace: true });
    if (me !== null || open) return;
    const turnAway = () => {
      wanted.current = route.name ? route.hash : "";
      go("#/login", { replace: true });
    };
    if (!left) {
      turnAway();
      return;
    }
    // Whoever leaves the login for another page may have been let in meanwhile.
    setAsking(true);
    refresh().then((identity) => {
      setAsking(false);
      if (!identity) turnAway();
    });
  }, [me, route.hash]);
  const enter = useCallback((identity) => {
    take(identity);
    const next = wanted.current;
    wanted.current = "";
    go(next && identity.role === "tenant" ? next : home(identity), { replace: true });
  }, [take]);
  return { enter, asking };
}

function App() {
  const identity = useIdentity();
  const { me, info, error, logout } = identity;
  const route = useRoute();
  const { enter, asking } = useGate(identity, route);
  const main = useFocus(route);
  const [phone, setPhone] = useState(false);
  const hasPhone = info.sandbox && me?.role === "tenant";

  useEffect(() => {
    const skip = (e) => {
      e.preventDefault(); // the hash is the router's
      main.current.focus();
    };
    const link = document.getElementById("skip");
    link.addEventListener("click", skip);
    return () => link.removeEventListener("click", skip);
  }, []);

  const leave = async () => {
    await logout().catch(() => {});
    go("#/login");
  };

  let content;
  if (error && me === undefined) content = html`<${ErrorBox} error=${error} onRetry=${() => location.reload()} />`;
  else if (me === undefined || asking || (me === null && !isOpen(route.name)) || (me && route.name === "")) content = html`<${Busy} />`;
  else content = html`<${Page} route=${route} me=${me} info=${info} onLogin=${enter} />`;

  return html`
    <${Nav} me=${me} info=${info} hash=${route.hash} onLogout=${leave} phoneShown=${phone && hasPhone}
      onPhone=${hasPhone ? () => setPhone(!phone) : null} />
    <div class="d-flex align-items-start">
      <main id="main" class="container-xl py-3 flex-grow-1 min-w-0" tabindex="-1" ref=${main} data-page=${route.name}>${content}</main>
      ${hasPhone && phone && html`<${Phone} load=${loadPhone} me=${me} onClose=${() => setPhone(false)} />`}
    </div>`;
}

render(html`<${App} />`, document.getElementById("app"));
