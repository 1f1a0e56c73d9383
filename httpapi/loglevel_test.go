package httpapi

import (
	"net/http"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// paperLevels notes what it is told to do.
type paperLevels struct {
	logger, level string
	lasts         time.Duration
}

func (p *paperLevels) Levels() []LogLevel {
	list := []LogLevel{{Level: "info"}}
	if p.level != "" {
		list = append(list, LogLevel{Logger: p.logger, Level: p.level, Until: time.UnixMilli(1708243860000)})
	}
	return list
}

func (p *paperLevels) Set(logger, level string, lasts time.Duration) error {
	p.logger, p.level, p.lasts = logger, level, lasts
	return nil
}

func TestLogLevelOverHTTP(t *testing.T) {
	const path = "/api/admin/log-level"
	levels := &paperLevels{}
	d := start(t)
	d.wants(d.admin(http.MethodGet, path, ""), http.StatusBadRequest, engine.CodeNotSupported)
	d.server.levels = levels
	if r := d.admin(http.MethodGet, path, ""); r.body != `{"level":"info","loggers":[]}` {
		t.Errorf("at first: %s", r.body)
	}
	d.wants(d.do(call{method: http.MethodPut, path: path, key: d.key, body: `{"level":"debug"}`}), http.StatusUnauthorized, engine.CodeUnauthorized)
	for _, body := range []string{
		`{}`, `{"level":"loud"}`, `{"level":"DEBUG"}`, `{"level":"debug","logger":""}`, `{"level":"debug","logger":"A B"}`,
		`{"level":"debug","for":0}`, `{"level":"debug","for":604801}`, `{"level":"debug","for":"1h"}`, `{"level":"debug","until":5}`,
	} {
		d.wants(d.do(call{method: http.MethodPut, path: path, body: body, header: map[string]string{headerAdminKey: testAdminKey}, undocumented: true}),
			http.StatusBadRequest, engine.CodeInvalid)
	}
	if *levels != (paperLevels{}) {
		t.Errorf("a refused request has set %+v", *levels)
	}
	r := d.admin(http.MethodPut, path, `{"level":"debug","logger":"whatsapp","for":60}`)
	if want := `{"level":"info","loggers":[{"logger":"whatsapp","level":"debug","until":1708243860000}]}`; r.body != want {
		t.Errorf("it answers %d %s", r.status, r.body)
	}
	if *levels != (paperLevels{"whatsapp", "debug", time.Minute}) {
		t.Errorf("set was %+v", *levels)
	}
	if entries, err := d.store.ListAudit(t.Context(), store.AuditFilter{Action: store.ActionLogLevel, Limit: 9}); err != nil || len(entries) != 1 || entries[0].Target != "whatsapp" {
		t.Errorf("the audit log has %+v (%v)", entries, err)
	}
}
