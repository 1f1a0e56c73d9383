package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"wapid/engine/simnet"
)

// chaos is a run of the fault harness: a daemon, its network and its receivers,
// traffic over all of them, and what everybody believes of it.
type chaos struct {
	t         *testing.T
	o         chaosOptions
	network   *simulated
	dir       string
	disk      *disk
	clock     *chaosClock
	receivers []*chaosReceiver
	readers   []*reader // of the event log, by tenant
	keys      []string  // of the API, by tenant
	tenants   []string  // ids, by tenant
	client    *http.Client
	story     *story
	books     *books
	kills     int

	mu     sync.Mutex
	daemon *daemon
	logs   []*lockedBuffer // of all daemons, in their order
	faults map[string]int
	wrong  []finding
}

// TestChaos kills the daemon again and again, and does worse to it, while messages
// go in and out. Then it compares what the phones, the API and the receivers
// believe. Without `make chaos` it is a short run.
func TestChaos(t *testing.T) {
	o := chaosFromEnvironment(t)
	t.Logf("seed %d: %s", o.seed, o.command())
	h := startChaos(t, o)
	defer h.end()
	h.pair()
	ctx, stop := context.WithCancel(t.Context())
	finish := h.traffic(ctx)
	h.disturb(ctx)
	stop()
	h.calm()
	finish()
	h.settle()
	if o.day {
		h.dayWithout(t.Context(), h.unhealthy(o.tenants-1))
	}
	h.readToTheEnd()
	h.shut()
	h.reconcile()
}

func startChaos(t *testing.T, o chaosOptions) *chaos {
	h := &chaos{
		t: t, o: o, network: startNetwork(t), clock: newChaosClock(t), story: newStory(), books: newBooks(), faults: map[string]int{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 2 * patience},
	}
	t.Cleanup(h.client.CloseIdleConnections)
	t.Setenv("GORACE", "exitcode=0") // races are read from the daemons' logs
	h.disk = mountDisk(t, h.story)
	h.dir = filepath.Join(h.disk.dir, "data")
	h.receivers = o.receivers(t)
	h.start()
	t.Cleanup(func() { h.current().kill() })
	return h
}

// start brings a daemon up, however often it takes: the disk may still be full, or
// the database locked.
func (h *chaos) start() {
	deadline := time.Now().Add(patience)
	for {
		d, err := launch(program("", "serve", "--listen", "127.0.0.1:0", "--data", h.dir, "--network", h.network.file))
		if err == nil {
			d.client = h.client
			h.mu.Lock()
			h.daemon, h.logs = d, append(h.logs, d.stderr)
			h.mu.Unlock()
			h.story.tell("", "daemon %d is up", len(h.logs))
			return
		}
		h.story.tell("", "the daemon did not start: %v", err)
		if time.Now().After(deadline) {
			h.t.Fatal(err)
		}
		pause(h.t.Context(), 200*time.Millisecond)
	}
}

func (h *chaos) current() *daemon {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.daemon
}

// api is a client of the daemon that runs now, as one of the tenants.
func (h *chaos) api(tenant int) *api {
	return &api{base: h.current().base, key: h.keys[tenant], client: h.client}
}

func (h *chaos) session(i int) string { return fmt.Sprintf("s%d", i) }

// number is the phone of a session, friend one that writes to it and is written
// to, contact one that only bulk jobs write to.
func (h *chaos) number(tenant, i int) *simnet.Phone {
	return h.network.Phone(fmt.Sprintf("49151%02d%05d", tenant, i))
}

func (h *chaos) friend(tenant, i, n int) *simnet.Phone {
	return h.network.Phone(fmt.Sprintf("49160%02d%02d%03d", tenant, i, n))
}

func (h *chaos) contact(tenant, n int) *simnet.Phone {
	return h.network.Phone(fmt.Sprintf("49170%02d%05d", tenant, n))
}

// friendsEach is how many friends a session has.
const friendsEach = 3

// pair makes the tenants, their sessions and their webhooks.
func (h *chaos) pair() {
	d := h.current()
	h.keys, h.tenants = []string{testKey}, []string{"default"}
	for i := 1; i < h.o.tenants; i++ {
		id, a := newTenant(h.t, d, h.dir, fmt.Sprintf("Tenant %d", i))
		h.keys, h.tenants = append(h.keys, a.key), append(h.tenants, id)
	}
	var wg sync.WaitGroup
	for _, r := range h.receivers {
		r.subscribe(h.t, h.api(r.tenant))
	}
	for tenant := range h.o.tenants {
		a := h.api(tenant)
		h.readers = append(h.readers, &reader{tenant: tenant})
		for i := range h.o.sessions {
			wg.Go(func() { a.pair(h.t, h.session(i), h.number(tenant, i)) })
		}
	}
	wg.Wait()
	for _, r := range h.receivers {
		r.setMoody(!r.healthy)
	}
}

// everySession calls fn for each session.
func (h *chaos) everySession(fn func(tenant, session int)) {
	for tenant := range h.o.tenants {
		for session := range h.o.sessions {
			fn(tenant, session)
		}
	}
}

// unhealthy is the receiver of a tenant that may go down.
func (h *chaos) unhealthy(tenant int) *chaosReceiver {
	for _, r := range h.receivers {
		if r.tenant == tenant && !r.healthy {
			return r
		}
	}
	return nil
}

// end leaves the daemons' logs behind if something was wrong.
func (h *chaos) end() {
	if !h.t.Failed() {
		return
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("wapid-chaos-%d-", h.o.seed))
	if err != nil {
		h.t.Error(err)
		return
	}
	for i, log := range h.logs {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("daemon-%02d.log", i+1)), []byte(log.String()), 0o600); err != nil {
			h.t.Error(err)
		}
	}
	h.story.save(h.t, filepath.Join(dir, "story.log"))
	h.t.Logf("the daemons' logs and the story are in %s", dir)
	h.t.Logf("seed %d failed; the same again: %s", h.o.seed, h.o.command())
}
