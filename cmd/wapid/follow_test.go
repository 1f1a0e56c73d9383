package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wapid/engine"
	"wapid/store"
)

// followed is what a client has of the event log.
type followed struct {
	mu    sync.Mutex
	ids   []string
	lives int // connections that told something
}

func (l *followed) cursor() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ids) == 0 {
		return string(store.FirstEvent)
	}
	return l.ids[len(l.ids)-1]
}

func (l *followed) add(id string, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = append(l.ids, id)
	if first {
		l.lives++
	}
}

// errFollowed ends a connection that its client breaks off.
var errFollowed = errors.New("that is enough for now")

// follow connects again and again, each time for some events, until ctx ends. listen
// tells each event until tell returns an error.
func (f *fleet) follow(ctx context.Context, l *followed, listen func(ctx context.Context, d *daemon, after string, tell func(id string) error) error) {
	for ctx.Err() == nil {
		left := 1 + rand.IntN(40)
		first := true
		err := listen(ctx, f.current(), l.cursor(), func(id string) error {
			l.add(id, first)
			first = false
			if left--; left == 0 {
				return errFollowed
			}
			return nil
		})
		if !errors.Is(err, errFollowed) {
			pause(ctx, 20*time.Millisecond) // the daemon is down
		}
	}
}

// listenToEvents follows by server-sent events.
func listenToEvents(ctx context.Context, d *daemon, after string, tell func(string) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+"/api/whatsapp/events/stream", nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-API-Key", d.key)
	req.Header.Set("Last-Event-ID", after)
	resp, err := d.http().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the stream answers %s", resp.Status)
	}
	id, data := "", ""
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case name == "id":
			id = value
		case name == "data":
			data = value
		case line == "\n" && strings.HasPrefix(data, `{"id"`):
			if err := tell(id); err != nil {
				return err
			}
			data = ""
		}
	}
}

// listenToSocket follows over a WebSocket that a ticket opens, as a browser would.
func listenToSocket(ctx context.Context, d *daemon, after string, tell func(string) error) error {
	ticket, err := d.call(http.MethodPost, "/api/whatsapp/events/ticket", nil)
	if err != nil {
		return err
	}
	conn, _, err := websocket.Dial(ctx, d.base+"/api/whatsapp/events/ws?after="+after+"&ticket="+ticket.text("ticket"), nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	for {
		_, raw, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		var e struct{ ID string }
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		if err := tell(e.ID); err != nil {
			return err
		}
	}
}

// listenByPolling reads pages.
func listenByPolling(ctx context.Context, d *daemon, after string, tell func(string) error) error {
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+"/api/whatsapp/events?limit=7&after="+after, nil)
		if err != nil {
			return err
		}
		req.Header.Set("X-API-Key", d.key)
		resp, err := d.http().Do(req)
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		var page struct {
			Events    []struct{ ID string }
			NextAfter string
			More      bool
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return err
		}
		for _, e := range page.Events {
			if err := tell(e.ID); err != nil {
				return err
			}
		}
		after = page.NextAfter
		if !page.More {
			pause(ctx, 10*time.Millisecond)
		}
	}
	return ctx.Err()
}

// TestFollowersMissNothing lets clients follow the log in every way, breaking off and
// coming back, while messages go in both directions and the daemon is killed: each
// gets exactly the log, in its order.
func TestFollowersMissNothing(t *testing.T) {
	const size, kills = 3, 3
	network := startNetwork(t)
	dir := t.TempDir()
	f := &fleet{network: network, size: size, acked: map[string]string{}, friends: map[string]int{}}
	f.replace(startDaemon(t, "", network, dir))
	f.current().http()
	f.each(func(i int) { f.current().pair(t, f.session(i), f.number(i)) })

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var following sync.WaitGroup
	logs := map[string]*followed{}
	for name, listen := range map[string]func(context.Context, *daemon, string, func(string) error) error{
		"server-sent events": listenToEvents, "websocket": listenToSocket, "polling": listenByPolling,
	} {
		l := &followed{}
		logs[name] = l
		following.Go(func() { f.follow(ctx, l, listen) })
	}
	for round := range kills {
		traffic, stop := context.WithCancel(ctx)
		wait := f.traffic(traffic, round)
		f.awaitAcknowledged(t, (round+1)*60)
		pause(ctx, time.Duration(rand.IntN(300))*time.Millisecond)
		f.current().kill()
		next := startDaemon(t, "", network, dir)
		next.http()
		f.replace(next)
		stop()
		wait()
		f.awaitAllReady(t)
	}
	f.awaitNothingPending(t)
	var newest string
	eventually(t, "all followers are at the end of the log", func() bool {
		newest = f.current().must(t, 200, "POST", "/api/whatsapp/events/ticket", nil).text("after")
		return !slices.ContainsFunc([]string{"server-sent events", "websocket", "polling"}, func(name string) bool { return logs[name].cursor() != newest })
	})
	cancel()
	following.Wait()
	f.current().stop(t)
	want := loggedIDs(t, dir)
	for name, l := range logs {
		t.Logf("%s: %d events over %d connections", name, len(l.ids), l.lives)
		if !slices.Equal(l.ids, want) {
			t.Errorf("%s got %d events, the log has %d", name, len(l.ids), len(want))
		}
		if l.lives < kills {
			t.Errorf("%s had %d connections: the test proves nothing", name, l.lives)
		}
	}
}

// loggedIDs reads the log from the file.
func loggedIDs(t *testing.T, dir string) (ids []string) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(dir, store.FileName), store.Options{Keys: environmentKeys(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for after := engine.EventID(""); ; {
		page, err := s.ListEvents(t.Context(), store.DefaultTenant, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return ids
		}
		for _, e := range page {
			after = e.ID
			ids = append(ids, string(e.ID))
		}
	}
}
