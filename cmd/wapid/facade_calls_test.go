package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"wapid/engine/simnet"
)

// What a library is asked to do, in the order in which it is.

// subscribe has the library's receiver told, which first has to give back the challenge.
func (e *exercise) subscribe() {
	e.t.Helper()
	path := "/v23.0/" + e.waba + "/subscribed_apps"
	refused := e.tenantGraph(http.StatusBadRequest, path, map[string]any{"override_callback_uri": e.seen.server.URL, "verify_token": "another"})
	if code, _ := refused.body["error"].(map[string]any)["code"].(float64); code != 2200 {
		e.t.Errorf("a callback that does not know the token is answered %v", refused.body)
	}
	e.done.did["challenge"] = e.client.mute
	if result, can := e.do("subscribe", map[string]any{"callback": e.seen.server.URL}); !can {
		e.tenantGraph(http.StatusOK, path, map[string]any{"override_callback_uri": e.seen.server.URL, "verify_token": e.app.text("verifyToken")})
	} else if result != "true" {
		e.t.Errorf("the subscription is answered %s", result)
	}
}

// hear has the friend write, and returns the message's id as the library was told it,
// or for a library whose receiver does not work, as it was sent.
func (e *exercise) hear() (id string) {
	e.t.Helper()
	sent, err := e.friend.SendText(e.t.Context(), e.phone.JID(), difficult)
	if err != nil {
		e.t.Fatal(err)
	}
	if e.client.deaf != "" {
		eventually(e.t, "the receiver has failed", func() bool { return len(e.troubles()) > 0 })
		if trouble := e.troubles()[0]; !strings.Contains(trouble, e.client.trouble) {
			e.t.Errorf("it fails with %q, not with %q: the table must be looked at again", trouble, e.client.trouble)
		}
		for _, call := range []string{"message", "statuses", "picture", "choice", "emoji", "failed"} {
			e.done.did[call] = e.client.deaf
		}
		post, _ := e.seen.post(`"messages":[`)
		_, rest, _ := strings.Cut(post.body, `"id":"wamid.`)
		id, _, _ = strings.Cut(rest, `"`)
		return "wamid." + id
	}
	got := e.await("the friend's message", func(r received) bool { return r.Kind == "message" })
	if got.From != e.friend.Number() || got.Type != "text" || got.Text != difficult || got.Name != "Asha" || got.Phone != e.phoneID || !strings.HasPrefix(got.ID, "wamid.") {
		e.t.Errorf("the friend's message %s is told as %+v", sent, got)
	}
	e.done.did["message"] = ""
	return got.ID
}

// write sends a text, and follows what becomes of it; and answers the friend.
func (e *exercise) write(question string) {
	e.t.Helper()
	id, _ := e.do("text", map[string]any{"to": e.to(), "body": difficult})
	got := e.arrives("the text", func(r simnet.Received) bool { return r.Text == difficult })
	switch {
	case e.client.deaf != "":
	case e.client.silent != "":
		e.done.did["statuses"], e.done.did["failed"] = e.client.silent, e.client.silent
	default:
		for _, status := range []string{"sent", "delivered", "read"} {
			if status == "read" { // not before: who has read a message needs no receipt of it
				if err := e.friend.MarkRead(e.t.Context(), e.phone.JID(), got.ID); err != nil {
					e.t.Fatal(err)
				}
			}
			told := e.await("the text is "+status, func(r received) bool { return r.Kind == "status" && r.ID == id && r.Status == status })
			if told.To != e.friend.Number() || told.Phone != e.phoneID {
				e.t.Errorf("%s is told as %+v", status, told)
			}
		}
		lost, _ := e.do("text", map[string]any{"to": notOnWhatsApp, "body": "is anybody there?"})
		told := e.await("a message to nobody fails", func(r received) bool { return r.Kind == "status" && r.ID == lost && r.Status == "failed" })
		if told.Code != 131026 {
			e.t.Errorf("a message to nobody is told as %+v", told)
		}
		e.done.did["statuses"], e.done.did["failed"] = "", ""
	}
	if _, can := e.do("reply", map[string]any{"to": e.to(), "body": "an answer", "context": question}); can {
		got := e.arrives("the reply", func(r simnet.Received) bool { return r.Text == "an answer" })
		if quoted := got.Message.GetExtendedTextMessage().GetContextInfo().GetQuotedMessage().GetConversation(); quoted != difficult {
			e.t.Errorf("the reply quotes %q", quoted)
		}
	}
}

