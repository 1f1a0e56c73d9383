package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/enginetest"
)

func noneAcknowledged(t *testing.T, p *phone, id engine.Identity, messages []engine.MessageID) {
	t.Helper()
	for i, msg := range messages {
		if p.Acknowledged(id.Device, msg) {
			t.Errorf("message %d is acknowledged, and not committed", i)
		}
	}
}

// commitAll has all commits succeed until everything is acknowledged.
func commitAll(t *testing.T, s *enginetest.Session, c *commits, p *phone, id engine.Identity, messages []engine.MessageID) {
	t.Helper()
	s.Until(t, "all acknowledgements", func() bool {
		select {
		case c.answers <- nil:
		default:
		}
		return !slices.ContainsFunc(messages, func(msg engine.MessageID) bool { return !p.Acknowledged(id.Device, msg) })
	})
}

// TestALockedDeviceStoreLosesNothing: another process holds the write lock of whatsapp.db
// while some messages are being committed and others arrive.
func TestALockedDeviceStoreLosesNothing(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	id, p, peer := linked(t, sim, n)
	breakStore(t, n, "PRAGMA busy_timeout = 20")
	s, c := waiting(t, n, id)
	texts := numbered(10)
	ids := textsOf(t, peer, p, texts[:5]...)
	s.Until(t, "the first commits", func() bool { return len(c.texts()) == 5 })

	other, err := sql.Open("sqlite3", "file:"+n.devices.path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ids = append(ids, textsOf(t, peer, p, texts[5:]...)...)
	wantDrop(t, s, engine.DropNetwork)
	noneAcknowledged(t, p, id, ids)
	for range 5 { // they need nothing of the device store
		c.answers <- nil
	}
	<-s.Conn.(*conn).link.gone
	noneAcknowledged(t, p, id, ids[5:])
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.ComeBack(t)
	commitAll(t, s, c, p, id, ids)
	for _, text := range texts {
		if !slices.Contains(c.texts(), text) {
			t.Errorf("%s is lost", text)
		}
	}
}

// TestAFailingDatabaseLosesNothing: no commit of ours succeeds, again and again.
func TestAFailingDatabaseLosesNothing(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	id, p, peer := linked(t, sim, n)
	s, c := waiting(t, n, id)
	texts := numbered(10)
	ids := textsOf(t, peer, p, texts...)
	for range 3 {
		s.Until(t, "all commits", func() bool { return len(c.texts()) == len(texts) })
		if got := c.texts(); !slices.Equal(got, texts) {
			t.Errorf("committed %q", got)
		}
		for range texts {
			c.answers <- errors.New("database or disk is full")
		}
		wantDrop(t, s, engine.DropNetwork)
		<-s.Conn.(*conn).link.gone
		noneAcknowledged(t, p, id, ids)
		c.forget()
		s.ComeBack(t)
	}
	commitAll(t, s, c, p, id, ids)
	if got := c.texts(); !slices.Equal(got, texts) {
		t.Errorf("after all, committed %q", got)
	}
	s.End(t)
	n.devices.committer.close()
	if left := countRows(t, n.devices, "SELECT count(*) FROM whatsmeow_event_buffer WHERE plaintext IS NOT NULL"); left != 0 {
		t.Errorf("%d texts are left in the buffer", left)
	}
}

// TestGroupMessagesAreDecryptedWhileOthersAreCommitted: their plaintexts lie under names
// of another make.
func TestGroupMessagesAreDecryptedWhileOthersAreCommitted(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	id, p, peer := linked(t, sim, n)
	group, err := peer.CreateGroup(t.Context(), "Team", p.JID())
	if err != nil {
		t.Fatal(err)
	}
	s, c := waiting(t, n, id)
	send := func(text string) engine.MessageID {
		t.Helper()
		msg, err := peer.SendText(t.Context(), engine.JID(group.String()), text)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	ids := []engine.MessageID{send("with the key")}
	commitAll(t, s, c, p, id, ids)
	c.forget()
	texts := numbered(3)
	for _, text := range texts {
		ids = append(ids, send(text))
	}
	s.Until(t, "all commits", func() bool { return slices.Equal(c.texts(), texts) })
	noneAcknowledged(t, p, id, ids[1:])
	commitAll(t, s, c, p, id, ids)
}

// heldSecrets is a store that takes as long as a test wants to store a message's secret.
type heldSecrets struct {
	store.AllSessionSpecificStores
	once             sync.Once
	reached, release chan struct{}
}

func holdSecrets(device *store.Device) *heldSecrets {
	held := &heldSecrets{
		AllSessionSpecificStores: device.EventBuffer.(store.AllSessionSpecificStores),
		reached:                  make(chan struct{}), release: make(chan struct{}),
	}
	device.SetAllStores(held)
	return held
}

func (h *heldSecrets) PutMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID, secret []byte) error {
	h.once.Do(func() { close(h.reached) })
	<-h.release
	return h.AllSessionSpecificStores.PutMessageSecret(ctx, chat, sender, id, secret)
}

// TestAMessageThatWasGivenUpClearsItsOwnPlaintext: whatsmeow goes on to the next message if
// one takes five minutes. When that is committed after all, the next one's
// plaintext must stay: it has not been.
func TestAMessageThatWasGivenUpClearsItsOwnPlaintext(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	id, p, peer := linked(t, sim, n)
	s, c := opened(t, n, id)
	held := holdSecrets(s.Conn.(*conn).loaded)
	s.ComeBack(t)
	guard := s.Conn.(*conn).link.guard
	ids := textsOf(t, peer, p, "slow")
	<-held.reached

	next := [32]byte{1, 2, 3} // what whatsmeow does with the next message
	if _, err := guard.GetBufferedEvent(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := guard.PutBufferedEvent(t.Context(), next, []byte("not committed"), time.Now()); err != nil {
		t.Fatal(err)
	}
	close(held.release)
	s.Until(t, "the commit", func() bool { return slices.Equal(c.texts(), []string{"slow"}) })
	noneAcknowledged(t, p, id, ids)
	commitAll(t, s, c, p, id, ids)
	_ = n.devices.committer.do(&batch{}) // the clearing is put off until another commit
	found, err := guard.GetBufferedEvent(t.Context(), next)
	if err != nil || found == nil || string(found.Plaintext) != "not committed" {
		t.Errorf("the next message is %+v, %v", found, err)
	}
	left := fmt.Sprintf("SELECT count(*) FROM whatsmeow_event_buffer WHERE plaintext IS NOT NULL AND ciphertext_hash <> x'%x'", next)
	if n := countRows(t, n.devices, left); n != 0 {
		t.Errorf("%d texts are left in the buffer", n)
	}
}

// TestAMessageThatWasGivenUpIsRefusedBesideAFailure: whose secret was not stored can't be
// told then.
func TestAMessageThatWasGivenUpIsRefusedBesideAFailure(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	id, p, peer := linked(t, sim, n)
	s, c := opened(t, n, id)
	held := holdSecrets(s.Conn.(*conn).loaded)
	s.ComeBack(t)
	guard := s.Conn.(*conn).link.guard
	ids := textsOf(t, peer, p, "slow")
	<-held.reached
	guard.unsound.Store(true) // and the next message has taken notice of the trouble
	if _, err := guard.GetBufferedEvent(t.Context(), [32]byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	close(held.release)
	c.answers <- nil
	wantDrop(t, s, engine.DropNetwork)
	noneAcknowledged(t, p, id, ids)
	s.ComeBack(t)
	commitAll(t, s, c, p, id, ids)
}
