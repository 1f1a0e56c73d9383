package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// reserve writes an outgoing message that is sent at once.
func reserve(ctx context.Context, s *store.Store, m engine.LoggedMessage) error {
	_, err := s.ReserveMessage(ctx, engine.Reservation{Message: m})
	return err
}

// limited is a store whose tenant may send so many messages a day, with a clock
// that the test moves.
func limited(t testing.TB, limit int, zone string) (*store.Store, *atomic.Pointer[time.Time]) {
	t.Helper()
	now := new(atomic.Pointer[time.Time])
	now.Store(&start)
	s := open(t, store.Options{Clock: func() time.Time { return *now.Load() }})
	_, err := s.ChangeTenant(t.Context(), store.Origin{}, store.DefaultTenant, store.TenantChange{DailyLimit: &limit, TimeZone: &zone})
	must(t, err)
	return s, now
}

func used(t testing.TB, s *store.Store) int {
	t.Helper()
	u, err := s.FindUsage(t.Context(), store.DefaultTenant)
	must(t, err)
	return u.Sent
}

func TestExactlyTheRestOfTheQuotaGetsThrough(t *testing.T) {
	s, _ := limited(t, 20, "UTC")
	for i := range 13 {
		must(t, reserve(t.Context(), s, message("main", fmt.Sprint("before", i))))
	}
	var through, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			err := reserve(t.Context(), s, message(fmt.Sprint("s", i%5), fmt.Sprint("M", i)))
			e, _ := errors.AsType[*engine.Error](err)
			switch {
			case err == nil:
				through.Add(1)
			case e.Code == engine.CodeSentLimit && e.Limit == 20 && e.Used == 20 && e.RetryAfter == 12*time.Hour &&
				e.Message == "Daily sent message limit reached":
				refused.Add(1)
			default:
				t.Errorf("%+v", err)
			}
		})
	}
	all.Wait()
	if through.Load() != 7 || refused.Load() != 43 || used(t, s) != 20 {
		t.Errorf("%d got through, %d were refused, %d count", through.Load(), refused.Load(), used(t, s))
	}
	for i := range 5 {
		list, err := s.ListMessages(t.Context(), key(fmt.Sprint("s", i)), 100)
		must(t, err)
		through.Add(-int64(len(list)))
	}
	if through.Load() != 0 {
		t.Errorf("%d rows too few", through.Load())
	}
}

// The day is the tenant's: it ends at midnight there, also when the clocks change.
func TestTheDayIsTheTenants(t *testing.T) {
	for name, c := range map[string]struct {
		zone string
		now  time.Time
		left time.Duration
	}{
		"utc":           {"UTC", time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC), 30 * time.Minute},
		"india":         {"Asia/Kolkata", time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC), 30 * time.Minute},
		"clocks change": {"Europe/Berlin", time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC), 25 * time.Hour},
		// The clocks go from midnight to one: there is no midnight.
		"no midnight":      {"America/Santiago", time.Date(2026, 9, 6, 3, 30, 0, 0, time.UTC), 30 * time.Minute},
		"none here either": {"Asia/Beirut", time.Date(2026, 3, 28, 21, 30, 0, 0, time.UTC), 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s, now := limited(t, 1, c.zone)
			now.Store(&c.now)
			must(t, reserve(t.Context(), s, message("main", "A")))
			err := reserve(t.Context(), s, message("main", "B"))
			wantCode(t, err, engine.CodeSentLimit)
			if e, _ := errors.AsType[*engine.Error](err); e.RetryAfter != c.left {
				t.Errorf("try again after %v, want %v", e.RetryAfter, c.left)
			}
			before := c.now.Add(c.left - time.Second)
			now.Store(&before)
			wantCode(t, reserve(t.Context(), s, message("main", "B")), engine.CodeSentLimit)
			after := c.now.Add(c.left)
			now.Store(&after)
			must(t, reserve(t.Context(), s, message("main", "B")))
		})
	}
}

