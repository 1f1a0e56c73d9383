package main

import (
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// TestVotesAreTold: what people choose is told in words, in our polls and in
// theirs, in a chat and in a group, also after a restart; and where it can't be
// read the event says so.
func TestVotesAreTold(t *testing.T) {
	network, receiver, dir := startNetwork(t), startHooks(t), t.TempDir()
	a := startApp(t, network, dir, nil)
	receiver.subscribe(t, &a.api)
	mine, theirs, third := network.Phone("447700900123"), network.Phone("447700900124"), network.Phone("447700900125")
	ctx := t.Context()
	early, err := theirs.SendPoll(ctx, mine.JID(), "Before?", []string{"yes", "no"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	a.pair(t, "main", mine)
	settle(t, network, mine)
	group, err := theirs.CreateGroup(ctx, "Team", mine.JID(), third.JID())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(to string) types.MessageID {
		t.Helper()
		ans := a.must(t, 200, "POST", sessionPath("main")+"/send", map[string]any{
			"to": to, "type": "poll", "message": "Lunch?", "options": []string{"soup", "bread", "salad"}, "selectableCount": 0,
		})
		id := types.MessageID(ans.text("messageId"))
		for _, phone := range []*simnet.Phone{theirs, third} {
			if phone == third && to != group.String() {
				continue
			}
			if _, err := arrive(t, phone, func(r simnet.Received) bool { return r.ID == id }); err != nil {
				t.Fatal(err)
			}
		}
		return id
	}
	vote := func(who *simnet.Phone, chat types.JID, poll types.MessageID, want string, options ...string) {
		t.Helper()
		id, err := who.Vote(ctx, chat, poll, options...)
		if err != nil {
			t.Fatal(err)
		}
		got := receiver.await(t, "a vote", func(h hook) bool { return h.Event == "message" && h.Data.ID == id })
		if want = `"vote":{"messageId":"` + poll + `",` + want + `}`; got.Data.Type != "poll_vote" || detailsOf(got) != want ||
			got.Data.From != who.JID().String() || got.Data.FromLID != who.LID().String() {
			t.Errorf("a vote was told as\n%s\nwant\n%s", got.Raw, want)
		}
	}
	ours, grouped := ask("447700900124"), ask(group.String())
	vote(theirs, mine.JID(), ours, `"options":["bread"]`, "bread")
	vote(theirs, mine.JID(), ours, `"options":["soup","salad"]`, "soup", "salad")
	vote(theirs, mine.JID(), ours, `"options":["soup"],"unresolved":1`, "soup", "what nobody offered")
	vote(theirs, mine.JID(), ours, `"options":[]`)
	vote(theirs, group, grouped, `"options":["soup"]`, "soup")
	vote(third, group, grouped, `"options":["salad"]`, "salad")

	elsewhere, err := theirs.SendPoll(ctx, group, "Where?", []string{"here", "there"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	receiver.await(t, "their poll", func(h hook) bool { return h.Data.ID == elsewhere })
	if _, err := arrive(t, third, func(r simnet.Received) bool { return r.ID == elsewhere }); err != nil {
		t.Fatal(err)
	}
	a.stop()
	a = startApp(t, network, dir, nil)
	a.awaitStatus(t, "main", "ready")
	vote(third, group, elsewhere, `"options":["there"]`, "there")
	vote(theirs, mine.JID(), ours, `"options":["bread"]`, "bread")
	vote(theirs, mine.JID(), early, `"options":[],"undecryptable":true`, "yes")
}
