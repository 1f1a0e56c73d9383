package main

import (
	"net/url"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// readBy waits until a phone shows one of its messages as read.
func readBy(t *testing.T, phone *simnet.Phone, id types.MessageID) {
	t.Helper()
	eventually(t, "the sender sees blue ticks", func() bool {
		for _, m := range phone.Sent() {
			if m.ID == id {
				return len(m.Read) > 0
			}
		}
		return false
	})
}

// TestPeopleGroupsAndChats walks through what a session can do beside sending,
// with the phones of the other people watching.
func TestPeopleGroupsAndChats(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, asha, ben := network.Phone("447700900201"), network.Phone("447700900202"), network.Phone("447700900203")
	network.SetAbsent("447700900299")
	mine.SetPushName("Shop")
	if err := mine.SaveContact(asha.Number(), "Asha Rao"); err != nil {
		t.Fatal(err)
	}
	a.pair(t, "main", mine)
	settle(t, network, mine)
	path := sessionPath("main")

	checked := a.must(t, 200, "POST", path+"/check", map[string]any{"phones": []string{"+44 7700 900202", "447700900299"}})
	if want := `{"results":[{"phone":"+44 7700 900202","number":"447700900202","exists":true,"jid":"447700900202@s.whatsapp.net","lid":"` +
		asha.LID().String() + `"},{"phone":"447700900299","number":"447700900299","exists":false}]}`; checked.raw != want {
		t.Errorf("check answered %s, want %s", checked.raw, want)
	}
	eventually(t, "the address book is there", func() bool {
		return strings.HasPrefix(a.must(t, 200, "GET", path+"/contacts", nil).raw,
			`{"contacts":[{"jid":"447700900202@s.whatsapp.net","phoneNumber":"447700900202","lid":"`+asha.LID().String()+`","name":"Asha Rao"}],"total":1,`)
	})
	eventually(t, "the account knows its name", func() bool {
		return a.must(t, 200, "GET", path+"/me", nil).text("pushName") == "Shop"
	})
	a.must(t, 404, "GET", path+"/contacts/447700900202/avatar", nil)
	asha.SetPicture([]byte("jpeg"))
	if url := a.must(t, 200, "GET", path+"/contacts/447700900202/avatar", nil).text("url"); !strings.HasPrefix(url, "https://") {
		t.Errorf("avatar at %q", url)
	}

	// A group exists for its members: one writes, the other and the session get it.
	made := a.must(t, 201, "POST", path+"/groups", map[string]any{"subject": "Orders", "participants": []string{asha.Number()}})
	id, _ := made.body["group"].(map[string]any)["id"].(string)
	group, err := types.ParseJID(id)
	if err != nil {
		t.Fatal(err)
	}
	groupPath := path + "/groups/" + group.User
	a.must(t, 200, "POST", groupPath+"/participants", map[string]any{"action": "add", "participants": []string{ben.Number()}})
	a.must(t, 200, "PATCH", groupPath, map[string]any{"subject": "Orders 2", "description": "What was ordered"})
	shown := a.must(t, 200, "GET", groupPath, nil)
	if shown.text("subject") != "Orders 2" || shown.text("description") != "What was ordered" || len(shown.body["participants"].([]any)) != 3 {
		t.Errorf("the group is %s", shown.raw)
	}
	said, err := asha.SendText(t.Context(), group, "two boxes")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := arrive(t, ben, func(r simnet.Received) bool { return r.ID == said && r.Chat == group }); err != nil {
		t.Errorf("the other member does not get it: %v", err)
	}
	marked := func(chat string) bool {
		return a.must(t, 200, "POST", path+"/chats/"+url.PathEscape(chat)+"/read", map[string]any{}).raw == `{"success":true,"marked":1}`
	}
	eventually(t, "the message has come", func() bool { return marked(id) })
	readBy(t, asha, said)

	// A personal chat, by number.
	said, err = ben.SendText(t.Context(), mine.JID(), "hello")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message has come", func() bool { return marked("+44 7700 900203") })
	readBy(t, ben, said)
	if marked("447700900203") {
		t.Error("what was marked is marked again")
	}
	a.must(t, 200, "POST", path+"/presence", map[string]any{"available": true})
	a.must(t, 200, "POST", path+"/chats/447700900203/presence", map[string]any{"state": "recording"})
	if _, err := ben.AwaitChatState(t.Context(), func(s simnet.ChatState) bool { return s.From == mine.JID() && s.Media == "audio" }); err != nil {
		t.Errorf("nobody sees the session recording: %v", err)
	}
	a.must(t, 200, "POST", path+"/chats/447700900203/archive", map[string]any{"archive": true})
	if !mine.Archived(ben.JID()) {
		t.Error("the account's phone shows the chat still")
	}
	a.must(t, 200, "POST", path+"/blocklist", map[string]any{"action": "block", "contact": ben.Number()})
	if blocked := mine.Blocked(); len(blocked) != 1 || blocked[0] != ben.Number() {
		t.Errorf("the account's phone shows as blocked %v", blocked)
	}

	a.must(t, 200, "POST", groupPath+"/leave", nil)
	a.must(t, 404, "GET", groupPath, nil)
	if list := a.must(t, 200, "GET", path+"/groups", nil); list.raw != `{"groups":[]}` {
		t.Errorf("after leaving: %s", list.raw)
	}
}
