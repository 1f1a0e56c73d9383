// The table of pages: one line each. A page is loaded when it is first shown.
//
// for says who may see it: anyone, tenant or operator. A page without a label does
// not stand in the navigation. sandbox pages are there only in `wapid sandbox`.
export const pages = {
  login: { title: "Log in", for: "anyone", load: () => import("/dashboard/pages/login.js") },
  register: { title: "Sign up", for: "anyone", load: () => import("/dashboard/pages/register.js") },

  sessions: { title: "Sessions", label: "Sessions", for: "tenant", load: () => import("/dashboard/pages/sessions.js") },
  send: { title: "Send a message", label: "Send", for: "tenant", load: () => import("/dashboard/pages/send.js") },
  bulk: { title: "Bulk jobs", label: "Bulk", for: "tenant", load: () => import("/dashboard/pages/bulk.js") },
  inbox: { title: "Inbox", label: "Inbox", for: "tenant", load: () => import("/dashboard/pages/inbox.js") },
  webhooks: { title: "Webhooks", label: "Webhooks", for: "tenant", load: () => import("/dashboard/pages/webhooks.js") },
  overview: { title: "Overview", label: "Overview", for: "tenant", load: () => import("/dashboard/pages/overview.js") },
  settings: { title: "Settings", label: "Settings", for: "tenant", load: () => import("/dashboard/pages/settings.js") },

  admin: { title: "Administration", label: "Tenants", for: "operator", load: () => import("/dashboard/pages/admin.js") },
};

// phone is the sandbox's virtual phone, a pane beside the tenant's pages.
export const loadPhone = () => import("/dashboard/pages/phone.js");

// extra are entries of the navigation that are a part of a page.
export const extra = [{ href: "#/admin/audit", label: "Audit log", for: "operator" }];

// home is where somebody begins.
export function home(me) {
  return me?.role === "operator" ? "#/admin" : "#/sessions";
}
