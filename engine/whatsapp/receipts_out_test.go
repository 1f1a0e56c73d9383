package whatsapp

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

func (p *phone) AwaitRead(ctx context.Context, id engine.MessageID) error {
	_, err := p.AwaitSent(ctx, func(m simnet.Outgoing) bool { return m.ID == string(id) && len(m.Read) > 0 })
	return err
}

// shows tells whether a phone shows its own message as read, or as played, by somebody.
func shows(t *testing.T, p *phone, id engine.MessageID, by func(simnet.Outgoing) map[types.JID]time.Time) bool {
	t.Helper()
	for _, m := range p.Sent() {
		if m.ID == string(id) {
			return len(by(m)) > 0
		}
	}
	t.Fatalf("the phone has not sent %s", id)
	return false
}

func read(m simnet.Outgoing) map[types.JID]time.Time   { return m.Read }
func played(m simnet.Outgoing) map[types.JID]time.Time { return m.Played }

func TestMarkRead(t *testing.T) {
	sim := simulate(t)
	n, p, peer, third := sim.open(t, nil), sim.phone(), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	receipts := able[engine.Receipts](t, s)

	first, second := writes(t, peer, p.Person().LID, "one"), writes(t, peer, p.Person().LID, "two")
	s.AwaitMessage(t, first)
	s.AwaitMessage(t, second)
	wantCode(t, receipts.MarkRead(t.Context(), peer.Person().Phone, peer.Person(), []engine.MessageID{first, second}, false, time.Now()), "")
	for _, id := range []engine.MessageID{first, second} {
		soon(t, "the sender sees blue ticks", func() bool { return shows(t, peer, id, read) })
	}
	if shows(t, peer, first, played) {
		t.Error("a message that was read is shown as played")
	}
	wantCode(t, receipts.MarkRead(t.Context(), peer.Person().LID, peer.Person(), []engine.MessageID{first}, true, time.Now()), "")
	soon(t, "the sender sees that it was played", func() bool { return shows(t, peer, first, played) })

	group, err := peer.CreateGroup(t.Context(), "Both", p.JID(), third.JID())
	if err != nil {
		t.Fatal(err)
	}
	chat := engine.JID(group.String())
	mine, others := writes(t, peer, chat, "hello all"), writes(t, third, chat, "hello")
	s.AwaitMessage(t, mine)
	s.AwaitMessage(t, others)
	wantCode(t, receipts.MarkRead(t.Context(), chat, third.Person(), []engine.MessageID{others}, false, time.Now()), "")
	soon(t, "the member sees blue ticks", func() bool { return shows(t, third, others, read) })
	if shows(t, peer, mine, read) {
		t.Error("another member's message was marked read")
	}
	wantCode(t, receipts.MarkRead(t.Context(), "120363000000000@newsletter", engine.Person{}, []engine.MessageID{mine}, false, time.Now()), engine.CodeNotSupported)
}

// TestMarkReadInPrivate: an account without read receipts tells nobody but its
// own devices.
func TestMarkReadInPrivate(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	if err := p.SetPrivacy("readreceipts", "none"); err != nil {
		t.Fatal(err)
	}
	s, _ := enginetest.Link(t, n, p, "a")
	hidden := writes(t, peer, p.Person().LID, "read me")
	s.AwaitMessage(t, hidden)
	receipts := able[engine.Receipts](t, s)
	wantCode(t, receipts.MarkRead(t.Context(), peer.Person().LID, peer.Person(), []engine.MessageID{hidden}, false, time.Now()), "")
	// What comes later has gone the same way.
	wantCode(t, receipts.MarkRead(t.Context(), peer.Person().LID, peer.Person(), []engine.MessageID{hidden}, true, time.Now()), "")
	soon(t, "the later receipt is there", func() bool { return shows(t, peer, hidden, played) })
	if shows(t, peer, hidden, read) {
		t.Error("the sender sees blue ticks")
	}
}

