package store

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"wapid/engine"
)

// between runs something before each look.
type between struct {
	querier
	run func()
}

func (b between) QueryRow(query string, args ...any) *sql.Row {
	b.run()
	return b.querier.QueryRow(query, args...)
}

// A request that comes again while its message leaves the queue is answered from the log,
// wherever between two looks that happens.
func TestRecallWhileTheMessageIsSent(t *testing.T) {
	for look := range 5 {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), FileName), Options{})
		if err != nil {
			t.Fatal(err)
		}
		key, now := engine.SessionKey{Tenant: DefaultTenant, ID: "main"}, time.Now()
		if err := s.InsertTenant(t.Context(), engine.Tenant{ID: key.Tenant, CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
		if err := s.InsertSession(t.Context(), engine.Session{Key: key,
			State: engine.State{Status: engine.StatusReady, Intent: engine.IntentRun}, CreatedAt: now, UpdatedAt: now}); err != nil {
			t.Fatal(err)
		}
		m := engine.LoggedMessage{Session: key, ID: "A", Direction: engine.Outbound, Chat: "919876543210@s.whatsapp.net",
			Kind: engine.KindText, Text: "hello", Status: engine.MessageQueued, CreatedAt: now, StatusAt: now}
		r := engine.Reservation{Message: m, Claim: &engine.Claim{Key: "k"},
			Queued: &engine.Queued{Message: engine.Outgoing{ID: "A", To: m.Chat, Kind: m.Kind, Text: m.Text}, ExpiresAt: now.Add(time.Hour)}}
		if _, err := s.ReserveMessage(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		looks, sent := 0, false
		found, err := s.recall(between{s.read, func() {
			if looks++; looks <= look || sent {
				return
			}
			sent = true
			if _, _, err := s.ClaimQueued(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if err := s.FinishQueued(t.Context(), key, "A", engine.MessageOutcome{Status: engine.MessageSent, SentAt: now}); err != nil {
				t.Fatal(err)
			}
		}}, r)
		if err != nil || !found.Settled || found.Message.ID != "A" {
			t.Errorf("sent before look %d: %+v, %v", look+1, found, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
