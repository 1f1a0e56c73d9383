package main

import (
	"fmt"
	"slices"
	"strings"
)

// finding is something that must not be.
type finding struct {
	kind    string
	subject string
}

// Findings of the comparison.
const (
	lostSend       = "acknowledged sends lost"
	twiceAtPhone   = "duplicated at a phone"
	refusedYetSent = "refused as not sent, but sent"
	neverAnswered  = "requests never answered"
	logDisagrees   = "acknowledged, but the log says otherwise"
	lostInbound    = "inbound lost before the event log"
	twiceLogged    = "inbound logged twice"
	lostEvent      = "events lost to a receiver"
	twoWebhookIDs  = "two webhook-ids for one message"
	outOfOrder     = "first tries out of order"
	bulkZero       = "bulk recipients sent, but without the message"
	bulkTwice      = "bulk recipients with the message twice"
	bulkCounters   = "bulk jobs whose counters are wrong"
	bulkEnd        = "bulk jobs whose end was not told once, with its counters"
	bulkFailedSent = "bulk recipients failed, but with the message"
)

// blame notes what must not be. It may be called from any goroutine.
func (h *chaos) blame(kind, subject string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, finding{kind, subject})
}

// reconcile compares the ledgers and reports.
func (h *chaos) reconcile() {
	r := &reckoning{}
	h.reconcileSends(r)
	h.reconcileBulk(r)
	h.reconcileEvents(r)
	h.report(r)
}

// reckoning are the numbers of a run.
type reckoning struct {
	requests, acknowledged, refused, unknown int
	copies                                   int // stanzas that came again under their id, and were dropped
	inbound, events, arrivals                int
	again                                    int // arrivals after the first, under the same webhook-id
	ordered                                  int // first tries that were compared
	read                                     int // by readers of the log
	retries                                  int // incoming messages that the daemon asked for again
	jobs, recipients, bulkSent, bulkFailed   int
}

func (h *chaos) reconcileSends(r *reckoning) {
	phones, log := map[string]phoneBook{}, h.logged()
	for _, q := range h.books.requests {
		number := q.to.Number()
		if _, read := phones[number]; !read {
			phones[number] = readPhone(q.to)
			for _, m := range q.to.Inbox() {
				r.copies += m.Copies - 1
			}
		}
		shown := phones[number].byText[q.text]
		r.requests++
		if len(shown) > 1 {
			h.blame(twiceAtPhone, q.text)
		}
		switch {
		case q.id != "":
			r.acknowledged++
			if !slices.Contains(shown, q.id) {
				h.blame(lostSend, q.text)
			} else if status := log[q.id]; status != "sent" && status != "delivered" && status != "read" {
				h.blame(logDisagrees, q.text)
				h.story.tell(q.text, "the log says %q", status)
			}
		case q.keyed():
			h.blame(neverAnswered, q.text)
		case q.maybe:
			r.unknown++
		default:
			r.refused++
			if len(shown) > 0 {
				h.blame(refusedYetSent, q.text)
			}
		}
	}
}

func (h *chaos) reconcileBulk(r *reckoning) {
	for _, j := range h.books.jobs {
		if j.id == "" {
			h.blame(neverAnswered, j.name)
			continue
		}
		r.jobs++
		sent, failed := 0, 0
		for _, phone := range j.to {
			r.recipients++
			text := j.name + " " + phone.Number()
			shown, state := len(readPhone(phone).byText[text]), j.items[phone.Number()]
			h.story.tell(text, "%s says %s, the phone shows it %d times", j.name, state, shown)
			switch {
			case shown > 1:
				h.blame(bulkTwice, text)
			case shown == 0 && state == "sent":
				h.blame(bulkZero, text)
			case shown == 1 && strings.HasPrefix(state, "failed") && certainlyNot(strings.TrimPrefix(state, "failed")):
				h.blame(bulkFailedSent, text)
			}
			if state == "sent" {
				sent++
			} else {
				failed++
			}
		}
		r.bulkSent, r.bulkFailed = r.bulkSent+sent, r.bulkFailed+failed
		got := fmt.Sprint(j.final.text("status"), j.final.body["total"], j.final.body["succeeded"], j.final.body["failed"], j.final.body["processed"])
		if want := fmt.Sprint("completed", len(j.to), sent, failed, len(j.to)); got != want {
			h.story.tell(j.name, "the job says %s, its items %s", got, want)
			h.blame(bulkCounters, j.name)
		}
	}
}

