// What somebody who is logged in may change.

// manages tells whether me may change the account: a key with less, or one that is
// limited to sessions, may only look.
export function manages(me) {
  return me.scope === "manage" && !me.sessions?.length;
}
