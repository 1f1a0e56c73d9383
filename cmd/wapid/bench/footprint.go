package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"wapid/cmd/wapid/bench/bound"
	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

// standing is a side whose process can be looked at.
type standing interface {
	side() report.Side
	meter() load.Meter
	process() int // 0 when it is not known
	goroutines(ctx context.Context) (int, error)
}

// atRest lets everything rest, and then looks at the memory of a process, at how
// many goroutines it has, and at the CPU time that it used while it rested.
func (h *harness) atRest(ctx context.Context, scenario string, size int, s standing) error {
	if s.process() == 0 {
		h.report.Note("memory of the daemon: its process is not known")
		return nil
	}
	if err := h.quiet(ctx, s); err != nil {
		return err
	}
	before, err := s.meter()()
	if err != nil {
		return err
	}
	begun := time.Now()
	if err = pause(ctx, h.opts.Rest); err != nil {
		return err
	}
	after, err := s.meter()()
	if err != nil {
		return err
	}
	values := report.Values{report.IdleCPU: 100 * (after - before).Seconds() / time.Since(begun).Seconds()}
	if err = h.look(ctx, size, s, values); err != nil {
		return err
	}
	h.report.Add(scenario, size, s.side(), values)
	h.progress("%s, %d sessions: %s %.1f MiB, %.0f KiB a session, %.0f goroutines, %.1f %% of a core", scenario, size, s.side(),
		values[report.RSS], values[report.PerSession], values[report.Goroutines], values[report.IdleCPU])
	return nil
}

// look adds what a process holds at this moment.
func (h *harness) look(ctx context.Context, size int, s standing, values report.Values) error {
	memory, err := load.ProcessMemory(s.process())
	if err != nil {
		return err
	}
	values[report.RSS], values[report.Anon] = mebibytes(memory.RSS), mebibytes(memory.Anon)
	if boot, ok := h.report.Find("boot", 0, s.side(), report.RSS); ok && size > 0 {
		values[report.PerSession] = (mebibytes(memory.RSS) - boot.Median) * 1024 / float64(size)
	}
	n, err := s.goroutines(ctx)
	if n > 0 {
		values[report.Goroutines] = float64(n)
	}
	return err
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func (d *daemon) process() int { return d.pid }

// goroutines asks the daemon's profiles; 0 when there are none.
func (d *daemon) goroutines(ctx context.Context) (int, error) {
	if d.profile == "" {
		return 0, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.profile+"goroutine?debug=1", nil)
	if err != nil {
		return 0, err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	_, total, _ := strings.Cut(first, "total ")
	return strconv.Atoi(total)
}

func (f *rawFleet) process() int { return f.child.pid() }

func (f *rawFleet) goroutines(ctx context.Context) (int, error) {
	answer, err := f.do(ctx, bound.Command{Do: bound.Look})
	return answer.Count, err
}

// boot looks at processes that have no sessions yet.
func (h *harness) boot(ctx context.Context) error {
	for _, s := range []standing{h.daemon, h.raw} {
		if s.process() == 0 || h.daemon.child == nil && s.side() == report.Daemon {
			continue // it has a past
		}
		if err := h.atRest(ctx, "boot", 0, s); err != nil {
			return err
		}
	}
	return nil
}

// restart ends a fleet's process as an operator would, starts it again, and
// measures until all its sessions are ready. Then it looks at the memory.
func (h *harness) restart(ctx context.Context, size int) error {
	runs := min(h.opts.Runs, fewRuns)
	if h.daemon.child == nil {
		h.report.Note("restart: the daemon was started by somebody else")
	}
	for range runs {
		if h.daemon.child != nil {
			if err := h.restartDaemon(ctx, size); err != nil {
				return err
			}
		}
		if err := h.restartRaw(ctx, size); err != nil {
			return err
		}
	}
	if size > maxSQL {
		return nil
	}
	return h.restartSQL(ctx, size)
}

func (h *harness) restartDaemon(ctx context.Context, size int) error {
	took, err := h.reboot(ctx, nil)
	if err != nil {
		return err
	}
	return h.restarted(ctx, size, h.daemon, took)
}

// reboot stops the daemon, does something while it is down, if there is anything
// to do, and starts it again with further flags. It returns how long it took
// from the start until all sessions were ready.
func (h *harness) reboot(ctx context.Context, between func() error, flags ...string) (time.Duration, error) {
	if err := h.daemon.stop(); err != nil {
		return 0, err
	}
	if between != nil {
		if err := between(); err != nil {
			return 0, err
		}
	}
	begun := time.Now()
	next, err := h.startDaemon(flags...)
	if err != nil {
		return 0, err
	}
	next.size = h.daemon.size
	next.sender.used.Store(h.daemon.sender.used.Load())
	h.daemon = next
	err = h.daemon.awaitReady(ctx, restartPatience(h.daemon.size))
	return time.Since(begun), err
}

// maxSQL is the largest fleet that is linked a third time for the comparison with
// whatsmeow's own store.
const maxSQL = 1000

// fewRuns is how often restarts and storms are measured at most.
const fewRuns = 3

// restartPatience bounds a start or a reconnection of a fleet.
func restartPatience(size int) time.Duration {
	return time.Minute + time.Duration(size)*100*time.Millisecond
}

func (h *harness) restarted(ctx context.Context, size int, s standing, took time.Duration) error {
	h.report.Add("restart", size, s.side(), report.Values{report.Seconds: took.Seconds()})
	h.progress("restart, %d sessions: %s %.2f s", size, s.side(), took.Seconds())
	return h.atRest(ctx, "idle after a restart", size, s)
}

func (h *harness) restartRaw(ctx context.Context, size int) error {
	if err := h.stopRaw(ctx); err != nil {
		return err
	}
	next, took, err := h.startRaw(ctx, h.raw.inSQL, h.raw.size)
	if err != nil {
		return err
	}
	next.used = h.raw.used
	h.raw = next
	return h.restarted(ctx, size, h.raw, took)
}

func (h *harness) stopRaw(ctx context.Context) error {
	if _, err := h.raw.do(ctx, bound.Command{Do: bound.Save}); err != nil {
		return err
	}
	return h.raw.child.stop()
}

// restartSQL measures the bound with whatsmeow's own store in SQLite, which is
// what people run. Its fleet lives only here, and grows from size to size.
func (h *harness) restartSQL(ctx context.Context, size int) (err error) {
	sql, _, err := h.startRaw(ctx, true, h.sqlSize)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sql.child.stop()) }()
	if h.sqlSize == 0 {
		if err = h.atRest(ctx, "boot", 0, sql); err != nil {
			return err
		}
	}
	h.progress("linking %d sessions of the bound in SQLite", size)
	if err = sql.grow(ctx, size); err != nil {
		return err
	}
	h.sqlSize = size
	if err = h.quiet(ctx, sql); err != nil {
		return err
	}
	if err = sql.child.stop(); err != nil {
		return err
	}
	next, took, err := h.startRaw(ctx, true, size)
	if err != nil {
		return err
	}
	sql = next
	return h.restarted(ctx, size, sql, took)
}

