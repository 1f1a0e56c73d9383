package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wapid/engine"
	"wapid/store"
)

// crashDir tells the re-executed test binary to be the child that is killed.
const crashDir = "WAPID_STORE_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// writeForEver commits incoming messages from many goroutines and prints each
// one's id once it is acknowledged.
func writeForEver(dir string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, filepath.Join(dir, store.FileName), store.Options{})
	if err != nil {
		return err
	}
	if _, _, err := s.EnsureDefaultTenant(ctx, ""); err != nil {
		return err
	}
	if _, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://example.com", ""); err != nil {
		return err
	}
	failed := make(chan error)
	var stdout sync.Mutex
	for g := range 16 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), g, n)
				fresh, err := s.BeginIncoming(ctx, message(fmt.Sprint("s", g), id), event(fmt.Sprint("s", g), `"`+id+`"`))()
				if err != nil || !fresh {
					failed <- fmt.Errorf("insert %s: %v, %w", id, fresh, err)
					return
				}
				stdout.Lock()
				_, err = fmt.Println(g, id)
				stdout.Unlock()
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// Whatever was acknowledged before a kill -9 is there afterwards, and every
// message has its event and its delivery.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	kills := 8
	if testing.Short() {
		kills = 2
	}
	acknowledged := map[string]string{} // message id to session
	for range kills {
		killWhileWriting(t, dir, acknowledged)
	}
	ctx := context.Background()
	s, err := store.Open(ctx, filepath.Join(dir, store.FileName), store.Options{})
	must(t, err)
	defer s.Close()
	for id, session := range acknowledged {
		if _, err := s.FindMessage(ctx, key("s"+session), engine.Inbound, engine.MessageID(id)); err != nil {
			t.Errorf("lost %s: %v", id, err)
		}
	}
	events, err := s.ListEvents(ctx, store.DefaultTenant, "", 10_000_000)
	must(t, err)
	// The contact that the first message has made is told to nobody here.
	events = slices.DeleteFunc(events, func(e engine.Event) bool { return e.Type == engine.EventContact })
	deliveries, err := s.ListDeliveries(ctx, store.DefaultTenant, 0, 10_000_000)
	must(t, err)
	if len(events) < len(acknowledged) || len(events) != len(deliveries) {
		t.Errorf("%d acknowledged, %d events, %d deliveries", len(acknowledged), len(events), len(deliveries))
	}
	t.Logf("%d kills, %d acknowledged, %d written", kills, len(acknowledged), len(events))
}

// killWhileWriting runs the child for a random while and notes what it
// acknowledged. It must have acknowledged something.
func killWhileWriting(t *testing.T, dir string, acknowledged map[string]string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	var kill *time.Timer
	lines := bufio.NewReader(out)
	n := 0
	for ; ; n++ {
		var session, id string
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // a line that the kill cut short was not acknowledged to us
		}
		must(t, err)
		if _, err := fmt.Sscan(line, &session, &id); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		acknowledged[id] = session
		if kill == nil { // only once it is writing
			kill = time.AfterFunc(rand.N(150*time.Millisecond), func() { child.Process.Kill() })
		}
	}
	child.Wait() // reports the kill
	if n == 0 {
		t.Fatal("the child acknowledged nothing")
	}
}
