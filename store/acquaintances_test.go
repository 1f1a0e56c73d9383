package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"wapid/engine"
)

// Lists by an address hold what bears it, whatever else is known of the person: of
// messages that were logged under one address, or both, whose LID was learnt when they
// were sent, of numbers that changed hands, of groups, and after some were removed.
func TestListsKnowBothAddresses(t *testing.T) {
	s := openInside(t, Options{})
	s.searches = 1 << 20
	if _, _, err := s.EnsureDefaultTenant(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	dice := rand.New(rand.NewPCG(1, 2))
	const session = "main"
	key := engine.SessionKey{Tenant: DefaultTenant, ID: session}
	phones := []engine.JID{"", "491@s.whatsapp.net", "492@s.whatsapp.net", "493@s.whatsapp.net"}
	lids := []engine.JID{"", "1@lid", "2@lid", "3@lid", "4@lid"}
	const group = engine.JID("1203630@g.us")
	begin := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	for n := range 400 {
		m := engine.LoggedMessage{Session: key, ID: engine.MessageID(fmt.Sprint("M", n)), Direction: engine.Inbound, Kind: engine.KindText,
			Peer:   engine.Person{Phone: phones[dice.IntN(4)], LID: lids[dice.IntN(5)]},
			Status: engine.MessageReceived, CreatedAt: begin.Add(time.Duration(n/3) * time.Second)}
		m.Chat = m.Peer.Preferred()
		if dice.IntN(5) == 0 || m.Chat == "" {
			m.Chat = group
		}
		if dice.IntN(2) == 0 {
			m.Direction, m.Status = engine.Outbound, engine.MessagePending
		}
		err := s.update(t.Context(), func(tx *sql.Tx) error {
			_, err := s.insertMessage(tx, m, "")
			return err
		})
		if err == nil && m.Direction == engine.Outbound && dice.IntN(2) == 0 {
			if dice.IntN(2) == 0 { // a receipt comes first
				err = s.AdvanceMessages(t.Context(), key, engine.Receipt{Chat: m.Chat, IDs: []engine.MessageID{m.ID}, Status: engine.MessageDelivered, At: begin})
			}
			if err == nil {
				err = s.FinishMessage(t.Context(), key, m.ID, engine.MessageOutcome{Status: engine.MessageSent, SentAt: begin,
					Recipient: engine.Person{Phone: phones[dice.IntN(4)], LID: lids[dice.IntN(5)]}})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.wantListsByAddress(t, key, append(slices.Concat(phones, lids), group))
	if _, err := s.pruneMessages(t.Context(), DefaultTenant, begin.Add(100*time.Second)); err != nil {
		t.Fatal(err)
	}
	s.wantListsByAddress(t, key, append(slices.Concat(phones, lids), group))
	var pairs, needed int
	err := s.read.QueryRow(`SELECT (SELECT count(*) FROM people), count(DISTINCT peer_phone || peer_lid) FROM messages
		WHERE peer_phone <> '' AND peer_lid <> ''`).Scan(&pairs, &needed)
	if err != nil || pairs != needed {
		t.Errorf("%d people are known, %d have messages (%v)", pairs, needed, err)
	}
	if _, err := s.pruneMessages(t.Context(), DefaultTenant, begin.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	// What is left is pending.
	s.wantListsByAddress(t, key, append(slices.Concat(phones, lids), group))
}

// wantListsByAddress compares the lists with the log, which is read as a whole.
func (s *Store) wantListsByAddress(t *testing.T, key engine.SessionKey, who []engine.JID) {
	t.Helper()
	all, err := s.ListMessages(t.Context(), key, 1000)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d messages (%v)", len(all), err)
	}
	bears := func(m engine.LoggedMessage, a engine.JID) bool {
		if a.IsGroup() {
			return m.Chat == a
		}
		return m.Peer.Phone == a || m.Peer.LID == a
	}
	for _, a := range who {
		if a == "" {
			continue
		}
		for name, f := range map[string]MessageFilter{
			"to": {To: a}, "from": {From: a}, "sent to": {To: a, Status: engine.MessageSent}, "in a group from": {To: "1203630@g.us", From: a},
			"own": {To: a, OwnTo: []engine.SessionID{key.ID}},
		} {
			var want []engine.MessageID
			for _, m := range all {
				ok := f.Status == "" || m.Status == f.Status
				if f.From != "" {
					ok = ok && bears(m, f.From) && (m.Direction == engine.Inbound)
				}
				if f.To != "" {
					out := m.Direction == engine.Outbound
					ok = ok && (bears(m, f.To) && (out || f.To.IsGroup()) || f.OwnTo != nil && !out && !f.To.IsGroup())
				}
				if ok {
					want = append(want, m.ID)
				}
			}
			var got []engine.MessageID
			var after *MessageCursor
			for more := true; more; more = after != nil {
				page, err := s.PageMessages(t.Context(), key.Tenant, f, after, 0, 7)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page.Messages {
					got = append(got, m.ID)
				}
				after = page.Next
			}
			n, exact, err := s.CountMessages(t.Context(), key.Tenant, f)
			if err != nil || !exact || n != len(want) {
				t.Errorf("%s %s: %d are counted, exactly %v, want %d (%v)", name, a, n, exact, len(want), err)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: %v, want %v", name, a, got, want)
			}
		}
		s.wantUnread(t, key, a, slices.DeleteFunc(slices.Clone(all), func(m engine.LoggedMessage) bool {
			return !bears(m, a) || !a.IsGroup() && m.Chat.IsGroup()
		}))
	}
}

// wantUnread compares what is unread of a chat, and its newest message, with the chat.
func (s *Store) wantUnread(t *testing.T, key engine.SessionKey, chat engine.JID, all []engine.LoggedMessage) {
	t.Helper()
	ids := func(list []engine.LoggedMessage) (ids []engine.MessageID) {
		for _, m := range list {
			ids = append(ids, m.ID)
		}
		slices.Sort(ids)
		return ids
	}
	want := slices.DeleteFunc(slices.Clone(all), func(m engine.LoggedMessage) bool { return m.Direction != engine.Inbound })
	got, err := s.ListUnread(t.Context(), key, []engine.JID{chat}, 1000)
	if err != nil || !slices.Equal(ids(got), ids(want)) {
		t.Errorf("unread of %s: %v, want %v (%v)", chat, ids(got), ids(want), err)
	}
	all = slices.DeleteFunc(all, func(m engine.LoggedMessage) bool { return m.Status == engine.MessagePending })
	if len(all) == 0 {
		return
	}
	last := slices.MaxFunc(all, func(a, b engine.LoggedMessage) int {
		return cmp.Compare(a.CreatedAt.UnixMilli(), b.CreatedAt.UnixMilli())
	})
	if m, err := s.FindNewest(t.Context(), key, []engine.JID{chat}); err != nil || !m.CreatedAt.Equal(last.CreatedAt) {
		t.Errorf("the newest of %s is of %v, want %v (%v)", chat, m.CreatedAt, last.CreatedAt, err)
	}
}

// Messages of before there was a table of people are found by a number whose LID is known.
func TestPeopleOfOldMessagesAreKnown(t *testing.T) {
	db, old := empty(t), fstest.MapFS{}
	for name, file := range with(t, nil).(fstest.MapFS) {
		if name < "migrations/014" {
			old[name] = file
		}
	}
	if err := migrate(t.Context(), db, old, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		`INSERT INTO tenants (id, name, created_at) VALUES ('a', 'A', 1), ('b', 'B', 1)`,
		`INSERT INTO messages (tenant_id, session_id, direction, id, origin, chat, peer_phone, peer_lid, kind, status, error_code, created_at, body) VALUES
			('a', 's', 'in', '1', '1', 'p', 'p', 'l', 'text', 'received', '', 1, ''), ('a', 's', 'in', '2', '2', 'p', 'p', 'l', 'text', 'received', '', 2, ''),
			('a', 's', 'in', '3', '3', 'p', 'p', '', 'text', 'received', '', 3, ''), ('b', 's', 'in', '4', '4', 'l', '', 'l', 'text', 'received', '', 4, ''),
			('b', 's', 'in', '5', '5', 'l', 'q', 'l', 'text', 'received', '', 5, '')`,
	} {
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	if err := migrate(t.Context(), db, migrationFiles, time.Now()); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(`SELECT tenant_id || ' ' || phone || ' ' || lid FROM people ORDER BY 1`)
	people, err := collect(rows, err, scanText)
	if want := []string{"a p l", "b q l"}; err != nil || !slices.Equal(people, want) {
		t.Errorf("%q, want %q (%v)", people, want, err)
	}
}
