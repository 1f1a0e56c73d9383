package webhooks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// BenchmarkSign makes the body and the headers of one delivery.
func BenchmarkSign(b *testing.B) {
	e := engine.Event{ID: "01J00000000000000000000000", Session: engine.SessionKey{Tenant: "t", ID: "main"}, Type: engine.EventMessage,
		At: time.Now(), Data: []byte(`{"id":"3EB0","from":"491600000000","chat":"491600000000@s.whatsapp.net","body":"hello","type":"text"}`)}
	secret := webhooks.NewSecret()
	for b.Loop() {
		body, err := webhooks.Body(e, secret)
		if err != nil {
			b.Fatal(err)
		}
		webhooks.Sign(http.Header{}, e.ID, e.At, body, secret)
	}
}

// BenchmarkDeliver posts events that wait to one receiver that answers at once, of
// one session or of fifty. The receiver is part of the processor's time.
func BenchmarkDeliver(b *testing.B) {
	for _, sessions := range []int{1, 50} {
		b.Run(fmt.Sprint(sessions, " sessions"), func(b *testing.B) {
			s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), store.FileName), store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var came atomic.Int64
			all := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if came.Add(1) == int64(b.N) {
					close(all)
				}
			}))
			defer srv.Close()
			if _, _, err = s.EnsureDefaultTenant(b.Context(), ""); err == nil {
				_, err = s.PutEndpoint(b.Context(), store.DefaultTenant, srv.URL, webhooks.NewSecret())
			}
			for i := 0; i < b.N && err == nil; i++ {
				key := engine.SessionKey{Tenant: store.DefaultTenant, ID: engine.SessionID(fmt.Sprint("s", i%sessions))}
				err = s.AppendEvent(b.Context(), engine.Event{Session: key, Type: engine.EventMessage, Data: []byte(`{"body":"hello"}`)})
			}
			if err != nil {
				b.Fatal(err)
			}
			d := webhooks.New(s, webhooks.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), nil, webhooks.Options{})
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			before := processorTime(b)
			b.ResetTimer()
			go func() { done <- d.Run(ctx) }()
			<-all
			b.StopTimer()
			used := processorTime(b) - before
			cancel()
			if err := <-done; err != nil {
				b.Error(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/delivery")
		})
	}
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
