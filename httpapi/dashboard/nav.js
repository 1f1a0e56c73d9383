// The bar above every page.
import { html, useEffect, useRef, useState } from "/dashboard/vendor/preact.js";
import { Collapse, Dropdown } from "/dashboard/vendor/bootstrap.js";
import { useStream } from "/dashboard/live.js";
import { extra, home, pages } from "/dashboard/pages.js";

const themes = [["auto", "Like the system"], ["light", "Light"], ["dark", "Dark"]];

function Theme() {
  const [chosen, setChosen] = useState(window.wapidTheme.chosen());
  const toggle = useRef();
  useEffect(() => {
    const dropdown = new Dropdown(toggle.current);
    return () => dropdown.dispose();
  }, []);
  const choose = (theme) => () => {
    window.wapidTheme.choose(theme);
    setChosen(theme);
  };
  return html`<div class="dropdown">
    <button type="button" class="btn btn-sm btn-outline-secondary dropdown-toggle" ref=${toggle} data-bs-toggle="dropdown"
      aria-expanded="false" data-test="theme">Colours</button>
    <ul class="dropdown-menu dropdown-menu-end">
      ${themes.map(([theme, label]) => html`<li key=${theme}>
        <button type="button" class=${`dropdown-item ${chosen === theme ? "active" : ""}`} aria-pressed=${String(chosen === theme)}
          onClick=${choose(theme)} data-test=${`theme-${theme}`}>${label}</button>
      </li>`)}
    </ul>
  </div>`;
}

// Connection tells when the page can't show what happens as it happens.
function Connection() {
  const state = useStream();
  const words = { broken: "Reconnecting…", connecting: "", open: "Live", idle: "" }[state];
  return html`<span class=${`live live-${state}`} role="status" data-test="live" data-state=${state} title=${words}>
    <span class="live-words">${words}</span></span>`;
}

function entries(me) {
  return [
    ...Object.entries(pages).filter(([, page]) => page.label).map(([name, page]) => ({ ...page, href: `#/${name}` })),
    ...extra,
  ].filter((entry) => entry.for === me.role);
}

// active is the entry whose address is the longest that the page's begins with.
function activeHref(all, hash) {
  const fits = all.filter(({ href }) => hash === href || hash.startsWith(`${href}/`));
  return fits.sort((a, b) => b.href.length - a.href.length)[0]?.href;
}

// Nav is the navigation for who is logged in; onPhone, if given, toggles the phone.
export function Nav({ me, hash, info, onLogout, onPhone, phoneShown }) {
  const menu = useRef();
  const collapse = useRef();
  useEffect(() => {
    collapse.current = new Collapse(menu.current, { toggle: false });
    return () => collapse.current.dispose();
  }, []);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    setOpen(false);
    collapse.current.hide();
  }, [hash]);
  const toggle = () => {
    collapse.current[open ? "hide" : "show"]();
    setOpen(!open);
  };
  const all = me ? entries(me) : [];
  const active = activeHref(all, hash);
  return html`<header><nav class="navbar navbar-expand-lg bg-body-tertiary border-bottom" aria-label="Main">
    <div class="container-fluid">
      <a class="navbar-brand d-flex align-items-center gap-2" href=${me ? home(me) : "#/login"}>
        <img src="/dashboard/icon.svg" width="24" height="24" alt="" />wapid
        ${info.sandbox && html`<span class="badge text-bg-info sandbox">Sandbox</span>`}
      </a>
      <div class="d-flex align-items-center gap-2 order-lg-last">
        ${me && html`<${Connection} />`}
        ${onPhone && html`<button type="button" class="btn btn-sm btn-outline-primary" aria-pressed=${String(phoneShown)}
          onClick=${onPhone} data-test="phone-toggle">Phone</button>`}
        <button type="button" class="navbar-toggler" aria-controls="menu" aria-expanded=${String(open)} aria-label="Menu"
          onClick=${toggle} data-test="menu"><span class="navbar-toggler-icon"></span></button>
      </div>
      <div class="collapse navbar-collapse" id="menu" ref=${menu}>
        <ul class="navbar-nav me-auto">
          ${all.map(({ href, label }) => html`<li class="nav-item" key=${href}>
            <a class=${`nav-link ${href === active ? "active" : ""}`} href=${href} aria-current=${href === active ? "page" : undefined}
              data-test=${`nav-${href.slice(2).replace("/", "-")}`}>${label}</a>
          </li>`)}
          <li class="nav-item"><a class="nav-link" href="/docs" target="_blank" rel="noopener">API<span class="visually-hidden"> (opens in a new tab)</span></a></li>
        </ul>
        <div class="d-flex flex-wrap align-items-center gap-2 py-2 py-lg-0 me-lg-2">
          ${me && html`<span class="small text-body-secondary text-truncate whoami" data-test="whoami">
            ${me.role === "operator" ? "Operator" : me.tenant?.name || me.tenant?.id}</span>`}
          <${Theme} />
          ${me && html`<button type="button" class="btn btn-sm btn-outline-secondary" onClick=${onLogout} data-test="logout">Log out</button>`}
        </div>
      </div>
    </div>
  </nav></header>`;
}