// reconcileEvents compares what phones sent with the events, and the events with
// what the receivers got.
func (h *chaos) reconcileEvents(r *reckoning) {
	events := h.events()
	r.events = len(events)
	logged := map[string][]string{} // tenant/session/message → events
	for _, e := range events {
		if e.message != "" {
			key := e.tenant + "/" + e.session + "/" + e.message
			logged[key] = append(logged[key], e.id)
		}
	}
	for _, m := range h.books.inbound {
		r.inbound++
		ids := logged[h.tenants[m.tenant]+"/"+h.session(m.session)+"/"+m.id]
		for _, id := range ids {
			h.story.tell(m.id, "is event %s", id)
		}
		switch {
		case len(ids) == 0:
			h.blame(lostInbound, m.id)
		case len(ids) > 1:
			h.blame(twiceLogged, m.id)
		}
	}
	h.everySession(func(tenant, session int) {
		for n := range friendsEach {
			for _, m := range h.friend(tenant, session, n).Sent() {
				r.retries += m.Retries
			}
		}
	})
	of := func(tenant int) []writtenEvent {
		return slices.DeleteFunc(slices.Clone(events), func(e writtenEvent) bool { return e.tenant != h.tenants[tenant] })
	}
	for _, receiver := range h.receivers {
		wanted := slices.DeleteFunc(of(receiver.tenant), func(e writtenEvent) bool { return !receiver.wants(e.kind) })
		h.reconcileReceiver(r, receiver, wanted)
	}
	for _, reader := range h.readers {
		h.reconcileReader(r, reader, of(reader.tenant))
	}
	h.reconcileEnds(events)
}

// reconcileEnds checks that every bulk job has told its end once, with its counters.
func (h *chaos) reconcileEnds(events []writtenEvent) {
	told := map[string][]string{}
	for _, e := range events {
		if e.job != "" {
			told[e.job] = append(told[e.job], e.counts)
		}
	}
	for _, j := range h.books.jobs {
		if j.id == "" {
			continue
		}
		want := fmt.Sprint(j.final.text("status"), j.final.body["total"], j.final.body["succeeded"], j.final.body["failed"])
		if got := told[j.id]; len(got) != 1 || got[0] != want {
			h.blame(bulkEnd, j.name)
			h.story.tell(j.name, "its end was told as %q, it is %q", got, want)
		}
	}
}

func (h *chaos) reconcileReceiver(r *reckoning, receiver *chaosReceiver, events []writtenEvent) {
	got, deliveries := receiver.got(), h.deliveries(receiver.url)
	r.arrivals += len(got)
	accepted, first, ids := map[string]bool{}, map[string]int{}, map[string]string{}
	for i, a := range got {
		if _, seen := first[a.event]; seen {
			r.again++
		} else {
			first[a.event] = i
		}
		accepted[a.event] = accepted[a.event] || a.accepted
		if a.kind == "message" {
			key := a.session + "/" + a.message
			if other, seen := ids[key]; seen && other != a.event {
				h.blame(twoWebhookIDs, a.message)
			}
			ids[key] = a.event
		}
	}
	last := map[string]writtenEvent{} // by session: the latest first try so far
	for _, e := range events {
		d := deliveries[e.id]
		if !accepted[e.id] || d.state != "delivered" {
			h.blame(lostEvent, e.id)
			h.story.tell(e.id, "%s (%s) of session %s at %s: delivery is %q after %d tries, accepted: %v", e.kind, e.message, e.session, receiver.name, d.state, d.attempts, accepted[e.id])
			receiver.tellArrivals(h.story, e.id)
			continue
		}
		// What failed once has left the line. The others must have come in the order
		// in which they were written down.
		if d.attempts != 1 {
			continue
		}
		r.ordered++
		if before, ok := last[e.session]; ok && first[e.id] < first[before.id] {
			h.blame(outOfOrder, e.id)
			h.story.tell(e.id, "%s of session %s came before %s", e.kind, e.session, before.id)
			receiver.tellArrivals(h.story, e.id)
		}
		last[e.session] = e
	}
}
