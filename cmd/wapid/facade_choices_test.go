package main

import (
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// asker is a session that asks questions through the API.
type asker struct {
	*inProcess
	receiver *hooks
}

// asks sends a question and waits until a phone shows it.
func (a *asker) asks(t *testing.T, phone *simnet.Phone, to, text string, more map[string]any) simnet.Received {
	t.Helper()
	body := map[string]any{"to": to, "message": text}
	for name, value := range more {
		body[name] = value
	}
	id := types.MessageID(a.must(t, 200, "POST", sessionPath("main")+"/send", body).text("messageId"))
	got, err := arrive(t, phone, func(r simnet.Received) bool { return r.ID == id })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// answered waits for the event of what somebody said, and wants its choice to be this.
func (a *asker) answered(t *testing.T, kind, details string, say func() (types.MessageID, error)) {
	t.Helper()
	id, err := say()
	if err != nil {
		t.Fatal(err)
	}
	got := a.receiver.await(t, "an answer", func(h hook) bool { return h.Event == "message" && h.Data.ID == id })
	if got.Data.Type != kind || detailsOf(got) != details {
		t.Errorf("the answer was told as\n%s\nwant %s with\n%s", got.Raw, kind, details)
	}
	logged := a.must(t, 200, "GET", sessionPath("main")+"/messages/"+id, nil)
	if _, has := logged.body["choice"]; has != (kind == "text" && details != "" || kind == "poll_vote") {
		t.Errorf("the log has %v", logged.body)
	}
}

func chose(question types.MessageID, style, id, title string) string {
	return `"choice":{"style":"` + style + `","id":"` + id + `","title":"` + title + `","messageId":"` + question + `"}`
}

func choices(titles ...string) []map[string]any {
	var all []map[string]any
	for _, title := range titles {
		all = append(all, map[string]any{"id": "id-" + title, "title": title})
	}
	return all
}

// TestQuestionsAreAnswered: a question goes out as numbered lines or as a poll, and what
// the phone says to it comes back as the option: by its number, its title, a reply, a
// vote; in a chat and in a group; also after a restart in between.
func TestQuestionsAreAnswered(t *testing.T) {
	network, receiver, dir := startNetwork(t), startHooks(t), t.TempDir()
	a := &asker{startApp(t, network, dir, nil), receiver}
	a.must(t, 200, "PUT", "/api/account/webhook", map[string]any{"url": receiver.server.URL, "secret": hookSecret, "events": []string{"message", "message.status"}})
	mine, asha, ben := network.Phone("447700900123"), network.Phone("447700900124"), network.Phone("447700900125")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	ctx := t.Context()
	says := func(who *simnet.Phone, to types.JID, text string) func() (types.MessageID, error) {
		return func() (types.MessageID, error) { return who.SendText(ctx, to, text) }
	}

	first := a.asks(t, asha, asha.Number(), "Shall we?", map[string]any{"header": "Order 1", "footer": "Shop", "choices": choices("Accept", "Decline"), "callbackData": "order-1"})
	if want := "*Order 1*\n\nShall we?\n\n1. Accept\n2. Decline\n\n_Shop_"; first.Text != want {
		t.Errorf("the phone shows\n%s\nwant\n%s", first.Text, want)
	}
	for _, status := range []string{"sent", "delivered"} {
		got := receiver.await(t, status, func(h hook) bool {
			return h.Event == "message.status" && h.Data.ID == first.ID && h.Data.Status == status
		})
		if !strings.Contains(got.Raw, `"callbackData":"order-1"`) {
			t.Errorf("told without what was given with it: %s", got.Raw)
		}
	}
	a.answered(t, "text", "", says(asha, mine.JID(), "Who is this?"))
	a.answered(t, "text", chose(first.ID, "button", "id-Decline", "Decline"), says(asha, mine.JID(), "2"))
	a.answered(t, "text", chose(first.ID, "button", "id-Accept", "Accept"), says(asha, mine.JID(), " accept"))
	a.answered(t, "text", "", says(ben, mine.JID(), "1"))

	second := a.asks(t, asha, asha.Number(), "Which?", map[string]any{"choices": choices("Red", "Green"), "choicesStyle": "list"})
	a.stop()
	a.inProcess = startApp(t, network, dir, nil)
	a.awaitStatus(t, "main", "ready")
	a.answered(t, "text", chose(second.ID, "list", "id-Green", "Green"), says(asha, mine.JID(), "2"))
	a.answered(t, "text", `"quoted":{"messageId":"`+first.ID+`","from":"447700900123@s.whatsapp.net","type":"text","body":"*Order 1*\n\nShall we?\n\n1. Accept\n2. Decline\n\n_Shop_"},`+
		chose(first.ID, "button", "id-Decline", "Decline"), func() (types.MessageID, error) { return asha.Reply(ctx, mine.JID(), first.ID, "2") })

	group, err := asha.CreateGroup(ctx, "Team", mine.JID(), ben.JID())
	if err != nil {
		t.Fatal(err)
	}
	third := a.asks(t, ben, group.String(), "Lunch?", map[string]any{"choices": choices("Soup", "Bread")})
	a.answered(t, "text", chose(third.ID, "button", "id-Bread", "Bread"), says(ben, group, "2"))
	a.answered(t, "text", chose(third.ID, "button", "id-Soup", "Soup"), says(asha, group, "1"))

	a.must(t, 200, "PATCH", sessionPath("main"), map[string]any{"interactive": "poll"})
	polled := a.asks(t, asha, asha.Number(), "When?", map[string]any{"choices": choices("Now", "Later")})
	poll := polled.Message.GetPollCreationMessage()
	if poll.GetName() != "When?" || len(poll.GetOptions()) != 2 || poll.GetSelectableOptionsCount() != 1 {
		t.Errorf("the phone shows %v", polled.Message)
	}
	a.answered(t, "poll_vote", `"vote":{"messageId":"`+polled.ID+`","options":["Later"]},`+chose(polled.ID, "button", "id-Later", "Later"),
		func() (types.MessageID, error) { return asha.Vote(ctx, mine.JID(), polled.ID, "Later") })
	a.answered(t, "text", chose(polled.ID, "button", "id-Now", "Now"), says(asha, mine.JID(), "NOW"))

	a.must(t, 200, "PATCH", sessionPath("main"), map[string]any{"interactive": "native"})
	tapped := a.asks(t, asha, asha.Number(), "Really?", map[string]any{"header": "Order 2", "choices": choices("Yes", "No")})
	if want := []simnet.Button{{ID: "id-Yes", Title: "Yes"}, {ID: "id-No", Title: "No"}}; tapped.Text != "Really?" || !slices.Equal(tapped.Buttons, want) {
		t.Errorf("the phone shows %q with %v", tapped.Text, tapped.Buttons)
	}
	a.answered(t, "text", `"quoted":{"messageId":"`+tapped.ID+`","from":"447700900123@s.whatsapp.net","type":"text","body":"Really?"},`+chose(tapped.ID, "button", "id-No", "No"),
		func() (types.MessageID, error) { return asha.Tap(ctx, mine.JID(), tapped.ID, "id-No") })
	row := a.asks(t, ben, group.String(), "Which?", map[string]any{"choices": choices("Left", "Right"), "choicesStyle": "list"})
	a.answered(t, "text", `"quoted":{"messageId":"`+row.ID+`","from":"447700900123@s.whatsapp.net","type":"text","body":"Which?"},`+chose(row.ID, "list", "id-Right", "Right"),
		func() (types.MessageID, error) { return ben.Tap(ctx, group, row.ID, "id-Right") })

	plan := map[string]any{"type": "document", "mediaBase64": "SGVsbG8gd29ybGQ=", "fileName": "plan.txt", "choices": choices("Like", "Dislike")}
	liked := a.asks(t, asha, asha.Number(), "How is it?", plan)
	if want := "How is it?\n\n1. Like\n2. Dislike"; liked.Text != want {
		t.Errorf("below the file stands %q, want %q", liked.Text, want)
	}
	a.answered(t, "text", chose(liked.ID, "button", "id-Like", "Like"), says(asha, mine.JID(), "1"))
}
