package whatsapp

import (
	"sync/atomic"
	"time"
)

// purgeEvery is how often old entries of the event buffer are deleted.
const purgeEvery = 12 * time.Hour

// purges says when old entries are to be deleted. whatsmeow means to do it every
// twelve hours, but asks for it with every send, and with every new client.
type purges struct {
	outgoing *throttle // of one device: what retry receipts could ask for
	hashes   *throttle // of all devices: ciphertexts that were handled
}

// throttle lets something happen once in a while.
type throttle struct {
	every time.Duration
	clock func() time.Time
	next  atomic.Int64 // unix nanoseconds
}

// due tells whether it is time, and if so begins the next wait.
func (t *throttle) due() bool {
	now := t.clock().UnixNano()
	next := t.next.Load()
	return now >= next && t.next.CompareAndSwap(next, now+int64(t.every))
}
