package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"wapid/engine"
)

func outgoingMessage(key engine.SessionKey, id engine.MessageID) engine.LoggedMessage {
	return engine.LoggedMessage{Session: key, ID: id, Direction: engine.Outbound, Kind: engine.KindText, Text: "Hi", Chat: "491@s.whatsapp.net",
		Peer: engine.Person{Phone: "491@s.whatsapp.net"}, Status: engine.MessagePending, CreatedAt: time.Unix(1708243200, 0)}
}

// Whatever happens to a message, and in whatever order, what is remembered of it is
// what the log says.
func TestOutgoingMessagesAreRememberedAsTheyAre(t *testing.T) {
	sentAt := time.Unix(1708243201, 0)
	finish := func(status engine.MessageStatus) func(*Store, context.Context, engine.SessionKey, engine.MessageID) error {
		return func(s *Store, ctx context.Context, key engine.SessionKey, id engine.MessageID) error {
			return s.FinishMessage(ctx, key, id, engine.MessageOutcome{Status: status, SentAt: sentAt, Code: engine.CodeInternal,
				Recipient: engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}})
		}
	}
	receipt := func(status engine.MessageStatus) func(*Store, context.Context, engine.SessionKey, engine.MessageID) error {
		return func(s *Store, ctx context.Context, key engine.SessionKey, id engine.MessageID) error {
			return s.AdvanceMessages(ctx, key, engine.Receipt{Chat: "1@lid", IDs: []engine.MessageID{id}, Status: status, At: sentAt})
		}
	}
	resume := func(s *Store, ctx context.Context, key engine.SessionKey, id engine.MessageID) error {
		_, err := s.ReserveMessage(ctx, engine.Reservation{Message: outgoingMessage(key, id), Resume: true})
		return err
	}
	discard := func(s *Store, ctx context.Context, key engine.SessionKey, id engine.MessageID) error {
		return s.DiscardMessage(ctx, key, id, nil)
	}
	prune := func(s *Store, ctx context.Context, key engine.SessionKey, id engine.MessageID) error {
		_, err := s.pruneMessages(ctx, key.Tenant, sentAt.Add(time.Hour))
		return err
	}
	interrupt := func(s *Store, ctx context.Context, _ engine.SessionKey, _ engine.MessageID) error {
		return s.InterruptMessages(ctx)
	}
	undone := func(s *Store, ctx context.Context, key engine.SessionKey, id engine.MessageID) error {
		refusal := errors.New("no")
		err := s.record(ctx, func(tx *sql.Tx) error {
			if _, err := s.finish(tx, key, id, engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeInternal}); err != nil {
				return err
			}
			return refusal
		})
		if !errors.Is(err, refusal) {
			return err
		}
		return nil
	}
	type step = func(*Store, context.Context, engine.SessionKey, engine.MessageID) error
	for name, c := range map[string]struct {
		steps []step
		want  engine.MessageStatus // "" if it is gone
	}{
		"sent and read":             {[]step{finish(engine.MessageSent), receipt(engine.MessageDelivered), receipt(engine.MessageRead)}, engine.MessageRead},
		"the receipt first":         {[]step{receipt(engine.MessageDelivered), finish(engine.MessageSent)}, engine.MessageDelivered},
		"failed, again":             {[]step{finish(engine.MessageFailed), resume, finish(engine.MessageSent), receipt(engine.MessageRead)}, engine.MessageRead},
		"unknown, again":            {[]step{finish(engine.MessageUnknown), resume, receipt(engine.MessageDelivered)}, engine.MessageDelivered},
		"taken back":                {[]step{discard}, ""},
		"taken back, a receipt":     {[]step{discard, receipt(engine.MessageDelivered)}, ""},
		"taken back, again":         {[]step{discard, resume, finish(engine.MessageSent)}, engine.MessageSent},
		"pruned":                    {[]step{finish(engine.MessageSent), prune, receipt(engine.MessageDelivered)}, ""},
		"interrupted":               {[]step{interrupt, receipt(engine.MessageDelivered)}, engine.MessageDelivered},
		"an outcome that is undone": {[]step{undone, finish(engine.MessageSent), receipt(engine.MessageDelivered)}, engine.MessageDelivered},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := countStatements(t)
			ctx, key, id := t.Context(), engine.SessionKey{Tenant: DefaultTenant, ID: "main"}, engine.MessageID("M")
			if _, err := s.ReserveMessage(ctx, engine.Reservation{Message: outgoingMessage(key, id)}); err != nil {
				t.Fatal(err)
			}
			for i, step := range c.steps {
				if err := step(s, ctx, key, id); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				agrees(t, s, key, id)
			}
			found, err := s.FindMessage(ctx, key, engine.Outbound, id)
			if found.Status != c.want || (c.want == "") != (engine.CodeOf(err) == engine.CodeNotFound) {
				t.Errorf("it is %q, want %q (%v)", found.Status, c.want, err)
			}
		})
	}
}

// agrees compares what the writer remembers of a message, if anything, with the log.
func agrees(t *testing.T, s *Store, key engine.SessionKey, id engine.MessageID) {
	t.Helper()
	err := s.record(t.Context(), func(tx *sql.Tx) error {
		known, remembered := s.standing.outgoing[sent{key, id}]
		s.standing.drop(key, id)
		read, err := s.findOutgoing(tx, key, id)
		if isNoRows(err) && !remembered {
			return nil
		}
		if err == nil && remembered && known != read {
			t.Errorf("%+v is remembered of %+v", known, read)
		}
		if remembered {
			s.standing.keep(key, id, known)
		}
		return err
	})
	if err != nil {
		t.Errorf("what is remembered is not in the log: %v", err)
	}
}

// A message that was changed behind the writer's back is moved by nobody who believes
// to know it, and by the next one who asks.
func TestAChangedMessageIsNotMoved(t *testing.T) {
	s, _ := countStatements(t)
	ctx, key := t.Context(), engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	if _, err := s.ReserveMessage(ctx, engine.Reservation{Message: outgoingMessage(key, "M")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.db.Exec(`UPDATE messages SET status = 'unknown'`); err != nil {
		t.Fatal(err)
	}
	outcome := engine.MessageOutcome{Status: engine.MessageSent, SentAt: time.Unix(1708243201, 0)}
	if err := s.FinishMessage(ctx, key, "M", outcome); engine.CodeOf(err) != engine.CodeInternal {
		t.Errorf("an old belief was enough: %v", err)
	}
	if err := s.FinishMessage(ctx, key, "M", outcome); err != nil {
		t.Error(err)
	}
}

// Of many messages only the newest are remembered, and the others are found.
func TestOutgoingMessagesAreFewAndFound(t *testing.T) {
	s, _ := countStatements(t)
	key := engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	err := s.record(t.Context(), func(tx *sql.Tx) error {
		for n := range mostOutgoing + 10 {
			if err := s.insertOutgoing(tx, outgoingMessage(key, engine.MessageID(fmt.Sprint("M", n))), ""); err != nil {
				return err
			}
		}
		if n := len(s.standing.outgoing); n > mostOutgoing {
			t.Errorf("%d messages are remembered", n)
		}
		for _, id := range []engine.MessageID{"M0", "M4095", "M4105"} {
			if m, err := s.findOutgoing(tx, key, id); err != nil || m.status != engine.MessagePending {
				t.Errorf("%s is %+v (%v)", id, m, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
