package webhooks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What fails begins in the other places, and what lasts moves there; what is
// fresh always finds its own, as long as there is any.
func TestPoolKeepsPlacesForWhatIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		p := &pool{most: 2, all: 6, ended: make(chan struct{}, 1)}
		causes := make(chan error, 6)
		hang := func(ctx context.Context) bool { <-ctx.Done(); causes <- context.Cause(ctx); return false }
		wants := func(healthy, failing, spare int) {
			t.Helper()
			if h, f, s := p.room(); h != healthy || f != failing || s != spare {
				t.Fatalf("room for %d, %d, %d; want %d, %d, %d", h, f, s, healthy, failing, spare)
			}
		}
		bad, fresh, good := Endpoint{Circuit: Circuit{Failures: 1}, Proven: true}, Endpoint{}, Endpoint{Proven: true}
		wants(2, 4, 3)
		p.start(ctx, bad, hang)
		wants(2, 3, 2)
		p.start(ctx, good, hang)
		p.start(ctx, fresh, hang)
		wants(0, 3, 0)
		<-time.After(settle + time.Millisecond)
		wants(2, 1, 0)
		p.press() // there is room
		p.start(ctx, bad, hang)
		p.start(ctx, fresh, hang)
		p.start(ctx, good, hang)
		wants(0, 0, 0)
		<-time.After(settle + time.Millisecond)
		wants(0, 0, 0)
		p.press() // nobody is late
		synctest.Wait()
		wants(0, 0, 0)
		<-time.After(leastPatience - 2*settle)
		p.press() // ends one that fails and one that is new, of those who began first
		synctest.Wait()
		wants(2, 0, 0)
		if len(causes) != 2 || !errors.Is(<-causes, errPressed) || !errors.Is(<-causes, errPressed) {
			t.Error("others were ended, or for another reason")
		}
		cancel()
		p.wait()
		wants(2, 4, 3)
	})
}
