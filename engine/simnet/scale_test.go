package simnet

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func TestHundredThousandNumbersAreCheap(t *testing.T) {
	net := startNetwork(t, Config{Control: "off"})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const numbers = 100_000
	lids := make(map[string]struct{}, numbers)
	for i := range numbers {
		acct, err := net.directory.number(fmt.Sprintf("1666%07d", i))
		if err != nil {
			t.Fatal(err)
		}
		lids[acct.lid] = struct{}{}
	}
	if len(lids) != numbers {
		t.Errorf("%d LIDs for %d numbers", len(lids), numbers)
	}
	lids = nil
	per := (heap() - before) / numbers
	t.Logf("%d bytes for each number", per)
	if per > 600 {
		t.Errorf("%d bytes for each number", per)
	}
}

func TestStoppingLeavesNoGoroutine(t *testing.T) {
	net := openNetwork(t, Config{})
	ctx := testContext(t)
	var group sync.WaitGroup
	var clients []*client
	for i := range 4 {
		phone := net.Phone(fmt.Sprintf("1555000100%d", i))
		c := linkedClient(t, net, phone)
		clients = append(clients, c)
		group.Go(func() {
			for range 5 {
				if _, err := c.SendMessage(ctx, types.NewJID(customer, types.DefaultUserServer), hello("hi")); err != nil {
					t.Error(err)
				}
			}
		})
		defer c.Disconnect()
	}
	group.Wait()
	if n := net.Connections(); n != 4 {
		t.Errorf("%d connections", n)
	}
	net.stop()
	if n := net.Connections(); n != 0 {
		t.Errorf("%d connections after the stop", n)
	}
	for _, c := range clients { // whatsmeow's own end of a socket does not expect to be met by Disconnect
		await[*events.Disconnected](c, nil)
	}
	// The clients still have goroutines of their own; the network has none.
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		for _, owner := range []string{"simnet.(*Server).", "simnet.(*stream).", "simnet.(*Phone).", "simnet.(*saver)."} {
			if strings.Contains(stack, owner) {
				t.Errorf("still running:\n%s", stack)
			}
		}
	}
	if _, err := net.Phone(customer).Await(context.Background(), withText("hi")); err != nil {
		t.Error(err)
	}
}
