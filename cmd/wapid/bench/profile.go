package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

// profiled profiles the daemon under a load of sends.
func (h *harness) profiled(ctx context.Context, kind string, plan load.Plan) error {
	return h.profile(ctx, kind, plan.Sessions, plan.Duration, func() error {
		_, err := h.daemon.load(ctx, kind, plan)
		return err
	})
}

// profiledInbound profiles the daemon as it receives, as much as it takes and then half
// of that.
func (h *harness) profiledInbound(ctx context.Context, size int) error {
	hear := func(scenario string, rate float64) error {
		return h.profile(ctx, strings.ReplaceAll(scenario, " ", "-"), size, h.opts.Duration, func() error {
			return h.hear(ctx, scenario, size, 0, ears{h.daemon, h}, rate)
		})
	}
	if err := hear("inbound", 0); err != nil {
		return err
	}
	most, ok := h.report.Find("inbound", size, report.Daemon, report.PerSecond)
	if !ok {
		return errors.New("nothing was heard")
	}
	return hear("inbound at half load", most.Median/2)
}

// profile runs a load of the daemon while a profile of its CPU time is taken,
// and writes that and its heap at the end into the directory for profiles.
func (h *harness) profile(ctx context.Context, kind string, sessions int, lasts time.Duration, load func() error) error {
	if h.daemon.profile == "" {
		h.report.Note("profiles: the daemon serves none")
		return nil
	}
	if err := os.MkdirAll(h.opts.Profiles, 0o755); err != nil {
		return err
	}
	name := func(what string) string {
		return filepath.Join(h.opts.Profiles, fmt.Sprintf("%s-%d.%s.pprof", kind, sessions, what))
	}
	seconds := max(1, int(lasts.Seconds()))
	taken := make(chan error, 1)
	go func() { taken <- h.takeProfile(ctx, fmt.Sprintf("profile?seconds=%d", seconds), name("cpu")) }()
	err := load()
	if takeErr := <-taken; err == nil {
		err = takeErr
	}
	if err != nil {
		return err
	}
	if err = h.takeProfile(ctx, "allocs", name("heap")); err != nil {
		return err
	}
	h.progress("profiles of %s are in %s and %s", kind, name("cpu"), name("heap"))
	return nil
}

func (h *harness) takeProfile(ctx context.Context, what, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.daemon.profile+what, nil)
	if err != nil {
		return err
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the daemon's profiles answered %d: %s", resp.StatusCode, raw)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o644)
}
