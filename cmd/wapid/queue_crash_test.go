package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// keyed sends a text under an idempotency key, waiting for the network or not.
// It returns the message's id, or "" if the request has to be made again.
func (a *api) keyed(ctx context.Context, session, key, to, text string, wait bool) (id string, err error) {
	body, err := json.Marshal(map[string]any{"to": to, "message": text})
	if err != nil {
		return "", err
	}
	url := fmt.Sprintf("%s%s/send?wait=%v", a.base, sessionPath(session), wait)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("X-API-Key", a.key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := a.http().Do(req)
	if err != nil {
		return "", nil // the daemon is being killed
	}
	defer resp.Body.Close()
	var ans struct{ MessageID, Code string }
	if err := json.NewDecoder(resp.Body).Decode(&ans); err != nil {
		return "", nil // cut short by the kill
	}
	switch {
	case resp.StatusCode == http.StatusOK && wait, resp.StatusCode == http.StatusAccepted && !wait:
		return ans.MessageID, nil
	case ans.Code == "SESSION_NOT_READY", ans.Code == "SEND_OUTCOME_UNKNOWN", ans.Code == "STOPPING", ans.Code == "SESSION_BUSY":
		return "", nil
	}
	return "", fmt.Errorf("%s answered %d %s", key, resp.StatusCode, ans.Code)
}

// order is one thing that a tenant wants sent, once.
type order struct {
	friend    int
	key, text string
	wait      bool
	id        string
}

// insist makes requests for an order until one is answered.
func (f *fleet) insist(ctx context.Context, o *order) error {
	for {
		id, err := f.current().keyed(ctx, f.session(o.friend), o.key, f.friend(o.friend).Number(), o.text, o.wait)
		switch {
		case err != nil:
			return err
		case id != "" && o.id != "" && id != o.id:
			return fmt.Errorf("%s was answered with %s and with %s", o.key, o.id, id)
		case id != "":
			o.id = id
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s was never answered", o.key)
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// TestKillNineAndTheSameRequestAgain kills the daemon in the middle of queued and
// direct sends. Their clients repeat each request with its idempotency key until
// it is answered, and in the end everything has arrived exactly once.
func TestKillNineAndTheSameRequestAgain(t *testing.T) {
	size, kills, perRound := 3, 2, 15
	if testing.Short() {
		kills = 1
	}
	network := startNetwork(t)
	dir := t.TempDir()
	f := &fleet{network: network, size: size, acked: map[string]string{}, friends: map[string]int{}}
	f.replace(startDaemon(t, "", network, dir))
	f.current().http()
	f.each(func(i int) { f.current().pair(t, f.session(i), f.number(i)) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var orders []*order
	for round := range kills {
		var clients sync.WaitGroup
		for i := range size {
			for n := range perRound {
				o := &order{friend: i, key: fmt.Sprintf("order %d-%d-%d", round, i, n), text: fmt.Sprintf("text %d %d %d", round, i, n), wait: n%3 == 0}
				orders = append(orders, o)
				clients.Go(func() {
					if err := f.insist(ctx, o); err != nil {
						t.Error(err)
					}
				})
			}
		}
		pause(ctx, time.Duration(20+rand.IntN(150))*time.Millisecond)
		f.current().kill()
		next := startDaemon(t, "", network, dir)
		next.http()
		f.replace(next)
		clients.Wait()
	}
	f.awaitAllReady(t)
	for _, o := range orders { // once more: the answer is the same
		if err := f.insist(ctx, o); err != nil {
			t.Error(err)
		}
		f.acknowledged(o.id, o.text, o.friend)
	}
	if len(f.acked) != len(orders) {
		t.Errorf("%d orders have %d ids", len(orders), len(f.acked))
	}
	eventually(t, "everything has arrived", func() bool {
		arrived := 0
		for i := range size {
			arrived += len(f.friend(i).Inbox())
		}
		return arrived >= len(orders)
	})
	f.awaitNothingPending(t)
	f.current().stop(t)
	f.reconcileOutbound(t)
}
