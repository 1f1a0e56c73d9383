package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// timed runs a query over and over and reports the median and the longest, and the
// median of the processor's time, which says more on a busy machine.
func timed(b *testing.B, name string, query func() (rows int, err error)) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		var took, cpu []time.Duration
		rows := 0
		for b.Loop() {
			begun, used := time.Now(), processorTime()
			n, err := query()
			if err != nil {
				b.Fatal(err)
			}
			cpu = append(cpu, processorTime()-used)
			took, rows = append(took, time.Since(begun)), n
		}
		slices.Sort(took)
		slices.Sort(cpu)
		b.ReportMetric(cpu[len(cpu)/2].Seconds()*1000, "cpu-ms")
		b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
		b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
		b.ReportMetric(took[len(took)-1].Seconds()*1000, "max-ms")
		b.ReportMetric(float64(rows), "rows")
	})
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// bigFilters are those that the API documents, alone and together, with what is
// common, rare, and not there.
func bigFilters() []struct {
	name string
	f    MessageFilter
} {
	type filters = []struct {
		name string
		f    MessageFilter
	}
	const whale, somebody = "919800000000@s.whatsapp.net", "919800012345@s.whatsapp.net"
	middle := bigEnd.Add(-bigSpan / 2)
	return filters{
		{"none", MessageFilter{}},
		{"sessionId", MessageFilter{Sessions: []engine.SessionID{"s7"}}},
		{"sessionId/largest", MessageFilter{Sessions: []engine.SessionID{"s0"}}},
		{"key of three sessions", MessageFilter{Sessions: []engine.SessionID{"s1", "s2", "s3"}}},
		{"direction", MessageFilter{Direction: engine.Inbound}},
		{"status/read", MessageFilter{Status: engine.MessageRead}},
		{"status/failed", MessageFilter{Status: engine.MessageFailed}},
		{"status/played", MessageFilter{Status: engine.MessagePlayed}},
		{"status/queued, none", MessageFilter{Status: engine.MessageQueued}},
		{"type/text", MessageFilter{Kind: engine.KindText}},
		{"type/poll, rare", MessageFilter{Kind: engine.KindPoll}},
		{"since and until", MessageFilter{Since: middle, Until: middle.Add(36 * time.Hour)}},
		{"direction, status, type, since", MessageFilter{Direction: engine.Outbound, Status: engine.MessageSent, Kind: engine.KindImage, Since: middle}},
		{"sessionId, status, type, until", MessageFilter{Sessions: []engine.SessionID{"s0"}, Status: engine.MessageDelivered, Kind: engine.KindText, Until: middle}},
		{"to", MessageFilter{To: somebody}},
		{"to/whale", MessageFilter{To: whale}},
		{"to/whale, sessionId, since", MessageFilter{To: whale, Sessions: []engine.SessionID{"s7"}, Since: middle}},
		{"to/whale, status", MessageFilter{To: whale, Status: engine.MessageFailed}},
		{"to/own number", MessageFilter{To: "4915100000000@s.whatsapp.net", OwnTo: []engine.SessionID{"s0"}}},
		{"from/LID", MessageFilter{From: "100000000000000@lid"}},
		{"from/group", MessageFilter{From: "120363000000000000@g.us"}},
		{"q/common", MessageFilter{Text: "shipped"}},
		{"q/rare", MessageFilter{Text: "order #12345 "}},
		{"q/rare, direction, status", MessageFilter{Text: "no such text", Direction: engine.Outbound, Status: engine.MessageRead}},
	}
}

// BenchmarkLog lists and counts the messages of the large tenant.
func BenchmarkLog(b *testing.B) {
	s := openBig(b, Options{Clock: func() time.Time { return bigEnd }})
	begun := time.Now()
	if err := s.tally(b.Context(), bigTenant, bigEnd.Add(-tallyAfter).UnixMilli()); err != nil {
		b.Fatal(err)
	}
	b.Logf("tallied in %v", time.Since(begun).Round(time.Millisecond))
	ctx := context.Background()
	for _, c := range bigFilters() {
		total, _, err := s.CountMessages(ctx, bigTenant, c.f)
		if err != nil {
			b.Fatal(err)
		}
		timed(b, "count/"+c.name, func() (int, error) {
			n, _, err := s.CountMessages(ctx, bigTenant, c.f)
			return n, err
		})
		for place, skip := range map[string]int{"first": 0, "middle": total / 2 / 20 * 20, "last": max(0, total-20)} {
			timed(b, "list/"+c.name+"/"+place, func() (int, error) {
				page, err := s.PageMessages(ctx, bigTenant, c.f, nil, skip, 20)
				return len(page.Messages), err
			})
		}
	}
	after := &MessageCursor{At: bigEnd.Add(-bigSpan / 2).UnixMilli(), Seq: 1 << 40}
	timed(b, "list/none/cursor", func() (int, error) {
		page, err := s.PageMessages(ctx, bigTenant, MessageFilter{}, after, 0, 20)
		return len(page.Messages), err
	})
}

