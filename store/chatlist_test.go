package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

const (
	chatPhone = engine.JID("4915100000001@s.whatsapp.net")
	chatLID   = engine.JID("123456789012345@lid")
	otherLID  = engine.JID("999999999999999@lid")
	chatGroup = engine.JID("120363025246125486@g.us")
)

// chatsOf walks through all pages of the list of chats.
func chatsOf(t *testing.T, s *Store, key engine.SessionKey, written bool, limit int) (all []Chat) {
	t.Helper()
	var after *MessageCursor
	for range 100 {
		page, err := s.PageChats(t.Context(), key, written, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Chats) > limit {
			t.Fatalf("%d chats on a page of %d", len(page.Chats), limit)
		}
		all = append(all, page.Chats...)
		if after = page.Next; after == nil {
			return all
		}
	}
	t.Fatal("the list has no end")
	return nil
}

func tellChats(list []Chat) string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s last %s unread %d by %q", c.Chat.User(), c.Last.ID, c.Unread, c.PushName))
	}
	return strings.Join(out, "\n")
}

func TestChatsAreListedByTheirNewestMessage(t *testing.T) {
	key, foreign, second := engine.SessionKey{Tenant: "t", ID: "a"}, engine.SessionKey{Tenant: "u", ID: "a"}, engine.SessionKey{Tenant: "t", ID: "b"}
	person := engine.Person{Phone: chatPhone, LID: chatLID}
	s := chatLog(t,
		engine.LoggedMessage{Session: key, ID: "1", Chat: chatLID, Peer: engine.Person{LID: chatLID}, PushName: "asha"},
		engine.LoggedMessage{Session: key, ID: "2", Chat: chatPhone, Peer: engine.Person{Phone: chatPhone}},
		engine.LoggedMessage{Session: key, ID: "3", Chat: chatGroup, Peer: person, PushName: "Asha"},
		engine.LoggedMessage{Session: key, ID: "4", Chat: otherLID, Peer: engine.Person{LID: otherLID}},
		engine.LoggedMessage{Session: key, ID: "5", Chat: chatPhone, Peer: person, Kind: engine.KindReaction},
		engine.LoggedMessage{Session: key, ID: "6", Chat: chatGroup, Peer: engine.Person{LID: otherLID}, PushName: "Ravi"},
		engine.LoggedMessage{Session: foreign, ID: "7", Chat: chatPhone, Peer: person},
		engine.LoggedMessage{Session: second, ID: "8", Chat: otherLID, Peer: engine.Person{LID: otherLID}},
	)
	want := strings.Join([]string{
		`120363025246125486 last 6 unread 2 by "Ravi"`, `4915100000001 last 5 unread 2 by "asha"`, `999999999999999 last 4 unread 1 by ""`,
	}, "\n")
	for limit := 1; limit <= 4; limit++ {
		if got := tellChats(chatsOf(t, s, key, false, limit)); got != want {
			t.Errorf("with %d a page:\n%s\nwant\n%s", limit, got, want)
		}
	}
	all := chatsOf(t, s, key, false, 10)
	if all[1].Person != person || all[0].Person != (engine.Person{}) || all[2].Person != (engine.Person{LID: otherLID}) {
		t.Errorf("the people are %+v, %+v, %+v", all[0].Person, all[1].Person, all[2].Person)
	}
	if got := tellChats(chatsOf(t, s, foreign, false, 10)); got != `4915100000001 last 7 unread 1 by ""` {
		t.Errorf("another tenant has %s", got)
	}
	if got := chatsOf(t, s, engine.SessionKey{Tenant: "u", ID: "b"}, false, 10); len(got) != 0 {
		t.Errorf("a session of another tenant with the same id has %v", got)
	}
	if err := s.MarkIncoming(t.Context(), []engine.LoggedMessage{{Session: key, ID: "6", Chat: chatGroup}}, engine.MessageRead); err != nil {
		t.Fatal(err)
	}
	if got := chatsOf(t, s, key, false, 1)[0].Unread; got != 1 {
		t.Errorf("%d are unread after one was read", got)
	}
}