func TestWhatWasNotSentIsGivenBackToItsDay(t *testing.T) {
	s, now := limited(t, 4, "UTC")
	ctx := t.Context()
	for _, id := range []string{"DISCARDED", "FAILED", "UNKNOWN", "SENT"} {
		must(t, reserve(ctx, s, message("main", id)))
	}
	tomorrow := start.Add(24 * time.Hour)
	now.Store(&tomorrow)
	must(t, reserve(ctx, s, message("main", "TODAY")))
	must(t, s.DiscardMessage(ctx, key("main"), "DISCARDED", nil))
	must(t, s.DiscardMessage(ctx, key("main"), "DISCARDED", nil))
	must(t, s.FinishMessage(ctx, key("main"), "FAILED", engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeSendRejected}))
	must(t, s.FinishMessage(ctx, key("main"), "UNKNOWN", engine.MessageOutcome{Status: engine.MessageUnknown, Code: engine.CodeSendOutcomeUnknown}))
	must(t, s.FinishMessage(ctx, key("main"), "SENT", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}))
	days, err := s.ListUsage(ctx, store.DefaultTenant, "2026-11-01", "2026-11-30")
	must(t, err)
	if want := []store.Usage{{Day: "2026-11-20", Sent: 2}, {Day: "2026-11-21", Sent: 1}}; fmt.Sprint(days) != fmt.Sprint(want) {
		t.Errorf("the days are %+v, want %+v", days, want)
	}
}

func TestSuspendedTenantsReserveNothing(t *testing.T) {
	s := open(t, store.Options{})
	_, err := s.SuspendTenant(t.Context(), store.Origin{}, store.DefaultTenant, true)
	must(t, err)
	wantCode(t, reserve(t.Context(), s, message("main", "A")), engine.CodeTenantSuspended)
	if used(t, s) != 0 {
		t.Error("it counts")
	}
	_, err = s.SuspendTenant(t.Context(), store.Origin{}, store.DefaultTenant, false)
	must(t, err)
	must(t, reserve(t.Context(), s, message("main", "A")))
}

func keyed(name string, print byte) *engine.Claim {
	return &engine.Claim{Key: name, Fingerprint: [32]byte{print}}
}

// A claim whose message is known finds it, whatever became of it.
func TestClaimFindsItsMessage(t *testing.T) {
	for name, c := range map[string]struct {
		outcome engine.MessageOutcome
		settled bool
		counted int // after the second request
	}{
		"in flight when the daemon died": {settled: false, counted: 1},
		"unknown":                        {engine.MessageOutcome{Status: engine.MessageUnknown}, false, 1},
		"sent":                           {engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}, true, 1},
		"rejected":                       {engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeSendRejected}, true, 0},
		"a defect of ours":               {engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeInternal}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, store.Options{})
			ctx := t.Context()
			first := engine.Reservation{Message: message("main", "FIRST"), Claim: keyed("k", 1)}
			found, err := s.ReserveMessage(ctx, first)
			if err != nil || found.Earlier || found.Settled || found.Message.ID != "FIRST" {
				t.Fatalf("%+v, %v", found, err)
			}
			if c.outcome.Status != "" {
				must(t, s.FinishMessage(ctx, key("main"), "FIRST", c.outcome))
			}
			second := engine.Reservation{Message: message("main", "SECOND"), Claim: keyed("k", 1)}
			if found, err := s.Recall(ctx, second); err != nil || !found.Earlier || found.Settled != c.settled || found.Message.ID != "FIRST" {
				t.Errorf("recalled %+v, %v", found, err)
			}
			found, err = s.ReserveMessage(ctx, second)
			if err != nil || !found.Earlier || found.Settled != c.settled || found.Message.ID != "FIRST" {
				t.Errorf("reserved %+v, %v", found, err)
			}
			if found.Unsure == (c.settled || c.outcome.Status == engine.MessageFailed) {
				t.Errorf("unsure %v", found.Unsure)
			}
			if n := used(t, s); n != c.counted {
				t.Errorf("%d count, want %d", n, c.counted)
			}
			if m, err := s.FindMessage(ctx, key("main"), engine.Outbound, "FIRST"); err != nil || !c.settled && m.Status != engine.MessagePending {
				t.Errorf("it is %+v, %v", m, err)
			}
			if _, err := s.FindMessage(ctx, key("main"), engine.Outbound, "SECOND"); engine.CodeOf(err) != engine.CodeNotFound {
				t.Errorf("a second row: %v", err)
			}
		})
	}
}

