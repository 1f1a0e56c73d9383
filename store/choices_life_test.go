package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

func TestQuestionsOutliveARestartAndExpire(t *testing.T) {
	k := newTalk(t)
	q := k.asks(phoneA, "Yes", "No")
	k.restart()
	k.wants(k.says(phoneA, asha, "2"), q, "id-No")
	k.now = k.now.Add(engine.ChoiceTTL - time.Minute)
	k.wants(k.says(phoneA, asha, "Yes"), q, "id-Yes")
	k.now = k.now.Add(time.Minute)
	k.wantsNone(k.says(phoneA, asha, "Yes"))
	k.wantsNone(k.says(phoneA, asha, "Yes", quoting(q)))
	if _, err := k.s.Prune(t.Context(), 0); err != nil || k.rows() != 0 {
		t.Errorf("%d questions are left, %v", k.rows(), err)
	}
}

func (k *talk) rows() (n int) {
	k.t.Helper()
	succeed(k.t, k.s.read.QueryRow(`SELECT count(*) FROM choices`).Scan(&n))
	return n
}

// What was certainly not sent asks nothing: an answer is to what was seen.
func TestAQuestionThatWasNotSentAsksNothing(t *testing.T) {
	ctx := t.Context()
	failed := engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeSendRejected}
	for name, undo := range map[string]func(k *talk, id engine.MessageID) error{
		"failed": func(k *talk, id engine.MessageID) error { return k.s.FinishMessage(ctx, k.key, id, failed) },
		"discarded": func(k *talk, id engine.MessageID) error {
			return k.s.DiscardMessage(ctx, k.key, id, nil)
		},
		"failed later": func(k *talk, id engine.MessageID) error {
			sent := engine.MessageOutcome{Status: engine.MessageSent, SentAt: k.now}
			if err := k.s.FinishMessage(ctx, k.key, id, sent); err != nil {
				return err
			}
			return k.s.AdvanceMessages(ctx, k.key, engine.Receipt{Chat: phoneA, IDs: []engine.MessageID{id}, Status: engine.MessageFailed,
				Code: engine.CodeUndeliverable})
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t)
			seen := k.asks(phoneA, "Yes", "No")
			succeed(t, undo(k, k.reserves(phoneA, engine.InteractiveText, "Red", "Green")))
			k.wants(k.says(phoneA, asha, "2"), seen, "id-No")
		})
	}
}

// A message that is taken up again after it failed asks again.
func TestAQuestionThatIsTakenUpAsksAgain(t *testing.T) {
	k := newTalk(t)
	r := engine.Reservation{Message: engine.LoggedMessage{Session: k.key, ID: "Q", Direction: engine.Outbound, Chat: phoneA, Peer: phoneA.Person(),
		Kind: engine.KindText, Status: engine.MessagePending, CreatedAt: k.now}, Resume: true,
		Choices: &engine.Choices{Style: engine.StyleList, Form: engine.InteractiveText, Options: []engine.Choice{{ID: "a", Title: "A", Description: "first"}}}}
	for range 2 {
		_, err := k.s.ReserveMessage(t.Context(), r)
		succeed(t, err)
		succeed(t, k.s.FinishMessage(t.Context(), k.key, "Q", engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeStorage}))
		k.wantsNone(k.says(phoneA, asha, "1"))
	}
	_, err := k.s.ReserveMessage(t.Context(), r)
	succeed(t, err)
	k.wants(k.says(phoneA, asha, "1"), "Q", "a")
}

