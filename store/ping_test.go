package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wapid/engine"
)

// A file that was removed or replaced goes on taking writes that nobody will
// ever find again: that must not look healthy.
func TestPingNoticesThatTheFileIsNotItsOwn(t *testing.T) {
	for name, replace := range map[string]bool{"gone": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			path := filepath.Join(t.TempDir(), FileName)
			now := time.Now()
			s, err := Open(ctx, path, Options{Clock: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Ping(ctx); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
			if replace {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			now = now.Add(probeEvery)
			if err := s.Ping(ctx); engine.CodeOf(err) != engine.CodeStorage {
				t.Errorf("ping: %v", err)
			}
			if err := os.Rename(path+".old", path); err != nil {
				t.Fatal(err)
			}
			now = now.Add(-time.Hour) // a clock that is set back does not keep an old result
			if err := s.Ping(ctx); err != nil {
				t.Errorf("ping with the file in its place again: %v", err)
			}
		})
	}
}

// A caller is answered in time though the probe hangs, and all share one probe.
func TestProbeThatHangsHoldsUpNobody(t *testing.T) {
	release, probes := make(chan struct{}), make(chan struct{}, 10)
	p := &prober{clock: time.Now, probe: func() error {
		probes <- struct{}{}
		<-release
		return nil
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	for range 3 {
		if err := p.ask(ctx); engine.CodeOf(err) != engine.CodeStorage {
			t.Errorf("ask: %v", err)
		}
	}
	<-probes
	close(release)
	if err := p.ask(context.Background()); err != nil {
		t.Errorf("after the probe has ended: %v", err)
	}
	p.close()
	if len(probes) != 0 {
		t.Error("more than one probe")
	}
	if err := p.ask(context.Background()); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("after close: %v", err)
	}
}
