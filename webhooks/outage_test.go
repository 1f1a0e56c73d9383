package webhooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// world is receivers in a bubble: each host answers as it is told.
type world struct {
	mu    sync.Mutex
	hosts map[string]func(*http.Request) (status int, err error)
	got   []arrival // that were answered with 2xx
	tries map[string]int

	retryAfter map[string]string
}

type arrival struct {
	host, session, id string
	event             engine.EventType
	n                 int
	at                time.Time
}

var errHangUp = errors.New("connection reset")

// hang takes a request and never answers.
func hang(r *http.Request) (int, error) {
	<-r.Context().Done()
	return 0, r.Context().Err()
}

func well(*http.Request) (int, error) { return 200, nil }

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	answer := w.hosts[r.URL.Host]
	w.tries[r.URL.Host]++
	w.mu.Unlock()
	status, err := answer(r)
	if err != nil {
		return nil, err
	}
	if status/100 == 2 {
		var in struct {
			SessionID string
			Event     engine.EventType
			Data      struct{ N int }
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		w.mu.Lock()
		w.got = append(w.got, arrival{r.URL.Host, in.SessionID, r.Header.Get("Webhook-Id"), in.Event, in.Data.N, time.Now()})
		w.mu.Unlock()
	}
	header := http.Header{}
	w.mu.Lock()
	if after := w.retryAfter[r.URL.Host]; after != "" && status == 503 {
		header.Set("Retry-After", after)
	}
	w.mu.Unlock()
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func (w *world) set(host string, answer func(*http.Request) (int, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[host] = answer
}

func (w *world) arrived(host string) (list []arrival) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.got {
		if a.host == host {
			list = append(list, a)
		}
	}
	return list
}

func (w *world) tried(host string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tries[host]
}

// outage is a store and a dispatcher in a bubble, with receivers of the test's.
type outage struct {
	*world
	t     *testing.T
	store *store.Store
	log   *observer.ObservedLogs
}

func inOutage(t *testing.T, o webhooks.Options, test func(o *outage)) {
	t.Parallel() // these wait for the disk
	path := filepath.Join(t.TempDir(), store.FileName)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		s, err := store.Open(ctx, path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		core, log := observer.New(zapcore.InfoLevel)
		w := &world{hosts: map[string]func(*http.Request) (int, error){}, tries: map[string]int{}, retryAfter: map[string]string{}}
		d := webhooks.New(s, webhooks.NewGuard([]netip.Prefix{}), zap.New(core), o)
		d.Through(w)
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		test(&outage{w, t, s, log})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (o *outage) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *outage) tenant(id engine.TenantID) {
	o.t.Helper()
	o.must(o.store.InsertTenant(context.Background(), engine.Tenant{ID: id, Name: string(id), CreatedAt: time.Now()}))
}

// endpoint gives a tenant an endpoint at a host that answers so.
func (o *outage) endpoint(tenant engine.TenantID, host string, answer func(*http.Request) (int, error), types ...engine.EventType) webhooks.Endpoint {
	o.t.Helper()
	o.set(host, answer)
	e, err := o.store.InsertEndpoint(context.Background(), webhooks.Endpoint{Tenant: tenant, URL: "http://" + host + "/hook?token=topsecret", Types: types, Enabled: true})
	o.must(err)
	return e
}

func (o *outage) find(e webhooks.Endpoint) webhooks.Endpoint {
	o.t.Helper()
	e, err := o.store.FindEndpointByID(context.Background(), e.Tenant, e.ID)
	o.must(err)
	return e
}

func (o *outage) event(tenant engine.TenantID, session string, n int) {
	o.t.Helper()
	o.must(o.store.AppendEvent(context.Background(), engine.Event{
		Session: engine.SessionKey{Tenant: tenant, ID: engine.SessionID(session)}, Type: engine.EventMessage, Data: fmt.Appendf(nil, `{"n":%d}`, n)}))
}

// A receiver that was down for a day gets all of that day when it is back: at
// once, each event once, in its session's order from the first success on.
func TestReceiverIsDownForADay(t *testing.T) {
	inOutage(t, webhooks.Options{Poll: time.Hour}, func(o *outage) {
		o.tenant("a")
		e := o.endpoint("a", "down.example", func(*http.Request) (int, error) { return 0, errHangUp })
		const each, sessions = 70, 3
		began := time.Now()
		for n := range each { // over 23 h 20 min
			for s := range sessions {
				o.event("a", fmt.Sprint("s", s), n)
			}
			<-time.After(20 * time.Minute)
		}
		<-time.After(24*time.Hour - time.Since(began))
		tries := o.tried("down.example")
		if most := 24*60/5*5/4 + 20; tries > most || tries < 24*60/5*5/6 {
			t.Errorf("%d tries in the day, want one about every five minutes", tries)
		}
		if c := o.find(e).Circuit; !c.Open() || c.Failures != tries || c.FailingSince.Sub(began) > time.Second {
			t.Errorf("the circuit: %+v", c)
		}
		o.set("down.example", well)
		<-time.After(6*time.Minute + time.Second) // the longest wait between two probes
		got := o.arrived("down.example")
		if len(got) != each*sessions {
			t.Fatalf("%d of %d events arrived", len(got), each*sessions)
		}
		seen, next := map[string]bool{got[0].id: true}, map[string]int{}
		for _, a := range got[1:] {
			if a.session == got[0].session && next[a.session] == got[0].n {
				next[a.session]++ // it was the probe
			}
			if seen[a.id] || a.n != next[a.session] {
				t.Fatalf("%s: got %d, want %d (again: %t)", a.session, a.n, next[a.session], seen[a.id])
			}
			seen[a.id] = true
			next[a.session]++
			if after := a.at.Sub(got[0].at); after > time.Second {
				t.Fatalf("an event came %v after the first", after)
			}
		}
		if c := o.find(e).Circuit; c != (webhooks.Circuit{}) {
			t.Errorf("the circuit afterwards: %+v", c)
		}
	})
}

// What waits behind an open circuit keeps its tries, and a delivery's last try is
// not spent on a probe while there is another.
func TestNothingDiesOfAnOutageThatOthersProbe(t *testing.T) {
	inOutage(t, webhooks.Options{Poll: time.Hour}, func(o *outage) {
		o.tenant("a")
		o.endpoint("a", "down.example", func(*http.Request) (int, error) { return 503, nil })
		const events = 120
		for n := range events {
			o.event("a", "main", n)
		}
		<-time.After(36 * time.Hour)
		all, err := o.store.ListDeliveries(context.Background(), "a", 0, 1000)
		o.must(err)
		for _, d := range all {
			if d.State != webhooks.DeliveryPending || d.Attempts >= webhooks.MaxAttempts {
				t.Fatalf("after a day and a half: %+v", d)
			}
		}
		o.set("down.example", well)
		<-time.After(7 * time.Minute)
		if got := o.arrived("down.example"); len(got) != events {
			t.Errorf("%d of %d events arrived", len(got), events)
		}
	})
}

// After five days of nothing but failure an endpoint is disabled, and says so to
// the tenant's others and to the operator; enabled again, it gets what waited.
func TestEndpointIsDisabledAfterFiveDays(t *testing.T) {
	inOutage(t, webhooks.Options{Poll: time.Hour}, func(o *outage) {
		o.tenant("a")
		bad := o.endpoint("a", "bad.example", func(*http.Request) (int, error) { return 500, nil })
		o.endpoint("a", "good.example", well, engine.EventWebhookDisabled)
		o.endpoint("a", "other.example", well, engine.EventCall)
		began := time.Now()
		n := 0
		for ; o.find(bad).Enabled; n++ {
			if time.Since(began) > 6*24*time.Hour {
				t.Fatal("it is never disabled")
			}
			o.event("a", "main", n)
			<-time.After(time.Hour)
		}
		if took := time.Since(began); took < 5*24*time.Hour || took > 5*24*time.Hour+2*time.Hour {
			t.Errorf("disabled after %v", took)
		}
		e := o.find(bad)
		if e.DisabledReason != webhooks.DisabledFailing || !e.Circuit.Open() {
			t.Errorf("disabled: %+v", e)
		}
		told := o.arrived("good.example")
		if len(told) != 1 || told[0].event != engine.EventWebhookDisabled || told[0].session != "" || len(o.arrived("other.example")) != 0 {
			t.Errorf("told: %+v", told)
		}
		events, err := o.store.ListEvents(context.Background(), "a", "", 1000)
		o.must(err)
		last := events[len(events)-1]
		for _, x := range events {
			if x.Type == engine.EventWebhookDisabled {
				last = x
			}
		}
		want := fmt.Sprintf(`{"endpointId":"%s","url":"http://bad.example","reason":"failing","failingSince":%d}`, bad.ID, e.Circuit.FailingSince.UnixMilli())
		if string(last.Data) != want {
			t.Errorf("the event is %s, want %s", last.Data, want)
		}
		if lines := o.log.FilterMessageSnippet("was disabled").All(); len(lines) != 1 || lines[0].Level != zapcore.WarnLevel {
			t.Errorf("logged %+v", lines)
		}
		tries := o.tried("bad.example")
		o.event("a", "main", -1) // comes while it is disabled
		<-time.After(24 * time.Hour)
		if more := o.tried("bad.example") - tries; more != 0 {
			t.Errorf("%d tries while disabled", more)
		}
		o.set("bad.example", well)
		on := true
		_, err = o.store.UpdateEndpoint(context.Background(), "a", bad.ID, webhooks.EndpointChange{Enabled: &on})
		o.must(err)
		<-time.After(10 * time.Hour) // retries go on as they were scheduled
		if got, waiting := o.arrived("bad.example"), o.waiting("a", bad.ID); len(got) == 0 || waiting != 0 {
			t.Errorf("enabled again: %d arrived, %d wait", len(got), waiting)
		}
	})
}

// waiting counts what an endpoint has not got yet and is not dead.
func (o *outage) waiting(tenant engine.TenantID, id webhooks.EndpointID) (n int) {
	o.t.Helper()
	list, _, err := o.store.PageDeliveries(context.Background(), tenant, id, store.DeliveryFilter{State: webhooks.DeliveryPending}, 1000)
	o.must(err)
	return len(list)
}

// An endpoint that says it is gone is disabled at once, and nothing is lost.
func TestGoneDisables(t *testing.T) {
	inOutage(t, webhooks.Options{Poll: time.Hour}, func(o *outage) {
		o.tenant("a")
		e := o.endpoint("a", "gone.example", func(*http.Request) (int, error) {
			<-time.After(time.Second) // the other event is there by then
			return 410, nil
		})
		o.event("a", "main", 0)
		o.event("a", "main", 1)
		<-time.After(time.Hour)
		if got := o.find(e); got.Enabled || got.DisabledReason != webhooks.DisabledGone || o.tried("gone.example") != 1 || o.waiting("a", e.ID) != 2 {
			t.Errorf("%+v after %d tries", got, o.tried("gone.example"))
		}
	})
}

// A receiver that is overloaded is left alone for as long as it asks, with
// everything, up to some minutes.
func TestRetryAfterHoldsBackTheEndpoint(t *testing.T) {
	for name, c := range map[string]struct {
		after string
		wait  time.Duration
	}{"seconds": {"40", 40 * time.Second}, "a long time": {"3600", 5 * time.Minute}} {
		t.Run(name, func(t *testing.T) {
			inOutage(t, webhooks.Options{Poll: time.Hour}, func(o *outage) {
				o.tenant("a")
				o.endpoint("a", "busy.example", func(*http.Request) (int, error) { return 503, nil })
				o.retryAfter["busy.example"] = c.after
				for n := range 3 {
					o.event("a", fmt.Sprint("s", n), n)
					<-time.After(time.Second)
				}
				if n := o.tried("busy.example"); n != 1 {
					t.Errorf("%d tries while it wants to be left alone", n)
				}
				began := time.Now()
				o.set("busy.example", well)
				<-time.After(c.wait)
				got := o.arrived("busy.example")
				if len(got) < 2 || got[0].at.Sub(began) < c.wait-4*time.Second {
					t.Errorf("arrived: %+v", got)
				}
			})
		})
	}
}

// What was given up comes when it is asked for again, under the id that it had.
func TestTheDeadAreDeliveredAgain(t *testing.T) {
	inOutage(t, webhooks.Options{Poll: time.Hour}, func(o *outage) {
		o.tenant("a")
		e := o.endpoint("a", "down.example", func(*http.Request) (int, error) { return 404, nil })
		o.event("a", "main", 7)
		<-time.After(30 * time.Hour)
		all, err := o.store.ListDeliveries(context.Background(), "a", 0, 10)
		o.must(err)
		if all[0].State != webhooks.DeliveryDead || o.tried("down.example") != webhooks.MaxAttempts {
			t.Fatalf("%+v after %d tries", all[0], o.tried("down.example"))
		}
		o.set("down.example", well)
		done, err := o.store.Redeliver(context.Background(), "a", e.ID, store.Redelivery{Dead: true}, time.Now().Add(time.Minute))
		o.must(err)
		<-time.After(7 * time.Minute) // the circuit is open still: it comes as a probe
		got := o.arrived("down.example")
		if done.Queued != 1 || len(got) != 1 || got[0].n != 7 || got[0].id != string(all[0].Event) {
			t.Errorf("queued %+v, arrived %+v", done, got)
		}
	})
}
