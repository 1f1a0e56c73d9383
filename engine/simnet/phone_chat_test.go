package simnet

import (
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// TestConversation folds what happened in a chat into what is shown of it.
func TestConversation(t *testing.T) {
	me, other := types.NewJID(owner, types.DefaultUserServer), types.NewJID(customer, types.DefaultUserServer)
	at := time.Unix(1_700_000_000, 0)
	first := reference{chat: other, sender: other, id: "A"}
	mine := reference{chat: other, sender: me, id: "B", fromMe: true}
	say := func(id types.MessageID, author types.JID, message *waE2E.Message) utterance {
		return utterance{chat: other, what: unwrapped(message), line: lineOf(message, Line{
			ID: id, FromMe: author == me, Author: author, Text: textOf(message), Time: at,
		})}
	}
	begun := []utterance{say("A", other, textMessage("Hello")), say("B", me, reply(textMessage("Hi"), first, textMessage("Hello")))}
	for _, tc := range []struct {
		name string
		then []utterance
		want func(lines []Line) bool
	}{
		{"a reply quotes", nil, func(l []Line) bool { return l[1].Text == "Hi" && l[1].Quotes == "A" && l[0].Quotes == "" }},
		{"a reaction", []utterance{say("C", me, reaction(first, "👍", at))}, func(l []Line) bool {
			return slices.Equal(l[0].Reactions, []LineReaction{{me, "👍"}})
		}},
		{"another of the same person", []utterance{say("C", me, reaction(first, "👍", at)), say("D", me, reaction(first, "🎉", at))},
			func(l []Line) bool { return slices.Equal(l[0].Reactions, []LineReaction{{me, "🎉"}}) }},
		{"one of each", []utterance{say("C", me, reaction(first, "👍", at)), say("D", other, reaction(first, "🎉", at))},
			func(l []Line) bool { return len(l[0].Reactions) == 2 }},
		{"taken back", []utterance{say("C", me, reaction(first, "👍", at)), say("D", me, reaction(first, "", at))},
			func(l []Line) bool { return len(l[0].Reactions) == 0 }},
		{"to something unknown", []utterance{say("C", me, reaction(reference{chat: other, sender: other, id: "Z"}, "👍", at))},
			func(l []Line) bool { return len(l[0].Reactions)+len(l[1].Reactions) == 0 }},
		{"an edit", []utterance{say("C", me, edit(mine, textMessage("Hi there"), at))},
			func(l []Line) bool { return l[1].Text == "Hi there" && l[1].Edited && !l[0].Edited }},
		{"a deletion", []utterance{say("C", me, revoke(mine))},
			func(l []Line) bool { return l[1].Deleted && l[1].Text == "" && !l[0].Deleted }},
		{"a timer", []utterance{say("C", me, timerChange(time.Hour, at))}, func([]Line) bool { return true }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lines := conversation(append(slices.Clone(begun), tc.then...))
			if len(lines) != 2 || !tc.want(lines) {
				t.Errorf("%+v", lines)
			}
		})
	}
	poll := conversation([]utterance{say("P", other, pollMessage("Lunch?", []string{"soup", "bread"}, 1))})
	if len(poll) != 1 || poll[0].Kind != "poll" || poll[0].Text != "Lunch?" {
		t.Errorf("a poll is %+v", poll)
	}
}

func TestProgressInWords(t *testing.T) {
	for receipt, want := range map[string]string{"": "delivered", "inactive": "delivered", "read": "read", "read-self": "read", "played": "played"} {
		if got := progressOf(receipt).String(); got != want {
			t.Errorf("receipt %q: %s, want %s", receipt, got, want)
		}
	}
	if got := Progress(0).String(); got != "sent" {
		t.Errorf("without a receipt: %s", got)
	}
}
