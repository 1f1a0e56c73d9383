package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

var mainKey = engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}

// receive has the session get messages, one second apart from the given one on.
func (d *daemon) receive(messages ...engine.Incoming) {
	d.t.Helper()
	for i, m := range messages {
		m.Timestamp = paperSentAt.Add(time.Duration(i) * time.Second)
		if m.Kind == "" {
			m.Kind = engine.KindText
		}
		if err := d.network.conn(mainKey).handler.Receive(d.t.Context(), m)(); err != nil {
			d.t.Fatal(err)
		}
	}
}

func TestMarkingAsRead(t *testing.T) {
	d := start(t)
	d.link("main")
	d.receive(
		engine.Incoming{ID: "A1", Chat: paperFriend.LID, Sender: engine.Person{LID: paperFriend.LID}}, // before its number was known
		engine.Incoming{ID: "A2", Chat: paperFriend.Phone, Sender: paperFriend},
		engine.Incoming{ID: "A3", Chat: paperFriend.Phone, Sender: paperFriend, Kind: engine.KindVoice},
		engine.Incoming{ID: "G1", Chat: paperGroup.ID, Sender: paperFriend, IsGroup: true},
		engine.Incoming{ID: "G2", Chat: paperGroup.ID, Sender: paperHidden, IsGroup: true},
		engine.Incoming{ID: "G3", Chat: paperGroup.ID, Sender: paperFriend, IsGroup: true},
	)
	const chat, group = mainPath + "/chats/919876543211", mainPath + "/chats/120363025246125486@g.us"
	d.says(d.post(chat+"/read", `{"messageIds":["A3"],"played":true}`), http.StatusOK, `{"success":true,"marked":1}`)
	d.asks("read [A3] of 919876543211@s.whatsapp.net in 919876543211@s.whatsapp.net, played true")
	// The rest, by the other address and without a body.
	r := d.do(call{method: http.MethodPost, path: mainPath + "/chats/223456789012345%40lid/read", key: d.key})
	d.says(r, http.StatusOK, `{"success":true,"marked":2}`)
	d.asks("read [A2 A1] of 919876543211@s.whatsapp.net in 223456789012345@lid, played false")
	d.says(d.post(chat+"/read", `{}`), http.StatusOK, `{"success":true,"marked":0}`)
	d.asks()
	d.says(d.post(chat+"/read", `{"messageIds":["A2","A2"]}`), http.StatusOK, `{"success":true,"marked":1}`)
	d.asks("read [A2] of 919876543211@s.whatsapp.net in 919876543211@s.whatsapp.net, played false")

	d.says(d.post(group+"/read", `{}`), http.StatusOK, `{"success":true,"marked":3}`)
	d.asks("read [G3 G1] of 919876543211@s.whatsapp.net in 120363025246125486@g.us, played false",
		"read [G2] of 323456789012345@lid in 120363025246125486@g.us, played false")

	for _, body := range []string{`{"messageIds":[]}`, `{"messageIds":[""]}`, `{"played":true}`, `{"messageIds":"A1"}`, `{"messageIds":[1]}`,
		`{"read":true}`, `[]`, ` `, `{"messageIds":[` + strings.Repeat(`"A1",`, maxMarked) + `"A1"]}`} {
		d.wants(d.post(chat+"/read", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	// One that is not there, or in another chat, spoils the request.
	for _, body := range []string{`{"messageIds":["A1","B1"]}`, `{"messageIds":["G1"]}`} {
		d.wants(d.post(chat+"/read", body), http.StatusNotFound, engine.CodeNotFound)
	}
	d.asks()
}

// TestNothingIsMarkedThatWasNotTold: the log says read only of what the network took.
func TestNothingIsMarkedThatWasNotTold(t *testing.T) {
	d := start(t)
	d.link("main")
	d.receive(engine.Incoming{ID: "A1", Chat: paperFriend.Phone, Sender: paperFriend})
	d.network.world.fail(engine.Errorf(engine.CodeSessionNotReady, "gone"))
	d.wants(d.post(mainPath+"/chats/919876543211/read", `{}`), http.StatusConflict, engine.CodeSessionNotReady)
	d.network.world.fail(nil)
	d.says(d.post(mainPath+"/chats/919876543211/read", `{}`), http.StatusOK, `{"success":true,"marked":1}`)
	m, err := d.store.FindMessage(t.Context(), mainKey, engine.Inbound, "A1")
	if err != nil || m.Status != engine.MessageRead {
		t.Errorf("the log says %s (%v)", m.Status, err)
	}
}

func TestTypingAndPresence(t *testing.T) {
	d := start(t)
	d.link("main")
	for state, want := range map[string]string{"typing": "typing", "recording": "recording", "paused": "paused"} {
		d.says(d.post(mainPath+"/chats/+919876543211/presence", `{"state":"`+state+`"}`), http.StatusOK, `{"success":true}`)
		d.asks(want + " in 919876543211@s.whatsapp.net")
	}
	d.says(d.post(mainPath+"/presence", `{"available":true}`), http.StatusOK, `{"success":true}`)
	d.says(d.post(mainPath+"/presence", `{"available":false}`), http.StatusOK, `{"success":true}`)
	d.asks("available true", "available false")
	for _, body := range []string{`{}`, `{"state":""}`, `{"state":"sleeping"}`, `{"state":true}`} {
		d.wants(d.post(mainPath+"/chats/919876543211/presence", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	for _, body := range []string{`{}`, `{"available":null}`, `{"available":"true"}`, `{"available":1}`} {
		d.wants(d.post(mainPath+"/presence", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.asks()
}

func TestArchivingAChat(t *testing.T) {
	d := start(t)
	d.link("main")
	const chat = mainPath + "/chats/919876543211/archive"
	before := time.Now().Unix()
	d.says(d.post(chat, `{"archive":true}`), http.StatusOK, `{"success":true}`)
	if asked := d.network.world.log(); len(asked) != 1 || !strings.HasPrefix(asked[0], `archive 919876543211@s.whatsapp.net true, last "" of  at 1`) {
		t.Errorf("an empty chat is archived by %q, at %d", asked, before)
	}
	d.receive(engine.Incoming{ID: "A1", Chat: paperFriend.Phone, Sender: paperFriend})
	d.says(d.post(chat, `{"archive":false}`), http.StatusOK, `{"success":true}`)
	d.asks(`archive 919876543211@s.whatsapp.net false, last "A1" of 919876543211@s.whatsapp.net at 1708243200`)
	for _, body := range []string{`{}`, `{"archive":null}`, `{"archive":"yes"}`} {
		d.wants(d.post(chat, body), http.StatusBadRequest, engine.CodeInvalid)
	}
}

func TestChatsThatAreNone(t *testing.T) {
	d := start(t)
	d.link("main")
	for chat, code := range map[string]engine.Code{
		"tomorrow": engine.CodeInvalid, "status@broadcast": engine.CodeInvalid,
		"120363000000000@newsletter": engine.CodeNotSupported,
	} {
		for route, body := range map[string]string{"/read": `{}`, "/presence": `{"state":"typing"}`, "/archive": `{"archive":true}`} {
			d.wants(d.post(mainPath+"/chats/"+chat+route, body), http.StatusBadRequest, code)
		}
	}
	d.asks()
}
