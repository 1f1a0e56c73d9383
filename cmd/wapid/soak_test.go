package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wapid/engine/simnet"
)

// soak is a daemon under a load that does not change, and what it takes over time.
type soak struct {
	t        *testing.T
	o        soakOptions
	network  *simulated
	dir      string
	daemon   *daemon
	profiles string // URL
	clock    *chaosClock
	client   *http.Client // of the profiles

	sent, received, delivered atomic.Int64
}

// soakOptions are the size of a run.
type soakOptions struct {
	long     bool          // what takes time to settle is judged as well
	length   time.Duration // of the load
	every    time.Duration // between two samples
	sessions int
	rate     int    // messages a second, in each direction, over all sessions
	file     string // takes the samples as CSV; empty for none
}

// soakDay is how long a day of the daemon's clock takes, so that a run sees messages
// age: they are kept for one day.
const soakDay = 2 * time.Minute

// soakSettled is how long a run must be for its second half to begin when messages have
// been removed for a while: before, the data directory grows as it should.
const soakSettled = 3 * soakDay

// soakReadings is how many samples a run takes at least, so that each quarter has some.
const soakReadings = 20

// soakFromEnvironment reads what `make soak` was given; without it, the run is the
// short one that goes with every test.
func soakFromEnvironment(t testing.TB) soakOptions {
	o := soakOptions{length: 6 * time.Second, every: 500 * time.Millisecond, sessions: 4, rate: 20}
	number := func(name string, set func(int)) {
		text := os.Getenv(name)
		if text == "" {
			return
		}
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			t.Fatalf("%s=%s is not a number above 0", name, text)
		}
		set(n)
	}
	number("SOAK_MINUTES", func(n int) {
		length := time.Duration(n) * time.Minute
		o = soakOptions{long: length >= soakSettled, length: length, every: min(30*time.Second, length/soakReadings), sessions: 50, rate: 50}
	})
	number("SOAK_SESSIONS", func(n int) { o.sessions = n })
	number("SOAK_RATE", func(n int) { o.rate = n })
	o.file = os.Getenv("SOAK_FILE")
	return o
}

// TestSoak holds a daemon under a constant load in both directions, with webhooks and
// with messages that age and are removed, and fails if in the second half it takes
// more and more of anything. Without `make soak` it is a short run.
func TestSoak(t *testing.T) {
	o := soakFromEnvironment(t)
	s := startSoak(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), o.length)
	defer cancel()
	var wg sync.WaitGroup
	for i := range o.sessions {
		wg.Go(func() { s.outbound(ctx, i) })
		wg.Go(func() { s.inbound(ctx, i) })
	}
	samples := s.watch(ctx)
	wg.Wait()
	sent, received := s.sent.Load(), s.received.Load()
	expected := int64(o.length.Seconds() * float64(o.rate))
	if sent < expected/3 || received < expected/3 {
		t.Errorf("%d messages went out and %d came in, of about %d each: this was no load", sent, received, expected)
	}
	eventually(t, fmt.Sprintf("the receiver has all %d messages that came in", received), func() bool { return s.delivered.Load() >= received })
	if err := writeSamples(o.file, samples); err != nil {
		t.Error(err)
	}
	for _, m := range measures() {
		series := m.series(samples)
		if m.longOnly && !o.long {
			continue
		}
		third, fourth, grows := m.grows(series)
		t.Logf("%-22s %12.0f at first, %12.0f in the third quarter, %12.0f in the fourth", m.name, series[0], third, fourth)
		if grows {
			t.Errorf("%s goes on growing: %.0f in the third quarter of the run, %.0f in the fourth", m.name, third, fourth)
		}
	}
	s.daemon.stop(t)
}

func startSoak(t *testing.T, o soakOptions) *soak {
	s := &soak{t: t, o: o, network: startNetwork(t), dir: t.TempDir(), clock: newChaosClock(t), client: &http.Client{Timeout: patience}}
	t.Cleanup(s.client.CloseIdleConnections)
	s.daemon = startDaemon(t, "", s.network, s.dir, "--pprof", "127.0.0.1:0")
	d := s.daemon
	for s.profiles == "" && d.stdout.Scan() { // the operator's key comes before
		if _, key, ok := strings.Cut(d.stdout.Text(), "X-Admin-Key): "); ok {
			d.admin = key
		}
		_, s.profiles, _ = strings.Cut(d.stdout.Text(), "Profiles: ")
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err == nil && strings.Contains(string(raw), `"event":"message",`) {
			s.delivered.Add(1)
		}
	}))
	t.Cleanup(receiver.Close)
	d.must(t, 200, "PATCH", "/api/admin/tenants/default", map[string]any{"retentionDays": 1})
	d.must(t, 200, "PUT", "/api/account/webhook", map[string]any{"url": receiver.URL, "secret": hookSecret})
	f := &fleet{network: s.network, size: o.sessions}
	f.each(func(i int) { d.pair(t, s.session(i), s.number(i)) })
	return s
}

func (s *soak) session(i int) string       { return fmt.Sprintf("s%d", i) }
func (s *soak) number(i int) *simnet.Phone { return s.network.Phone(fmt.Sprintf("4915100%05d", i)) }
func (s *soak) friend(i, n int) *simnet.Phone {
	return s.network.Phone(fmt.Sprintf("49160%05d%02d", i, n%friendsEach))
}

// pace calls say at the rate of one session until ctx ends.
func (s *soak) pace(ctx context.Context, say func(n int)) {
	tick := time.NewTicker(time.Duration(s.o.sessions) * time.Second / time.Duration(s.o.rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			say(n)
		}
	}
}

func (s *soak) outbound(ctx context.Context, i int) {
	s.pace(ctx, func(n int) {
		answer, err := s.daemon.call("POST", sessionPath(s.session(i))+"/send", map[string]any{
			"to": s.friend(i, n).Number(), "message": fmt.Sprintf("out %d %d", i, n),
		})
		switch {
		case err != nil:
			s.t.Error(err)
		case answer.code != http.StatusOK:
			s.t.Errorf("a send was answered %d: %s", answer.code, answer.raw)
		default:
			s.sent.Add(1)
		}
	})
}

func (s *soak) inbound(ctx context.Context, i int) {
	s.pace(ctx, func(n int) {
		if _, err := s.friend(i, n).SendText(s.t.Context(), s.number(i).JID(), fmt.Sprintf("in %d %d", i, n)); err != nil {
			s.t.Error(err)
			return
		}
		s.received.Add(1)
	})
}

// watch takes samples until ctx ends, and lets the daemon's days go by.
func (s *soak) watch(ctx context.Context) []reading {
	begin := time.Now()
	samples := []reading{s.read(0)}
	tick := time.NewTicker(s.o.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return samples
		case <-tick.C:
		}
		passed := time.Since(begin)
		samples = append(samples, s.read(passed))
		s.clock.set((passed * time.Duration(24*time.Hour/soakDay)).Truncate(time.Second))
	}
}

// writeSamples writes them as CSV, a line each.
func writeSamples(path string, samples []reading) error {
	if path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := csv.NewWriter(file)
	all := measures()
	header := []string{"seconds"}
	for _, m := range all {
		header = append(header, m.name)
	}
	if err := w.Write(header); err != nil {
		return err
	}
	for _, one := range samples {
		line := []string{fmt.Sprintf("%.1f", one.at.Seconds())}
		for _, m := range all {
			line = append(line, fmt.Sprintf("%.0f", m.of(one)))
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
