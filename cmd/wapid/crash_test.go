package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/simnet"
	"wapid/store"
)

// fleet is many sessions on one daemon, each with a number of its own and a
// friend who writes to it and is written to.
type fleet struct {
	network *simulated
	size    int

	mu      sync.Mutex
	daemon  *daemon
	acked   map[string]string // message id → text that the API has acknowledged
	friends map[string]int    // message id → which friend it went to
}

func (f *fleet) session(i int) string       { return fmt.Sprintf("s%03d", i) }
func (f *fleet) number(i int) *simnet.Phone { return f.network.Phone(fmt.Sprintf("4915100%05d", i)) }
func (f *fleet) friend(i int) *simnet.Phone { return f.network.Phone(fmt.Sprintf("4916000%05d", i)) }
func (f *fleet) current() *daemon           { f.mu.Lock(); defer f.mu.Unlock(); return f.daemon }
func (f *fleet) replace(d *daemon)          { f.mu.Lock(); defer f.mu.Unlock(); f.daemon = d }
func (f *fleet) acknowledged(id, text string, friend int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acked[id], f.friends[id] = text, friend
}

// each runs fn for every session, a few at a time.
func (f *fleet) each(fn func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range f.size {
		slots <- struct{}{}
		wg.Go(func() { defer func() { <-slots }(); fn(i) })
	}
	wg.Wait()
}

func (f *fleet) awaitAllReady(t *testing.T) {
	t.Helper()
	eventually(t, "every session is ready", func() bool {
		list := f.current().must(t, 200, "GET", "/api/whatsapp/sessions", nil)
		sessions, _ := list.body["sessions"].([]any)
		ready := 0
		for _, s := range sessions {
			if s.(map[string]any)["status"] == "ready" {
				ready++
			}
		}
		return ready == f.size && len(sessions) == f.size
	})
}

// traffic sends in both directions over every session until ctx ends. What the
// API does not acknowledge counts for nothing: the daemon is being killed.
func (f *fleet) traffic(ctx context.Context, round int) (wait func()) {
	var wg sync.WaitGroup
	for i := range f.size {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				text := fmt.Sprintf("out %d %d %d", i, round, n)
				d := f.current()
				ans, err := d.call("POST", sessionPath(f.session(i))+"/send",
					map[string]any{"to": f.friend(i).Number(), "message": text})
				if err == nil && ans.code == 200 {
					f.acknowledged(ans.text("messageId"), text, i)
					continue
				}
				pause(ctx, 50*time.Millisecond)
			}
		})
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				// An error means that the network did not take it.
				_, _ = f.friend(i).SendText(ctx, f.number(i).JID(), fmt.Sprintf("in %d %d %d", i, round, n))
				pause(ctx, time.Duration(400+rand.IntN(400))*time.Millisecond)
			}
		})
	}
	return wg.Wait
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// TestKillNineLosesNothing pairs 200 sessions, kills the daemon in the middle
// of traffic in both directions, again and again, and compares what the
// network, the phones, the API and the event log believe.
func TestKillNineLosesNothing(t *testing.T) {
	size, kills := 200, 3
	if testing.Short() {
		size, kills = 20, 2
	}
	network := startNetwork(t)
	binary, dir := buildBinary(t), t.TempDir()
	f := &fleet{network: network, size: size, acked: map[string]string{}, friends: map[string]int{}}
	f.replace(startDaemon(t, binary, network, dir))
	start := time.Now()
	f.current().http() // made before many goroutines share it
	f.each(func(i int) { f.current().pair(t, f.session(i), f.number(i)) })
	t.Logf("%d sessions paired in %v", size, time.Since(start).Round(time.Millisecond))

	for round := range kills {
		ctx, stop := context.WithCancel(t.Context())
		wait := f.traffic(ctx, round)
		f.awaitAcknowledged(t, (round+1)*size/2)
		pause(ctx, time.Duration(rand.IntN(1000))*time.Millisecond)
		f.current().kill()
		start = time.Now()
		next := startDaemon(t, binary, network, dir)
		next.http()
		f.replace(next)
		pause(ctx, time.Second) // traffic goes on while the sessions come back
		stop()
		wait()
		f.awaitAllReady(t)
		t.Logf("round %d: all ready %v after the kill, %d sends acknowledged so far",
			round, time.Since(start).Round(time.Millisecond), len(f.acked))
	}
	if len(f.acked) < size {
		t.Fatalf("only %d sends were acknowledged: the test proves nothing", len(f.acked))
	}
	f.awaitNothingPending(t)
	// A phone that can't read a message asks the daemon for it again.
	eventually(t, "the phones have read what they got", func() bool { return len(f.missing()) == 0 })
	f.current().stop(t)
	f.reconcileOutbound(t)
	f.reconcileInbound(t, dir)
}

