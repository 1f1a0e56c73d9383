package engine

import (
	"context"
	"slices"
	"testing"
	"time"
)

// paperPreparer knows who is absent and counts what it is asked.
type paperPreparer struct {
	absent []JID
	asked  [][]JID
	fail   error
}

func (p *paperPreparer) Prepare(_ context.Context, to []JID) (found []Registration, _ error) {
	p.asked = append(p.asked, to)
	if p.fail != nil {
		return nil, p.fail
	}
	for _, who := range to {
		if who.Server() == ServerPhone {
			found = append(found, Registration{Phone: who.User(), OnWhatsApp: !slices.Contains(p.absent, who)})
		}
	}
	return found, nil
}

func recipients(n int) []JID {
	list := make([]JID, n)
	for i, phone := range manyNumbers(n) {
		list[i] = JID(phone + "@" + ServerPhone)
	}
	return list
}

// What Prepare and Check learn they tell each other, and nobody is asked for twice
// who is known to be absent.
func TestPreparingSharesWhatIsKnown(t *testing.T) {
	now, key := time.Unix(1_700_000_000, 0), SessionKey{"t", "a"}
	n, d := newNumbers(0), &paperDirectory{}
	people := recipients(4)
	network := &paperPreparer{absent: people[1:2]}
	p := newPreparations(60)
	if _, err := n.check(t.Context(), d, key, []string{people[0].User()}, now); err != nil {
		t.Fatal(err)
	}
	to := append(people, "1@lid", "1@g.us", "1@newsletter")
	absent, err := p.prepare(t.Context(), network, n, key, to, now)
	if err != nil || !slices.Equal(absent, people[:2]) || !slices.Equal(network.asked[0], []JID{people[1], people[2], people[3], "1@lid"}) {
		t.Errorf("absent are %v of %v (%v)", absent, network.asked, err)
	}
	if _, err := n.check(t.Context(), d, key, []string{people[1].User(), people[2].User()}, now); err != nil || len(d.asked) != 1 {
		t.Errorf("what was prepared is asked for again: %v (%v)", d.asked, err)
	}
	absent, err = p.prepare(t.Context(), network, n, key, people[:2], now)
	if err != nil || !slices.Equal(absent, people[:2]) || len(network.asked) != 1 {
		t.Errorf("absent are %v after %v (%v)", absent, network.asked, err)
	}
	if absent, err = p.prepare(t.Context(), network, n, key, people[:2], now.Add(keepAbsent)); err != nil || len(absent) != 1 || len(network.asked) != 2 {
		t.Errorf("after an hour absent are %v, asked %v (%v)", absent, network.asked, err)
	}
}

func TestPreparingKeepsItsPace(t *testing.T) {
	now, key := time.Unix(1_700_000_000, 0), SessionKey{"t", "a"}
	n, network, p := newNumbers(0), &paperPreparer{}, newPreparations(60)
	try := func(key SessionKey, count int, want Code, wait time.Duration) {
		t.Helper()
		_, err := p.prepare(t.Context(), network, n, key, recipients(count), now)
		var after time.Duration
		if e, ok := err.(*Error); ok {
			after = e.RetryAfter
		}
		if CodeOf(err) != want || after != wait {
			t.Errorf("%d recipients: %v, again after %v; want %q after %v", count, err, after, want, wait)
		}
	}
	try(key, MaxPrepare, "", 0)
	try(key, 10, CodeRateLimited, 10*time.Second)
	try(SessionKey{"t", "b"}, MaxPrepare, "", 0)
	now = now.Add(10 * time.Second)
	try(key, 10, "", 0)
	// What was not asked for is not counted.
	now = now.Add(10 * time.Second)
	network.fail = Errorf(CodeSessionNotReady, "no")
	try(key, 10, CodeSessionNotReady, 0)
	// WhatsApp's own word is heeded for a while, and counts for the one session.
	network.fail = Errorf(CodeRateLimited, "rate-overlimit")
	try(key, 10, CodeRateLimited, prepareRest)
	network.fail = nil
	now = now.Add(prepareRest - time.Second)
	asked := len(network.asked)
	try(key, 1, CodeRateLimited, time.Second)
	if len(network.asked) != asked {
		t.Error("a session that has to rest asks")
	}
	try(SessionKey{"t", "b"}, 1, "", 0)
	now = now.Add(time.Second)
	try(key, 1, "", 0)
}
