package simnet

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types/events"
)

// TestTraffic lets phones write in both ways, and has a client count what came.
func TestTraffic(t *testing.T) {
	net := startNetwork(t, Config{})
	c := settledClient(t, net, net.Phone(owner))
	var came, late atomic.Int64
	c.AddEventHandler(func(event any) {
		message, ok := event.(*events.Message)
		if !ok {
			return
		}
		text, stamp, _ := strings.Cut(message.Message.GetConversation(), " @")
		nanos, err := strconv.ParseInt(stamp, 10, 64)
		if took := time.Since(time.Unix(0, nanos)); text != "Hello" || err != nil || took < 0 || took > time.Minute {
			late.Add(1)
		}
		came.Add(1)
	})
	pairs := []map[string]string{{"from": customer, "to": owner}, {"from": "15550003003", "to": owner}}
	for _, tc := range []struct {
		name        string
		body        map[string]any
		least, most float64
	}{
		{"as fast as it is taken", map[string]any{"duration": 0.3, "window": 4}, 5, 1e6},
		{"at a rate", map[string]any{"duration": 0.5, "rate": 40}, 15, 21},
		{"a few", map[string]any{"duration": 30, "limit": 7}, 7, 7},
	} {
		tc.body["pairs"], tc.body["text"] = pairs, "Hello"
		before := came.Load()
		answer := must(t, net, "POST", "/traffic", tc.body)
		sent, _ := answer["sent"].(float64)
		if sent < tc.least || sent > tc.most {
			t.Errorf("%s: %v sent", tc.name, sent)
		}
		eventually(t, func() bool { return came.Load()-before >= int64(sent) })
	}
	if late.Load() > 0 {
		t.Errorf("%d texts without a time that can be right", late.Load())
	}
	if n := must(t, net, "GET", "/connections?number="+owner[:4]+"*", nil)["connections"]; n != 1.0 {
		t.Errorf("%v connections of the owner", n)
	}
	if n := must(t, net, "GET", "/connections?number=99*", nil)["connections"]; n != 0.0 {
		t.Errorf("%v connections of nobody", n)
	}
}

func TestTrafficIsChecked(t *testing.T) {
	net := startNetwork(t, Config{})
	pair := []map[string]string{{"from": customer, "to": owner}}
	for _, tc := range []struct {
		body map[string]any
		want int
	}{
		{map[string]any{"pairs": pair, "duration": 1}, http.StatusNotFound}, // nobody is linked
		{map[string]any{"pairs": pair}, http.StatusBadRequest},
		{map[string]any{"pairs": pair, "duration": 1000}, http.StatusBadRequest},
		{map[string]any{"pairs": pair, "duration": 1, "rate": -1}, http.StatusBadRequest},
		{map[string]any{"pairs": pair, "duration": 1, "window": -1}, http.StatusBadRequest},
		{map[string]any{"duration": 1}, http.StatusBadRequest},
		{map[string]any{"pairs": []map[string]string{{"from": "x", "to": owner}}, "duration": 1}, http.StatusBadRequest},
	} {
		if status, answer := call(t, net, "POST", "/traffic", tc.body); status != tc.want {
			t.Errorf("%v: %d %v", tc.body, status, answer)
		}
	}
	if status, _ := call(t, net, "GET", "/connections?number=x*", nil); status != http.StatusBadRequest {
		t.Errorf("a pattern of letters: %d", status)
	}
}

// TestFaultsOfSeveralNumbers cuts only those whose numbers begin as said.
func TestFaultsOfSeveralNumbers(t *testing.T) {
	for _, tc := range []struct {
		pattern, number string
		want            bool
	}{
		{"*", "", true}, {"*", owner, true}, {owner, owner, true}, {owner, customer, false},
		{"15*", "1555", true}, {"15*", "491555", false}, {Unlinked, "", true}, {Unlinked, owner, false},
	} {
		if got := (Fault{Number: tc.pattern}).concerns(tc.number); got != tc.want {
			t.Errorf("%q concerns %q: %t", tc.pattern, tc.number, got)
		}
	}
	for pattern, want := range map[string]bool{"*": true, "4915*": true, owner: true, "": false, "a*": false, "12": false, "1*2": false, "1**": false} {
		if numberPattern(pattern) != want {
			t.Errorf("%q stands for accounts: %t", pattern, !want)
		}
	}
}

// TestConnectionsAreCountedWhileTheyBegin looks at the connections, and cuts them,
// while devices log in: what the benchmark's storms do.
func TestConnectionsAreCountedWhileTheyBegin(t *testing.T) {
	net := startNetwork(t, Config{})
	c := settledClient(t, net, net.Phone(owner))
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if status, answer := call(t, net, "GET", "/connections?number="+owner[:4]+"*", nil); status != http.StatusOK {
					t.Errorf("connections: %d %v", status, answer)
				}
				if status, answer := call(t, net, "POST", "/faults", map[string]string{"kind": "close", "number": customer}); status != http.StatusOK {
					t.Errorf("faults: %d %v", status, answer)
				}
			}
		}
	})
	for range 10 {
		c.forget()
		must(t, net, "POST", "/faults", map[string]string{"kind": "close", "number": owner[:4] + "*"})
		await[*events.Disconnected](c, nil)
		await[*events.Connected](c, nil)
	}
	close(done)
	looking.Wait()
}
