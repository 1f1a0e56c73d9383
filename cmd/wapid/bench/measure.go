package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

const (
	// maxWorkers is how many messages a closed loop has under way.
	maxWorkers = 50
	// restless is how many sessions at rest keep a core busy, by answering pings and
	// the like, at least.
	restless = 25_000
)

// measure starts what is needed and goes through the sizes.
func (h *harness) measure(ctx context.Context) (err error) {
	h.progress("this will take about %v", Estimate(h.opts).Round(time.Minute))
	leave := func() error { return h.daemon.stop() }
	if h.opts.URL != "" {
		leave, err = h.reachDaemon(ctx)
	} else if err = h.startNetwork(ctx); err == nil {
		h.daemon, err = h.startDaemon()
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	if err = os.MkdirAll(h.path("bound"), 0o700); err != nil {
		return err
	}
	if h.raw, _, err = h.startRaw(ctx, false, 0); err != nil {
		return err
	}
	if h.wants("generator") {
		if err = h.generator(ctx); err != nil {
			return err
		}
	}
	if h.wants("idle") || h.wants("restart") {
		if err = h.boot(ctx); err != nil {
			return err
		}
	}
	for _, size := range h.opts.Sessions {
		if err = h.measureSize(ctx, size); err != nil {
			return fmt.Errorf("%d sessions: %w", size, err)
		}
	}
	return nil
}

// startNetwork starts the simulated network and reads where its controls are.
func (h *harness) startNetwork(ctx context.Context) error {
	file := h.path("network.json")
	var err error
	if h.network, err = h.start("sim", nil, "sim", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--describe", file); err != nil {
		return err
	}
	if _, err = h.network.line(); err != nil {
		return err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var d struct {
		Control string `json:"control"`
	}
	if err = json.Unmarshal(raw, &d); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	h.control = &caller{base: d.Control, client: h.http}
	return ctx.Err()
}

// measureSize has both fleets grow and measures them in turn, one run of each
// after the other, so that both see the same moods of the machine. The fleet that
// is not measured stays connected; what that costs is in the table of those idle.
func (h *harness) measureSize(ctx context.Context, size int) error {
	h.size = size
	if err := h.link(ctx, size); err != nil {
		return err
	}
	if err := h.settle(ctx); err != nil {
		return err
	}
	if h.wants("idle") {
		for _, s := range h.standing() {
			if err := h.atRest(ctx, "idle", size, s); err != nil {
				return err
			}
		}
	}
	if h.wants("restart") {
		// Before the loads: the bound keeps the keys of everybody it writes to in memory.
		if err := h.restart(ctx, size); err != nil {
			return fmt.Errorf("restart: %w", err)
		}
	}
	if err := h.acquaint(ctx, size); err != nil {
		return err
	}
	if err := h.underLatency(ctx, h.opts.Latency, func() error { return h.loads(ctx, size) }); err != nil {
		return err
	}
	for _, part := range []struct {
		scenario string
		measure  func(context.Context, int) error
	}{{"storm", h.storm}, {"disk", h.disk}, {"synced", h.synced}} {
		if !h.wants(part.scenario) {
			continue
		}
		if err := part.measure(ctx, size); err != nil {
			return fmt.Errorf("%s: %w", part.scenario, err)
		}
	}
	return nil
}

// link has both fleets grow. Linking is measured by the way: how many a second,
// sixteen at a time.
func (h *harness) link(ctx context.Context, size int) error {
	for _, fleet := range []struct {
		side report.Side
		have int
		grow func() error
	}{
		{report.Daemon, h.daemon.size, func() error { return h.daemon.grow(ctx, size, h.control, h.daemonNumbers()) }},
		{report.Bound, h.raw.size, func() error { return h.raw.grow(ctx, size) }},
	} {
		if fleet.have >= size {
			continue
		}
		h.progress("linking %d sessions: %s", size-fleet.have, fleet.side)
		begun := time.Now()
		if err := fleet.grow(); err != nil {
			return err
		}
		h.report.Add("linking", size, fleet.side, report.Values{report.PerSecond: float64(size-fleet.have) / time.Since(begun).Seconds()})
	}
	return nil
}

// loads goes through everything that sends or receives messages.
func (h *harness) loads(ctx context.Context, size int) error {
	for _, part := range []struct {
		scenario string
		measure  func(context.Context, int) error
	}{
		{"repeat", func(ctx context.Context, size int) error { return h.closed(ctx, load.Repeat, size) }},
		{"half-load", h.halfLoad},
		{"first", func(ctx context.Context, size int) error { return h.closed(ctx, load.First, size) }},
		{"inbound", h.inbound},
		{"media", func(ctx context.Context, size int) error { return h.closed(ctx, load.Media, size) }},
		{"bulk", h.bulks},
		{"far-away", h.farAway},
	} {
		if !h.wants(part.scenario) {
			continue
		}
		if err := h.settle(ctx); err != nil {
			return err
		}
		if err := part.measure(ctx, size); err != nil {
			return fmt.Errorf("%s: %w", part.scenario, err)
		}
	}
	if !h.wants("idle") {
		return nil
	}
	for _, s := range h.standing() {
		if err := h.atRest(ctx, "after load", size, s); err != nil {
			return err
		}
	}
	return nil
}

func (h *harness) standing() []standing { return []standing{h.daemon, h.raw} }

// sides are what can be loaded: the daemon and the bound.
type loaded interface {
	load(ctx context.Context, kind string, plan load.Plan) (load.Result, error)
	meter() load.Meter
	side() report.Side
}

func (h *harness) sides() []loaded { return []loaded{h.daemon, h.raw} }

// acquaint lets every session write to all its friends, so that none of what
// follows is a first contact with them.
func (h *harness) acquaint(ctx context.Context, size int) error {
	h.progress("first contacts with %d friends", size*load.Friends)
	for _, side := range h.sides() {
		plan := load.Plan{Sessions: size, Workers: maxWorkers, Duration: time.Hour, Limit: size * load.Friends}
		if result, err := side.load(ctx, load.Repeat, plan); err != nil {
			return err
		} else if result.Errors > 0 {
			return fmt.Errorf("%s: %d first contacts failed: %s", side.side(), result.Errors, result.Error)
		}
	}
	return nil
}

// closed measures how many sends there are at most.
func (h *harness) closed(ctx context.Context, kind string, size int) error {
	plan := load.Plan{Sessions: size, Workers: maxWorkers, WarmUp: h.opts.WarmUp, Duration: h.opts.Duration}
	if h.opts.Profiles != "" {
		return h.profiled(ctx, kind, plan)
	}
	return h.loadBoth(ctx, kind, kind, plan)
}

// halfLoad offers both sides half of what the daemon has just reached, whatever
// they make of it.
func (h *harness) halfLoad(ctx context.Context, size int) error {
	most, ok := h.report.Find(load.Repeat, size, report.Daemon, report.PerSecond)
	if !ok {
		return errors.New("half-load needs repeat, to know what half is")
	}
	plan := load.Plan{Sessions: size, Rate: most.Median / 2, WarmUp: h.opts.WarmUp, Duration: h.opts.Duration}
	return h.loadBoth(ctx, "repeat at half load", load.Repeat, plan)
}

func (h *harness) loadBoth(ctx context.Context, scenario, kind string, plan load.Plan) error {
	for run := range h.opts.Runs {
		for _, side := range h.sides() {
			values, err := h.run(ctx, side, kind, plan)
			if err != nil {
				return fmt.Errorf("%s: %w", side.side(), err)
			}
			h.report.Add(scenario, plan.Sessions, side.side(), values)
			h.progress("%s, %d sessions, run %d: %s %.0f a second, p50 %.1f ms, p99 %.1f ms, %.3f ms of CPU each", scenario, plan.Sessions, run+1,
				side.side(), values[report.PerSecond], values[report.P50], values[report.P99], values[report.CPU])
		}
	}
	return nil
}

// run is one measurement of a load. What the others use is read over the whole
// of it, with the warm-up, and shared among all messages.
func (h *harness) run(ctx context.Context, side loaded, kind string, plan load.Plan) (report.Values, error) {
	others := map[report.Metric]load.Meter{report.NetworkCPU: h.networkMeter()}
	if side.side() == report.Daemon {
		others[report.GeneratorCPU] = load.OwnCPU
	}
	used, err := startMeters(others)
	if err != nil {
		return nil, err
	}
	result, err := side.load(ctx, kind, plan)
	if err != nil {
		return nil, err
	}
	if result.Count == 0 {
		return nil, errors.New("no message was sent in the measured time")
	}
	values := valuesOf(result)
	if result.Errors > 0 {
		h.report.Note(fmt.Sprintf("%s, %d sessions, %s: some sends failed, such as: %s", kind, plan.Sessions, side.side(), result.Error))
	}
	if plan.Rate > 0 {
		values[report.Offered] = plan.Rate
	}
	if side.meter() != nil {
		values[report.CPU] = milliseconds(result.CPU) / float64(result.Count)
	}
	return values, used.into(values, result.Total)
}

// valuesOf are the figures of a load, but for CPU times.
func valuesOf(r load.Result) report.Values {
	return report.Values{
		report.PerSecond: r.PerSecond, report.P10: milliseconds(r.Latency.P10), report.P50: milliseconds(r.Latency.P50), report.P95: milliseconds(r.Latency.P95),
		report.P99: milliseconds(r.Latency.P99), report.Max: milliseconds(r.Latency.Max), report.Errors: float64(r.Errors),
	}
}

// settle waits until neither fleet has anything left to do: after a linking the
// phone tells a lot.
func (h *harness) settle(ctx context.Context) error {
	for _, s := range h.standing() {
		if err := h.quiet(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// quiet waits until a process uses next to no CPU time, half a minute at most.
// Keeping a fleet connected costs a little, and /proc counts hundredths of a
// second.
func (h *harness) quiet(ctx context.Context, s standing) error {
	look := min(time.Second/2, max(time.Second/10, h.opts.Rest))
	little := max(10*time.Millisecond, look*6/100+look*time.Duration(h.size)/restless)
	meter := s.meter()
	if meter == nil {
		return pause(ctx, 2*look)
	}
	for begun := time.Now(); time.Since(begun) < 30*time.Second; {
		before, err := meter()
		if err != nil {
			return err
		}
		if err = pause(ctx, look); err != nil {
			return err
		}
		after, err := meter()
		if err != nil {
			return err
		}
		if after-before <= little {
			return nil
		}
	}
	return nil
}
