package webhooks_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"wapid/engine"
	"wapid/webhooks"
)

// An event that can't be encoded leaves its line, is tried again as any other and is dead
// in the end; those behind it go on, the receiver is no worse for it, and the log names it
// without what it holds.
func TestWhatCantBeEncodedBlocksNobody(t *testing.T) {
	b := newBench(t)
	url, got := receiver(t, nil)
	b.endpoint("a", url, "secret")
	list, err := b.store.ListEndpoints(t.Context(), "a")
	b.must(err)
	meta := webhooks.FormatMeta
	_, err = b.store.UpdateEndpoint(t.Context(), "a", list[0].ID, webhooks.EndpointChange{Format: &meta})
	b.must(err)
	for n := range 3 {
		b.event("a", "s1", n)
	}
	var tries atomic.Int32
	core, logs := observer.New(zap.ErrorLevel)
	b.run(b.store, zap.New(core), webhooks.Options{Poll: 5 * time.Millisecond, Encode: func(_ context.Context, e webhooks.Endpoint, v engine.Event) (webhooks.Post, error) {
		switch n := strings.Trim(string(v.Data), `{}"n:`); n {
		case "0":
			tries.Add(1)
			return webhooks.Post{}, errors.New("it holds 447700900123")
		case "1":
			return webhooks.Post{Nothing: true}, nil
		}
		return webhooks.Post{Body: v.Data}, nil
	}})
	if p := next(t, got); string(p.body) != `{"n":2}` || p.header.Get(webhooks.HeaderHubSignature) == "" {
		t.Errorf("got %s %v", p.body, p.header)
	}
	b.await("it is dead", func() bool {
		b.clock.advance(time.Hour)
		return b.deliveries("a")[0].State == webhooks.DeliveryDead
	})
	if n := tries.Load(); n != webhooks.MaxAttempts {
		t.Errorf("%d tries", n)
	}
	for _, d := range b.deliveries("a")[1:] {
		if d.State != webhooks.DeliveryDelivered {
			t.Errorf("%d is %s", d.ID, d.State)
		}
	}
	e, err := b.store.FindEndpointByID(t.Context(), "a", list[0].ID)
	if err != nil || e.Circuit.Failures != 0 || !e.Enabled {
		t.Errorf("the endpoint is %+v, %v", e, err)
	}
	tried, err := b.store.ListAttempts(t.Context(), "a", b.deliveries("a")[1].ID)
	if err != nil || len(tried) != 1 || tried[0].Status != 0 || !strings.Contains(tried[0].Error, "no words") {
		t.Errorf("what has nothing to tell was tried as %+v, %v", tried, err)
	}
	for _, entry := range logs.All() {
		if strings.Contains(entry.ContextMap()["cause"].(string), "447700900123") || entry.ContextMap()["event"] == "" {
			t.Errorf("the log says %v", entry.ContextMap())
		}
	}
	if logs.Len() == 0 {
		t.Error("the log says nothing")
	}
}

// While a receiver fails, an event that has nothing to tell neither closes its circuit nor
// is counted against it.
func TestNothingToTellMendsNothing(t *testing.T) {
	b := newBench(t)
	url, got := receiver(t, func(w http.ResponseWriter, _ *http.Request, _ post) { w.WriteHeader(500) })
	b.endpoint("a", url, "secret")
	e, err := b.store.FindEndpoint(t.Context(), "a")
	b.must(err)
	format := webhooks.FormatMeta
	_, err = b.store.UpdateEndpoint(t.Context(), "a", e.ID, webhooks.EndpointChange{Format: &format})
	b.must(err)
	b.event("a", "s1", 0)
	b.event("a", "s2", 1)
	b.run(b.store, nil, webhooks.Options{Poll: 5 * time.Millisecond, Encode: func(_ context.Context, _ webhooks.Endpoint, v engine.Event) (webhooks.Post, error) {
		return webhooks.Post{Body: v.Data, Nothing: v.Session.ID == "s2"}, nil
	}})
	next(t, got)
	b.await("the other is delivered", func() bool { return b.deliveries("a")[1].State == webhooks.DeliveryDelivered })
	b.await("the failure is counted", func() bool {
		e, err = b.store.FindEndpoint(t.Context(), "a")
		b.must(err)
		return e.Circuit.Failures > 0
	})
	if e.Proven {
		t.Error("a receiver that has never answered well counts as one that has")
	}
}
