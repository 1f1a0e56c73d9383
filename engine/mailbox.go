package engine

import "sync"

// mailbox is an unbounded queue with one reader. Posting never blocks, so that
// a network's goroutine can report while the reader waits for that network.
type mailbox struct {
	mu    sync.Mutex
	items []any
	wake  chan struct{} // holds a token while items may be waiting
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

func (b *mailbox) post(item any) {
	b.mu.Lock()
	b.items = append(b.items, item)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// next takes the oldest item, if there is one.
func (b *mailbox) next() (item any, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 {
		b.items = nil
		return nil, false
	}
	item, b.items[0] = b.items[0], nil
	b.items = b.items[1:]
	return item, true
}
