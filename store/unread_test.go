package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// chatLog opens a store with the given incoming messages, one second apart.
func chatLog(t *testing.T, messages ...engine.LoggedMessage) *Store {
	t.Helper()
	at := time.UnixMilli(1_700_000_000_000)
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), FileName), Options{Clock: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, tenant := range []engine.TenantID{"t", "u"} {
		if err := s.InsertTenant(t.Context(), engine.Tenant{ID: tenant, Name: string(tenant), CreatedAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range messages {
		m.CreatedAt = at.Add(time.Duration(i) * time.Second)
		if m.Kind == "" {
			m.Kind = engine.KindText
		}
		fresh, err := s.BeginIncoming(t.Context(), m, engine.Event{Session: m.Session, Type: engine.EventMessage, At: at, Data: []byte("{}")})()
		if err != nil || !fresh {
			t.Fatalf("message %s: fresh %v, %v", m.ID, fresh, err)
		}
	}
	return s
}

func ids(list []engine.LoggedMessage) string {
	var out []string
	for _, m := range list {
		out = append(out, string(m.ID))
	}
	return strings.Join(out, " ")
}

func TestUnread(t *testing.T) {
	const phone, lid, group = "4915100000001@s.whatsapp.net", "123456789012345@lid", "120363025246125486@g.us"
	key, foreign := engine.SessionKey{Tenant: "t", ID: "a"}, engine.SessionKey{Tenant: "u", ID: "a"}
	person := engine.Person{Phone: phone, LID: lid}
	s := chatLog(t,
		engine.LoggedMessage{Session: key, ID: "1", Chat: lid, Peer: engine.Person{LID: lid}},
		engine.LoggedMessage{Session: key, ID: "2", Chat: phone, Peer: person},
		engine.LoggedMessage{Session: key, ID: "3", Chat: phone, Peer: person, Kind: engine.KindReaction},
		engine.LoggedMessage{Session: key, ID: "4", Chat: group, Peer: person},
		engine.LoggedMessage{Session: foreign, ID: "5", Chat: phone, Peer: person},
		engine.LoggedMessage{Session: key, ID: "6", Chat: phone, Peer: person, Kind: engine.KindVoice},
	)
	both := []engine.JID{phone, lid}
	unread := func(chats []engine.JID, limit int) string {
		t.Helper()
		list, err := s.ListUnread(t.Context(), key, chats, limit)
		if err != nil {
			t.Fatal(err)
		}
		return ids(list)
	}
	for _, c := range []struct {
		chats []engine.JID
		limit int
		want  string
	}{{both, 10, "6 2 1"}, {both, 2, "6 2"}, {[]engine.JID{phone}, 10, "6 2"}, {[]engine.JID{lid}, 10, "6 2 1"}, {[]engine.JID{group}, 10, "4"}, {[]engine.JID{"1@g.us"}, 10, ""}} {
		if got := unread(c.chats, c.limit); got != c.want {
			t.Errorf("unread in %v: %q, want %q", c.chats, got, c.want)
		}
	}
	found, err := s.FindIncoming(t.Context(), key, both, []engine.MessageID{"6", "1"})
	if err != nil || ids(found) != "6 1" {
		t.Errorf("found %q (%v)", ids(found), err)
	}
	for _, id := range []engine.MessageID{"4", "5", "9"} { // another chat's, another tenant's, nobody's
		if _, err := s.FindIncoming(t.Context(), key, both, []engine.MessageID{"6", id}); engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("message %s in this chat: %v", id, err)
		}
	}
	status := func(id engine.MessageID, want engine.MessageStatus) {
		t.Helper()
		m, err := s.FindMessage(t.Context(), key, engine.Inbound, id)
		if err != nil || m.Status != want {
			t.Errorf("message %s is %s (%v), want %s", id, m.Status, err, want)
		}
	}
	for _, to := range []engine.MessageStatus{engine.MessagePlayed, engine.MessageRead} {
		if err := s.MarkIncoming(t.Context(), found[:1], to); err != nil {
			t.Fatal(err)
		}
	}
	status("6", engine.MessagePlayed) // never backwards
	if err := s.MarkIncoming(t.Context(), found, engine.MessageRead); err != nil {
		t.Fatal(err)
	}
	status("1", engine.MessageRead)
	if got := unread(both, 10); got != "2" {
		t.Errorf("still unread: %q", got)
	}
	if m, err := s.FindNewest(t.Context(), key, both); err != nil || m.ID != "6" {
		t.Errorf("newest is %s (%v)", m.ID, err)
	}
	if _, err := s.FindNewest(t.Context(), key, []engine.JID{"4915100000009@s.whatsapp.net"}); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("newest of an empty chat: %v", err)
	}
}

// TestUnreadPlan: a chat's messages are found by an index, newest first.
func TestUnreadPlan(t *testing.T) {
	s := chatLog(t)
	for at, index := range map[address]string{
		{peer: "4915100000001@s.whatsapp.net"}: "messages_phone", {peer: "123456789012345@lid"}: "messages_lid",
		{"4915100000001@s.whatsapp.net", "123456789012345@lid"}: "messages_lid", {peer: "120363025246125486@g.us"}: "messages_group",
	} {
		query, args := listUnread(engine.SessionKey{Tenant: "t", ID: "a"}, at, 10)
		var plan string
		err := s.update(context.Background(), func(tx *sql.Tx) error {
			rows, err := tx.Query("EXPLAIN QUERY PLAN "+query, args...)
			lines, err := collect(rows, err, func(r row) (line string, err error) {
				var id, parent, unused int
				err = r.Scan(&id, &parent, &unused, &line)
				return line, err
			})
			plan = strings.Join(lines, "\n")
			return err
		})
		if err != nil || !strings.Contains(plan, index) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("unread of %s: %v\n%s", at, err, plan)
		}
	}
}
