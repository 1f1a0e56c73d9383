package webhooks_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"wapid/engine"
	"wapid/webhooks"
)

// The operator hears once that an endpoint fails and once that it is well again.
func TestFailingEndpointIsReportedOnce(t *testing.T) {
	b := newBench(t)
	var well atomic.Bool
	url, got := receiver(t, func(w http.ResponseWriter, _ *http.Request, _ post) {
		if !well.Load() {
			w.WriteHeader(503)
		}
	})
	b.endpoint("a", url+"/?token=topsecret", "")
	core, logged := observer.New(zapcore.InfoLevel)
	d, stop := b.run(b.store, zap.New(core), webhooks.Options{})
	const events = 4 // one more would open the circuit
	for i := range events {
		b.event("a", engine.SessionID(fmt.Sprint("s", i)), i)
	}
	for range events {
		next(t, got)
	}
	b.await("all have failed", func() bool { return allAttempted(b, "a", 1) })
	well.Store(true)
	b.clock.advance(webhooks.MaxRetryWait)
	d.Nudge()
	for range events {
		next(t, got)
	}
	b.await("all are delivered", func() bool { return allAttempted(b, "a", 2) })
	stop()
	lines := logged.All()
	if len(lines) != 2 || lines[0].Level != zapcore.WarnLevel || lines[1].Level != zapcore.InfoLevel {
		t.Fatalf("logged %+v", lines)
	}
	fields := lines[0].ContextMap()
	if fields["tenant"] != "a" || fields["endpoint"] == "" || fields["status"] != int64(503) || fields["attempt"] != int64(1) {
		t.Errorf("fields %v", fields)
	}
	for _, line := range lines {
		if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, "topsecret") {
			t.Errorf("the URL is in the log: %s", text)
		}
	}
}

// What is lost is told, but not with a line for each.
func TestGivingUpIsReportedInBulk(t *testing.T) {
	b := newBench(t)
	url, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request, _ post) { w.WriteHeader(500) })
	core, logged := observer.New(zapcore.WarnLevel)
	tenants := []engine.TenantID{"a", "b", "c", "d", "e"}
	for i, id := range tenants {
		b.endpoint(id, url, "")
		b.event(id, "main", i)
	}
	d, stop := b.run(b.store, zap.New(core), webhooks.Options{})
	for try := range webhooks.MaxAttempts {
		if try > 0 { // what is told of the last try is told at its time
			b.clock.advance(webhooks.MaxRetryWait)
			d.Nudge()
		}
		for _, id := range tenants {
			b.await("all are tried", func() bool { return allAttempted(b, id, try+1) })
		}
	}
	stop()
	if lines := logged.FilterMessageSnippet("given up").All(); len(lines) != 1 || lines[0].ContextMap()["count"] != int64(1) {
		t.Errorf("%d lines of 5 dead deliveries: %+v", len(lines), lines)
	}
}

func allAttempted(b *bench, tenant engine.TenantID, times int) bool {
	for _, d := range b.deliveries(tenant) {
		if d.Attempts != times || d.State == webhooks.DeliverySending {
			return false
		}
	}
	return true
}
