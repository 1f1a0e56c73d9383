package store

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"wapid/engine"
)

var (
	asha = engine.Person{Phone: phoneA, LID: lidA}
	ben  = engine.Person{Phone: phoneB, LID: lidB}
)

const team = engine.JID("120363025246125486@g.us")

// talk is a session that asks and is answered, with a clock that the test moves.
type talk struct {
	t    *testing.T
	s    *Store
	path string
	key  engine.SessionKey
	now  time.Time
	n    int
}

func newTalk(t *testing.T) *talk {
	t.Helper()
	k := &talk{t: t, path: filepath.Join(t.TempDir(), FileName), key: engine.SessionKey{Tenant: DefaultTenant, ID: "main"},
		now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	k.open()
	_, _, err := k.s.EnsureDefaultTenant(t.Context(), "")
	succeed(t, err)
	t.Cleanup(func() { succeed(t, k.s.Close()) })
	return k
}

func (k *talk) open() {
	k.t.Helper()
	s, err := Open(k.t.Context(), k.path, Options{Clock: func() time.Time { return k.now }})
	if err != nil {
		k.t.Fatal(err)
	}
	k.s = s
}

func (k *talk) restart() {
	k.t.Helper()
	succeed(k.t, k.s.Close())
	k.open()
}

// asks sends a question, or with no titles a plain text, and returns its id.
func (k *talk) asks(to engine.JID, titles ...string) engine.MessageID {
	k.t.Helper()
	id := k.reserves(to, engine.InteractiveText, titles...)
	succeed(k.t, k.s.FinishMessage(k.t.Context(), k.key, id, engine.MessageOutcome{Status: engine.MessageSent, SentAt: k.now}))
	return id
}

func (k *talk) reserves(to engine.JID, form engine.Interactive, titles ...string) engine.MessageID {
	k.t.Helper()
	k.n++
	k.now = k.now.Add(time.Second)
	r := engine.Reservation{Message: engine.LoggedMessage{Session: k.key, ID: engine.MessageID(fmt.Sprint("OUT", k.n)), Direction: engine.Outbound,
		Chat: to, Peer: to.Person(), Kind: engine.KindText, Text: "?", Status: engine.MessagePending, CreatedAt: k.now, StatusAt: k.now}}
	if len(titles) > 0 {
		r.Choices = &engine.Choices{Style: engine.StyleButton, Form: form}
		for _, title := range titles {
			r.Choices.Options = append(r.Choices.Options, engine.Choice{ID: "id-" + title, Title: title})
		}
	}
	_, err := k.s.ReserveMessage(k.t.Context(), r)
	succeed(k.t, err)
	return r.Message.ID
}

// says is a text of somebody. It returns the option that the log and the event have
// with it, as "question/id"; "" for none.
func (k *talk) says(chat engine.JID, who engine.Person, text string, change ...func(*engine.LoggedMessage)) string {
	k.t.Helper()
	k.n++
	k.now = k.now.Add(time.Second)
	m := engine.LoggedMessage{Session: k.key, ID: engine.MessageID(fmt.Sprint("IN", k.n)), Direction: engine.Inbound, Chat: chat, Peer: who,
		Kind: engine.KindText, Text: text, CreatedAt: k.now, SentAt: k.now}
	for _, c := range change {
		c(&m)
	}
	told := engine.MessageData{ID: m.ID, From: who.Preferred(), Body: text, Type: m.Kind, Chat: chat, Details: m.Details}
	data, err := engine.Canonical(told)
	succeed(k.t, err)
	fresh, err := k.s.BeginIncoming(k.t.Context(), m, engine.Event{Session: k.key, Type: engine.EventMessage, Data: data})()
	if err != nil || !fresh {
		k.t.Fatalf("%q is fresh: %v, %v", text, fresh, err)
	}
	logged, err := k.s.FindMessage(k.t.Context(), k.key, engine.Inbound, m.ID)
	succeed(k.t, err)
	var raw []byte
	succeed(k.t, k.s.read.QueryRow(`SELECT data FROM events WHERE type = 'message' ORDER BY id DESC LIMIT 1`).Scan(&raw))
	var event engine.MessageData
	succeed(k.t, json.Unmarshal(raw, &event))
	told.Choice = logged.Details.Choice
	if !reflect.DeepEqual(event, told) || logged.Text != text || logged.Kind != m.Kind {
		k.t.Errorf("the event is %+v, the row %+v", event, logged)
	}
	if c := event.Choice; c != nil {
		return string(c.MessageID) + "/" + c.ID
	}
	return ""
}

func (k *talk) wants(got string, question engine.MessageID, id string) {
	k.t.Helper()
	if want := string(question) + "/" + id; got != want {
		k.t.Errorf("the answer is %q, want %q", got, want)
	}
}

func (k *talk) wantsNone(got string) {
	k.t.Helper()
	if got != "" {
		k.t.Errorf("it answers %q", got)
	}
}

func quoting(id engine.MessageID) func(*engine.LoggedMessage) {
	return func(m *engine.LoggedMessage) { m.Details.Quoted = &engine.QuotedInfo{MessageID: id} }
}

func voting(id engine.MessageID, options ...string) func(*engine.LoggedMessage) {
	return func(m *engine.LoggedMessage) {
		m.Kind, m.Text, m.Details.Vote = engine.KindPollVote, "", &engine.Vote{MessageID: id, Options: options}
	}
}

func tapping(question engine.MessageID, id string) func(*engine.LoggedMessage) {
	return func(m *engine.LoggedMessage) {
		m.Details.Choice = &engine.ChosenInfo{Style: engine.StyleQuickReply, ID: id, Title: "shown", MessageID: question}
	}
}

func TestAnswersNameOptions(t *testing.T) {
	k := newTalk(t)
	k.wantsNone(k.says(phoneA, asha, "1"))
	first := k.asks(phoneA, "Yes", "No")
	k.wantsNone(k.says(phoneA, asha, "hello"))
	k.wants(k.says(phoneA, asha, "2"), first, "id-No")
	k.wants(k.says(phoneA, asha, "1"), first, "id-Yes") // another mind, and nothing was said since
	k.wants(k.says(phoneA, asha, " YES "), first, "id-Yes")
	k.wants(k.says(phoneA, asha, "id-No"), first, "id-No")
	k.wantsNone(k.says(phoneA, asha, "3"))

	second := k.asks(phoneA, "Red", "Green", "Blue")
	k.wants(k.says(phoneA, asha, "3"), second, "id-Blue")
	k.wantsNone(k.says(phoneA, asha, "yes")) // of the first one, which it does not name
	k.wants(k.says(phoneA, asha, "2", quoting(first)), first, "id-No")
	k.wants(k.says(phoneA, asha, "Green", quoting(second)), second, "id-Green")
	k.wantsNone(k.says(phoneA, asha, "Green", quoting(first)))
	k.wantsNone(k.says(phoneA, asha, "1", quoting("IN1")))

	// Once it is answered a number may mean something else.
	k.asks(phoneA)
	k.wantsNone(k.says(phoneA, asha, "2"))
	k.wants(k.says(phoneA, asha, "2", quoting(second)), second, "id-Green")
	k.wants(k.says(phoneA, asha, "blue"), second, "id-Blue")

	// Until it is answered something else may be said, by either.
	third := k.asks(phoneA, "Up", "Down")
	k.asks(phoneA)
	k.wantsNone(k.says(phoneA, asha, "a moment"))
	k.wants(k.says(phoneA, asha, "1"), third, "id-Up")
}

func TestAnswersByVoteAndTap(t *testing.T) {
	k := newTalk(t)
	poll := k.reserves(phoneA, engine.InteractivePoll, "Yes", "No")
	text := k.asks(phoneA, "Red", "Green")
	k.wants(k.says(phoneA, asha, "", voting(poll, "No")), poll, "id-No")
	k.wants(k.says(phoneA, asha, "", voting(poll, "Yes")), poll, "id-Yes")
	k.wantsNone(k.says(phoneA, asha, "", voting(poll)))
	k.wantsNone(k.says(phoneA, asha, "", voting(poll, "Yes", "No")))
	k.wantsNone(k.says(phoneA, asha, "", voting("OTHER", "Yes")))
	k.wantsNone(k.says(phoneB, ben, "", voting(poll, "Yes")))
	k.wantsNone(k.says(phoneA, asha, "", voting(text, "Red")))

	// What the network says of a button is completed where the question is known.
	k.wants(k.says(phoneA, asha, "shown", tapping(text, "id-Green")), text, "id-Green")
	k.wants(k.says(phoneA, asha, "shown", tapping("", "id-Red")), text, "id-Red")
	k.wants(k.says(phoneA, asha, "shown", tapping("OTHER", "x")), "OTHER", "x")
}

func TestAnswersBelongToTheirChat(t *testing.T) {
	k := newTalk(t)
	toAsha, toTeam := k.asks(phoneA, "Yes", "No"), k.asks(team, "Tea", "Coffee")
	k.wantsNone(k.says(phoneB, ben, "1"))
	k.wantsNone(k.says(phoneB, ben, "1", quoting(toAsha)))
	k.wantsNone(k.says(phoneA, asha, "tea"))
	k.wants(k.says(team, asha, "2"), toTeam, "id-Coffee")
	k.wants(k.says(team, ben, "1"), toTeam, "id-Tea")
	k.asks(team)
	k.wantsNone(k.says(team, asha, "1"))
	cleo := engine.Person{Phone: "919876543212@s.whatsapp.net"}
	k.wants(k.says(team, cleo, "1"), toTeam, "id-Tea") // who has not answered yet
	k.wants(k.says(phoneA, asha, "1"), toAsha, "id-Yes")

	other := *k
	other.key.ID = "other"
	other.wantsNone(other.says(phoneA, asha, "1"))
}

// A chat is the same under either address of its person, whichever a message came by.
func TestAnswersByEitherAddress(t *testing.T) {
	for name, c := range map[string]struct {
		to, chat engine.JID
		who      engine.Person
		known    bool // an earlier message has told both addresses
	}{
		"to the number, by both":           {to: phoneA, chat: phoneA, who: asha},
		"to the LID, by both":              {to: lidA, chat: phoneA, who: asha},
		"to the number, by the LID alone":  {to: phoneA, chat: lidA, who: lidA.Person(), known: true},
		"to the LID, by the number alone":  {to: lidA, chat: phoneA, who: phoneA.Person(), known: true},
		"to the LID, by the LID":           {to: lidA, chat: lidA, who: lidA.Person()},
		"to the number, by the number":     {to: phoneA, chat: phoneA, who: phoneA.Person()},
		"to the number, in a chat by LIDs": {to: phoneA, chat: lidA, who: asha},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t)
			if c.known {
				k.says(phoneA, asha, "hi")
			}
			q := k.asks(c.to, "Yes", "No")
			k.wants(k.says(c.chat, c.who, "2"), q, "id-No")
			k.restart()
			k.asks(c.to)
			k.wantsNone(k.says(c.chat, c.who, "2")) // it is remembered who has answered
			k.wants(k.says(c.chat, c.who, "no"), q, "id-No")
		})
	}
}
