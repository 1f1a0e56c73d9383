package engine

import (
	"sync"
	"testing"
)

func TestMailboxKeepsOrder(t *testing.T) {
	box := newMailbox()
	if item, ok := box.next(); ok {
		t.Fatalf("an empty mailbox holds %v", item)
	}
	for round := range 3 {
		for i := range 100 {
			box.post(i)
		}
		for i := range 100 {
			if item, ok := box.next(); !ok || item != i {
				t.Fatalf("round %d: item %d is %v, %v", round, i, item, ok)
			}
		}
		if _, ok := box.next(); ok {
			t.Fatal("more came out than went in")
		}
		if box.items != nil {
			t.Fatal("an empty mailbox keeps memory")
		}
	}
}

// A reader that empties the mailbox before it waits misses nothing, whoever posts.
func TestMailboxWakesItsReader(t *testing.T) {
	const posters, each = 8, 1000
	box := newMailbox()
	var posting sync.WaitGroup
	for p := range posters {
		posting.Go(func() {
			for i := range each {
				box.post([2]int{p, i})
			}
		})
	}
	var last [posters]int
	for seen := 0; seen < posters*each; {
		item, ok := box.next()
		if !ok {
			<-box.wake
			continue
		}
		seen++
		pair := item.([2]int)
		if pair[1] != last[pair[0]] {
			t.Fatalf("poster %d: item %d came, %d was next", pair[0], pair[1], last[pair[0]])
		}
		last[pair[0]]++
	}
	posting.Wait()
}
