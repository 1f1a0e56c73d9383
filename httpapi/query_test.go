package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
)

func TestUnknownQueryParametersAreRefused(t *testing.T) {
	d := start(t)
	d.link("main")
	for _, route := range d.server.routes() {
		path := strings.ReplaceAll(route.path, ":id", "main")
		c := call{method: route.method, path: path + "?unheardOf=1", key: d.key, body: requests[route.method+" "+route.path]}
		if route.operator != nil {
			c.header = map[string]string{headerAdminKey: testAdminKey}
		}
		r := d.do(c)
		d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
		if !strings.Contains(r.body, "unheardOf") {
			t.Errorf("%s %s does not name the parameter: %s", c.method, c.path, r.body)
		}
		if route.tenant != nil {
			c.key = ""
			d.wants(d.do(c), http.StatusUnauthorized, engine.CodeUnauthorized)
		}
	}
	for _, query := range []string{
		"logut=false", "Logout=false", "logout%20=false", "logout[]=false", "logout=false&x", "x&logout=false",
		"logout=false&logout=true", "logout=", "logout", "logout=no", "logout=false;x", strings.Repeat("x", 2000),
	} {
		r := d.do(call{method: http.MethodDelete, path: "/api/whatsapp/session/main?" + query, key: d.key})
		d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
	}
	for _, query := range []string{"wait=", "wait=x", "wait=61", "wait=-1", "wait=1&wait=1", "waits=1"} {
		d.wants(d.get("/api/whatsapp/session/main/status?"+query), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.awaitStatus("main", engine.StatusReady)
	for _, query := range []string{"", "?", "?wait=1", "?wait=0&"} {
		d.wants(d.get("/api/whatsapp/session/main/status"+query), http.StatusOK, "")
	}
}
