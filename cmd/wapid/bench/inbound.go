package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"wapid/cmd/wapid/bench/bound"
	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

const (
	// outstanding is about how many messages the network has under way to all
	// sessions together, when it writes as fast as they take it.
	outstanding = 800
	// maxWindow is how many of them are for one session.
	maxWindow = 16
	// drain is how long what was sent may take to arrive.
	drain = 2 * time.Minute
)

// traffic is what the simulated network is asked to write.
type traffic struct {
	Pairs    []pair  `json:"pairs"`
	Text     string  `json:"text"`
	Duration float64 `json:"duration"`
	Rate     float64 `json:"rate"`
	Window   int     `json:"window"`
}

type pair struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// hearing is a side that can be written to.
type hearing interface {
	loaded
	// begin forgets what came before.
	begin(ctx context.Context) error
	// heard waits until so many messages have come, for the daemon as webhooks
	// that were answered, for the bound at its event handler.
	heard(ctx context.Context, count int) (load.Latency, time.Time, error)
	people() load.Numbers
}

// subscribe has the daemon post its messages to a receiver of the harness,
// signed with a secret that it makes.
func (h *harness) subscribe(ctx context.Context) error {
	r, err := startReceiver()
	if err != nil {
		return err
	}
	body := map[string]any{"url": r.url(), "events": []string{"message"}}
	if err = h.daemon.call(ctx, http.MethodPost, "/api/account/webhooks", body, nil); err != nil {
		return errors.Join(err, r.stop())
	}
	h.receiver = r
	return nil
}

// inbound measures messages that arrive: as many as are taken, and then half as
// many.
func (h *harness) inbound(ctx context.Context, size int) error {
	if h.receiver == nil {
		if err := h.subscribe(ctx); err != nil && h.opts.URL == "" {
			return err
		} else if err != nil {
			h.report.Note("inbound: the daemon takes no webhook to this machine: " + err.Error())
			return nil
		}
	}
	if h.opts.Profiles != "" {
		return h.profiledInbound(ctx, size)
	}
	for run := range h.opts.Runs {
		for _, side := range h.hearing() {
			if err := h.hear(ctx, "inbound", size, run, side, 0); err != nil {
				return err
			}
		}
	}
	most, ok := h.report.Find("inbound", size, report.Daemon, report.PerSecond)
	if !ok {
		return errors.New("nothing was heard")
	}
	for run := range h.opts.Runs {
		for _, side := range h.hearing() {
			if err := h.hear(ctx, "inbound at half load", size, run, side, most.Median/2); err != nil {
				return err
			}
		}
	}
	return nil
}

// hear is one measurement. It lasts from the first message until the last has
// arrived, so that what was taken and not passed on counts as well.
func (h *harness) hear(ctx context.Context, scenario string, size, run int, side hearing, rate float64) error {
	if err := side.begin(ctx); err != nil {
		return err
	}
	meters := map[report.Metric]load.Meter{report.CPU: side.meter(), report.GeneratorCPU: load.OwnCPU, report.NetworkCPU: h.networkMeter()}
	used, err := startMeters(meters)
	if err != nil {
		return err
	}
	begun := time.Now()
	sent, err := h.write(ctx, size, side.people(), rate)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	latency, last, err := side.heard(waiting, sent)
	if err != nil {
		return fmt.Errorf("%s: %w", side.side(), err)
	}
	values := report.Values{
		report.PerSecond: float64(sent) / last.Sub(begun).Seconds(), report.P50: milliseconds(latency.P50), report.P95: milliseconds(latency.P95),
		report.P99: milliseconds(latency.P99), report.Max: milliseconds(latency.Max),
	}
	if rate > 0 {
		values[report.Offered] = rate
	}
	if err = used.into(values, sent); err != nil {
		return err
	}
	if side.side() == report.Bound {
		delete(values, report.GeneratorCPU) // it has received nothing
	}
	h.report.Add(scenario, size, side.side(), values)
	h.progress("%s, %d sessions, run %d: %s %.0f a second, p50 %.1f ms, p99 %.1f ms, %.3f ms of CPU each", scenario, size, run+1,
		side.side(), values[report.PerSecond], values[report.P50], values[report.P99], values[report.CPU])
	return nil
}

// write lets every session's first friend write to it, and returns how many
// messages that were.
func (h *harness) write(ctx context.Context, size int, numbers load.Numbers, rate float64) (int, error) {
	t := traffic{Text: load.Text, Duration: h.opts.Duration.Seconds(), Rate: rate, Window: max(1, min(maxWindow, outstanding/size))}
	for i := range size {
		t.Pairs = append(t.Pairs, pair{From: numbers.Friend(i, 0), To: numbers.Session(i)})
	}
	var answer struct {
		Sent int `json:"sent"`
	}
	err := h.control.call(ctx, http.MethodPost, "/traffic", t, &answer)
	if err == nil && answer.Sent == 0 {
		err = errors.New("no message was sent in the measured time")
	}
	return answer.Sent, err
}

func (h *harness) hearing() []hearing { return []hearing{ears{h.daemon, h}, h.raw} }

// ears is the daemon with the receiver of its webhooks.
type ears struct {
	*daemon
	h *harness
}

func (e ears) begin(context.Context) error {
	e.h.receiver.reset()
	return nil
}

func (e ears) heard(ctx context.Context, count int) (load.Latency, time.Time, error) {
	for {
		came, last, changed := e.h.receiver.look()
		if came >= count {
			return load.Summarise(e.h.receiver.reset()), last, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return load.Latency{}, last, fmt.Errorf("%d of %d webhooks came: %w", came, count, ctx.Err())
		}
	}
}

func (e ears) people() load.Numbers { return e.h.daemonNumbers() }

func (f *rawFleet) begin(ctx context.Context) error {
	_, err := f.do(ctx, bound.Command{Do: bound.Inbound})
	return err
}

func (f *rawFleet) heard(ctx context.Context, count int) (load.Latency, time.Time, error) {
	answer, err := f.do(ctx, bound.Command{Do: bound.Inbound, Await: count})
	return answer.Latency, answer.Last, err
}

func (f *rawFleet) people() load.Numbers { return f.numbers }