// files sends pictures by id and by link, and takes one in.
func (e *exercise) files() {
	e.t.Helper()
	file := filepath.Join(e.t.TempDir(), "picture.png")
	if err := os.WriteFile(file, e.picture, 0o600); err != nil {
		e.t.Fatal(err)
	}
	media, can := e.do("upload", map[string]any{"file": file, "mime": "image/png"})
	if !can {
		media = e.uploaded()
	}
	e.do("image", map[string]any{"to": e.to(), "media": media, "caption": "by id"})
	e.do("link", map[string]any{"to": e.to(), "link": e.clientBench.files.URL + "/picture.png", "caption": "by link"})
	for _, caption := range []string{"by id", "by link"} {
		got := e.arrives("the picture "+caption, func(r simnet.Received) bool { return r.Text == caption })
		if got.Message.GetImageMessage() == nil {
			e.t.Errorf("the picture %s is %v", caption, got.Message)
			continue
		}
		if raw, err := e.friend.Download(e.t.Context(), got); err != nil || len(raw) == 0 {
			e.t.Errorf("the picture %s has %d bytes, %v", caption, len(raw), err)
		}
	}
	if result, can := e.do("remove", map[string]any{"media": media}); can && result != "true" {
		e.t.Errorf("the file's removal is answered %s", result)
	}
	if e.client.deaf != "" {
		e.do("fetch", nil)
		return
	}
	content := []byte("a picture of " + e.client.name)
	if _, err := e.friend.SendMedia(e.t.Context(), e.phone.JID(), simnet.Media{Kind: "image", MIME: "image/png", Data: content}); err != nil {
		e.t.Fatal(err)
	}
	got := e.await("the friend's picture", func(r received) bool { return r.Kind == "message" && r.Type == "image" })
	e.done.did["picture"] = ""
	sum := sha256.Sum256(content)
	if result, can := e.do("fetch", map[string]any{"media": got.Media}); can && result != hex.EncodeToString(sum[:]) {
		e.t.Errorf("the picture has the hash %s, want %x", result, sum)
	}
}

// things sends what is neither a text nor a file.
func (e *exercise) things() {
	e.t.Helper()
	e.do("location", map[string]any{"to": e.to(), "latitude": -33.45, "longitude": -70.66, "name": "Santiago"})
	place := e.arrives("the place", func(r simnet.Received) bool { return r.Message.GetLocationMessage() != nil }).Message.GetLocationMessage()
	if place.GetDegreesLatitude() != -33.45 || place.GetDegreesLongitude() != -70.66 || place.GetName() != "Santiago" {
		e.t.Errorf("the place is %v", place)
	}
	e.do("contact", map[string]any{"to": e.to(), "name": "Ravi", "number": "+919876543219"})
	card := e.arrives("the card", func(r simnet.Received) bool { return r.Message.GetContactMessage() != nil }).Message.GetContactMessage()
	if card.GetDisplayName() != "Ravi" || !strings.Contains(card.GetVcard(), "919876543219") {
		e.t.Errorf("the card is %v", card)
	}

	const text = "Hello {{1}}, order {{2}} is on its way."
	status, can := e.do("createTemplate", map[string]any{"name": "order_sent", "language": "en_US", "text": text})
	if !can {
		status = e.tenantGraph(http.StatusOK, "/v23.0/"+e.waba+"/message_templates", map[string]any{"name": "order_sent", "language": "en_US", "category": "UTILITY",
			"components": []any{map[string]any{"type": "BODY", "text": text, "example": map[string]any{"body_text": []any{[]string{"Asha", "12"}}}}}}).text("status")
	}
	if status != "APPROVED" {
		e.t.Errorf("the template is %s", status)
	}
	if list, can := e.do("templates", nil); can && list != `["order_sent"]` {
		e.t.Errorf("the templates are %s", list)
	}
	e.do("template", map[string]any{"to": e.to(), "name": "order_sent", "language": "en_US", "values": []string{"Asha", "12"}})
	e.arrives("the template", func(r simnet.Received) bool { return r.Text == "Hello Asha, order 12 is on its way." })
}

// ask sends buttons and a list; the friend answers the buttons as people do.
func (e *exercise) ask() {
	e.t.Helper()
	options := []any{map[string]any{"id": "yes", "title": "Accept"}, map[string]any{"id": "no", "title": "Decline"}}
	e.do("list", map[string]any{"to": e.to(), "body": "Which one?", "button": "Open", "rows": options})
	e.arrives("the list", func(r simnet.Received) bool {
		return strings.HasPrefix(r.Text, "Which one?") && strings.Contains(r.Text, "2. Decline")
	})
	e.do("buttons", map[string]any{"to": e.to(), "body": "Agreed?", "buttons": options})
	e.arrives("the buttons", func(r simnet.Received) bool {
		return strings.HasPrefix(r.Text, "Agreed?") && strings.Contains(r.Text, "1. Accept")
	})
	if e.client.deaf != "" {
		return
	}
	if _, err := e.friend.SendText(e.t.Context(), e.phone.JID(), "2"); err != nil {
		e.t.Fatal(err)
	}
	chosen := e.await("the choice", func(r received) bool { return r.Kind == "message" && r.Type == "interactive" })
	if chosen.Choice != "no" || chosen.From != e.friend.Number() {
		e.t.Errorf("the choice is told as %+v", chosen)
	}
	e.done.did["choice"] = ""
}

