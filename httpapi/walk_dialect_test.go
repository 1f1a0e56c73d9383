package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"wapid/engine"
	"wapid/store"
)

// withKey is a call with a key where the clients of its path put it.
func withKey(c call, key string) call {
	c.key, c.header = "", map[string]string{}
	switch dialectOf(c.path).(type) {
	case onpremDialect:
		c.header[headerD360Key] = key
	default:
		c.header["Authorization"] = "Bearer " + key
	}
	return c
}

// refuseInDialect is what must be refused on a route of a dialect, in that dialect's
// words: the document knows them, so only the status is looked at here.
func (d *daemon) refuseInDialect(r route, good call, op operation, keys map[store.Scope]string, elsewhere string) {
	d.t.Helper()
	for _, key := range []string{"", "wrong", d.key + "x", d.key[:len(d.key)-1], strings.ToUpper(d.key), strings.Repeat("k", 4000)} {
		d.answers(withKey(good, key), http.StatusUnauthorized)
	}
	ours := good
	ours.key = d.key // in our own header, which means nothing here but to partners
	if !within(r.path, partnerPrefix) {
		d.answers(ours, http.StatusUnauthorized)
	}
	for scope, key := range keys {
		if !scope.Allows(r.scope) {
			d.answers(withKey(good, key), http.StatusForbidden)
		}
	}
	if !slices.Contains([]store.Scope{store.ScopeRead, store.ScopeSend, store.ScopeManage}, r.scope) {
		d.t.Errorf("the route has the scope %q", r.scope)
	}
	if strings.Contains(r.path, ":") { // what it names is nobody's
		for _, key := range []string{d.key, d.otherKey, elsewhere} {
			d.answers(withKey(good, key), http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound)
		}
	}
	if !op.takes {
		return
	}
	for _, body := range []string{
		`{`, `[]`, `"text"`, good.body + "x", "{\"to\":\"\xff\"}", `{"to":"\u0000"}`, `{"to":"\ud800"}`, strings.Repeat("[", 100_000),
		`{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
	} {
		bad := withKey(good, d.key)
		bad.body = body
		d.answers(bad, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound)
	}
	large := withKey(good, d.key)
	large.body = `{"to":"` + strings.Repeat("x", maxTestBody) + `"}`
	if !r.upload {
		d.answers(large, http.StatusRequestEntityTooLarge, http.StatusBadRequest)
	}
}

// answers wants one of some statuses, and never our own form of an error.
func (d *daemon) answers(c call, statuses ...int) {
	d.t.Helper()
	r := d.do(c)
	if !slices.Contains(statuses, r.status) {
		d.t.Errorf("%.200s is answered with %d %s, want one of %v", c.body, r.status, r.body, statuses)
	}
	if strings.Contains(r.body, `"requestId"`) || strings.Contains(r.body, string(engine.CodeInternal)) {
		d.t.Errorf("%.200s is answered with %s", c.body, r.body)
	}
}