// BenchmarkOtherLists reads the large tenant's events, deliveries and usage.
func BenchmarkOtherLists(b *testing.B) {
	s := openBig(b, Options{Clock: func() time.Time { return bigEnd }})
	ctx := context.Background()
	endpoint, err := s.FindEndpoint(ctx, bigTenant)
	if err != nil {
		b.Fatal(err)
	}
	var newest webhooks.DeliveryID
	if err := s.read.QueryRow(`SELECT max(id) FROM deliveries`).Scan(&newest); err != nil {
		b.Fatal(err)
	}
	middle, err := firstID(bigEnd.Add(-bigSpan / 2))
	if err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]struct {
		f     EventFilter
		after engine.EventID
	}{
		"first": {EventFilter{}, ""}, "middle": {EventFilter{}, engine.EventID(middle)},
		"middle, type": {EventFilter{Type: engine.EventMessage}, engine.EventID(middle)},
		"middle, none": {EventFilter{Type: engine.EventOptOut}, engine.EventID(middle)},
		"session":      {EventFilter{Sessions: []engine.SessionID{"s7"}}, engine.EventID(middle)},
	} {
		timed(b, "events/"+name, func() (int, error) {
			page, err := s.PageEvents(ctx, bigTenant, c.f, c.after, 100)
			return len(page.Events), err
		})
	}
	for name, f := range map[string]DeliveryFilter{
		"first": {}, "middle": {Before: newest / 2}, "dead": {State: webhooks.DeliveryDead}, "pending, none": {State: webhooks.DeliveryPending},
		"type": {Type: engine.EventMessage}, "type, none": {Type: engine.EventOptOut}, "session": {Sessions: []engine.SessionID{"s7"}},
	} {
		timed(b, "deliveries/"+name, func() (int, error) {
			page, _, err := s.PageDeliveries(ctx, bigTenant, endpoint.ID, f, 50)
			return len(page), err
		})
	}
	timed(b, "newest event", func() (int, error) {
		_, err := s.NewestEvent(ctx, bigTenant)
		return 1, err
	})
}

// BenchmarkSendBesideRetention measures what a send waits for its two commits, alone
// and while retention takes the large tenant's older messages away.
func BenchmarkSendBesideRetention(b *testing.B) {
	s := openBig(b, Options{Clock: func() time.Time { return bigEnd }})
	ctx := context.Background()
	key := engine.SessionKey{Tenant: bigTenant, ID: "s0"}
	n := 0
	send := func() (int, error) {
		n++
		m := engine.LoggedMessage{Session: key, Direction: engine.Outbound, ID: engine.MessageID(fmt.Sprintf("BENCH%X-%d", time.Now().UnixNano(), n)),
			Chat: "919800000000@s.whatsapp.net", Peer: engine.Person{Phone: "919800000000@s.whatsapp.net"}, Kind: engine.KindText,
			Text: "hello", Status: engine.MessagePending, CreatedAt: bigEnd, StatusAt: bigEnd}
		if _, err := s.ReserveMessage(ctx, engine.Reservation{Message: m}); err != nil {
			return 0, err
		}
		return 1, s.FinishMessage(ctx, key, m.ID, engine.MessageOutcome{Status: engine.MessageSent, SentAt: bigEnd, Recipient: m.Peer})
	}
	timed(b, "alone", send)
	cut, cancel := context.WithCancel(ctx)
	done := make(chan int64)
	go func() {
		removed, _ := s.pruneMessages(cut, bigTenant, bigEnd.Add(-bigSpan*2/3))
		done <- removed
	}()
	begun := time.Now()
	timed(b, "beside", send)
	cancel()
	if removed := <-done; os.Getenv("WAPID_BIG_FILE") != "" {
		b.Logf("%d messages were removed in %v", removed, time.Since(begun).Round(time.Millisecond))
	}
}

// BenchmarkPruneBatch removes messages as retention does, without its rests.
func BenchmarkPruneBatch(b *testing.B) {
	s := openBig(b, Options{Clock: func() time.Time { return bigEnd }})
	if err := s.TallyMessages(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := s.update(b.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(deleteOldMessages, bigTenant, bigEnd.UnixMilli(), 100)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
