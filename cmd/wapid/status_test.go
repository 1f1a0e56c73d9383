package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// subscribeTo makes the receiver the tenant's webhook for some events.
func (h *hooks) subscribeTo(t testing.TB, a *api, events ...string) {
	t.Helper()
	a.must(t, 200, "PUT", "/api/account/webhook", map[string]any{"url": h.server.URL + "/hook", "secret": hookSecret, "events": events})
}

// statuses are what the webhook was told of a message, in the order of arrival.
func (h *hooks) statuses(id string) (list []string) {
	for _, d := range h.all() {
		if d.Event == "message.status" && d.Data.ID == id {
			list = append(list, d.Data.Status)
		}
	}
	return list
}

// TestStatusesAreTold: what becomes of a message is told in order, once each,
// however often and in whichever order the phones say it, also over a restart.
func TestStatusesAreTold(t *testing.T) {
	network, receiver, dir := startNetwork(t), startHooks(t), t.TempDir()
	a := startApp(t, network, dir, nil)
	receiver.subscribeTo(t, &a.api, "message.status")
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	ctx := t.Context()
	told := func(id string, want ...string) {
		t.Helper()
		eventually(t, fmt.Sprint(id, " is told as ", want), func() bool { return fmt.Sprint(receiver.statuses(id)) == fmt.Sprint(want) })
	}
	first := a.send(t, "main", "447700900124", "to be read").text("messageId")
	told(first, "sent", "delivered")
	for range 2 {
		if err := theirs.MarkRead(ctx, mine.JID(), types.MessageID(first)); err != nil {
			t.Fatal(err)
		}
	}
	told(first, "sent", "delivered", "read")
	if err := theirs.MarkPlayed(ctx, mine.JID(), types.MessageID(first)); err != nil {
		t.Fatal(err)
	}
	if err := theirs.MarkRead(ctx, mine.JID(), types.MessageID(first)); err != nil {
		t.Fatal(err)
	}
	told(first, "sent", "delivered", "read", "played")
	d := receiver.await(t, "read", func(h hook) bool { return h.Data.ID == first && h.Data.Status == "read" })
	if !strings.Contains(d.Raw, `"data":{"id":"`+first+`","to":"447700900124@s.whatsapp.net","status":"read","timestamp":`) || strings.Contains(d.Raw, "participant") {
		t.Errorf("told as %s", d.Raw)
	}

	// A recipient that is away, and a daemon that is away when it comes back.
	theirs.SetOnline(false)
	second := a.send(t, "main", "447700900124", "to be delivered later").text("messageId")
	told(second, "sent")
	a.stop()
	theirs.SetOnline(true)
	if _, err := arrive(t, theirs, func(r simnet.Received) bool { return r.ID == second }); err != nil {
		t.Fatal(err)
	}
	a = startApp(t, network, dir, nil)
	told(second, "sent", "delivered")

	group, err := theirs.CreateGroup(ctx, "Team", mine.JID(), network.Phone("447700900125").JID())
	if err != nil {
		t.Fatal(err)
	}
	a.awaitStatus(t, "main", "ready")
	third := a.send(t, "main", group.String(), "to all").text("messageId")
	told(third, "sent", "delivered")
	d = receiver.await(t, "delivered in the group", func(h hook) bool { return h.Data.ID == third && h.Data.Status == "delivered" })
	if d.Data.To != group.String() || !strings.HasPrefix(d.Data.Participant, "4477009001") {
		t.Errorf("told as %s", d.Raw)
	}
	if got := receiver.statuses(first); len(got) != 4 {
		t.Errorf("the first message was told as %v in the end", got)
	}
}

