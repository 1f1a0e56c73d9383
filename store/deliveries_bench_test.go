package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

func BenchmarkClaimAndFinish(b *testing.B) {
	for _, c := range []struct {
		name                    string
		rows, tenants, sessions int
	}{
		{"100 waiting", 100, 1, 10},
		{"100k waiting, 1 endpoint, 1 session", 100_000, 1, 1},
		{"100k waiting, 1 endpoint, 100k sessions", 100_000, 1, 100_000},
		{"100k waiting, 1000 endpoints", 100_000, 1000, 10},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := backlog(b, c.rows, c.tenants, c.sessions)
			b.ResetTimer()
			for b.Loop() {
				_, claims := claim(b, s, start, 16, 4)
				for _, one := range claims {
					finish(b, s, one, webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: start})
				}
			}
		})
	}
}

// One endpoint has a million rows waiting, a thousand others one each: what it
// costs to claim and finish one of those, to find when the next is due, and to
// claim nothing where the large one is held back.
func BenchmarkClaimBesideAGiantBacklog(b *testing.B) {
	ctx := context.Background()
	s := backlog(b, 1_000_000, 1, 1000)
	for i := range 1000 {
		id := engine.TenantID(fmt.Sprint("small", i))
		tenantWithEndpoint(b, s, id)
		appendTo(b, s, id, "main", 0)
	}
	room := webhooks.Room{Healthy: 16, PerEndpoint: 4, PerTenant: 32}
	b.Run("claim and finish 16", func(b *testing.B) {
		for b.Loop() {
			claims, err := s.ClaimDeliveries(ctx, start, room)
			must(b, err)
			for _, c := range claims {
				_, err := s.FinishDeliveries(ctx, webhooks.Tried{ID: c.Delivery.ID, Attempt: webhooks.Attempt{At: start}, Outcome: webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: start}})
				must(b, err)
				on := true
				_, err = s.UpdateEndpoint(ctx, c.Endpoint.Tenant, c.Endpoint.ID, webhooks.EndpointChange{Enabled: &on})
				must(b, err)
			}
		}
	})
	b.Run("claim 16 and release", func(b *testing.B) {
		for b.Loop() {
			claims, err := s.ClaimDeliveries(ctx, start, room)
			must(b, err)
			ids := make([]webhooks.DeliveryID, len(claims))
			for i, c := range claims {
				ids[i] = c.Delivery.ID
			}
			must(b, s.ReleaseDeliveries(ctx, ids))
		}
	})
	b.Run("next", func(b *testing.B) {
		for b.Loop() {
			_, err := s.NextDelivery(ctx, start)
			must(b, err)
		}
	})
	b.Run("list the dead of the large one", func(b *testing.B) {
		e, err := s.FindEndpoint(ctx, "t0")
		must(b, err)
		for b.Loop() {
			_, _, err := s.PageDeliveries(ctx, "t0", e.ID, store.DeliveryFilter{State: webhooks.DeliveryDead}, 50)
			must(b, err)
		}
	})
}

// A look that finds nothing due, while rows of many endpoints wait for later.
func BenchmarkClaimNothing(b *testing.B) {
	for _, endpoints := range []int{1, 1000} {
		b.Run(fmt.Sprint(endpoints, " endpoints"), func(b *testing.B) {
			s := backlog(b, 2_000, endpoints, 10)
			later := webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: start.Add(time.Hour)}
			for _, claims := claim(b, s, start, 2_000, 4); len(claims) > 0; _, claims = claim(b, s, start, 2_000, 4) {
				for _, one := range claims {
					finish(b, s, one, later)
				}
			}
			b.ResetTimer()
			for b.Loop() {
				if names, _ := claim(b, s, start, 16, 4); len(names) != 0 {
					b.Fatal("something was claimed")
				}
			}
		})
	}
}

// A message that arrives: log row, event and delivery, from one or many sessions at once.
func BenchmarkInsertIncoming(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := open(b, store.Options{})
			tenantWithEndpoint(b, s, "a")
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for caller := range callers {
				wg.Go(func() {
					session := fmt.Sprint("s", caller)
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						m, e := message(session, fmt.Sprint("M", n)), event(session, `{"id":"x","body":"hello"}`)
						m.Session.Tenant, e.Session.Tenant = "a", "a"
						if _, err := s.BeginIncoming(context.Background(), m, e)(); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// Receipts of messages that were sent, from many sessions at once.
func BenchmarkAdvanceMessages(b *testing.B) {
	for name, types := range map[string][]engine.EventType{"told": {engine.EventMessageStatus}, "not told": nil} {
		b.Run(name, func(b *testing.B) {
			s := open(b, store.Options{})
			_, err := s.PutEndpoint(b.Context(), store.DefaultTenant, "https://example.com", "", types...)
			must(b, err)
			for i := range b.N {
				must(b, reserve(b.Context(), s, message(fmt.Sprint("s", i%64), fmt.Sprint("M", i))))
			}
			var wg sync.WaitGroup
			b.ResetTimer()
			for caller := range 64 {
				wg.Go(func() {
					for i := caller; i < b.N; i += 64 {
						if err := s.AdvanceMessages(b.Context(), key(fmt.Sprint("s", caller)), receipt(engine.MessageDelivered, engine.MessageID(fmt.Sprint("M", i)))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "receipts/s")
		})
	}
}
