package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wapid/engine/simnet"
	"wapid/store"
)

// liveFrame is one frame of Whatomate's WebSocket, as its documentation has it.
type liveFrame struct {
	Type    string `json:"type"`
	Payload struct {
		ID        string `json:"id"`
		MessageID string `json:"message_id"`
		ContactID string `json:"contact_id"`
		Direction string `json:"direction"`
		Type      string `json:"type"`
		Content   struct {
			Text     string `json:"text"`
			Caption  string `json:"caption"`
			MIMEType string `json:"mime_type"`
			MediaID  string `json:"media_id"`
			MediaURL string `json:"media_url"`
		} `json:"content"`
		Status string `json:"status"`
		Name   string `json:"profile_name"`
	} `json:"payload"`
	EventID string `json:"event_id"`
	raw     string
}

// liveSocket is a page that is told what happens.
type liveSocket struct {
	t    testing.TB
	conn *websocket.Conn
}

// openLive opens a socket as a page does: with a ticket in its URL.
func openLive(t testing.TB, a *api, query string) *liveSocket {
	t.Helper()
	ticket := a.must(t, 200, "POST", "/api/whatsapp/events/ticket", nil).text("ticket")
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(a.base, "http", "ws", 1)+"/ws?token="+ticket+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &liveSocket{t, conn}
}

// await reads on until a frame matches; what does not is returned as well.
func (l *liveSocket) await(what string, match func(liveFrame) bool) (found liveFrame, before []liveFrame) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for {
		kind, raw, err := l.conn.Read(ctx)
		var f liveFrame
		if err == nil {
			err = json.Unmarshal(raw, &f)
		}
		if err != nil || kind != websocket.MessageText {
			l.t.Fatalf("%s: %v, after %+v", what, err, before)
		}
		f.raw = string(raw)
		if match(f) {
			return f, before
		}
		before = append(before, f)
	}
}

// TestLiveEventsOfWhatomate lets a page follow a conversation of a real session, break
// off while the daemon stops, and get what it has missed.
func TestLiveEventsOfWhatomate(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	a := startApp(t, network, dir, nil)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	theirs.SetPushName("Asha")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	live := openLive(t, &a.api, "")
	if _, err := theirs.SendText(t.Context(), mine.JID(), difficult); err != nil {
		t.Fatal(err)
	}
	question, before := live.await("the question", func(f liveFrame) bool { return f.Type == "message:new" })
	if p := question.Payload; p.Direction != "incoming" || p.Type != "text" || p.Content.Text != difficult || p.Name != "Asha" {
		t.Errorf("the question is %s, after %+v", question.raw, before)
	}
	// Whoever follows from the beginning is told of the person who wrote.
	met, _ := openLive(t, &a.api, "&since="+string(store.FirstEvent)).await("the contact", func(f liveFrame) bool { return f.Type == "contact:new" })
	if met.Payload.ID != question.Payload.ContactID || met.Payload.Name != "Asha" {
		t.Errorf("the contact is %s, and wrote %s", met.raw, question.raw)
	}
	sent := a.send(t, "main", theirs.Number(), "the answer")
	answer, _ := live.await("the answer", func(f liveFrame) bool { return f.Type == "message:new" })
	if p := answer.Payload; p.Direction != "outgoing" || p.Content.Text != "the answer" || p.ContactID != question.Payload.ContactID || p.ID == question.Payload.ID {
		t.Errorf("the answer is %s, the question was %s", answer.raw, question.raw)
	}
	status := func(word string) func(liveFrame) bool {
		return func(f liveFrame) bool {
			return f.Type == "message:status" && f.Payload.MessageID == answer.Payload.ID && f.Payload.Status == word
		}
	}
	if _, before := live.await("it is sent", status("sent")); len(before) > 0 {
		t.Errorf("before it was sent came %+v", before)
	}
	live.await("it is delivered", status("delivered"))
	got, err := arrive(t, theirs, func(r simnet.Received) bool { return r.ID == sent.text("messageId") })
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.MarkRead(t.Context(), mine.JID(), got.ID); err != nil {
		t.Fatal(err)
	}
	read, _ := live.await("it is read", status("read"))

	file, err := theirs.SendMedia(t.Context(), mine.JID(), simnet.Media{Kind: "image", Data: []byte("the bytes"), MIME: "image/png", Caption: "a picture"})
	if err != nil {
		t.Fatal(err)
	}
	picture, _ := live.await("the picture", func(f liveFrame) bool { return f.Type == "message:new" })
	if c := picture.Payload.Content; picture.Payload.Type != "image" || c.Caption != "a picture" || c.MIMEType != "image/png" {
		t.Errorf("the picture is %s", picture.raw)
	}
	if at := sessionPath("main") + "/messages/" + file + "/media"; picture.Payload.Content.MediaURL != at {
		t.Errorf("its file is at %s, want %s", picture.Payload.Content.MediaURL, at)
	}
	shown := liveFile(t, &a.api, picture.Payload.Content.MediaID)
	if want := hex.EncodeToString(sha256Of("the bytes")); shown != want {
		t.Errorf("by its id the file has the hash %s, want %s", shown, want)
	}
	if sum, _, _ := a.fetch(t, "main", file); sum != sha256.Sum256([]byte("the bytes")) {
		t.Error("its file is another")
	}

	a.stop()
	if _, _, err := live.conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the daemon stops: %v", err)
	}
	if _, err := theirs.SendText(t.Context(), mine.JID(), "are you there?"); err != nil {
		t.Fatal(err)
	}
	b := startApp(t, network, dir, nil)
	again := openLive(t, &b.api, "&since="+read.EventID)
	missed, before := again.await("what it has missed", func(f liveFrame) bool {
		return f.Type == "message:new" && f.Payload.Content.Text == "are you there?"
	})
	if missed.Payload.ContactID != question.Payload.ContactID {
		t.Errorf("who wrote first is another now: %s", missed.raw)
	}
	pictures := 0
	for _, f := range before {
		if f.Payload.ID == picture.Payload.ID {
			pictures++
		}
		if f.Payload.ID == question.Payload.ID || f.Payload.ID == answer.Payload.ID {
			t.Errorf("it had got %s already", f.raw)
		}
	}
	if pictures != 1 {
		t.Errorf("the picture came %d times", pictures)
	}
}

// liveFile is the hash of a file as Meta's API shows it by the id that a frame has.
func liveFile(t testing.TB, a *api, id string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.base+"/v23.0/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	res, err := a.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var shown struct{ SHA256 string }
	if err := json.NewDecoder(res.Body).Decode(&shown); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	return shown.SHA256
}

func sha256Of(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
