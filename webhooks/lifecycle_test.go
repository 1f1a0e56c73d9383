package webhooks_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// What a crash left in sending is sent again, in its old place in line.
func TestStartReleasesWhatACrashLeft(t *testing.T) {
	b := newBench(t)
	url, got := receiver(t, nil)
	b.endpoint("a", url, "")
	for i := range 3 {
		b.event("a", "main", i)
	}
	claims, err := b.store.ClaimDeliveries(context.Background(), b.clock.Now(), plenty)
	b.must(err)
	if len(claims) != 1 {
		t.Fatalf("%d claims of one line", len(claims))
	}
	b.must(b.store.Close())
	b.open()
	b.run(b.store, nil, webhooks.Options{})
	for i := range 3 {
		if p := next(t, got); p.n != i {
			t.Fatalf("got %d, want %d", p.n, i)
		}
	}
}

// Stopping cuts off what does not end by itself and hands it back untried.
func TestStopHandsBack(t *testing.T) {
	b := newBench(t)
	began := make(chan struct{})
	url, _ := receiver(t, func(_ http.ResponseWriter, r *http.Request, _ post) {
		close(began)
		<-r.Context().Done()
	})
	b.endpoint("a", url, "")
	b.event("a", "main", 0)
	_, stop := b.run(b.store, nil, webhooks.Options{Grace: 10 * time.Millisecond})
	<-began
	stop()
	if d := b.deliveries("a")[0]; d.State != webhooks.DeliveryPending || d.Attempts != 0 {
		t.Errorf("got %+v", d)
	}
}

// A delivery under way at the stop that ends within the grace counts.
func TestStopLetsDeliveriesEnd(t *testing.T) {
	b := newBench(t)
	began, release := make(chan struct{}), make(chan struct{})
	url, _ := receiver(t, func(http.ResponseWriter, *http.Request, post) {
		close(began)
		<-release
	})
	b.endpoint("a", url, "")
	b.event("a", "main", 0)
	b.event("a", "main", 1)
	_, stop := b.run(b.store, nil, webhooks.Options{Grace: patience})
	<-began
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	select {
	case <-stopped:
		t.Fatal("stopped with a delivery under way")
	default:
	}
	close(release)
	<-stopped
	all := b.deliveries("a")
	if all[0].State != webhooks.DeliveryDelivered || all[1].State != webhooks.DeliveryPending || all[1].Attempts != 0 {
		t.Errorf("got %+v", all)
	}
}

// broken is a store whose claims fail.
type broken struct {
	*store.Store
	mu    sync.Mutex
	calls int
}

func (s *broken) ClaimDeliveries(context.Context, time.Time, webhooks.Room) ([]webhooks.Claim, error) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	return nil, engine.WrapError(engine.CodeStorage, errors.New("disk"), "the database did not answer")
}

func (s *broken) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func TestBrokenStoreIsNotHammered(t *testing.T) {
	b := newBench(t)
	b.endpoint("a", "http://127.0.0.1:1/", "")
	s := &broken{Store: b.store}
	core, logged := observer.New(zapcore.ErrorLevel)
	began := time.Now()
	d, stop := b.run(s, zap.New(core), webhooks.Options{Poll: 30 * time.Millisecond})
	b.await("a few polls", func() bool {
		d.Nudge() // hints must not shorten the wait
		b.event("a", "main", 0)
		return s.count() >= 4
	})
	stop()
	if most := int(time.Since(began)/(30*time.Millisecond)) + 2; s.count() > most {
		t.Errorf("%d claims, at most %d fit into the time", s.count(), most)
	}
	if logged.Len() == 0 {
		t.Error("nothing was logged")
	}
}
