package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
)

// That every route refuses parameters it does not know is told by the walk.
func TestQueryParametersAreRefused(t *testing.T) {
	d := start(t)
	d.link("main")
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
