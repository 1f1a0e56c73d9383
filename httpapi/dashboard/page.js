// Shows the page that the address names: loads it, and holds what goes wrong in it
// away from the rest.
import { Component, html, useEffect, useState } from "/dashboard/vendor/preact.js";
import { Busy, Empty, ErrorBox } from "/dashboard/ui.js";
import { pages } from "/dashboard/pages.js";

// Boundary shows what a page has thrown while it was drawn, instead of nothing.
class Boundary extends Component {
  state = { error: null };

  static getDerivedStateFromError(error) {
    return { error };
  }

  componentDidCatch(error) {
    console.error(error);
  }

  render({ children }, { error }) {
    if (!error) return children;
    return html`<div data-test="page-broken">
      <${ErrorBox} error=${{ message: `This page has failed: ${error.message}` }} onRetry=${() => this.setState({ error: null })} />
    </div>`;
  }
}

function Missing({ title }) {
  return html`<${Empty} title=${title}>
    <p class="mb-0" data-test="page-missing">This page is not there.</p>
  <//>`;
}

// useModule loads a module and gives its component, or why there is none.
export function useModule(load) {
  const [found, setFound] = useState({ load: null });
  useEffect(() => {
    if (!load) return undefined;
    let over = false;
    load().then(
      (module) => over || setFound({ load, View: module.default }),
      (error) => {
        console.warn(error.message);
        if (!over) setFound({ load, error });
      },
    );
    return () => {
      over = true;
    };
  }, [load]);
  return found.load === load ? found : {};
}

// Page shows a route. What it hands to the page: args, me, info, and onLogin, which
// the login pages give the identity that they got.
export function Page({ route, me, info, onLogin }) {
  const page = Object.hasOwn(pages, route.name) ? pages[route.name] : null;
  const { View, error } = useModule(page?.load);
  if (!page) return html`<${Missing} title="Nothing here" />`;
  if (page.for !== "anyone" && me && page.for !== me.role) {
    return html`<${Empty} title=${page.title}>
      <p class="mb-0">This page belongs to ${page.for === "operator" ? "the operator" : "a tenant"}: log in as such to see it.</p>
    <//>`;
  }
  if (error) return html`<${Missing} title=${page.title} />`;
  if (!View) return html`<${Busy} />`;
  return html`<${Boundary} key=${route.name}><${View} args=${route.args} me=${me} info=${info} onLogin=${onLogin} /><//>`;
}
