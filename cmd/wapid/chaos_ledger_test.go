package main

import (
	"sync"

	"wapid/engine/simnet"
)

// books are what the harness itself has asked for, and what it was told.
type books struct {
	mu       sync.Mutex
	requests []*request
	inbound  []inboundMessage
	jobs     []*job
}

// inboundMessage is one that a phone gave to the network for a session.
type inboundMessage struct {
	tenant, session int
	id, text        string
}

// job is one bulk job.
type job struct {
	tenant, session int
	spread          bool // over all sessions of the tenant
	name            string
	to              []*simnet.Phone
	id              string // "" if the daemon never answered
	final           answer // what it said in the end
	items           map[string]string
}

func newBooks() *books { return &books{} }

// noteRequest writes down a request that is over.
func (b *books) noteRequest(q *request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, q)
}

func (b *books) noteInbound(m inboundMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inbound = append(b.inbound, m)
}

func (b *books) noteJob(j *job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs = append(b.jobs, j)
}

// phoneBook counts what a phone shows, by text and by id.
type phoneBook struct {
	byText map[string][]string // text → ids
	byID   map[string]int
}

func readPhone(p *simnet.Phone) phoneBook {
	b := phoneBook{map[string][]string{}, map[string]int{}}
	for _, m := range p.Inbox() {
		b.byText[m.Text] = append(b.byText[m.Text], m.ID)
		b.byID[m.ID]++
	}
	return b
}
