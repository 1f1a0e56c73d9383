package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"wapid/engine/simnet"
)

// Ways to ask for a send.
const (
	askPlain  = "plain"  // waits for the network; not repeated
	askQueued = "queued" // wait=false; not repeated
	askKeyed  = "keyed"  // waits, and is repeated under its key until it is answered
	askBoth   = "keyed, queued"
)

// request is one message that a tenant wants sent.
type request struct {
	tenant, session int
	to              *simnet.Phone
	ask, text       string

	id       string // as it was acknowledged; "" if it was not
	refused  string // the code that says that it certainly was not sent
	maybe    bool   // nobody said what became of it
	attempts int
}

func (q *request) keyed() bool  { return q.ask == askKeyed || q.ask == askBoth }
func (q *request) queued() bool { return q.ask == askQueued || q.ask == askBoth }

// certainlyNot are the codes after which a message was not sent.
func certainlyNot(code string) bool {
	switch code {
	case "SESSION_NOT_READY", "SESSION_BUSY", "STORAGE_UNAVAILABLE", "STOPPING", "RATE_LIMITED", "RECIPIENT_UNREACHABLE", "NOT_READY":
		return true
	}
	return false
}

// traffic begins everybody's, and returns how to wait for its end. What is repeated
// until it is answered goes on past the end of ctx.
func (h *chaos) traffic(ctx context.Context) (finish func()) {
	var wg sync.WaitGroup
	h.everySession(func(tenant, session int) {
		for lane := range 2 {
			dice := h.o.draw(fmt.Sprintf("out %d %d %d", tenant, session, lane))
			wg.Go(func() { h.outbound(ctx, tenant, session, lane, dice) })
		}
		dice := h.o.draw(fmt.Sprintf("in %d %d", tenant, session))
		wg.Go(func() { h.inbound(ctx, tenant, session, "in", dice) })
	})
	for tenant := range h.o.tenants {
		dice := h.o.draw(fmt.Sprintf("bulk %d", tenant))
		wg.Go(func() { h.bulk(ctx, tenant, dice) })
		wg.Go(func() { h.follow(ctx, h.readers[tenant]) })
	}
	return wg.Wait
}

func (h *chaos) outbound(ctx context.Context, tenant, session, lane int, dice *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		ask := []string{askPlain, askPlain, askQueued, askKeyed, askBoth}[dice.IntN(5)]
		q := &request{tenant: tenant, session: session, ask: ask, to: h.friend(tenant, session, dice.IntN(friendsEach)),
			text: fmt.Sprintf("out %d %d %d %d", tenant, session, lane, n)}
		wait := between(dice, 50*time.Millisecond, 500*time.Millisecond)
		h.insist(q)
		h.books.noteRequest(q)
		pause(ctx, wait)
	}
}

// insist makes a request, again and again if it has a key.
func (h *chaos) insist(q *request) {
	deadline := time.Now().Add(h.o.length + 2*patience)
	for {
		q.attempts++
		answered := h.post(q)
		if answered || !q.keyed() || time.Now().After(deadline) || h.t.Context().Err() != nil {
			return
		}
		pause(h.t.Context(), 100*time.Millisecond)
	}
}

// post makes a request once. It is true if it was acknowledged.
func (h *chaos) post(q *request) bool {
	path := sessionPath(h.session(q.session)) + "/send"
	if q.queued() {
		path += "?wait=false"
	}
	key := ""
	if q.keyed() {
		key = q.text
	}
	h.story.tell(q.text, "%s to %s", q.ask, q.to.Number())
	status, body, err := h.call(q.tenant, path, key, map[string]any{"to": q.to.Number(), "message": q.text})
	if err != nil {
		h.story.tell(q.text, "no answer: %v", err)
		q.maybe = true
		return false
	}
	var answer struct{ MessageID, Code string }
	if err := json.Unmarshal(body, &answer); err != nil {
		h.t.Errorf("%s was answered with %q", q.text, body)
	}
	h.story.tell(q.text, "answered %d %s%s", status, answer.Code, answer.MessageID)
	switch {
	case status == http.StatusOK, status == http.StatusAccepted:
		if q.id != "" && q.id != answer.MessageID {
			h.blame("answered with two ids", q.text)
		}
		q.id = answer.MessageID
		h.story.tell(q.id, "is %q", q.text)
		return true
	case certainlyNot(answer.Code):
		q.refused = answer.Code
	case answer.Code == "SEND_OUTCOME_UNKNOWN":
		q.maybe = true
	default:
		q.maybe = true
		h.blame("unexpected answer "+answer.Code, q.text)
	}
	return false
}

// call posts to the daemon that runs now. An error means that there was no whole answer.
func (h *chaos) call(tenant int, path, key string, body any) (status int, answer []byte, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	a := h.api(tenant)
	req, err := http.NewRequest(http.MethodPost, a.base+path, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("X-API-Key", a.key)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// inbound has the friends of a session write to it.
func (h *chaos) inbound(ctx context.Context, tenant, session int, word string, dice *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		text := fmt.Sprintf("%s %d %d %d", word, tenant, session, n)
		from, wait := h.friend(tenant, session, dice.IntN(friendsEach)), between(dice, 200*time.Millisecond, 900*time.Millisecond)
		id, err := from.SendText(ctx, h.number(tenant, session).JID(), text)
		if err == nil { // else the network did not take it
			h.story.tell(id, "a phone sends %q to tenant %d session %d", text, tenant, session)
			h.books.noteInbound(inboundMessage{tenant: tenant, session: session, id: id, text: text})
		}
		pause(ctx, wait)
	}
}

// bulk asks for one job after the other.
func (h *chaos) bulk(ctx context.Context, tenant int, dice *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		j := &job{tenant: tenant, session: dice.IntN(h.o.sessions), name: fmt.Sprintf("bulk %d %d", tenant, n), spread: dice.IntN(2) == 0}
		for _, c := range dice.Perm(h.o.contacts)[:h.o.contacts/2] {
			j.to = append(j.to, h.contact(tenant, c))
		}
		wait := between(dice, 100*time.Millisecond, 2*time.Second)
		h.order(j)
		h.books.noteJob(j)
		pause(ctx, wait)
	}
}

// order asks for a job under its key until it is answered.
func (h *chaos) order(j *job) {
	recipients := make([]string, len(j.to))
	for i, phone := range j.to {
		recipients[i] = phone.Number()
	}
	ask := map[string]any{"recipients": recipients, "message": j.name + " {{phone}}", "delayMin": 0, "delayMax": 20}
	if j.spread {
		var sessions []string
		for i := range h.o.sessions {
			sessions = append(sessions, h.session(i))
		}
		ask["sessions"] = sessions
	}
	deadline := time.Now().Add(h.o.length + 2*patience)
	for time.Now().Before(deadline) && h.t.Context().Err() == nil {
		status, body, err := h.call(j.tenant, sessionPath(h.session(j.session))+"/send-bulk", j.name, ask)
		if err == nil && status == http.StatusOK {
			var answer struct{ JobID string }
			if err := json.Unmarshal(body, &answer); err != nil {
				h.t.Errorf("%s was answered with %q", j.name, body)
			}
			j.id = answer.JobID
			h.story.tell(j.name, "is job %s of tenant %d session %d", j.id, j.tenant, j.session)
			return
		}
		h.story.tell(j.name, "not answered: %d %s %v", status, body, err)
		pause(h.t.Context(), 200*time.Millisecond)
	}
}
