package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"time"

	"wapid/engine/simnet"
	"wapid/engine/whatsapp"
	"wapid/store"
)

// disturb goes through the plan. What lasts a while goes on beside what follows,
// each kind once at a time; all has ended when it returns.
func (h *chaos) disturb(ctx context.Context) {
	var lasting sync.WaitGroup
	defer lasting.Wait()
	busy := map[string]*sync.Mutex{}
	for _, step := range h.o.plan() {
		pause(ctx, step.after)
		if step.kind == faultKill {
			h.restart()
			continue
		}
		if step.kind == faultStop {
			h.count(faultStop)
			h.story.tell("", "SIGTERM")
			h.current().stop(h.t)
			h.start()
			continue
		}
		if step.kind == faultDiskFull && !h.disk.mounted {
			continue
		}
		one := busy[step.kind]
		if one == nil {
			one = new(sync.Mutex)
			busy[step.kind] = one
		}
		if !one.TryLock() {
			h.story.tell("", "left out, as one is going on: %v", step)
			continue
		}
		h.count(step.kind)
		h.story.tell("", "%v", step)
		lasting.Go(func() {
			defer one.Unlock()
			h.strike(ctx, step)
			h.story.tell("", "over: %v", step)
		})
	}
	pause(ctx, time.Second) // traffic meets what the last kill left
}

func (h *chaos) count(kind string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults[kind]++
}

// restart kills the daemon as a power switch would, and starts the next one.
func (h *chaos) restart() {
	h.count(faultKill)
	h.story.tell("", "kill -9")
	h.current().kill()
	h.start()
	if h.kills++; h.kills%10 == 0 {
		h.t.Logf("%d kills so far", h.kills)
	}
}

// strike does what a step says and returns when it is over.
func (h *chaos) strike(ctx context.Context, s chaosStep) {
	switch s.kind {
	case faultBusyOurs:
		h.hold(ctx, store.FileName, s.length)
	case faultBusyTheirs:
		h.hold(ctx, whatsapp.FileName, s.length)
	case faultDiskFull:
		if err := h.disk.fill(); err != nil {
			h.t.Errorf("filling the disk: %v", err)
		}
		pause(ctx, s.length)
		if err := h.disk.free(); err != nil {
			h.t.Errorf("freeing the disk: %v", err)
		}
	case faultClock:
		h.clock.set(s.offset)
	case faultReceiverDown:
		r := h.unhealthy(s.tenant)
		r.down()
		pause(ctx, s.length)
		r.up()
	default:
		h.disturbNetwork(ctx, s)
	}
}

func (h *chaos) disturbNetwork(ctx context.Context, s chaosStep) {
	fault := simnet.Fault{Kind: simnet.FaultKind(s.kind), Number: h.number(s.tenant, s.session).Number()}
	lasts := false
	switch fault.Kind {
	case simnet.FaultRefuse:
		lasts = true
	case simnet.FaultLatency:
		fault.Delay, fault.Jitter, lasts = 100*time.Millisecond, 90*time.Millisecond, true
	case simnet.FaultClose, simnet.FaultRestart:
	default:
		fault.Times = s.times
	}
	id, err := h.network.Faults().Set(fault)
	if err != nil {
		h.t.Errorf("%v: %v", s, err)
		return
	}
	if lasts {
		pause(ctx, s.length)
		h.network.Faults().Clear(id)
	}
}

// hold keeps a database's write lock, as another process would.
func (h *chaos) hold(ctx context.Context, file string, length time.Duration) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(h.dir, file)+"?_txlock=immediate&_busy_timeout=2000")
	if err != nil {
		h.t.Error(err)
		return
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		h.story.tell("", "%s was not locked: %v", file, err)
		return
	}
	pause(ctx, length)
	if err := tx.Rollback(); err != nil {
		h.t.Error(err)
	}
}

// calm ends all faults.
func (h *chaos) calm() {
	h.network.Faults().Clear()
	if err := h.disk.free(); err != nil {
		h.t.Error(err)
	}
	for _, r := range h.receivers {
		r.setMoody(false)
		r.down() // whoever hangs
		r.up()
	}
	h.story.tell("", "all faults have ended")
}
