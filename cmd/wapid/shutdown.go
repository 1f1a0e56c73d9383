package main

import (
	"cmp"
	"os"
	"time"

	"go.uber.org/zap"
)

// shutdownShares are how long each service may take for what it is doing when the daemon is
// told to stop; what takes longer is cut off. The sum leaves a sixteenth of the whole
// for everything that is only closed.
type shutdownShares struct {
	api      time.Duration // requests that are being answered
	bulk     time.Duration // sends of bulk jobs
	webhooks time.Duration // deliveries
	traces   time.Duration // a collector that takes what is left
}

// defaultShutdown is that of the flag, for apps that are made without it.
const defaultShutdown = 40 * time.Second

// What the services take at most, however much time there is.
const (
	mostDrain    = 15 * time.Second
	mostFarewell = 5 * time.Second
)

func shareShutdown(total time.Duration) shutdownShares {
	return shutdownShares{
		api:      min(mostDrain, total*3/8),
		bulk:     min(mostDrain, total*3/8),
		webhooks: min(mostFarewell, total/8),
		traces:   min(mostFarewell, total/16),
	}
}

// deadline ends a process whose shutdown lasts too long. That loses nothing which was
// acknowledged: the next start goes on as after a crash.
type deadline struct {
	within time.Duration
	log    *zap.Logger
	abort  func() // ends the process at once
	timer  *time.Timer
}

// begin counts from now.
func (d *deadline) begin() {
	d.timer = time.AfterFunc(d.within, func() {
		d.log.Error("the shutdown has used up its time: the process ends without the rest of it", zap.Duration("shutdown-timeout", d.within))
		d.abort()
	})
}

// met ends the counting. It may be called without a begin.
func (d *deadline) met() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// plan shares out the time that a shutdown may take, which ends when everything is closed.
func (a *app) plan(c appConfig) {
	total := cmp.Or(c.ShutdownTimeout, defaultShutdown)
	if c.Abort == nil {
		c.Abort = func() { os.Exit(1) }
	}
	a.shares = shareShutdown(total)
	a.deadline = deadline{within: total, log: c.Log, abort: c.Abort}
	a.closers = append(a.closers, func() error { a.deadline.met(); return nil })
}
