package webhooks_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// counted is a store that notes when it is asked, and can fail to finish.
type counted struct {
	*store.Store
	mu       sync.Mutex
	claims   int
	finishes []time.Time
	failures int // so many finishes fail
}

func (s *counted) ClaimDeliveries(ctx context.Context, now time.Time, room webhooks.Room) ([]webhooks.Claim, error) {
	s.mu.Lock()
	s.claims++
	s.mu.Unlock()
	return s.Store.ClaimDeliveries(ctx, now, room)
}

func (s *counted) FinishDeliveries(ctx context.Context, tries ...webhooks.Tried) ([]webhooks.Turn, error) {
	s.mu.Lock()
	fail := s.failures > 0
	if fail {
		s.failures--
	}
	for _, t := range tries {
		if !fail {
			s.finishes = append(s.finishes, t.Attempt.At)
		}
	}
	s.mu.Unlock()
	if fail {
		return nil, engine.Errorf(engine.CodeStorage, "the database did not answer")
	}
	return s.Store.FinishDeliveries(ctx, tries...)
}

func (s *counted) seen() (claims int, finishes []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claims, append([]time.Time(nil), s.finishes...)
}

// inBubble runs a dispatcher on a real store while time is synthetic. The
// endpoint's address is refused before any packet leaves, so nothing in the
// bubble waits for the network.
func inBubble(t *testing.T, poll time.Duration, test func(s *counted)) {
	path := filepath.Join(t.TempDir(), store.FileName)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		inner, err := store.Open(ctx, path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := &counted{Store: inner}
		if _, _, err := s.EnsureDefaultTenant(ctx, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutEndpoint(ctx, store.DefaultTenant, "http://10.0.0.1/", ""); err != nil {
			t.Fatal(err)
		}
		d := webhooks.New(s, webhooks.NewGuard(nil), nil, webhooks.Options{Poll: poll, Rand: func() float64 { return 0.5 }})
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		test(s)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func appendOne(t *testing.T, s *counted) {
	t.Helper()
	err := s.AppendEvent(context.Background(), engine.Event{
		Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventTest, Data: []byte(`{}`),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Over a whole day the tries fall on the schedule's instants by themselves, and
// between them the dispatcher asks the store no more often than it polls.
func TestScheduleOverADay(t *testing.T) {
	const poll = time.Minute
	inBubble(t, poll, func(s *counted) {
		began := time.Now()
		appendOne(t, s)
		<-time.After(26 * time.Hour)
		claims, finishes := s.seen()
		want := []time.Duration{0, 5 * time.Second, 35 * time.Second, 155 * time.Second}
		if len(finishes) != webhooks.MaxAttempts {
			t.Fatalf("%d tries", len(finishes))
		}
		for i, after := range want {
			if got := finishes[i].Sub(began); got < after || got > after+10*time.Millisecond {
				t.Errorf("try %d came after %v, want %v", i+1, got, after)
			}
		}
		if last := finishes[10].Sub(began); last < 23*time.Hour || last > 25*time.Hour {
			t.Errorf("the last try came after %v", last)
		}
		if most := int(26*time.Hour/poll) + 4*webhooks.MaxAttempts; claims > most {
			t.Errorf("%d claims in 26 hours, want at most %d", claims, most)
		}
		all, err := s.ListDeliveries(context.Background(), store.DefaultTenant, 0, 10)
		if err != nil || len(all) != 1 || all[0].State != webhooks.DeliveryDead {
			t.Errorf("in the end: %+v, %v", all, err)
		}
	})
}

// A try that was made but could not be recorded is recorded later, not repeated.
func TestRecordingIsRetried(t *testing.T) {
	inBubble(t, 5*time.Second, func(s *counted) {
		s.mu.Lock()
		s.failures = 3
		s.mu.Unlock()
		appendOne(t, s)
		<-time.After(16 * time.Second) // three polls; the retry is due five seconds after the first try
		_, finishes := s.seen()
		if len(finishes) < 1 {
			t.Fatal("never recorded")
		}
		all, err := s.ListDeliveries(context.Background(), store.DefaultTenant, 0, 10)
		if err != nil || all[0].Attempts != len(finishes) {
			t.Errorf("%d tries recorded, delivery %+v, %v", len(finishes), all, err)
		}
		if len(finishes) > 2 {
			t.Errorf("%d tries, want the first and the one due since", len(finishes))
		}
	})
}

// A commit that queues a delivery wakes the dispatcher, long before it polls.
func TestCommitWakesTheDispatcher(t *testing.T) {
	inBubble(t, time.Hour, func(s *counted) {
		<-time.After(time.Minute) // it has looked once and sleeps
		appendOne(t, s)
		<-time.After(time.Second)
		if _, finishes := s.seen(); len(finishes) != 1 {
			t.Errorf("%d tries a second after the commit, want 1", len(finishes))
		}
	})
}
