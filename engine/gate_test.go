package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func granted(t *turn) bool {
	select {
	case <-t.granted:
		return true
	default:
		return false
	}
}

func TestGateLetsInInOrder(t *testing.T) {
	g := newGate(2, 0)
	var turns []*turn
	for range 6 {
		turns = append(turns, g.queue())
	}
	want := func(what string, in ...int) {
		t.Helper()
		at := 0
		for i, turn := range turns {
			is := at < len(in) && in[at] == i
			if is {
				at++
			}
			if granted(turn) != is {
				t.Errorf("%s: turn %d granted is %v", what, i, !is)
			}
		}
	}
	want("at first", 0, 1)
	g.leave(turns[3])
	want("one in the queue left", 0, 1)
	g.leave(turns[1])
	want("one inside left", 0, 1, 2)
	g.leave(turns[1])
	want("and left again", 0, 1, 2)
	g.leave(turns[0])
	want("the next skips who left", 0, 1, 2, 4)
	for _, turn := range turns {
		g.leave(turn)
	}
	if g.free != 2 || g.waiting.Len() != 0 {
		t.Errorf("at the end %d are free and %d wait", g.free, g.waiting.Len())
	}
}

func TestGateWaitEndsWithItsContext(t *testing.T) {
	g := newGate(1, 0)
	inside := g.queue()
	if err := inside.wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	outside := g.queue()
	if err := outside.wait(ctx); err == nil {
		t.Fatal("let in although it is full")
	}
	g.leave(outside)
	g.leave(inside)
	if g.free != 1 {
		t.Errorf("%d are free", g.free)
	}
}

func TestGateKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(3, 4)
		begin := time.Now()
		for i := range 9 {
			one := g.queue()
			if err := one.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if at, want := time.Since(begin), time.Duration(i)*250*time.Millisecond; at != want {
				t.Errorf("the %d-th began after %v, not %v", i+1, at, want)
			}
			g.leave(one)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		late := g.queue()
		if err := late.wait(ctx); err == nil {
			t.Error("let in before its time")
		}
		g.leave(late)
		if g.free != 3 {
			t.Errorf("at the end %d are free", g.free)
		}
	})
}
