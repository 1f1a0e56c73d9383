package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// spent is the processor time that this process has used.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSendShared measures what the messages of several sessions cost that are
// sent at the same time: two commits each and one for the receipt.
func BenchmarkSendShared(b *testing.B) {
	for _, sessions := range []int{1, 5, 50, 200} {
		b.Run(fmt.Sprint(sessions, "sessions"), func(b *testing.B) {
			s := open(b, store.Options{})
			ctx := context.Background()
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			before := spent(b)
			each := b.N/sessions + 1
			took := make([]time.Duration, each*sessions)
			for i := range sessions {
				wg.Go(func() {
					session := fmt.Sprint("s", i)
					for n := range each {
						m := message(session, fmt.Sprintf("3EB0%08X%04X", uint32(n*2654435761), i))
						m.CreatedAt = time.Now()
						m.StatusAt = m.CreatedAt
						m.Chat = engine.JID(fmt.Sprintf("4915%06d@s.whatsapp.net", i*100+n%10))
						m.Peer = engine.Person{Phone: m.Chat}
						began := time.Now()
						must(b, reserve(ctx, s, m))
						must(b, s.FinishMessage(ctx, m.Session, m.ID, engine.MessageOutcome{Status: engine.MessageSent, SentAt: m.CreatedAt,
							Recipient: engine.Person{Phone: m.Chat, LID: engine.JID(fmt.Sprintf("9%06d@lid", i*100+n%10))}, Payload: make([]byte, 60)}))
						took[i*each+n] = time.Since(began)
						must(b, s.AdvanceMessages(ctx, m.Session, engine.Receipt{Chat: m.Chat, IDs: []engine.MessageID{m.ID}, Status: engine.MessageDelivered, At: m.CreatedAt}))
					}
				})
			}
			wg.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64((spent(b)-before).Microseconds())/float64(each*sessions), "cpu-µs/op")
		})
	}
}

// BenchmarkAppendEvent measures an event that one webhook wants, with its delivery,
// appended alone and by 64 at a time.
func BenchmarkAppendEvent(b *testing.B) {
	for _, parallel := range []int{1, 64} {
		b.Run(fmt.Sprint(parallel), func(b *testing.B) {
			s := open(b, store.Options{})
			ctx := context.Background()
			_, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://example.com", "secret")
			must(b, err)
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range parallel {
				wg.Go(func() {
					for range b.N/parallel + 1 {
						must(b, s.AppendEvent(ctx, event(fmt.Sprint("s", i), "Hi")))
					}
				})
			}
			wg.Wait()
		})
	}
}
