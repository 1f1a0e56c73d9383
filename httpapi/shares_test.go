package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

func TestSlowURLsOfOneTenantKeepOnlyThatOneWaiting(t *testing.T) {
	d := start(t, reaching, func(d *daemon) { d.server.files = newShares(3, 2) })
	d.link("main")
	own := d.key
	d.key = d.otherKey
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	d.awaitStatus("main", engine.StatusQRReady)
	if err := d.network.scan(t.Context(), engine.SessionKey{Tenant: "other", ID: "main"}); err != nil {
		t.Fatal(err)
	}
	d.awaitStatus("main", engine.StatusReady)
	d.key = own
	asked, answer := make(chan struct{}, 8), make(chan struct{})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-answer
		http.NotFound(w, r)
	}))
	defer site.Close()
	done := make(chan reply, 4)
	for range cap(done) {
		go func() {
			done <- d.post(sendPath, `{"to":"919876543210","type":"document","mediaUrl":"`+site.URL+`"}`)
		}()
	}
	<-asked
	<-asked // as many as the tenant has places
	r := d.do(call{method: http.MethodPost, path: sendPath, key: d.otherKey, body: `{"to":"919876543210","type":"document","mediaBase64":"aGVsbG8="}`})
	d.wants(r, http.StatusOK, "")
	close(answer)
	for range cap(done) {
		d.wants(<-done, http.StatusBadRequest, engine.CodeMediaInvalid)
	}
}

func TestSearchesOfOneTenantKeepOnlyThatOneWaiting(t *testing.T) {
	d := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	leave, err := d.server.searches.enter(ctx, store.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	done := make(chan error, 1)
	go func() {
		leave, err := d.server.searches.enter(ctx, store.DefaultTenant)
		if err == nil {
			leave()
		}
		done <- err
	}()
	r := d.do(call{method: http.MethodGet, path: "/api/whatsapp/messages?q=hello", key: d.otherKey})
	d.wants(r, http.StatusOK, "")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("a second search of the tenant: %v", err)
	}
}

func TestRedeliveriesOfOneTenantWaitForEachOther(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.againPatience = 0 })
	again := func(key string) reply {
		r := d.do(call{method: http.MethodPost, path: hooksPath, key: key, body: `{"url":"https://example.com"}`})
		path := hooksPath + "/" + decodeReply[made](t, r).WebhookID + "/redeliver"
		return d.do(call{method: http.MethodPost, path: path, key: key, body: `{"state":"dead"}`})
	}
	leave, err := d.server.again.enter(t.Context(), store.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	d.wants(again(d.key), http.StatusTooManyRequests, engine.CodeRateLimited)
	d.server.againPatience = time.Minute
	d.wants(again(d.otherKey), http.StatusOK, "")
	leave()
	d.wants(again(d.key), http.StatusOK, "")
}

func TestLargeBulkJobsAreTakenAFewAtATime(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.bulkPatience = 0 })
	d.link("main")
	const path = "/api/whatsapp/session/main/send-bulk"
	leave, err := d.server.jobs.enter(t.Context(), store.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	large := `{"message":"Hi","recipients":["919876543210"` + strings.Repeat(` `, shortBulk) + `]}`
	d.wants(d.post(path, large), http.StatusTooManyRequests, engine.CodeRateLimited)
	d.wants(d.post(path, `{"message":"Hi","recipients":["919876543210"]}`), http.StatusOK, "")
	leave()
	d.server.bulkPatience = time.Minute
	d.wants(d.post(path, large), http.StatusOK, "")
}

func TestShares(t *testing.T) {
	s := newShares(3, 2)
	enter := func(tenant engine.TenantID) func() {
		t.Helper()
		leave, err := s.enter(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		return leave
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	refused := func(tenant engine.TenantID) {
		t.Helper()
		if _, err := s.enter(ended, tenant); !errors.Is(err, context.Canceled) {
			t.Errorf("%s enters: %v", tenant, err)
		}
	}
	one, two := enter("a"), enter("a")
	refused("a") // has its share
	three := enter("b")
	refused("c") // nothing is left
	two()
	enter("c")()
	one()
	three()
	if len(s.tenants) != 0 {
		t.Errorf("remembered: %v", s.tenants)
	}
}
