package httpapi

import (
	"context"
	"fmt"
	"sync"
	"time"

	"wapid/engine"
	"wapid/store"
)

// Limits of event streams, whatever they tell of and by whatever protocol. A client
// that hangs up is noticed at once; one whose line is dead, by the first or the
// second heartbeat that it does not take.
const (
	heartbeat        = 15 * time.Second
	streamWrite      = 10 * time.Second // for a client to take what is written
	streamFarewell   = time.Second      // the same once the daemon stops
	maxTenantStreams = 100
)

// streams counts the event streams of each tenant, and ends them all.
type streams struct {
	most   int
	beat   time.Duration
	take   time.Duration // streamWrite
	poll   time.Duration // pollLog
	rest   time.Duration // restLog
	ending context.Context
	end    context.CancelFunc

	mu     sync.Mutex
	closed bool // nobody enters any more
	open   map[engine.TenantID]int
	inside sync.WaitGroup
}

func newStreams() *streams {
	st := &streams{most: maxTenantStreams, beat: heartbeat, take: streamWrite, poll: pollLog, rest: restLog, open: make(map[engine.TenantID]int)}
	st.ending, st.end = context.WithCancel(context.Background())
	return st
}

// enter takes one of a tenant's places; leave gives it back. It returns the errors
// of room.
func (st *streams) enter(t engine.TenantID) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.full(t); err != nil {
		return err
	}
	st.open[t]++
	st.inside.Add(1)
	return nil
}

// room tells whether a tenant could enter now. It returns CodeRateLimited if all of
// its places are taken, and CodeStopping.
func (st *streams) room(t engine.TenantID) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.full(t)
}

func (st *streams) full(t engine.TenantID) error {
	switch {
	case st.closed:
		return errStreamStops()
	case st.open[t] >= st.most:
		return &engine.Error{Code: engine.CodeRateLimited, Message: fmt.Sprintf("%d event streams are open already", st.most), RetryAfter: st.beat}
	}
	return nil
}

func (st *streams) leave(t engine.TenantID) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open[t]--; st.open[t] == 0 {
		delete(st.open, t)
	}
	st.inside.Done()
}

// close tells all streams to end, and lets none begin.
func (st *streams) close() {
	st.mu.Lock()
	st.closed = true
	st.mu.Unlock()
	st.end()
}

// wait waits for them after close. Their sockets have a deadline.
func (st *streams) wait() { st.inside.Wait() }

// patience is how long a client has for what is written now.
func (st *streams) patience() time.Duration {
	if st.ending.Err() != nil {
		return streamFarewell
	}
	return st.take
}

// right is that of a key, or of a login, to go on listening, which its owner may end at any time.
type right struct {
	server *Server
	store.Principal
}

// renew asks whether the key may still read. It returns errStreamOver, also once
// the tenant is suspended. While the store can't be read the key counts as good.
func (r right) renew() error {
	ctx, cancel := context.WithTimeout(r.server.base, streamWrite)
	defer cancel()
	p, err := r.server.store.RenewPrincipal(ctx, r.Principal)
	switch {
	case engine.CodeOf(err) == engine.CodeUnauthorized:
		return errStreamOver
	case err != nil:
		return nil
	case p.Suspended || !p.Scope.Allows(store.ScopeRead):
		return errStreamOver
	}
	return nil
}

var errStreamOver = engine.Errorf(engine.CodeUnauthorized, "the key may not read any more")

func errStreamStops() error {
	return &engine.Error{Code: engine.CodeStopping, Message: "the daemon is stopping", RetryAfter: retryWhenStopping}
}

// endReason is the word that a client is told when its stream ends.
func endReason(err error) string {
	switch engine.CodeOf(err) {
	case engine.CodeStopping:
		return "stopping"
	case engine.CodeSessionNotFound:
		return "removed"
	case engine.CodeUnauthorized:
		return "unauthorized"
	}
	return "error"
}
