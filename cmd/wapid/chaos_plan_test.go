package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"wapid/engine/simnet"
)

// chaosOptions are the size of a run. The seed decides everything in it: what is
// sent, which fault strikes whom and when, how each receiver answers. Processes
// and sockets keep a timing of their own, so that a seed comes as near to the same
// run as those allow.
type chaosOptions struct {
	seed     uint64
	kills    int
	length   time.Duration // of the traffic
	between  int           // other faults for each kill
	tenants  int
	sessions int // of each tenant
	contacts int // of each tenant, whom bulk jobs write to
	day      bool
}

// chaosFromEnvironment reads what `make chaos` was given; without it, the run is
// the short one that goes with every test.
func chaosFromEnvironment(t testing.TB) chaosOptions {
	o := chaosOptions{seed: 1, kills: 3, length: 10 * time.Second, between: 4, tenants: 2, sessions: 2, contacts: 10}
	number := func(name string, set func(uint64)) {
		text := os.Getenv(name)
		if text == "" {
			return
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s=%s is not a number", name, text)
		}
		set(n)
	}
	number("CHAOS_MINUTES", func(n uint64) {
		o = chaosOptions{seed: 1, kills: 50, length: time.Duration(n) * time.Minute, between: 2, tenants: 3, sessions: 3, contacts: 40, day: true}
	})
	number("CHAOS_KILLS", func(n uint64) { o.kills = int(n) })
	number("CHAOS_SEED", func(n uint64) { o.seed = n })
	return o
}

// command is what runs the same again.
func (o chaosOptions) command() string {
	if o.day {
		return fmt.Sprintf("make chaos SEED=%d KILLS=%d MINUTES=%d", o.seed, o.kills, int(o.length.Minutes()))
	}
	return fmt.Sprintf("CHAOS_SEED=%d CHAOS_KILLS=%d go test -race -count=1 -run '^TestChaos$' -v ./cmd/wapid", o.seed, o.kills)
}

// draw makes the dice of one concern, which others' throws don't disturb.
func (o chaosOptions) draw(concern string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(concern)) // never fails
	return rand.New(rand.NewPCG(o.seed, h.Sum64()))
}

// between draws a duration from low to high.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// Faults that the harness knows beside the network's own.
const (
	faultKill         = "kill -9"
	faultStop         = "SIGTERM"
	faultBusyOurs     = "wapid.db locked"
	faultBusyTheirs   = "whatsapp.db locked"
	faultDiskFull     = "disk full"
	faultClock        = "clock jump"
	faultReceiverDown = "receiver down"
)

// chaosStep is one fault of a plan.
type chaosStep struct {
	after   time.Duration // since the step before
	kind    string
	tenant  int
	session int
	times   int           // how often a fault of the network acts
	length  time.Duration // how long it lasts
	offset  time.Duration // of the clock
}

func (s chaosStep) String() string {
	switch s.kind {
	case faultKill, faultStop:
		return s.kind
	case faultClock:
		return fmt.Sprintf("%s to %v", s.kind, s.offset)
	case faultBusyOurs, faultBusyTheirs, faultDiskFull:
		return fmt.Sprintf("%s for %v", s.kind, s.length)
	case faultReceiverDown:
		return fmt.Sprintf("%s of tenant %d for %v", s.kind, s.tenant, s.length)
	}
	return fmt.Sprintf("%s at tenant %d session %d, %d times, %v", s.kind, s.tenant, s.session, s.times, s.length)
}

// disturbances are the kinds between the kills. A bag of them is emptied before it
// is filled again, so that none is left out.
func disturbances() []string {
	return []string{
		string(simnet.FaultDropBeforeRelay), string(simnet.FaultDropBeforeAck), string(simnet.FaultDropAfterAck),
		string(simnet.FaultClose), string(simnet.FaultRestart), string(simnet.FaultRefuse), string(simnet.FaultLatency),
		faultBusyOurs, faultBusyTheirs, faultDiskFull, faultClock, faultReceiverDown, faultStop,
	}
}

// plan makes the steps of a run.
func (o chaosOptions) plan() []chaosStep {
	r := o.draw("plan")
	var bag []string
	var steps []chaosStep
	every := o.length / time.Duration(max(1, o.kills))
	for range o.kills {
		left := every
		for i := range o.between + 1 {
			step := chaosStep{kind: faultKill, after: left}
			if i < o.between {
				if len(bag) == 0 {
					bag = disturbances()
					r.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
				}
				step.kind, bag = bag[0], bag[1:]
				step.after = between(r, 0, left*2/time.Duration(o.between+2)+1)
				left -= step.after
			}
			o.detail(r, &step)
			steps = append(steps, step)
		}
	}
	return steps
}

// detail draws whom a step strikes, how often and for how long. Every step throws
// the dice equally often.
func (o chaosOptions) detail(r *rand.Rand, s *chaosStep) {
	s.tenant, s.session, s.times = r.IntN(o.tenants), r.IntN(o.sessions), 1+r.IntN(3)
	short, offset, long := between(r, 200*time.Millisecond, 2*time.Second), between(r, -6*time.Hour, 6*time.Hour), r.IntN(4) == 0
	s.length = short.Round(time.Millisecond)
	switch s.kind {
	case faultClock:
		s.offset = offset.Round(time.Second)
	case faultBusyOurs, faultBusyTheirs:
		if long && o.day { // longer than anybody waits for a lock
			s.length += 10500 * time.Millisecond
		}
	}
}
