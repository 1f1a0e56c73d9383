package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

// maxWorkers is how many messages a closed loop has under way.
const maxWorkers = 50

// measure starts what is needed and goes through the sizes.
func (h *harness) measure(ctx context.Context) (err error) {
	if h.opts.URL != "" {
		return errors.New("measuring a running daemon is not there yet")
	}
	if err = h.startNetwork(ctx); err != nil {
		return err
	}
	if h.daemon, err = h.startDaemon(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.daemon.stop()) }()
	if err = os.MkdirAll(h.path("bound"), 0o700); err != nil {
		return err
	}
	if h.raw, _, err = h.startRaw(false, 0); err != nil {
		return err
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

// setLatency has the network delay each of its stanzas.
func (h *harness) setLatency(ctx context.Context) error {
	if h.opts.Latency == 0 {
		return nil
	}
	fault := map[string]any{"kind": "latency", "delay": h.opts.Latency.Seconds()}
	return h.control.call(ctx, http.MethodPost, "/faults", fault, nil)
}

// measureSize has both fleets grow and measures them in turn, one run of each
// after the other, so that both see the same moods of the machine.
func (h *harness) measureSize(ctx context.Context, size int) error {
	h.progress("linking %d sessions of the daemon", size)
	if err := h.daemon.grow(ctx, size, h.control, h.daemonNumbers()); err != nil {
		return err
	}
	h.progress("linking %d sessions of the bound", size)
	if err := h.raw.grow(ctx, size); err != nil {
		return err
	}
	if err := h.acquaint(ctx, size); err != nil {
		return err
	}
	if err := h.settle(ctx); err != nil {
		return err
	}
	if err := h.setLatency(ctx); err != nil {
		return err
	}
	for _, scenario := range []string{load.Repeat, load.First} {
		if !h.wants(scenario) {
			continue
		}
		if err := h.closed(ctx, scenario, size); err != nil {
			return fmt.Errorf("%s: %w", scenario, err)
		}
	}
	return h.control.call(ctx, http.MethodDelete, "/faults", nil, nil)
}

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
	for run := range h.opts.Runs {
		for _, side := range h.sides() {
			values, err := h.run(ctx, side, kind, plan)
			if err != nil {
				return err
			}
			h.report.Add(kind, size, side.side(), values)
			h.progress("%s, %d sessions, run %d: %s %.0f a second, p50 %.1f ms, p99 %.1f ms, %.3f ms of CPU each", kind, size, run+1,
				side.side(), values[report.PerSecond], values[report.P50], values[report.P99], values[report.CPU])
		}
	}
	return nil
}

// run is one measurement of a load.
func (h *harness) run(ctx context.Context, side loaded, kind string, plan load.Plan) (report.Values, error) {
	watch := h.watch(ctx, plan, side)
	result, err := side.load(ctx, kind, plan)
	others, watchErr := watch()
	if err != nil || watchErr != nil {
		return nil, errors.Join(err, watchErr)
	}
	if result.Count == 0 {
		return nil, errors.New("no message was sent in the measured time")
	}
	each := func(cpu time.Duration) float64 { return milliseconds(cpu) / float64(result.Count) }
	values := report.Values{
		report.PerSecond: result.PerSecond, report.P50: milliseconds(result.Latency.P50), report.P95: milliseconds(result.Latency.P95),
		report.P99: milliseconds(result.Latency.P99), report.Max: milliseconds(result.Latency.Max), report.Errors: float64(result.Errors),
	}
	if plan.Rate > 0 {
		values[report.Offered] = plan.Rate
	}
	if side.meter() != nil {
		values[report.CPU] = each(result.CPU)
	}
	for metric, cpu := range others {
		values[metric] = each(cpu)
	}
	return values, nil
}

// watch reads, over the measured time of a plan, the CPU time of those who take
// part beside the one that is measured. The returned function waits for the end.
func (h *harness) watch(ctx context.Context, plan load.Plan, side loaded) func() (map[report.Metric]time.Duration, error) {
	meters := map[report.Metric]load.Meter{}
	if h.network != nil {
		meters[report.NetworkCPU] = func() (time.Duration, error) { return load.ProcessCPU(h.network.pid()) }
	}
	if side.side() == report.Daemon {
		meters[report.GeneratorCPU] = load.OwnCPU
	}
	used := map[report.Metric]time.Duration{}
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			if err := pause(ctx, plan.WarmUp); err != nil {
				return err
			}
			for metric, meter := range meters {
				before, err := meter()
				if err != nil {
					return err
				}
				used[metric] = -before
			}
			if err := pause(ctx, plan.Duration); err != nil {
				return err
			}
			for metric, meter := range meters {
				after, err := meter()
				if err != nil {
					return err
				}
				used[metric] += after
			}
			return nil
		}()
	}()
	return func() (map[report.Metric]time.Duration, error) {
		err := <-done
		return used, err
	}
}

// settled is how little CPU time, in a second, counts as being at rest.
const settled = 30 * time.Millisecond

// settle waits until neither fleet has anything left to do: after a linking the
// phone tells a lot. It gives up after half a minute.
func (h *harness) settle(ctx context.Context) error {
	for range 30 {
		busy := time.Duration(0)
		for _, side := range h.sides() {
			meter := side.meter()
			if meter == nil {
				continue
			}
			before, err := meter()
			if err != nil {
				return err
			}
			if err = pause(ctx, time.Second/2); err != nil {
				return err
			}
			after, err := meter()
			if err != nil {
				return err
			}
			busy += after - before
		}
		if busy < settled {
			return nil
		}
	}
	return nil
}
