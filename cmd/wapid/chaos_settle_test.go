package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// await waits until holds does. In vain is a finding, not the end: the ledgers say
// more.
func (h *chaos) await(what string, longest time.Duration, holds func() bool) bool {
	deadline := time.Now().Add(longest)
	for !holds() {
		if time.Now().After(deadline) {
			return false
		}
		pause(h.t.Context(), 100*time.Millisecond)
	}
	h.story.tell("", "settled: %s", what)
	return true
}

// expect is await for what must come.
func (h *chaos) expect(what string, holds func() bool) {
	if !h.await(what, patience, holds) {
		h.blame("waited in vain until "+what, "")
	}
}

// settle waits until everybody has done what they were asked for.
func (h *chaos) settle() {
	h.expect("every session is ready", h.allReady)
	h.expect("the network has delivered everything", h.nothingPending)
	h.expect("the bulk jobs have ended", h.jobsEnded)
	// A phone that can't read a message asks the daemon for it again.
	h.expect("the phones show what was acknowledged", func() bool { return len(h.missing()) == 0 })
	h.deliverRest()
}

func (h *chaos) allReady() bool {
	ready := true
	h.everySession(func(tenant, session int) {
		ans, err := h.api(tenant).call(http.MethodGet, sessionPath(h.session(session))+"/status", nil)
		ready = ready && err == nil && ans.text("status") == "ready"
	})
	return ready
}

func (h *chaos) nothingPending() bool {
	devices := map[types.JID]bool{}
	h.everySession(func(tenant, session int) {
		for _, device := range h.number(tenant, session).Devices() {
			devices[device] = true
		}
	})
	for _, e := range h.network.Ledger() {
		if devices[e.Device] && e.Acked.IsZero() {
			return false
		}
	}
	return true
}

// jobsEnded asks for every job, and keeps what the daemon says in the end.
func (h *chaos) jobsEnded() bool {
	for _, j := range h.books.jobs {
		if j.id == "" || j.items != nil {
			continue
		}
		a := h.api(j.tenant)
		job, err := a.call(http.MethodGet, "/api/whatsapp/bulk-job/"+j.id, nil)
		if err != nil || job.text("status") != "completed" && job.text("status") != "failed" {
			return false
		}
		list, err := a.call(http.MethodGet, "/api/whatsapp/bulk-job/"+j.id+"/items?limit=1000", nil)
		if err != nil {
			return false
		}
		j.final, j.items = job, map[string]string{}
		items, _ := list.body["items"].([]any)
		for _, one := range items {
			item := one.(map[string]any)
			code, _ := item["errorCode"].(string)
			j.items[item["recipient"].(string)] = item["status"].(string) + code
		}
	}
	return true
}

// missing lists the requests that were acknowledged and are not on the phones.
func (h *chaos) missing() (lost []*request) {
	phones := map[string]phoneBook{}
	for _, q := range h.books.requests {
		if _, read := phones[q.to.Number()]; !read {
			phones[q.to.Number()] = readPhone(q.to)
		}
		if q.id != "" && phones[q.to.Number()].byID[q.id] == 0 {
			lost = append(lost, q)
		}
	}
	return lost
}

// deliverRest lets hours pass until the receivers have all that they refused. The
// dispatcher looks at its clock every five seconds.
func (h *chaos) deliverRest() {
	for range 20 {
		if h.await("the receivers have got everything", 6*time.Second, func() bool { return h.undelivered() == 0 }) {
			return
		}
		h.clock.set(h.clock.off + 10*time.Hour)
		h.story.tell("", "ten hours pass: %d deliveries wait", h.undelivered())
	}
	h.blame(fmt.Sprintf("%d deliveries never ended", h.undelivered()), "")
}

// dayWithout keeps a receiver down for a day, walks through the whole schedule of
// tries, and lets it come back in time for the last of them.
func (h *chaos) dayWithout(ctx context.Context, r *chaosReceiver) {
	r.down()
	h.count("receiver down for a day")
	h.story.tell("", "receiver %s is down for a day", r.name)
	some, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	var wg sync.WaitGroup
	for session := range h.o.sessions {
		wg.Go(func() { h.inbound(some, r.tenant, session, "day", h.o.draw(fmt.Sprintf("day %d", session))) })
	}
	wg.Wait()
	began := h.clock.off
	// Each jump makes the next try due, but for the last: the schedule of
	// docs/webhooks.md, each with its jitter.
	for _, wait := range []time.Duration{time.Minute, 3 * time.Minute, 12 * time.Minute, 40 * time.Minute, 80 * time.Minute,
		150 * time.Minute, 5 * time.Hour, 10 * time.Hour} {
		h.clock.set(h.clock.off + wait)
		pause(ctx, 7*time.Second) // the dispatcher looks every five
	}
	h.restart()
	h.story.tell("", "receiver %s is back after %v, %d deliveries wait", r.name, h.clock.off-began, h.undelivered())
	if h.undelivered() == 0 {
		h.blame("nothing waits for a receiver that was away", "")
	}
	r.up()
	h.expect("every session is ready", h.allReady)
	h.deliverRest()
}

// shut stops the daemon as its operator would.
func (h *chaos) shut() {
	h.current().stop(h.t)
	h.story.tell("", "the daemon was stopped")
}
