package bench

import (
	"slices"
	"time"

	"wapid/cmd/wapid/bench/load"
)

// Above manySessions only those scenarios are measured, unless others are asked
// for, in which the number of sessions matters: the others have long been limited
// by the machine. Above someSessions those are left out whose figures are costs of
// a message, which do not depend on it.
const (
	someSessions = 50
	manySessions = 1000
)

// matters says whether a scenario is measured with so many sessions when the
// caller has not said what is.
func matters(scenario string, size int) bool {
	switch {
	case size > manySessions:
		return slices.Contains([]string{"generator", "idle", "repeat", "inbound", "storm", "restart"}, scenario)
	case size > someSessions:
		return !slices.Contains([]string{"media", "disk", "synced"}, scenario)
	}
	return true
}

// wants says whether a scenario is to be measured with so many sessions.
func (opts Options) wants(scenario string, size int) bool {
	if len(opts.Scenarios) > 0 {
		return slices.Contains(opts.Scenarios, scenario)
	}
	return matters(scenario, size)
}

// What things take on a machine with two cores, roughly.
const (
	linking  = 45 * time.Millisecond // a session of either fleet, sixteen at a time
	contact  = 3 * time.Millisecond  // a first contact
	starting = 4 * time.Millisecond  // a session's part of a start
	quieting = 3 * time.Second       // until two fleets have nothing left to do
)

// Estimate is about how long a run with these options takes. It is for the
// impatient, and leaves out what happens by the way.
func Estimate(opts Options) time.Duration {
	total := 10 * time.Second
	linked := 0
	for _, size := range opts.Sessions {
		total += estimateSize(opts, size, size-linked)
		linked = size
	}
	return total
}

func estimateSize(opts Options, size, grown int) time.Duration {
	runs, few := time.Duration(opts.Runs), time.Duration(min(opts.Runs, fewRuns))
	one := opts.WarmUp + opts.Duration
	start := time.Second + time.Duration(size)*starting
	total := time.Duration(grown) * 2 * linking
	total += time.Duration(2*load.Friends*size) * contact // acquaint
	for scenario, cost := range map[string]time.Duration{
		"idle":      4 * (opts.Rest + quieting/2),
		"repeat":    quieting + 2*runs*one,
		"half-load": quieting + 2*runs*one,
		"first":     quieting + 2*runs*one,
		"inbound":   quieting + 4*runs*(opts.Duration+time.Second),
		"media":     quieting + 2*runs*one,
		"bulk":      quieting + runs*(2*opts.Duration+4*time.Second),
		"storm":     few * (2*start + quieting),
		"restart":   few*2*(start+quieting+opts.Rest) + start + opts.Rest,
		"disk":      3*start + opts.Duration,
		"synced":    2 * runs * (start + quieting/2 + one),
	} {
		if opts.wants(scenario, size) {
			total += cost
		}
	}
	if opts.wants("restart", size) && size <= maxSQL {
		total += time.Duration(grown) * linking
	}
	if opts.wants("far-away", size) && size == opts.Sessions[0] {
		total += runs * (4*one + opts.Duration)
	}
	return total
}
