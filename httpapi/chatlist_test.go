package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"wapid/engine"
	"wapid/store"
)

func TestListingChats(t *testing.T) {
	d := start(t)
	d.link("main")
	d.says(d.get(mainPath+"/chats"), http.StatusOK, `{"chats":[]}`)
	d.receive(
		engine.Incoming{ID: "A1", Chat: paperFriend.LID, Sender: engine.Person{LID: paperFriend.LID}, Text: "first"}, // before its number was known
		engine.Incoming{ID: "A2", Chat: paperFriend.Phone, Sender: paperFriend, PushName: "Asha", Text: "second"},
		engine.Incoming{ID: "G1", Chat: paperGroup.ID, Sender: paperHidden, PushName: "Ravi", IsGroup: true, Text: "to all"},
	)
	d.wants(d.post(mainPath+"/send", `{"to":"919876543211","message":"third"}`), http.StatusOK, "")

	first := d.chats(d.key, mainPath+"/chats?limit=1")
	if len(first.Chats) != 1 || first.NextCursor == "" {
		t.Fatalf("the first page is %+v", first)
	}
	friend := first.Chats[0]
	if friend.Chat != paperFriend.Phone || friend.PhoneNumber != "919876543211" || friend.LID != paperFriend.LID || friend.IsGroup ||
		friend.PushName != "Asha" || friend.Unread != 2 || friend.LastMessage.Message != "third" || friend.LastMessage.Direction != engine.Outbound {
		t.Errorf("the chat with a friend is %+v", friend)
	}
	second := d.chats(d.key, mainPath+"/chats?cursor="+first.NextCursor)
	if len(second.Chats) != 1 || second.Chats[0].Chat != paperGroup.ID || !second.Chats[0].IsGroup || second.Chats[0].Unread != 1 {
		t.Errorf("the second page is %+v", second)
	}
	d.wants(d.post(mainPath+"/send", `{"to":"919876543213","message":"to somebody who never answers"}`), http.StatusOK, "")
	if all, written := d.chats(d.key, mainPath+"/chats"), d.chats(d.key, mainPath+"/chats?written=true"); len(all.Chats) != 3 || len(written.Chats) != 2 {
		t.Errorf("%d chats, in %d of which somebody has written", len(all.Chats), len(written.Chats))
	}
	d.wants(d.get(mainPath+"/chats?written=perhaps"), http.StatusBadRequest, engine.CodeInvalid)
	for _, chat := range []engine.JID{"919876543211", paperFriend.Phone, paperFriend.LID} {
		list := d.chatMessages(mainPath + "/chats/" + url.PathEscape(string(chat)) + "/messages?limit=2")
		if list.Chat != paperFriend.Phone || len(list.Messages) != 2 || list.Messages[0].Message != "third" || list.Messages[1].MessageID != "A2" {
			t.Errorf("the messages with %s are %+v", chat, list)
		}
		rest := d.chatMessages(mainPath + "/chats/" + url.PathEscape(string(chat)) + "/messages?cursor=" + list.NextCursor)
		if len(rest.Messages) != 1 || rest.Messages[0].MessageID != "A1" || rest.NextCursor != "" {
			t.Errorf("behind them are %+v", rest)
		}
	}
	d.says(d.get(mainPath+"/chats/919876543299/messages"), http.StatusOK,
		`{"chat":"919876543299@s.whatsapp.net","phoneNumber":"919876543299","isGroup":false,"messages":[]}`)
	d.wants(d.post(mainPath+"/chats/919876543211/read", `{}`), http.StatusOK, "")
	if got := d.chats(d.key, mainPath+"/chats?written=true").Chats[1].Unread; got != 0 {
		t.Errorf("%d are unread after all were read", got)
	}
	for _, query := range []string{"?limit=0", "?limit=1000", "?limit=x", "?cursor=x", "?page=1", "?cursor=W10&cursor=W10"} {
		d.wants(d.get(mainPath+"/chats"+query), http.StatusBadRequest, engine.CodeInvalid)
		d.wants(d.get(mainPath+"/chats/919876543211/messages"+query), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.get(mainPath+"/chats/tomorrow/messages"), http.StatusBadRequest, engine.CodeInvalid)
}

// A session of another tenant with the same id, and a key that is limited to other
// sessions, see nothing of a chat.
func TestChatsAreTheirSessions(t *testing.T) {
	d := start(t)
	d.link("main")
	d.link("second")
	d.receive(engine.Incoming{ID: "A1", Chat: paperFriend.Phone, Sender: paperFriend, Text: "mine"})
	const path = "/api/whatsapp/session/second/chats"
	d.says(d.get(path), http.StatusOK, `{"chats":[]}`)
	if got := d.chatMessages(path + "/919876543211/messages"); len(got.Messages) != 0 {
		t.Errorf("another session has %+v", got)
	}
	limited := d.keyFor(store.ScopeManage, []engine.SessionID{"second"})
	d.says(d.do(call{method: http.MethodGet, path: path, key: limited}), http.StatusOK, `{"chats":[]}`)
	d.wants(d.do(call{method: http.MethodPost, path: "/api/whatsapp/session", key: d.otherKey, body: `{"sessionId":"main"}`}), http.StatusOK, "")
	for _, at := range []string{"/chats", "/chats/919876543211/messages"} {
		d.wants(d.do(call{method: http.MethodGet, path: mainPath + at, key: limited}), http.StatusNotFound, engine.CodeSessionNotFound)
		r := d.do(call{method: http.MethodGet, path: mainPath + at, key: d.otherKey})
		d.wants(r, http.StatusOK, "")
		var told struct {
			Chats, Messages []json.RawMessage
		}
		if err := json.Unmarshal([]byte(r.body), &told); err != nil || len(told.Chats)+len(told.Messages) != 0 {
			t.Errorf("another tenant sees %s (%v)", r.body, err)
		}
	}
}

func (d *daemon) chats(key, path string) (list chatListResponse) {
	d.t.Helper()
	r := d.do(call{method: http.MethodGet, path: path, key: key})
	d.wants(r, http.StatusOK, "")
	if err := json.Unmarshal([]byte(r.body), &list); err != nil {
		d.t.Fatal(err)
	}
	return list
}

func (d *daemon) chatMessages(path string) (list chatResponse) {
	d.t.Helper()
	r := d.get(path)
	d.wants(r, http.StatusOK, "")
	if err := json.Unmarshal([]byte(r.body), &list); err != nil {
		d.t.Fatal(err)
	}
	return list
}
