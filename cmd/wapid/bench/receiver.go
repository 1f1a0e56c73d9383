package bench

import (
	"bytes"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// receiver is a webhook's URL: it answers 200 at once and notes how long each
// message took from when its sender began to write it.
type receiver struct {
	listener net.Listener
	server   *fasthttp.Server
	done     chan error

	mu      sync.Mutex
	took    []time.Duration
	seen    map[string]struct{} // ids of messages: a webhook may come twice
	twice   int
	last    time.Time
	changed chan struct{} // closed and replaced with every message
}

func startReceiver() (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{listener: listener, done: make(chan error, 1), seen: map[string]struct{}{}, changed: make(chan struct{})}
	r.server = &fasthttp.Server{Handler: r.take, NoDefaultServerHeader: true, NoDefaultDate: true}
	go func() { r.done <- r.server.Serve(listener) }()
	return r, nil
}

func (r *receiver) url() string { return "http://" + r.listener.Addr().String() + "/hook" }

func (r *receiver) stop() error {
	if err := r.server.Shutdown(); err != nil {
		return err
	}
	return <-r.done
}

// take notes one webhook. It looks for the two things that it needs rather than
// parsing all of it.
func (r *receiver) take(c *fasthttp.RequestCtx) {
	now := time.Now()
	id, sent, ok := stamped(c.PostBody())
	if !ok {
		return // another event, or somebody's own text
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.seen[id]; known {
		r.twice++
		return
	}
	r.seen[id] = struct{}{}
	r.took = append(r.took, now.Sub(sent))
	r.last = now
	close(r.changed)
	r.changed = make(chan struct{})
}

// stamped finds a message's id, and the time at the end of its text.
func stamped(body []byte) (id string, sent time.Time, ok bool) {
	raw, ok := quoted(body, `"data":{"id":"`)
	if !ok {
		return "", time.Time{}, false
	}
	text, ok := quoted(body, `"body":"`)
	if !ok {
		return "", time.Time{}, false
	}
	at := bytes.LastIndex(text, []byte(" @"))
	if at < 0 {
		return "", time.Time{}, false
	}
	nanos, err := strconv.ParseInt(string(text[at+2:]), 10, 64)
	return string(raw), time.Unix(0, nanos), err == nil
}

// quoted returns what stands behind a prefix up to the next quotation mark.
func quoted(body []byte, prefix string) ([]byte, bool) {
	at := bytes.Index(body, []byte(prefix))
	if at < 0 {
		return nil, false
	}
	rest := body[at+len(prefix):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return nil, false
	}
	return rest[:end], true
}

// look returns how many messages have come, when the latest did, and a channel
// that closes with the next.
func (r *receiver) look() (count int, last time.Time, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.took), r.last, r.changed
}

// reset returns what has come and begins anew.
func (r *receiver) reset() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := r.took
	r.took = nil
	clear(r.seen)
	return took
}