// react reacts to the friend's message and marks it as read.
func (e *exercise) react(question string) {
	e.t.Helper()
	if _, can := e.do("reaction", map[string]any{"to": e.to(), "message": question, "emoji": "👍"}); can {
		got := e.arrives("the reaction", func(r simnet.Received) bool { return r.Message.GetReactionMessage() != nil }).Message.GetReactionMessage()
		if got.GetText() != "👍" || got.GetKey().GetID() != e.friend.Sent()[0].ID {
			e.t.Errorf("the reaction is %v", got)
		}
	}
	if result, can := e.do("read", map[string]any{"message": question}); can {
		if result != "true" {
			e.t.Errorf("marking as read is answered %s", result)
		}
		eventually(e.t, "the friend sees that it was read", func() bool { return len(e.friend.Sent()[0].Read) > 0 })
	}
	if product, can := e.do("profile", nil); can && product != "whatsapp" {
		e.t.Errorf("the profile is of %s", product)
	}
	if ids, can := e.do("numbers", nil); can && ids != `["`+e.phoneID+`"]` {
		e.t.Errorf("the phone numbers are %s, want %s", ids, e.phoneID)
	}
	const nuisance = "15559990000"
	if who, can := e.do("block", map[string]any{"to": "+" + nuisance}); can && (who != nuisance || !slices.Contains(e.phone.Blocked(), nuisance)) {
		e.t.Errorf("%s is blocked, the phone has %v", who, e.phone.Blocked())
	}
	if e.client.deaf != "" {
		return
	}
	e.done.did["emoji"] = e.client.stolid
	if e.client.stolid != "" {
		return
	}
	first := e.arrives("the text", func(r simnet.Received) bool { return r.Text == difficult })
	if _, err := e.friend.React(e.t.Context(), e.phone.JID(), first.ID, "🎉"); err != nil {
		e.t.Fatal(err)
	}
	told := e.await("the friend's reaction", func(r received) bool { return r.Kind == "message" && r.Type == "reaction" })
	if told.Emoji != "🎉" || told.From != e.friend.Number() {
		e.t.Errorf("the friend's reaction is told as %+v", told)
	}
}

// fail provokes errors: the library shows Meta's codes.
func (e *exercise) fail() {
	e.t.Helper()
	for _, c := range []struct {
		call, as string
		code     int
		args     map[string]any
	}{
		{"badToken", "a wrong token", 190, map[string]any{"to": e.to()}},
		{"text", "a bad recipient", 131009, map[string]any{"to": "nobody", "body": "no"}},
		{"flow", "a flow", 131051, map[string]any{"to": e.to()}},
	} {
		line := e.call(c.call, c.args)
		switch {
		case line.Lacks != "":
			e.done.did[c.as] = line.Lacks
		case line.Error == nil || line.Error.code() != c.code:
			e.t.Errorf("%s: it threw %+v, want the code %d", c.as, line.Error, c.code)
		default:
			e.done.did[c.as] = ""
		}
	}
}

// check has the library check the signature of what it was really sent, and of the same
// with another byte; and its receiver refuse the latter.
func (e *exercise) check() {
	e.t.Helper()
	post, found := e.seen.post(`"messages":[`)
	if !found || post.signature == "" {
		e.t.Fatalf("no message was delivered with a signature: %+v", post)
	}
	forged := strings.Replace(post.body, "Asha", "Asho", 1)
	if result, can := e.do("verify", map[string]any{"body": post.body, "signature": post.signature}); can {
		if result != "true" {
			e.t.Errorf("the signature is %s", result)
		}
		if result, _ := e.do("verify", map[string]any{"body": forged, "signature": post.signature}); result != "false" {
			e.t.Errorf("the signature of another body is %s", result)
		}
	}
	if !e.client.signs {
		return
	}
	before := len(e.told())
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.seen.server.URL, strings.NewReader(forged))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature-256", post.signature)
	req.Header.Set("Content-Type", "application/json")
	res, err := e.tenant.http().Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		e.t.Errorf("a forged event is answered %d", res.StatusCode)
	}
	e.await("what was forged", func(r received) bool { return r.Refused })
	for _, r := range e.told()[before:] {
		if r.Name == "Asho" {
			e.t.Errorf("it believed %+v", r)
		}
	}
}
