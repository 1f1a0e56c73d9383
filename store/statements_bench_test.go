package store

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"wapid/engine"
)

// BenchmarkSendStatements measures what the statements of a message cost alone, in one
// transaction and without its commit: what reserves it, what finishes it, and what its
// receipt does.
func BenchmarkSendStatements(b *testing.B) {
	key, at := engine.SessionKey{Tenant: DefaultTenant, ID: "main"}, time.Unix(1708243200, 0)
	peer := func(n int) engine.Person {
		return engine.Person{Phone: engine.JID(fmt.Sprintf("4915%06d@s.whatsapp.net", n%500)), LID: engine.JID(fmt.Sprintf("9%06d@lid", n%500))}
	}
	id := func(n int) engine.MessageID {
		return engine.MessageID(fmt.Sprintf("3EB0%08X%04X", uint32(n*2654435761), n%50))
	}
	payload := make([]byte, 60)
	reserve := func(s *Store, tx *sql.Tx, n int) error {
		m := engine.LoggedMessage{Session: key, ID: id(n), Direction: engine.Outbound, Chat: peer(n).Phone, Peer: engine.Person{Phone: peer(n).Phone},
			Kind: engine.KindText, Text: "Your order was shipped today.", Status: engine.MessagePending, CreatedAt: at.Add(time.Duration(n) * time.Millisecond)}
		m.StatusAt = m.CreatedAt
		_, err := s.reserve(tx, engine.Reservation{Message: m}, recalled{})
		return err
	}
	finish := func(s *Store, tx *sql.Tx, n int) error {
		_, err := s.finish(tx, key, id(n), engine.MessageOutcome{Status: engine.MessageSent, SentAt: at, Recipient: peer(n), Payload: payload})
		return err
	}
	receipt := func(s *Store, tx *sql.Tx, n int) error {
		_, err := s.advanceOne(tx, key, id(n), engine.Receipt{Chat: peer(n).LID, Status: engine.MessageDelivered, At: at})
		return err
	}
	steps := []func(*Store, *sql.Tx, int) error{reserve, finish, receipt}
	for i, name := range []string{"reserve", "finish", "receipt"} {
		b.Run(name, func(b *testing.B) {
			s, err := Open(b.Context(), b.TempDir()+"/"+FileName, Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if _, _, err = s.EnsureDefaultTenant(b.Context(), ""); err != nil {
				b.Fatal(err)
			}
			for _, before := range steps[:i] {
				all(b, s, before)
			}
			b.ReportAllocs()
			b.ResetTimer()
			began := processorTime()
			all(b, s, steps[i])
			b.ReportMetric(float64((processorTime()-began).Nanoseconds())/float64(b.N)/1000, "cpu-µs/op")
		})
	}
}

// all does one step of b.N messages, in one transaction.
func all(b *testing.B, s *Store, step func(*Store, *sql.Tx, int) error) {
	b.Helper()
	err := s.update(context.Background(), func(tx *sql.Tx) error {
		for n := range b.N {
			if err := step(s, tx, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