// TestGroupsAndCallsAreTold: to a webhook that asks for everything, and with both
// addresses of whoever did it.
func TestGroupsAndCallsAreTold(t *testing.T) {
	network, receiver := startNetwork(t), startHooks(t)
	a := startApp(t, network, t.TempDir(), nil)
	receiver.subscribeTo(t, &a.api, "*")
	mine, theirs, third := network.Phone("447700900123"), network.Phone("447700900124"), network.Phone("447700900125")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	ctx := t.Context()
	told := func(event, action, want string) {
		t.Helper()
		d := receiver.await(t, event+" "+action, func(h hook) bool { return h.Event == event && h.Data.Action == action })
		if !strings.Contains(d.Raw, want) || d.SessionID != "main" {
			t.Errorf("%s was told as\n%s\nwant\n%s", action, d.Raw, want)
		}
	}
	group, err := theirs.CreateGroup(ctx, "Team", mine.JID())
	if err != nil {
		t.Fatal(err)
	}
	head := func(action string) string {
		return `"data":{"group":"` + group.String() + `","action":"` + action + `","by":"447700900124@s.whatsapp.net","byLid":"` + theirs.LID().String() + `",`
	}
	told("group", "add", head("add")+`"participants":["447700900123@s.whatsapp.net"],"subject":"Team","timestamp":`)
	if err := theirs.SetGroupSubject(ctx, group, "Crew"); err != nil {
		t.Fatal(err)
	}
	told("group", "subject", head("subject")+`"subject":"Crew","timestamp":`)
	if err := theirs.AddMembers(ctx, group, third.JID()); err != nil {
		t.Fatal(err)
	}
	if err := theirs.RemoveMembers(ctx, group, third.JID()); err != nil {
		t.Fatal(err)
	}
	told("group", "remove", head("remove")+`"participants":["447700900125@s.whatsapp.net"],"timestamp":`)

	id, err := theirs.Call(ctx, mine.JID(), false)
	if err != nil {
		t.Fatal(err)
	}
	caller := `"data":{"id":"` + id + `","from":"447700900124@s.whatsapp.net","fromLid":"` + theirs.LID().String() + `","action":"`
	told("call", "offer", caller+`offer","video":false,"timestamp":`)
	if err := theirs.HangUp(ctx, mine.JID(), id); err != nil {
		t.Fatal(err)
	}
	told("call", "terminate", caller+`terminate","video":false,"timestamp":`)
}

// TestWebhookIsTested: a test arrives at once, signed, and the answer says how it
// was taken. What the webhook did not ask for does not come.
func TestWebhookIsTested(t *testing.T) {
	network, receiver := startNetwork(t), startHooks(t)
	a := startApp(t, network, t.TempDir(), nil)
	const path = "/api/account/webhook/test"
	a.must(t, 404, "POST", path, nil)
	receiver.subscribeTo(t, &a.api, "ready")
	ans := a.must(t, 200, "POST", path, nil)
	delivery, _ := ans.body["delivery"].(map[string]any)
	if ans.body["success"] != true || delivery["state"] != "delivered" || delivery["status"] != 200.0 || delivery["durationMs"] == nil {
		t.Errorf("answered %s", ans.raw)
	}
	got := receiver.await(t, "test", func(h hook) bool { return h.Event == "test" })
	if got.ID != ans.text("eventId") || !strings.Contains(got.Raw, `"sessionId":"","timestamp":`) ||
		!strings.Contains(got.Raw, `"data":{"message":"This is a test of your webhook."}`) {
		t.Errorf("the test came as %s with the id %s, answered %s", got.Raw, got.ID, ans.raw)
	}
	a.must(t, 200, "PUT", "/api/account/webhook", map[string]any{"url": "http://127.0.0.1:1/hook"})
	ans = a.must(t, 200, "POST", path, nil)
	if delivery, _ = ans.body["delivery"].(map[string]any); delivery["state"] != "pending" || delivery["error"] != "connection refused" {
		t.Errorf("nobody listens, answered %s", ans.raw)
	}
	receiver.subscribeTo(t, &a.api, "ready")
	a.pair(t, "main", network.Phone("447700900123"))
	receiver.awaitEvent(t, "main", "ready")
	for _, h := range receiver.all() {
		if h.Event != "test" && h.Event != "ready" {
			t.Errorf("nobody asked for %s", h.Raw)
		}
	}
}

// TestTimersAreKept: what we write disappears by the timer that the other side,
// or our own phone, has set for the chat, also after a restart.
func TestTimersAreKept(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	a := startApp(t, network, dir, nil)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	ctx := t.Context()
	expires := func(want uint32) {
		t.Helper()
		// The timer comes over the network, and the first messages may be faster.
		eventually(t, fmt.Sprint("a message disappears after ", want), func() bool {
			id := a.send(t, "main", "447700900124", "how long?").text("messageId")
			got, err := arrive(t, theirs, func(r simnet.Received) bool { return r.ID == id })
			if err != nil {
				t.Fatal(err)
			}
			return got.Message.GetExtendedTextMessage().GetContextInfo().GetExpiration() == want
		})
	}
	expires(0)
	if _, err := theirs.SetTimer(ctx, mine.JID(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	expires(86400)
	a.stop()
	a = startApp(t, network, dir, nil)
	a.awaitStatus(t, "main", "ready")
	expires(86400)
	if _, err := mine.SetTimer(ctx, theirs.JID(), 0); err != nil {
		t.Fatal(err)
	}
	expires(0)
	if _, err := theirs.SendDisappearing(ctx, mine.JID(), "by the way", time.Hour); err != nil {
		t.Fatal(err)
	}
	expires(3600)
}
