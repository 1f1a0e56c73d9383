// Package load runs a load of sends and measures it. The harness runs it against
// the daemon's API, the bound's process against its own clients, so that both
// are loaded and measured by the same code.
package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// maxOpen bounds how many messages of an open loop are under way at a time.
// What waits beyond it counts from when it was due all the same.
const maxOpen = 512

// Plan is one measurement.
type Plan struct {
	Sessions int           `json:"sessions"`        // messages go through all of them in turn
	Workers  int           `json:"workers"`         // of a closed loop, at most one for each session
	WarmUp   time.Duration `json:"warmUp"`          // load that is not measured, before the rest
	Duration time.Duration `json:"duration"`        // load that is measured; longer where nothing is sent in it
	Rate     float64       `json:"rate,omitempty"`  // messages a second of an open loop; 0 for a closed one
	Limit    int           `json:"limit,omitempty"` // ends the load after so many messages; 0 for none
}

// Send sends one message through a session, the n-th of that session, and
// returns when it is known to be sent. It is called by many goroutines, but
// in a closed loop never twice at once for one session.
type Send func(ctx context.Context, session, n int) error

// Meter reads the CPU time that a process has used so far. A nil one is for a
// process that can't be read.
type Meter func() (time.Duration, error)

// Result is what a load has come to within its measured time.
type Result struct {
	Count     int           `json:"count"`
	Total     int           `json:"total"` // with those before and after the measured time
	Errors    int           `json:"errors"`
	Error     string        `json:"error,omitempty"` // the first
	Elapsed   time.Duration `json:"elapsed"`
	PerSecond float64       `json:"perSecond"`
	Latency   Latency       `json:"latency"`
	CPU       time.Duration `json:"cpu"` // of the process under test, in the measured time
}

// recorder is what one worker has seen.
type recorder struct {
	took   []time.Duration
	ended  int // within the measured time
	total  int
	errors int
	err    error
}

// span is the measured time. Its ends are set while workers look at them.
type span struct {
	begin, end atomic.Int64 // nanoseconds since the load's start; 0 while unknown
}

func (s *span) contains(at time.Duration) bool {
	begin, end := s.begin.Load(), s.end.Load()
	return begin > 0 && int64(at) >= begin && (end == 0 || int64(at) <= end)
}

// Run carries out a plan. meter is read at both ends of the measured time. The
// latency of an open loop counts from when a message was due, so that one that
// had to wait for others shows it. It fails when the context ends, when a meter
// fails, and when nothing at all could be sent.
func Run(ctx context.Context, plan Plan, send Send, meter Meter) (Result, error) {
	if plan.Sessions < 1 || plan.Duration <= 0 {
		return Result{}, errors.New("a load needs sessions and a duration")
	}
	l := &loop{plan: plan, send: send, start: time.Now(), some: make(chan struct{})}
	workers := max(1, min(plan.Workers, plan.Sessions))
	if plan.Rate > 0 {
		workers = maxOpen
	}
	loopCtx, stop := context.WithCancel(ctx)
	defer stop()
	recorders := make([]recorder, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			if plan.Rate > 0 {
				l.open(loopCtx, ctx, &recorders[w])
				return
			}
			l.closed(loopCtx, ctx, w, workers, &recorders[w])
		})
	}
	idle := make(chan struct{}) // a plan with a limit may end early
	go func() { group.Wait(); close(idle) }()
	result, err := l.measure(ctx, meter, idle)
	stop()
	<-idle
	if err != nil {
		return Result{}, err
	}
	return l.sum(result, recorders)
}

type loop struct {
	plan  Plan
	send  Send
	start time.Time
	span  span
	next  atomic.Int64  // messages begun so far
	some  chan struct{} // closed by the first message that ends within the measured time
	once  sync.Once
}

// measure waits through the warm-up and the measured time.
func (l *loop) measure(ctx context.Context, meter Meter, idle <-chan struct{}) (Result, error) {
	var result Result
	if err := wait(ctx, l.plan.WarmUp, idle); err != nil {
		return result, err
	}
	before, err := read(meter)
	if err != nil {
		return result, err
	}
	begin := time.Since(l.start)
	l.span.begin.Store(max(1, int64(begin)))
	if err = wait(ctx, l.plan.Duration, idle); err != nil {
		return result, err
	}
	select {
	case <-l.some:
	case <-idle:
	case <-ctx.Done():
		return result, ctx.Err()
	}
	end := time.Since(l.start)
	l.span.end.Store(int64(end))
	after, err := read(meter)
	result.Elapsed, result.CPU = end-begin, after-before
	return result, err
}

func read(meter Meter) (time.Duration, error) {
	if meter == nil {
		return 0, nil
	}
	return meter()
}

func wait(ctx context.Context, d time.Duration, idle <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// closed sends one message after the other through the sessions of one worker:
// those whose number leaves the worker's when divided by the number of workers.
func (l *loop) closed(stop, ctx context.Context, worker, workers int, r *recorder) {
	for n := 0; ; n++ {
		for session := worker; session < l.plan.Sessions; session += workers {
			if stop.Err() != nil || l.full() {
				return
			}
			begun := time.Since(l.start)
			err := l.send(ctx, session, n)
			l.note(r, begun, time.Since(l.start), err)
		}
	}
}

// open sends messages when they are due, whatever became of those before.
func (l *loop) open(stop, ctx context.Context, r *recorder) {
	for {
		k := l.next.Add(1) - 1
		if l.plan.Limit > 0 && k >= int64(l.plan.Limit) {
			return
		}
		due := time.Duration(float64(k) / l.plan.Rate * float64(time.Second))
		if wait(stop, due-time.Since(l.start), nil) != nil {
			return
		}
		err := l.send(ctx, int(k)%l.plan.Sessions, int(k)/l.plan.Sessions)
		l.note(r, due, time.Since(l.start), err)
	}
}

// full counts a message of a closed loop, and says that there are enough.
func (l *loop) full() bool {
	return l.plan.Limit > 0 && l.next.Add(1) > int64(l.plan.Limit)
}

func (l *loop) note(r *recorder, begun, ended time.Duration, err error) {
	if err == nil {
		r.total++
	}
	if !l.span.contains(ended) {
		return
	}
	l.once.Do(func() { close(l.some) })
	if err != nil {
		r.errors++
		if r.err == nil {
			r.err = err
		}
		return
	}
	r.ended++
	r.took = append(r.took, ended-begun)
}

func (l *loop) sum(result Result, recorders []recorder) (Result, error) {
	var took []time.Duration
	var first error
	for _, r := range recorders {
		result.Count += r.ended
		result.Total += r.total
		result.Errors += r.errors
		took = append(took, r.took...)
		if first == nil {
			first = r.err
		}
	}
	if first != nil {
		result.Error = first.Error()
		if result.Count == 0 {
			return result, first
		}
	}
	result.PerSecond = float64(result.Count) / result.Elapsed.Seconds()
	result.Latency = Summarise(took)
	return result, nil
}
