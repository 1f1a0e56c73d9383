package engine

import (
	"container/list"
	"context"
	"sync"
)

// gate bounds how many sessions connect at a time and lets them in strictly in
// the order in which they queued. At start the sessions are queued oldest first,
// before any of them runs.
type gate struct {
	mu      sync.Mutex
	free    int
	waiting list.List // of *turn
}

// turn is a place in the queue of a gate.
type turn struct {
	granted chan struct{} // closed when the holder may connect
	place   *list.Element // nil once granted or left
	left    bool
}

func newGate(width int) *gate { return &gate{free: width} }

// queue takes a place. Whoever has one calls leave, be it granted or not.
func (g *gate) queue() *turn {
	t := &turn{granted: make(chan struct{})}
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

// wait returns nil when the turn is granted, or the error of ctx.
func (t *turn) wait(ctx context.Context) error {
	select {
	case <-t.granted:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
