package httpapi

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"wapid/engine"
)

// Metrics are the operator's: they tell how much everybody sends.
func TestMetricsAreForTheOperator(t *testing.T) {
	d := start(t)
	get := func(header map[string]string) reply {
		return d.do(call{method: http.MethodGet, path: "/metrics", header: header})
	}
	d.wants(get(map[string]string{headerAdminKey: testAdminKey}), http.StatusNotFound, engine.CodeNotFound)
	d.server.metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = io.WriteString(w, "some 1\n")
	})
	for name, header := range map[string]map[string]string{
		"no key":            nil,
		"a tenant's key":    {headerAPIKey: d.key},
		"a tenant's bearer": {"Authorization": "Bearer " + d.key},
		"a wrong key":       {headerAdminKey: testAdminKey + "x"},
		"a wrong bearer":    {"Authorization": "Bearer " + testAdminKey + "x"},
		"a wrong scheme":    {"Authorization": "Basic " + testAdminKey},
	} {
		t.Run(name, func(t *testing.T) { d.wants(get(header), http.StatusUnauthorized, engine.CodeUnauthorized) })
	}
	for _, header := range []map[string]string{{headerAdminKey: testAdminKey}, {"Authorization": "Bearer " + testAdminKey}} {
		if r := get(header); r.status != http.StatusOK || r.body != "some 1\n" {
			t.Errorf("the operator is answered %d %s", r.status, r.body)
		}
	}
}

// Requests are told of by their route: a path would name tenants' sessions, and there
// are as many of them as callers like.
func TestAnswersAreToldOfByRoute(t *testing.T) {
	var mu sync.Mutex
	var told []Answered
	d := start(t, func(d *daemon) {
		d.server.told = func(a Answered) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, a)
		}
	})
	d.get("/api/whatsapp/session/secret-name/status")
	d.do(call{method: http.MethodGet, path: "/no/such/path", undocumented: true})
	d.do(call{method: http.MethodPut, path: "/healthz", undocumented: true})
	d.raw("BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	d.raw("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("x", 2*maxHeader) + "\r\n\r\n")
	d.raw("POST /api/whatsapp/session HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n")
	type seen struct {
		route, method string
		status        int
	}
	mu.Lock()
	defer mu.Unlock()
	got := map[seen]int{}
	for _, a := range told {
		if a.Took < 0 {
			t.Errorf("%v took less than nothing", a)
		}
		got[seen{a.Route, a.Method, a.Status}]++
	}
	for _, want := range []seen{
		{"/api/whatsapp/session/:id/status", "GET", 404},
		{RouteNone, "GET", 404}, {RouteNone, "PUT", 405}, {RouteNone, "OTHER", 405}, {RouteNone, "GET", 431},
	} {
		if got[want] != 1 {
			t.Errorf("%v was told %d times: %v", want, got[want], got)
		}
	}
	if !slices.ContainsFunc(told, func(a Answered) bool { return a.Route == RouteNone && a.Status == 400 }) {
		t.Errorf("a request that is no HTTP was not told of: %v", got)
	}
}