// Who was written to and never answered is left out if somebody asks for that, however
// many they are; the others stand by what they wrote last, with the newest message.
func TestChatsInWhichSomebodyHasWritten(t *testing.T) {
	key := engine.SessionKey{Tenant: "t", ID: "a"}
	person := engine.Person{Phone: chatPhone, LID: chatLID}
	s := chatLog(t,
		engine.LoggedMessage{Session: key, ID: "1", Chat: chatPhone, Peer: person},
		engine.LoggedMessage{Session: key, ID: "2", Chat: chatGroup, Peer: person},
	)
	send := func(id engine.MessageID, to engine.JID) {
		t.Helper()
		m := engine.LoggedMessage{Session: key, ID: id, Direction: engine.Outbound, Kind: engine.KindText, Chat: to, Peer: to.Person(),
			Status: engine.MessageSent, CreatedAt: s.clock().Add(time.Hour)}
		if err := s.update(t.Context(), func(tx *sql.Tx) error { _, err := s.insertMessage(tx, m, ""); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range chatStride + 3 {
		send(engine.MessageID(fmt.Sprint("bulk", i)), engine.JID(fmt.Sprint(4915200000000+i, "@s.whatsapp.net")))
	}
	send("answer", chatPhone)
	want := `120363025246125486 last 2 unread 1 by ""` + "\n" + `4915100000001 last answer unread 1 by ""`
	for _, looks := range []int{1, chatStride, mostSearched} { // whether the walk ends within the bulk or behind it
		s.searches = looks
		for limit := 1; limit <= 3; limit++ {
			if got := tellChats(chatsOf(t, s, key, true, limit)); got != want {
				t.Errorf("with %d a page and %d looks:\n%s\nwant\n%s", limit, looks, got, want)
			}
		}
	}
	if got := len(chatsOf(t, s, key, false, 100)); got != chatStride+5 {
		t.Errorf("%d chats in all, want %d", got, chatStride+5)
	}
}

// A page looks into so many messages; what is behind them comes with the next.
func TestChatsBehindALongOne(t *testing.T) {
	key := engine.SessionKey{Tenant: "t", ID: "a"}
	log := []engine.LoggedMessage{{Session: key, ID: "old", Chat: otherLID, Peer: engine.Person{LID: otherLID}}}
	for i := range 2*chatStride + 7 {
		log = append(log, engine.LoggedMessage{Session: key, ID: engine.MessageID(fmt.Sprint(i)), Chat: chatPhone, Peer: engine.Person{Phone: chatPhone}})
	}
	s := chatLog(t, log...)
	s.searches = chatStride / statusLooks
	page, err := s.PageChats(t.Context(), key, false, nil, 10)
	if err != nil || len(page.Chats) != 1 || page.Next == nil {
		t.Fatalf("the first page is %+v (%v)", page, err)
	}
	if got := page.Chats[0].Unread; got != mostUnread {
		t.Errorf("%d are unread, want no more than %d", got, mostUnread)
	}
	if got := tellChats(chatsOf(t, s, key, false, 10)); !strings.HasSuffix(got, "\n"+`999999999999999 last old unread 1 by ""`) || strings.Count(got, "\n") != 1 {
		t.Errorf("the chats are\n%s", got)
	}
}

func TestAChatIsReadUnderEitherAddress(t *testing.T) {
	key := engine.SessionKey{Tenant: "t", ID: "a"}
	person := engine.Person{Phone: chatPhone, LID: chatLID}
	s := chatLog(t,
		engine.LoggedMessage{Session: key, ID: "1", Chat: chatLID, Peer: engine.Person{LID: chatLID}},
		engine.LoggedMessage{Session: key, ID: "2", Chat: chatPhone, Peer: engine.Person{Phone: chatPhone}},
		engine.LoggedMessage{Session: key, ID: "3", Chat: chatPhone, Peer: person},
		engine.LoggedMessage{Session: key, ID: "4", Chat: chatGroup, Peer: person},
		engine.LoggedMessage{Session: engine.SessionKey{Tenant: "t", ID: "b"}, ID: "5", Chat: chatPhone, Peer: person},
		engine.LoggedMessage{Session: engine.SessionKey{Tenant: "u", ID: "a"}, ID: "6", Chat: chatPhone, Peer: person},
		engine.LoggedMessage{Session: key, ID: "7", Chat: otherLID, Peer: engine.Person{LID: otherLID}},
	)
	for chat, want := range map[engine.JID]string{chatPhone: "3 2 1", chatLID: "3 2 1", chatGroup: "4", otherLID: "7", "1@g.us": "", "4915100000009@s.whatsapp.net": ""} {
		for limit := 1; limit <= 4; limit++ {
			var all []string
			var after *MessageCursor
			for {
				page, who, err := s.PageChat(t.Context(), key, chat, after, limit)
				if err != nil {
					t.Fatal(err)
				}
				if all = append(all, idsOf(page.Messages)...); strings.HasPrefix(want, "3") && who != person {
					t.Errorf("%s is %+v", chat, who)
				}
				if after = page.Next; after == nil {
					break
				}
			}
			if got := strings.Join(all, " "); got != want {
				t.Errorf("%s with %d a page: %q, want %q", chat, limit, got, want)
			}
		}
	}
}

// TestChatPlans: whatever is asked of a chat is found by an index, newest first.
func TestChatPlans(t *testing.T) {
	s := chatLog(t)
	key, cursor := engine.SessionKey{Tenant: "t", ID: "a"}, &MessageCursor{At: 5, Seq: 5}
	ofPhone := []chatPlace{{phone: chatPhone}, {phone: chatPhone, lid: chatLID}, {lid: chatLID}}
	back, backArgs := lookBack(key, ofPhone)
	var person, group conditions
	ofPerson := chatKeys(&person, key, ofPhone, "", cursor) + ` LIMIT 10`
	ofGroup := chatKeys(&group, key, []chatPlace{{group: chatGroup}}, engine.Inbound, cursor) + ` LIMIT 10`
	for name, c := range map[string]struct {
		query string
		args  []any
		want  []string
	}{
		"stride":  {strideEnd, []any{key.Tenant, key.ID, 5, 5, 10}, []string{"COVERING INDEX messages_time (tenant_id=? AND session_id=? AND created_at<?)"}},
		"latest":  {latest, []any{key.Tenant, key.ID, 5, 5, 1, 1, ""}, []string{"messages_time (tenant_id=? AND session_id=? AND created_at>? AND created_at<?)"}},
		"number":  {numberBeside, []any{key.Tenant, chatLID}, []string{"messages_lid (tenant_id=? AND peer_lid=?)"}},
		"unread":  {back, backArgs, []string{"messages_phone (tenant_id=? AND peer_phone=?)", "messages_lid (tenant_id=? AND peer_lid=?)", "INTEGER PRIMARY KEY (rowid=?)"}},
		"person":  {ofPerson, person.args, []string{"messages_phone (tenant_id=? AND peer_phone=? AND created_at<?)", "messages_lid (tenant_id=? AND peer_lid=? AND created_at<?)"}},
		"a group": {ofGroup, group.args, []string{"messages_group (tenant_id=? AND chat=? AND created_at<?)"}},
	} {
		t.Run(name, func(t *testing.T) {
			var plan string
			err := s.update(context.Background(), func(tx *sql.Tx) error {
				rows, err := tx.Query("EXPLAIN QUERY PLAN "+c.query, c.args...)
				lines, err := collect(rows, err, func(r row) (line string, err error) {
					var id, parent, unused int
					err = r.Scan(&id, &parent, &unused, &line)
					return line, err
				})
				plan = strings.Join(lines, "\n")
				return err
			})
			if err != nil || strings.Contains(plan, "SCAN messages") {
				t.Fatalf("%v\n%s", err, plan)
			}
			for _, want := range c.want {
				if !strings.Contains(plan, want) {
					t.Errorf("%s is not used:\n%s", want, plan)
				}
			}
			if name != "unread" && strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("something is sorted:\n%s", plan)
			}
		})
	}
}
