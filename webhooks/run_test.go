package webhooks_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// lookedAt counts the looks at a store, and takes no outcomes while it is dead.
type lookedAt struct {
	*store.Store
	looks atomic.Int64
	dead  atomic.Bool
	// refused is closed when the first outcome was not taken.
	refused chan struct{}
	once    sync.Once
}

func (s *lookedAt) ClaimDeliveries(ctx context.Context, now time.Time, room webhooks.Room) ([]webhooks.Claim, error) {
	s.looks.Add(1)
	return s.Store.ClaimDeliveries(ctx, now, room)
}

func (s *lookedAt) PassOn(ctx context.Context, now time.Time, share webhooks.Share, tries ...webhooks.Tried) ([]webhooks.Turn, *webhooks.Claim, error) {
	if s.dead.Load() {
		s.once.Do(func() { close(s.refused) })
		return nil, nil, engine.Errorf(engine.CodeStorage, "dead")
	}
	return s.Store.PassOn(ctx, now, share, tries...)
}

func (s *lookedAt) FinishDeliveries(ctx context.Context, tries ...webhooks.Tried) ([]webhooks.Turn, error) {
	if s.dead.Load() {
		s.once.Do(func() { close(s.refused) })
		return nil, engine.Errorf(engine.CodeStorage, "dead")
	}
	return s.Store.FinishDeliveries(ctx, tries...)
}

// A thousand hints in ten milliseconds are not a thousand looks at the store.
func TestHintsInABurstCostFewLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		s := &lookedAt{Store: b.store}
		d, stop := b.run(s, nil, webhooks.Options{})
		synctest.Wait()
		before := s.looks.Load()
		for range 1000 {
			d.Nudge()
			time.Sleep(10 * time.Microsecond)
		}
		if looks := s.looks.Load() - before; looks < 2 || looks > 6 {
			t.Errorf("%d looks in ten milliseconds", looks)
		}
		stop()
	})
}

// held is a receiver that keeps the first message until the test has queued others
// behind it, so that these are posted as a run.
func held(b *bench, answer func(w http.ResponseWriter, p post)) (got <-chan post, release func()) {
	gate := make(chan struct{})
	url, got := receiver(b.t, func(w http.ResponseWriter, _ *http.Request, p post) {
		if p.n == 1 {
			<-gate
		}
		answer(w, p)
	})
	b.endpoint("a", url, "")
	return got, func() { close(gate) }
}

// A receiver that fails in the middle of a run gets the rest in order, and what it
// refused once more, under the same id.
func TestReceiverFailsInTheMiddleOfARun(t *testing.T) {
	const last, refused = 12, 5
	b := newBench(t)
	var failed atomic.Bool
	got, release := held(b, func(w http.ResponseWriter, p post) {
		if p.n == refused && failed.CompareAndSwap(false, true) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	d, _ := b.run(b.store, nil, webhooks.Options{})
	b.event("a", "main", 0)
	next(t, got) // the endpoint is well now
	for n := 1; n <= last; n++ {
		b.event("a", "main", n)
	}
	release()
	var posts []post
	b.await("all deliveries", func() bool {
		for len(got) > 0 {
			posts = append(posts, <-got)
		}
		b.clock.advance(time.Second)
		d.Nudge()
		return !slices.ContainsFunc(b.deliveries("a"), func(d webhooks.Delivery) bool { return d.State != webhooks.DeliveryDelivered })
	})
	for len(got) > 0 {
		posts = append(posts, <-got)
	}
	var order []int
	var ids []string
	for _, p := range posts {
		if p.n == refused {
			ids = append(ids, p.header.Get("webhook-id"))
		} else {
			order = append(order, p.n)
		}
	}
	if len(order) != last-1 || !slices.IsSorted(order) {
		t.Errorf("the others came as %v", order)
	}
	if len(ids) != 2 || ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("the refused one came as %q", ids)
	}
}

// A process that dies before it has recorded a run repeats it after the start, in order
// and under the same ids, and goes on behind it.
func TestCrashInTheMiddleOfARun(t *testing.T) {
	const middle, last = 6, 12
	b := newBench(t)
	s := &lookedAt{Store: b.store, refused: make(chan struct{})}
	got, release := held(b, func(_ http.ResponseWriter, p post) {
		if p.n == middle {
			s.dead.Store(true)
		}
	})
	_, stop := b.run(s, nil, webhooks.Options{Grace: time.Millisecond})
	b.event("a", "main", 0)
	next(t, got)
	for n := 1; n <= last; n++ {
		b.event("a", "main", n)
	}
	release()
	select {
	case <-s.refused:
	case <-time.After(patience):
		t.Fatal("no run was to be recorded")
	}
	stop()
	b.must(b.store.Close())
	ids := map[int]string{}
	for len(got) > 0 {
		p := <-got
		ids[p.n] = p.header.Get("webhook-id")
	}
	b.open()
	b.run(b.store, nil, webhooks.Options{})
	first, repeated := next(t, got), 0
	if first.n > middle {
		t.Fatalf("goes on with %d, and %d was not recorded", first.n, middle)
	}
	for n, p := first.n, first; ; p = next(t, got) {
		id, before := ids[n]
		if p.n != n || before && id != p.header.Get("webhook-id") {
			t.Fatalf("got %d as %q, want %d as %q", p.n, p.header.Get("webhook-id"), n, id)
		}
		if before {
			repeated++
		}
		if n++; n > last {
			break
		}
	}
	if repeated < 2 {
		t.Errorf("%d came again: that was no run", repeated)
	}
}
