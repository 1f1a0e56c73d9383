package store

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// instantly is an engine that sends at once.
type instantly struct{}

func (instantly) Snapshot(key engine.SessionKey) (engine.Snapshot, error) {
	return engine.Snapshot{Session: engine.Session{Key: key, State: engine.State{Status: engine.StatusReady}}}, nil
}

func (instantly) Submit(_ context.Context, _ engine.SessionKey, m engine.Outgoing, _ engine.SendOptions) (engine.Submitted, error) {
	return engine.Submitted{Sent: engine.Sent{ID: m.ID, Timestamp: time.Unix(1708243200, 0)}}, nil
}

func (instantly) Check(_ context.Context, _ engine.SessionKey, phones []string) ([]engine.Registration, error) {
	return make([]engine.Registration, len(phones)), nil
}

func (instantly) Prepare(context.Context, engine.SessionKey, []engine.JID) ([]engine.JID, error) {
	return nil, nil
}

// BenchmarkBulkItems measures what an item of a bulk job costs beside its sending:
// two commits on the disk, shared by the sessions that send at the time.
func BenchmarkBulkItems(b *testing.B) {
	for _, sessions := range []int{1, 10, 200} {
		b.Run(fmt.Sprint(sessions, "sessions"), func(b *testing.B) {
			s, err := Open(context.Background(), filepath.Join(b.TempDir(), FileName), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if _, _, err := s.EnsureDefaultTenant(context.Background(), ""); err != nil {
				b.Fatal(err)
			}
			each := b.N/sessions + 1
			ids := make([]bulk.JobID, sessions)
			for i := range ids {
				j := bulk.Job{ID: bulk.NewJobID(time.Now()), Status: bulk.StatusPending, Total: each, CreatedAt: time.Now(),
					Session: engine.SessionKey{Tenant: DefaultTenant, ID: engine.SessionID(fmt.Sprint("s", i))},
					Members: []bulk.Member{{Session: engine.SessionID(fmt.Sprint("s", i))}},
					Message: engine.Outgoing{Kind: engine.KindText, Text: "Hi {{name}}"}}
				if _, _, err := s.InsertJob(context.Background(), j, someItems(each), nil); err != nil {
					b.Fatal(err)
				}
				ids[i] = j.ID
			}
			runner := bulk.NewRunner(s, instantly{}, nil, bulk.Options{})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			b.ResetTimer()
			start := time.Now()
			go func() { done <- runner.Run(ctx) }()
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for _, id := range ids {
				for unfinished := true; unfinished; <-tick.C {
					if unfinished, err = s.JobUnfinished(ctx, id); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(each*sessions)/time.Since(start).Seconds(), "items/s")
			b.StopTimer()
			cancel()
			if err := <-done; err != nil {
				b.Error(err)
			}
		})
	}
}