// awaitAcknowledged waits until the API has acknowledged so many sends.
func (f *fleet) awaitAcknowledged(t *testing.T, least int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d sends are acknowledged", least), func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.acked) >= least
	})
}

// awaitNothingPending waits until the network has nothing left to deliver.
func (f *fleet) awaitNothingPending(t *testing.T) {
	t.Helper()
	devices := map[types.JID]bool{}
	for i := range f.size {
		for _, device := range f.number(i).Devices() {
			devices[device] = true
		}
	}
	eventually(t, "the network has delivered everything", func() bool {
		for _, e := range f.network.Ledger() {
			if devices[e.Device] && e.Acked.IsZero() {
				return false
			}
		}
		return true
	})
}

// reconcileOutbound checks that every acknowledged send is on the phone, once,
// with exactly its text.
func (f *fleet) reconcileOutbound(t *testing.T) {
	t.Helper()
	inboxes := make([]map[string]string, f.size)
	for i := range f.size {
		inboxes[i] = map[string]string{}
		texts := map[string]string{}
		for _, r := range f.friend(i).Inbox() {
			if _, twice := inboxes[i][r.ID]; twice {
				t.Errorf("message %s stands twice on a phone", r.ID)
			}
			if other, twice := texts[r.Text]; twice {
				t.Errorf("text %q arrived under two ids, %s and %s", r.Text, other, r.ID)
			}
			inboxes[i][r.ID], texts[r.Text] = r.Text, r.ID
		}
	}
	lost := f.missing()
	for id, text := range f.acked {
		if got, ok := inboxes[f.friends[id]][id]; ok && got != text {
			t.Errorf("message %s arrived as %q, expected %q", id, got, text)
		}
	}
	if len(lost) > 0 {
		t.Errorf("%d of %d acknowledged sends are missing from the phones: %q", len(lost), len(f.acked), lost)
	}
	t.Logf("outbound: %d acknowledged, %d lost", len(f.acked), len(lost))
}

// missing lists the texts of acknowledged sends that are not on the phones.
func (f *fleet) missing() (texts []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, text := range f.acked {
		onPhone := func(r simnet.Received) bool { return r.ID == id }
		if !slices.ContainsFunc(f.friend(f.friends[id]).Inbox(), onPhone) {
			texts = append(texts, text)
		}
	}
	return texts
}

// reconcileInbound checks that every message that the network has handed over
// is in the event log, once, with exactly its text.
func (f *fleet) reconcileInbound(t *testing.T, dir string) {
	t.Helper()
	logged := inboundEvents(t, dir)
	delivered, lost := 0, 0
	for i := range f.size {
		for _, out := range f.friend(i).Sent() {
			delivered++
			if _, ok := logged[f.session(i)+"/"+string(out.ID)]; !ok {
				lost++
			}
		}
	}
	if lost > 0 || delivered == 0 {
		t.Errorf("%d of %d delivered messages are missing from the events", lost, delivered)
	}
	t.Logf("inbound: %d delivered, %d lost", delivered, lost)
}

// inboundEvents reads the bodies of all messages in the event log, by session and
// message id, and checks that none is there twice. No daemon may run.
func inboundEvents(t *testing.T, dir string) map[string]string {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(dir, store.FileName), store.Options{Keys: environmentKeys(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	logged := map[string]string{}
	for after := engine.EventID(""); ; {
		page, err := s.ListEvents(t.Context(), store.DefaultTenant, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return logged
		}
		for _, e := range page {
			after = e.ID
			if e.Type != engine.EventMessage {
				continue
			}
			var data engine.MessageData
			if err := json.Unmarshal(e.Data, &data); err != nil {
				t.Fatal(err)
			}
			key := string(e.Session.ID) + "/" + string(data.ID)
			if _, twice := logged[key]; twice {
				t.Errorf("message %s stands twice in the events", key)
			}
			logged[key] = data.Body
		}
	}
}
