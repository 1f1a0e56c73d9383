package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// arrival is one request that a receiver has read to its end.
type arrival struct {
	event    string // webhook-id
	kind     string
	session  string
	message  string // the id of the message that it tells of, if any
	from     string
	at       time.Time
	verdict  string // how it was answered
	accepted bool   // the receiver took it for good and said so
}

// chaosReceiver is one webhook of a tenant, which answers as its dice say.
type chaosReceiver struct {
	t       testing.TB
	tenant  int
	main    bool     // it is the one of the account
	events  []string // that it asks for; "*" for all
	healthy bool     // it always answers well: its order is to be perfect
	name    string
	url     string
	verify  *standardwebhooks.Webhook

	mu       sync.Mutex
	dice     *rand.Rand
	moody    bool
	server   *http.Server // nil while it is down
	serving  sync.WaitGroup
	address  string
	arrivals []arrival
	moods    map[string]int
}

// receivers makes two for each tenant. Of the first tenant the main one is healthy,
// of the others the second one; the rest answer as their dice say.
func (o chaosOptions) receivers(t testing.TB) (list []*chaosReceiver) {
	for tenant := range o.tenants {
		main := &chaosReceiver{tenant: tenant, main: true, events: []string{"*"}, healthy: tenant == 0, name: fmt.Sprintf("receiver-%d-main", tenant)}
		second := &chaosReceiver{tenant: tenant, events: []string{"message", "bulk.completed"}, healthy: tenant > 0, name: fmt.Sprintf("receiver-%d-second", tenant)}
		for _, r := range []*chaosReceiver{main, second} {
			r.start(t, o.draw(r.name))
			list = append(list, r)
		}
	}
	return list
}

// wants tells whether the receiver asked for a type of event.
func (r *chaosReceiver) wants(kind string) bool {
	return r.events[0] == "*" || slices.Contains(r.events, kind)
}

// start runs a receiver until the test ends.
func (r *chaosReceiver) start(t testing.TB, dice *rand.Rand) {
	t.Helper()
	verify, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	r.t, r.verify, r.dice, r.address, r.moods = t, verify, dice, "127.0.0.1:0", map[string]int{}
	r.up()
	r.url = "http://" + r.address + "/" + r.name
	t.Cleanup(func() {
		r.down()
		r.serving.Wait()
	})
}

// up listens, at the same address as before.
func (r *chaosReceiver) up() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return
	}
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Errorf("receiver %s: %v", r.name, err)
		return
	}
	r.address = listener.Addr().String()
	server := &http.Server{Handler: r}
	r.server = server
	r.serving.Go(func() { _ = server.Serve(listener) }) // ends with down
}

// down closes the socket and cuts off what is being answered.
func (r *chaosReceiver) down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		_ = r.server.Close() // whatever was open is to break
		r.server = nil
	}
}

// setMoody says whether the receiver answers as its dice say, or well.
func (r *chaosReceiver) setMoody(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moody = on
}

// Moods of a receiver.
const (
	moodGood      = "200"
	moodSlow      = "slow"
	moodFail      = "500"
	moodLimit     = "429 Retry-After"
	moodHang      = "hangs"
	moodReset     = "reset before the answer"
	moodCut       = "reset in the answer"
	moodLie       = "kept, but says 503"
	moodLate      = "200 too late"
	hangPerMille  = 1
	otherPerMille = 20
)

// mood throws the dice, twice for each request.
func (r *chaosReceiver) mood() (string, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, wait := r.dice.IntN(1000), between(r.dice, 100*time.Millisecond, 1500*time.Millisecond)
	mood := moodGood
	if r.moody {
		switch {
		case n < hangPerMille:
			mood = moodHang
		case n < 2*hangPerMille:
			mood = moodLate
		default:
			others := []string{moodSlow, moodFail, moodLimit, moodReset, moodCut, moodLie}
			if i := (n - 2*hangPerMille) / otherPerMille; i < len(others) {
				mood = others[i]
			}
		}
	}
	r.moods[mood]++
	return mood, wait
}

// ServeHTTP implements http.Handler.
func (r *chaosReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.serving.Add(1)
	defer r.serving.Done()
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return // the daemon was killed in the middle of it
	}
	// The daemon's clock may be off by hours.
	if err := r.verify.VerifyIgnoringTimestamp(raw, req.Header); err != nil {
		r.t.Errorf("receiver %s: signature: %v", r.name, err)
	}
	var h hook
	if err := json.Unmarshal(raw, &h); err != nil {
		r.t.Errorf("receiver %s: %v", r.name, err)
	}
	mood, wait := r.mood()
	seen := r.note(arrival{event: req.Header.Get("webhook-id"), kind: h.Event, session: h.SessionID, message: h.Data.ID, from: h.Data.From, at: time.Now(), verdict: mood})
	switch mood {
	case moodFail, moodLie:
		w.WriteHeader(http.StatusInternalServerError + 3*btoi(mood == moodLie))
		return
	case moodLimit:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case moodHang, moodLate:
		<-req.Context().Done() // the daemon has had enough, or was killed
		if mood == moodLate {
			w.WriteHeader(http.StatusOK)
		}
		return
	case moodReset, moodCut:
		r.reset(w, mood == moodCut)
		if mood == moodCut { // the status went out: the daemon may believe it
			r.accept(seen)
		}
		return
	case moodSlow:
		pause(req.Context(), wait)
	}
	r.accept(seen)
	w.WriteHeader(http.StatusOK)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// reset ends a connection without ceremony, perhaps in the middle of an answer.
func (r *chaosReceiver) reset(w http.ResponseWriter, begun bool) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // it is gone already
	}
	if begun {
		fmt.Fprint(buffered, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot all of it")
		_ = buffered.Flush() // it may be gone
	} else if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

func (r *chaosReceiver) note(a arrival) (index int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals = append(r.arrivals, a)
	return len(r.arrivals) - 1
}

func (r *chaosReceiver) accept(index int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals[index].accepted = true
}

// got returns what has arrived so far, in the order in which it did.
func (r *chaosReceiver) got() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrival(nil), r.arrivals...)
}

// tellArrivals adds to the story when an event came, and how that was answered.
func (r *chaosReceiver) tellArrivals(s *story, event string) {
	for _, a := range r.got() {
		if a.event == event {
			s.tellOf(a.at, event, "came to %s, answer: %s", r.name, a.verdict)
		}
	}
}

// subscribe makes the receiver a webhook of its tenant.
func (r *chaosReceiver) subscribe(t testing.TB, a *api) {
	t.Helper()
	body := map[string]any{"url": r.url, "secret": hookSecret, "events": r.events}
	if r.main {
		a.must(t, 200, "PUT", "/api/account/webhook", body)
	} else {
		a.must(t, 201, "POST", "/api/account/webhooks", body)
	}
}