// The same message that comes again answers nothing anew, and a link alone asks nothing.
func TestAnswersAreWrittenOnce(t *testing.T) {
	k := newTalk(t)
	q := k.asks(phoneA, "Yes", "No")
	k.says(phoneA, asha, "2", func(m *engine.LoggedMessage) { m.ID = "SAME" })
	m := engine.LoggedMessage{Session: k.key, ID: "SAME", Chat: phoneA, Peer: asha, Kind: engine.KindText, Text: "1", CreatedAt: k.now}
	data, err := engine.Canonical(engine.MessageData{ID: m.ID})
	succeed(t, err)
	if fresh, err := k.s.BeginIncoming(t.Context(), m, engine.Event{Session: k.key, Type: engine.EventMessage, Data: data})(); fresh || err != nil {
		t.Errorf("fresh: %v, %v", fresh, err)
	}
	var answered string
	succeed(t, k.s.read.QueryRow(`SELECT answered FROM choices WHERE message_id = $1`, q).Scan(&answered))
	if want := `["` + string(phoneA) + `"]`; answered != want {
		t.Errorf("it was answered by %s, want %s", answered, want)
	}
	r := engine.Reservation{Message: engine.LoggedMessage{Session: k.key, ID: "L", Direction: engine.Outbound, Chat: phoneA, Kind: engine.KindText,
		Status: engine.MessagePending, CreatedAt: k.now}, Choices: &engine.Choices{Style: engine.StyleButton, Link: &engine.ChoiceLink{Title: "T", URL: "https://e.x"}}}
	if _, err := k.s.ReserveMessage(t.Context(), r); err != nil || k.rows() != 1 {
		t.Errorf("%d questions, %v", k.rows(), err)
	}
}

func TestAnUnreadableQuestionCostsNoMessage(t *testing.T) {
	k := newTalk(t)
	told := watched(k.s)
	q := k.asks(phoneA, "Yes", "No")
	garble(t, k.s, "choices", "choices", "message_id = '"+string(q)+"'")
	k.wantsNone(k.says(phoneA, asha, "1"))
	wantTold(t, told, "the choices of a message", "message", string(q))
}

func TestRetentionTakesQuestions(t *testing.T) {
	k := newTalk(t)
	k.asks(phoneA, "Yes", "No")
	k.now = k.now.AddDate(0, 0, 2)
	kept := k.asks(phoneA, "Red", "Green")
	days := 1
	_, err := k.s.ChangeTenant(t.Context(), Origin{By: ActorOperator}, DefaultTenant, TenantChange{Retention: &days})
	succeed(t, err)
	if _, err := k.s.Prune(t.Context(), 0); err != nil || k.rows() != 1 {
		t.Errorf("%d questions are left, %v", k.rows(), err)
	}
	k.wants(k.says(phoneA, asha, "1"), kept, "id-Red")
}

// A session that asks nothing pays nothing for questions, and a chat without a question
// one look for many messages.
func TestQuestionsCostOnlyWhoAsks(t *testing.T) {
	s, c := countStatements(t)
	k := &talk{t: t, s: s, key: engine.SessionKey{Tenant: DefaultTenant, ID: "main"}, now: time.Now()}
	n := 0
	incoming := func(who engine.Person, text string) int64 {
		t.Helper()
		n++
		m := engine.LoggedMessage{Session: k.key, ID: engine.MessageID(fmt.Sprint("M", n)), Chat: who.Phone, Peer: who, Kind: engine.KindText, Text: text, CreatedAt: k.now}
		c.take()
		_, err := s.BeginIncoming(t.Context(), m, engine.Event{Session: k.key, Type: engine.EventMessage, Data: []byte(`{}`)})()
		succeed(t, err)
		return c.take()
	}
	incoming(asha, "hi")
	incoming(ben, "hi")
	alone := incoming(ben, "hi")
	k.reserves(phoneA, engine.InteractiveText)
	c.take()
	k.reserves(phoneA, engine.InteractiveText)
	plain := c.take()
	k.reserves(phoneA, engine.InteractiveText, "Yes", "No")
	if asked := c.take(); plain != 2 || asked != 3 {
		t.Errorf("a message takes %d statements, one with choices %d, want 2 and 3", plain, asked)
	}
	incoming(ben, "hi")
	if got := incoming(ben, "1"); got != alone {
		t.Errorf("in a chat without a question a message takes %d statements, want %d", got, alone)
	}
	if got := incoming(asha, "1"); got != alone+3 { // the question under two addresses, and that it is answered
		t.Errorf("an answer takes %d statements, want %d", got, alone+3)
	}
}