func TestArchive(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	receipts := able[engine.Receipts](t, s)
	group, err := peer.CreateGroup(t.Context(), "Noise", p.JID())
	if err != nil {
		t.Fatal(err)
	}
	chat := engine.JID(group.String())
	in := s.AwaitMessage(t, writes(t, peer, chat, "noise"))
	newest := engine.MessageRef{ID: in.ID, Chat: in.Chat, Sender: in.Sender}
	archive := func(chat engine.JID, on bool, last engine.MessageRef) {
		t.Helper()
		if err := receipts.Archive(t.Context(), chat, on, last, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := p.Archived(parseJID(t, string(chat))); got != on {
			t.Errorf("the phone shows %s as archived: %v, want %v", chat, got, on)
		}
	}
	archive(peer.Person().Phone, true, engine.MessageRef{})
	archive(chat, true, newest)
	// Another device of the account changes the same settings in between.
	other, _ := enginetest.Link(t, n, p, "b")
	if err := able[engine.Receipts](t, other).Archive(t.Context(), chat, false, newest, time.Now()); err != nil {
		t.Fatal(err)
	}
	archive(peer.Person().LID, false, engine.MessageRef{})
	archive(chat, true, newest)
	// And at the very same time.
	for round := range 8 {
		var both sync.WaitGroup
		for _, by := range []engine.Receipts{receipts, able[engine.Receipts](t, other)} {
			both.Go(func() {
				if err := by.Archive(t.Context(), chat, round%2 == 0, newest, time.Now()); err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				if err := by.Archive(t.Context(), engine.JID(peer.JID().String()), round%2 == 0, engine.MessageRef{}, time.Now()); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if got := p.Archived(group); got != (round%2 == 0) {
			t.Errorf("the phone shows %v after round %d", got, round)
		}
	}
	err = receipts.Archive(t.Context(), "120363000000000@newsletter", true, engine.MessageRef{}, time.Now())
	wantCode(t, err, engine.CodeNotSupported)
}

func TestPresence(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	p.SetPushName("Meera")
	s, _ := enginetest.Link(t, n, p, "a")
	presence, me := able[engine.Presence](t, s), able[engine.Directory](t, s)
	soon(t, "the phone has told the name", func() bool {
		profile, err := me.Me(t.Context())
		return err == nil && profile.PushName == "Meera"
	})
	p.SetOnline(false)
	group, err := peer.CreateGroup(t.Context(), "Watching", p.JID())
	if err != nil {
		t.Fatal(err)
	}
	if peer.SeesOnline(p.JID()) {
		t.Error("the account is online although nobody said so")
	}
	wantCode(t, presence.SetAvailable(t.Context(), true), "")
	soon(t, "the account is online", func() bool { return peer.SeesOnline(p.JID()) })
	for _, c := range []struct {
		chat  engine.JID
		t     engine.Typing
		state string
		media string
		shown types.JID
	}{
		{peer.Person().Phone, engine.TypingText, "composing", "", p.JID()},
		{peer.Person().LID, engine.TypingVoice, "composing", "audio", p.JID()},
		{peer.Person().LID, engine.TypingStop, "paused", "", p.JID()},
		{engine.JID(group.String()), engine.TypingText, "composing", "", group},
	} {
		wantCode(t, presence.SetTyping(t.Context(), c.chat, c.t), "")
		same := func(got simnet.ChatState) bool {
			return got.From == p.JID() && got.Chat == c.shown && got.State == c.state && got.Media == c.media
		}
		if _, err := peer.AwaitChatState(t.Context(), same); err != nil {
			t.Errorf("%s: %v", c.t, err)
		}
	}
	wantCode(t, presence.SetTyping(t.Context(), "120363000000000@newsletter", engine.TypingText), engine.CodeNotSupported)
	wantCode(t, presence.SetAvailable(t.Context(), false), "")
	soon(t, "the account is offline", func() bool { return !peer.SeesOnline(p.JID()) })
}