// storm cuts all sockets of a fleet at once and measures until all sessions are
// back, by the network's own account and then by the daemon's.
func (h *harness) storm(ctx context.Context, size int) error {
	for range min(h.opts.Runs, fewRuns) {
		took, err := h.stormDaemon(ctx)
		if err != nil {
			return err
		}
		h.report.Add("reconnect storm", size, report.Daemon, report.Values{report.Seconds: took.Seconds()})
		late, cancel := context.WithTimeout(ctx, restartPatience(size))
		answer, err := h.raw.do(late, bound.Command{Do: bound.Storm})
		cancel()
		if err != nil {
			return fmt.Errorf("the bound after a storm: %w", err)
		}
		h.report.Add("reconnect storm", size, report.Bound, report.Values{report.Seconds: answer.Took.Seconds()})
		h.progress("reconnect storm, %d sessions: %s %.2f s, %s %.2f s", size, report.Daemon, took.Seconds(), report.Bound, answer.Took.Seconds())
		if err = h.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (h *harness) stormDaemon(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, restartPatience(h.daemon.size))
	defer cancel()
	all := h.daemonNumbers().Sessions()
	begun := time.Now()
	if err := h.control.call(ctx, http.MethodPost, "/faults", map[string]string{"kind": "close", "number": all}, nil); err != nil {
		return 0, err
	}
	for {
		var answer struct {
			Connections int `json:"connections"`
		}
		if err := h.control.call(ctx, http.MethodGet, "/connections?number="+all, nil, &answer); err != nil {
			return 0, err
		}
		if answer.Connections >= h.daemon.size {
			break
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return 0, fmt.Errorf("%d of %d sessions came back: %w", answer.Connections, h.daemon.size, err)
		}
	}
	if err := h.daemon.awaitReady(ctx, restartPatience(h.daemon.size)); err != nil {
		return 0, err
	}
	return time.Since(begun), nil
}
