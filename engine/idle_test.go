package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"wapid/engine"
)

// memory is a store that remembers nothing, so that only the engine is measured.
type memory struct {
	engine.Store
	sessions []engine.Session
}

func (m memory) InterruptMessages(context.Context) error        { return nil }
func (m memory) ExpireQueued(context.Context) ([]string, error) { return nil, nil }
func (m memory) PurgeExpired(context.Context) error             { return nil }
func (m memory) ListOutboxes(context.Context) ([]engine.SessionKey, time.Time, error) {
	return nil, time.Time{}, nil
}
func (m memory) ListAllSessions(context.Context) ([]engine.Session, error) {
	return m.sessions, nil
}
func (m memory) SaveState(context.Context, engine.SessionKey, engine.State, engine.State, time.Time, ...engine.Event) error {
	return nil
}

// BenchmarkIdleSession measures what a ready session costs the engine itself,
// without its connection: bytes of heap and of stack, and goroutines.
func BenchmarkIdleSession(b *testing.B) {
	const sessions = 10_000
	for b.Loop() {
		net := newScripted()
		net.connect.set(login)
		var all []engine.Session
		for i := range sessions {
			k := key(fmt.Sprintf("s%05d", i))
			all = append(all, engine.Session{Key: k, State: engine.State{Status: engine.StatusReady, Intent: engine.IntentRun, Identity: who(k)}})
		}
		before, goroutines := settled(), runtime.NumGoroutine()
		e := engine.New(engine.Config{Network: net, Store: memory{sessions: all}})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		for !e.Loaded() {
			runtime.Gosched()
		}
		for _, s := range all {
			_, err := e.Await(ctx, s.Key, func(s engine.Snapshot) bool { return s.State.Status == engine.StatusReady })
			if err != nil {
				b.Fatal(err)
			}
		}
		after := settled()
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/sessions, "heap-B/session")
		b.ReportMetric(float64(after.StackInuse-before.StackInuse)/sessions, "stack-B/session")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/sessions, "goroutines/session")
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
}

func settled() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