func TestClaimStandsForOneRequest(t *testing.T) {
	s, now := limited(t, 0, "UTC")
	ctx := t.Context()
	take := func(session, id string, c *engine.Claim) error {
		_, err := s.ReserveMessage(ctx, engine.Reservation{Message: message(session, id), Claim: c})
		return err
	}
	must(t, take("main", "A", keyed("k", 1)))
	wantCode(t, take("main", "B", keyed("k", 2)), engine.CodeConflict)
	wantCode(t, take("other", "B", keyed("k", 1)), engine.CodeConflict)
	_, err := s.Recall(ctx, engine.Reservation{Message: message("main", "B"), Claim: keyed("k", 2)})
	wantCode(t, err, engine.CodeConflict)
	must(t, s.InsertTenant(ctx, engine.Tenant{ID: "second", Name: "Second", CreatedAt: start}))
	elsewhere := message("main", "B")
	elsewhere.Session.Tenant = "second"
	if _, err := s.ReserveMessage(ctx, engine.Reservation{Message: elsewhere, Claim: keyed("k", 2)}); err != nil {
		t.Errorf("another tenant's key: %v", err)
	}
	if n := used(t, s); n != 1 {
		t.Errorf("%d count", n)
	}
	// What was refused with certainty frees its key, and so does the end of a day.
	must(t, s.DiscardMessage(ctx, key("main"), "A", keyed("k", 1)))
	must(t, take("main", "C", keyed("k", 2)))
	must(t, s.FinishMessage(ctx, key("main"), "C", engine.MessageOutcome{
		Status: engine.MessageFailed, Code: engine.CodeUndeliverable, Release: keyed("k", 2)}))
	must(t, take("main", "D", keyed("k", 3)))
	later := start.Add(engine.ClaimLifetime)
	now.Store(&later)
	must(t, s.PurgeExpired(ctx))
	must(t, take("main", "E", keyed("k", 4)))
}

func TestResumeFindsTheMessageByItsID(t *testing.T) {
	s := open(t, store.Options{})
	ctx := t.Context()
	resume := func() engine.Reserved {
		t.Helper()
		found, err := s.ReserveMessage(ctx, engine.Reservation{Message: message("main", "ITEM"), Resume: true})
		must(t, err)
		return found
	}
	if found := resume(); found.Earlier || found.Settled {
		t.Errorf("at first %+v", found)
	}
	if found := resume(); !found.Earlier || found.Settled || !found.Unsure {
		t.Errorf("while pending %+v", found)
	}
	must(t, s.FinishMessage(ctx, key("main"), "ITEM", engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeUndeliverable}))
	if n := used(t, s); n != 0 {
		t.Errorf("%d count after it failed", n)
	}
	if found := resume(); !found.Earlier || found.Settled || found.Unsure {
		t.Errorf("after it failed %+v", found)
	}
	must(t, s.FinishMessage(ctx, key("main"), "ITEM", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start, Payload: []byte("p")}))
	if found := resume(); !found.Settled || !found.Message.SentAt.Equal(start) || string(found.Message.Payload) != "p" {
		t.Errorf("after it was sent %+v", found)
	}
	if n := used(t, s); n != 1 {
		t.Errorf("%d count", n)
	}
	wantCode(t, reserve(ctx, s, message("main", "ITEM")), engine.CodeInternal)
}

// A receipt may come before the network's word that it has taken the message.
func TestReceiptBeforeTheOutcome(t *testing.T) {
	s := open(t, store.Options{})
	ctx := t.Context()
	must(t, reserve(ctx, s, message("main", "A")))
	must(t, s.AdvanceMessages(ctx, key("main"), engine.Receipt{Chat: "1234567@s.whatsapp.net", IDs: []engine.MessageID{"A"}, Status: engine.MessageRead, At: start}))
	must(t, s.FinishMessage(ctx, key("main"), "A", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start, Payload: []byte("p")}))
	must(t, s.FinishMessage(ctx, key("main"), "A", engine.MessageOutcome{Status: engine.MessageUnknown, Code: engine.CodeSendOutcomeUnknown}))
	m, err := s.FindMessage(ctx, key("main"), engine.Outbound, "A")
	if err != nil || m.Status != engine.MessageRead || !m.SentAt.Equal(start) || string(m.Payload) != "p" || m.ErrorCode != "" {
		t.Errorf("it is %+v, %v", m, err)
	}
}

// BenchmarkSend measures the two commits of a send, with as many sends at a time.
func BenchmarkSend(b *testing.B) {
	for _, parallel := range []int{1, 64} {
		b.Run(fmt.Sprint(parallel), func(b *testing.B) {
			s := openAt(b, filepath.Join(b.TempDir(), store.FileName), store.Options{})
			defer s.Close()
			var n atomic.Int64
			b.SetParallelism(parallel)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					id := fmt.Sprint("M", n.Add(1))
					if err := reserve(b.Context(), s, message("main", id)); err != nil {
						b.Error(err)
					}
					err := s.FinishMessage(b.Context(), key("main"), engine.MessageID(id), engine.MessageOutcome{Status: engine.MessageSent, SentAt: start})
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
