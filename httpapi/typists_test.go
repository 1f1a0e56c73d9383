package httpapi

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

// paperPresence writes down what it is told, and when.
type paperPresence struct {
	world paperWorld
	begun time.Time
}

func (p *paperPresence) SetAvailable(_ context.Context, available bool) error {
	return p.world.did("%v: available %t", time.Since(p.begun), available)
}

func (p *paperPresence) SetTyping(_ context.Context, chat engine.JID, t engine.Typing) error {
	return p.world.did("%v: %s in %s", time.Since(p.begun), t, chat)
}

// typistsOf runs in a bubble.
func typistsOf(t *testing.T) (*typists, *paperPresence, func(want ...string)) {
	p := &paperPresence{begun: time.Now()}
	all := newTypists(func(engine.SessionKey) (engine.Presence, error) { return p, nil })
	return all, p, func(want ...string) {
		t.Helper()
		synctest.Wait()
		if got := p.world.log(); !slices.Equal(got, want) {
			t.Errorf("the network is told %q, want %q", got, want)
		}
	}
}

func TestTypingEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _, told := typistsOf(t)
		defer all.close()
		show := func(chat engine.JID) {
			if err := all.show(t.Context(), mainKey, chat); err != nil {
				t.Error(err)
			}
		}
		show("a@lid")
		told("0s: available true", "0s: typing in a@lid")
		time.Sleep(20 * time.Second)
		show("a@lid") // for longer
		told("20s: available true", "20s: typing in a@lid")
		time.Sleep(10 * time.Second)
		show("b@lid")
		told("30s: available true", "30s: typing in b@lid")
		time.Sleep(15 * time.Second)
		told("45s: paused in a@lid") // b's is shown still
		all.stop(mainKey, "b@lid")
		told("45s: paused in b@lid", "45s: available false")
		all.stop(mainKey, "b@lid")
		time.Sleep(time.Hour)
		told()
	})
}

func TestTypingLeavesAnAccountAvailableThatIsMeantToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _, told := typistsOf(t)
		defer all.close()
		for _, available := range []bool{true, false} {
			all.wish(mainKey, available)
			if err := all.show(t.Context(), mainKey, "a@lid"); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			all.stop(mainKey, "a@lid")
			if err := all.show(t.Context(), mainKey, "a@lid"); err != nil { // behind the end that is being told
				t.Error(err)
			}
			all.stop(mainKey, "a@lid")
			synctest.Wait()
		}
		once := []string{"0s: available true", "0s: typing in a@lid", "0s: paused in a@lid"}
		told(slices.Concat(once, once, once, []string{"0s: available false"}, once, []string{"0s: available false"})...)
	})
}

func TestTypingEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, p, told := typistsOf(t)
		if err := all.show(t.Context(), mainKey, "a@lid"); err != nil {
			t.Error(err)
		}
		p.world.fail(engine.Errorf(engine.CodeSessionNotReady, "gone"))
		if err := all.show(t.Context(), mainKey, "b@lid"); engine.CodeOf(err) != engine.CodeSessionNotReady {
			t.Errorf("without a connection: %v", err)
		}
		synctest.Wait()
		p.world.fail(nil)
		told("0s: available true", "0s: typing in a@lid")
		all.close() // which waits for all of them
		told()
		if err := all.show(t.Context(), mainKey, "a@lid"); engine.CodeOf(err) != engine.CodeStopping {
			t.Errorf("after the end: %v", err)
		}
		told()
	})
}
