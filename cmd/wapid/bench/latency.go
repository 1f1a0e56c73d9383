package bench

import (
	"context"
	"errors"
	"net/http"
	"time"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

// far is what the network adds to each of its answers where round trips are
// counted: about what the real one takes.
const far = 50 * time.Millisecond

// farAway measures one session against a network that takes its time: what a
// message takes is then mostly how often it waits for an answer. More sessions
// would wait for the machine instead.
func (h *harness) farAway(ctx context.Context, size int) error {
	if size != h.opts.Sessions[0] || h.opts.Profiles != "" {
		return nil
	}
	plan := load.Plan{Sessions: 1, Workers: 1, WarmUp: h.opts.WarmUp, Duration: h.opts.Duration}
	return h.underLatency(ctx, far, func() error {
		for _, kind := range []string{load.Repeat, load.First} {
			for range h.opts.Runs {
				for _, side := range h.sides() {
					values, err := h.run(ctx, side, kind, plan)
					if err != nil {
						return err
					}
					// Of the fastest tenth, which has waited for nothing else.
					values[report.RoundTrips] = values[report.P10] / milliseconds(far)
					h.report.Add(kind+", far away", 1, side.side(), values)
					h.progress("%s, far away: %s p10 %.1f ms, %.2f round trips", kind, side.side(), values[report.P10], values[report.RoundTrips])
				}
			}
		}
		return h.bulk(ctx, "bulk, far away", 1, int(time.Second/(2*far)))
	})
}

// underLatency does something while the network delays each of its stanzas.
func (h *harness) underLatency(ctx context.Context, latency time.Duration, do func() error) (err error) {
	if latency == 0 {
		return do()
	}
	var fault struct {
		ID string `json:"id"`
	}
	body := map[string]any{"kind": "latency", "delay": latency.Seconds()}
	if err = h.control.call(ctx, http.MethodPost, "/faults", body, &fault); err != nil {
		return err
	}
	defer func() {
		clear := h.control.call(context.WithoutCancel(ctx), http.MethodDelete, "/faults/"+fault.ID, nil, nil)
		err = errors.Join(err, clear)
	}()
	return do()
}