func TestCallbackDataComesWithEveryStatus(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		k := newTalk(t)
		m := engine.LoggedMessage{Session: k.key, ID: "M", Direction: engine.Outbound, Chat: phoneA, Peer: asha, Kind: engine.KindText,
			Status: engine.MessagePending, CreatedAt: k.now, CallbackData: "order 12"}
		_, err := k.s.ReserveMessage(t.Context(), engine.Reservation{Message: m})
		succeed(t, err)
		steps := []func() error{
			func() error { // faster than the server's word
				return k.s.AdvanceMessages(t.Context(), k.key, engine.Receipt{Chat: phoneA, IDs: []engine.MessageID{"M"}, Status: engine.MessageDelivered, At: k.now})
			},
			func() error {
				return k.s.AdvanceMessages(t.Context(), k.key, engine.Receipt{Chat: phoneA, IDs: []engine.MessageID{"M"}, Status: engine.MessageRead, At: k.now})
			},
		}
		for _, step := range steps {
			if restarts {
				k.restart()
			}
			succeed(t, step())
		}
		m.ID, m.CallbackData = "N", "order 13"
		_, err = k.s.ReserveMessage(t.Context(), engine.Reservation{Message: m})
		succeed(t, err)
		if restarts {
			k.restart()
		}
		succeed(t, k.s.FinishMessage(t.Context(), k.key, "N", engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeUndeliverable}))
		events, err := k.s.ListEvents(t.Context(), DefaultTenant, "", 100)
		succeed(t, err)
		var got []string
		for _, e := range events {
			var d engine.MessageStatusData
			succeed(t, json.Unmarshal(e.Data, &d))
			if e.Type == engine.EventMessageStatus {
				got = append(got, string(d.Status)+" "+d.CallbackData)
			}
		}
		if want := "sent order 12, delivered order 12, read order 12, failed order 13"; strings.Join(got, ", ") != want {
			t.Errorf("restarts %v: told %q, want %q", restarts, got, want)
		}
	}
}

func TestChoicePlansUseTheirIndexes(t *testing.T) {
	s := openInside(t, Options{})
	said, args := saidAt(engine.SessionKey{Tenant: "t", ID: "s"}, chatPlace{phone: phoneA, lid: lidA}, 1)
	for name, c := range map[string]struct {
		query string
		args  []any
		want  string
	}{
		"one":     {questionOfMessage, []any{1, 2, 3, 4}, "(tenant_id=? AND session_id=? AND message_id=?)"},
		"newest":  {newestQuestion, []any{1, 2, 3, 4}, "choices_chat (tenant_id=? AND session_id=? AND chat=?)"},
		"any":     {hasQuestions, []any{1, 2}, "(tenant_id=? AND session_id=?)"},
		"answer":  {answerQuestion, []any{1, 2, 3, 4}, "(tenant_id=? AND session_id=? AND message_id=?)"},
		"drop":    {deleteQuestion, []any{1, 2, 3}, "(tenant_id=? AND session_id=? AND message_id=?)"},
		"old":     {deleteOldQuestions, []any{1, 2, 3}, "choices_age (tenant_id=? AND created_at<?)"},
		"expired": {deleteExpiredQuestions, []any{1, 2}, "choices_expiry (expires_at<?)"},
		"said":    {said, args, "messages_lid (tenant_id=? AND peer_lid=? AND created_at>?)"},
	} {
		var plan string
		succeed(t, s.update(t.Context(), func(tx *sql.Tx) error {
			rows, err := tx.Query("EXPLAIN QUERY PLAN "+c.query, c.args...)
			lines, err := collect(rows, err, func(r row) (line string, err error) {
				var id, parent, unused int
				err = r.Scan(&id, &parent, &unused, &line)
				return line, err
			})
			plan = strings.Join(lines, "\n")
			return err
		}))
		if !strings.Contains(plan, c.want) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %s is not used:\n%s", name, c.want, plan)
		}
	}
}
