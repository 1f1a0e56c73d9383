package engine

import (
	"container/list"
	"context"
	"sync"

	"golang.org/x/time/rate"
)

// DefaultConnectAtOnce is how many sessions connect at a time unless the operator
// says otherwise: enough to keep the processors of a small machine busy with
// handshakes, which a start is made of. Nobody has published how many connections
// of one address WhatsApp takes kindly; this is assumed to be few, as with 50 ms to
// the network it comes to about 120 a second.
const DefaultConnectAtOnce = 24

// gate bounds how many sessions connect at a time, and how many a second begin to,
// and lets them in strictly in the order in which they queued. At start the sessions
// are queued oldest first, before any of them runs.
type gate struct {
	pace *rate.Limiter // of those that were let in

	mu      sync.Mutex
	free    int
	waiting list.List // of *turn
}

// turn is a place in the queue of a gate.
type turn struct {
	pace    *rate.Limiter
	granted chan struct{} // closed when the holder may connect
	place   *list.Element // nil once granted or left
	left    bool
}

// newGate makes a gate of a width, 0 for the default, through which so many a second
// come, 0 for as many as there is room for.
func newGate(width, perSecond int) *gate {
	if width <= 0 {
		width = DefaultConnectAtOnce
	}
	pace := rate.Inf
	if perSecond > 0 {
		pace = rate.Limit(perSecond)
	}
	return &gate{free: width, pace: rate.NewLimiter(pace, 1)} // one at a time: evenly, without a rush at the start
}

// queue takes a place. Whoever has one calls leave, be it granted or not.
func (g *gate) queue() *turn {
	t := &turn{pace: g.pace, granted: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	t.place = g.waiting.PushBack(t)
	g.grant()
	return t
}

// leave gives a place back. A second call does nothing.
func (g *gate) leave(t *turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case t.left:
		return
	case t.place != nil:
		g.waiting.Remove(t.place)
		t.place = nil
	default:
		g.free++
	}
	t.left = true
	g.grant()
}

// grant lets in whom there is room for. The caller holds mu.
func (g *gate) grant() {
	for g.free > 0 && g.waiting.Len() > 0 {
		g.free--
		t := g.waiting.Remove(g.waiting.Front()).(*turn)
		t.place = nil
		close(t.granted)
	}
}

// wait returns nil when the holder may connect, or an error when ctx has ended before.
func (t *turn) wait(ctx context.Context) error {
	select {
	case <-t.granted:
		return t.pace.Wait(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}
