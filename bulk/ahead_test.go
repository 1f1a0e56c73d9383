package bulk

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"wapid/engine"
)

// users are the people of all preparations, in order.
func users(list []preparation) (users []string) {
	for _, p := range list {
		for _, who := range p.to {
			users = append(users, who.User())
		}
	}
	return users
}

// numbered are the recipients of world.order.
func numbered(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("4915112345%03d", i))
	}
	return list
}

// Everybody is looked up once, before a send to them, in few questions, and the sends
// keep their pace.
func TestRecipientsAreLookedUpAhead(t *testing.T) {
	bubble(t, func(w *world) {
		start := time.Now()
		id := w.order("main", 120, 2*time.Second)
		pass(time.Hour)
		w.wants(id, StatusCompleted, 120, 0)
		asked := w.engine.preparations()
		if got := users(asked); !slices.Equal(got, numbered(0, 120)) || len(asked) > 5 {
			t.Fatalf("%d questions for %d recipients: %v", len(asked), len(got), got)
		}
		for i, s := range w.engine.sent() {
			if want := start.Add(time.Duration(i) * 2 * time.Second); !s.at.Equal(want) {
				t.Fatalf("the send %d was at %v, want %v", i, s.at.Sub(start), want.Sub(start))
			}
		}
		known := map[string]time.Time{}
		for _, p := range asked {
			for _, who := range p.to {
				known[who.User()] = p.at
			}
			if len(p.to) > LookAhead {
				t.Errorf("%d at once", len(p.to))
			}
		}
		for _, s := range w.engine.sent() {
			if at := known[s.m.To.User()]; at.After(s.at) || s.at.Sub(at) > aheadTime {
				t.Errorf("looked up %v before its turn", s.at.Sub(at))
			}
		}
	})
}

// A slow job looks up only whom it will come to before long, and nobody where that
// spares nothing; a job that waits looks up nobody.
func TestNobodyIsLookedUpLongBefore(t *testing.T) {
	for _, c := range []struct {
		name  string
		order Order
		want  []string
	}{
		{"a minute between two", Order{DelayMin: time.Minute, DelayMax: time.Minute}, numbered(0, 5)},
		{"an hour between two", Order{DelayMin: time.Hour, DelayMax: time.Hour}, nil},
		{"sixty an hour", Order{MaxPerHour: 60, DelayMin: 10 * time.Second, DelayMax: 10 * time.Second}, numbered(0, 5)},
		{"one an hour", Order{MaxPerHour: 1}, nil},
		{"tomorrow", Order{Schedule: Schedule{StartAt: time.Now().AddDate(200, 0, 0)}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(w *world) {
				c.order.Sessions = []Over{{Session: "main"}}
				w.orderAs(50, c.order)
				pass(time.Second)
				if got := users(w.engine.preparations()); !slices.Equal(got, c.want) {
					t.Errorf("looked up %v, want %v", got, c.want)
				}
			})
		})
	}
}

// Whoever has no account fails without a send, but for the one whose turn it was.
func TestAbsentRecipientsAreNotSentTo(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.prepare = func(to []engine.JID) (absent []engine.JID, _ error) {
			for i, who := range to {
				if i%2 == 1 {
					absent = append(absent, who)
				}
			}
			return absent, nil
		}
		id := w.order("main", 10, time.Second)
		pass(time.Minute)
		w.wants(id, StatusCompleted, 5, 5)
		for i, it := range w.store.items(id) {
			if absent := i%2 == 1; absent != (it.State == ItemFailed && it.ErrorCode == engine.CodeNotOnWhatsApp) {
				t.Errorf("item %d is %s %s", i, it.State, it.ErrorCode)
			}
		}
		if n := len(w.engine.sent()); n != 5 {
			t.Errorf("%d sends", n)
		}
	})
}

// Whatever goes wrong with looking up ahead, the job goes on at its pace, and does not
// ask again at every item.
func TestLookingUpAheadIsNoCondition(t *testing.T) {
	for name, c := range map[string]struct {
		fail func() error
		most int // questions in two minutes
	}{
		"WhatsApp asks to slow down": {func() error {
			return &engine.Error{Code: engine.CodeRateLimited, RetryAfter: 15 * time.Minute, Message: "x"}
		}, 1},
		"switched off": {func() error { return engine.Errorf(engine.CodeNotSupported, "x") }, 1},
		"no answer":    {func() error { return engine.Errorf(engine.CodeSessionNotReady, "x") }, 5},
		"a panic":      {func() error { panic("x") }, 5},
	} {
		for _, delay := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprint(name, " ", delay), func(t *testing.T) {
				bubble(t, func(w *world) {
					w.engine.took = 100 * time.Millisecond
					w.engine.prepare = func([]engine.JID) ([]engine.JID, error) { return nil, c.fail() }
					id := w.order("main", 100, delay)
					pass(2 * time.Minute)
					w.wants(id, StatusCompleted, 100, 0)
					if n := len(w.engine.preparations()); n == 0 || n > c.most {
						t.Errorf("%d questions", n)
					}
					if n := len(w.engine.sent()); n != 100 {
						t.Errorf("%d sends", n)
					}
				})
			})
		}
	}
}

// Each session of a job looks up a part of its own, which it sends to itself, and
// everybody is sent to once, also when a session goes.
func TestEverySessionLooksUpItsOwn(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.set("second", engine.StatusReady, "")
		w.engine.took = 50 * time.Millisecond
		id := w.orderAs(300, Order{DelayMin: time.Second, DelayMax: time.Second, Sessions: []Over{{Session: "main"}, {Session: "second"}}})
		pass(100 * time.Second)
		type pair struct {
			to engine.JID
			by engine.SessionID
		}
		known, twice := map[pair]bool{}, 0
		asked := w.engine.preparations()
		for _, p := range asked {
			for _, who := range p.to {
				if known[pair{who, "main"}] || known[pair{who, "second"}] {
					twice++
				}
				known[pair{who, p.session}] = true
			}
		}
		sent := w.engine.sent()
		for _, s := range sent {
			if !known[pair{s.m.To, s.session}] {
				t.Errorf("%s was not looked up by %s, which sent", s.m.To, s.session)
			}
		}
		if twice > 1 { // the first that the second session took was in the first one's part
			t.Errorf("%d were looked up twice", twice)
		}
		if len(sent) < 190 || len(asked) > 8 {
			t.Errorf("%d sends, %d questions", len(sent), len(asked))
		}
		w.engine.set("second", engine.StatusDisconnected, engine.ReasonLoggedOut)
		pass(time.Hour)
		w.wants(id, StatusCompleted, 300, 0)
		seen := map[engine.JID]bool{}
		for _, s := range w.engine.sent() {
			if seen[s.m.To] {
				t.Errorf("%s was sent to twice", s.m.To)
			}
			seen[s.m.To] = true
		}
	})
}

// A session that has a new connection looks up again whom the old one knew.
func TestANewConnectionLooksUpAgain(t *testing.T) {
	bubble(t, func(w *world) {
		id := w.order("main", 20, 10*time.Second)
		pass(35 * time.Second)
		w.engine.touch("main")
		pass(time.Hour)
		w.wants(id, StatusCompleted, 20, 0)
		if got, want := users(w.engine.preparations()), append(numbered(0, 20), numbered(4, 20)...); !slices.Equal(got, want) {
			t.Errorf("looked up %v", got)
		}
	})
}
