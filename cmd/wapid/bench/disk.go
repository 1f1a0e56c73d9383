package bench

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

// disk measures by how much the data directory grows for each message that is
// sent. The daemon is stopped at each look, so that nothing lies in a log that
// will be folded into the databases.
func (h *harness) disk(ctx context.Context, size int) error {
	if h.daemon.child == nil {
		h.report.Note("disk: the daemon was started by somebody else")
		return nil
	}
	before, err := h.weigh(ctx)
	if err != nil {
		return err
	}
	plan := load.Plan{Sessions: size, Workers: maxWorkers, Duration: h.opts.Duration}
	result, err := h.daemon.load(ctx, load.Repeat, plan)
	if err != nil {
		return err
	}
	after, err := h.weigh(ctx)
	if err != nil {
		return err
	}
	each := float64(after-before) / float64(result.Total)
	h.report.Add("disk", size, report.Daemon, report.Values{report.DiskBytes: each})
	h.progress("disk, %d sessions: %.0f bytes for each of %d messages", size, each, result.Total)
	return nil
}

// weigh adds up the data directory while the daemon is down.
func (h *harness) weigh(ctx context.Context) (total int64, err error) {
	_, err = h.reboot(ctx, func() error {
		total, err = weigh(h.path("data"))
		return err
	})
	return total, err
}

func weigh(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// synced measures what it costs that commits which answer a caller are synced:
// the same load with them and, after a restart, without.
func (h *harness) synced(ctx context.Context, size int) error {
	if h.daemon.child == nil {
		h.report.Note("synced: the daemon was started by somebody else")
		return nil
	}
	plan := load.Plan{Sessions: size, Workers: maxWorkers, WarmUp: h.opts.WarmUp, Duration: h.opts.Duration}
	for range h.opts.Runs {
		for _, way := range []struct {
			side  report.Side
			flags []string
		}{{report.Unsynced, []string{"--synchronous=normal"}}, {report.Daemon, nil}} {
			if _, err := h.reboot(ctx, nil, way.flags...); err != nil {
				return err
			}
			if err := h.quiet(ctx, h.daemon); err != nil {
				return err
			}
			values, err := h.run(ctx, h.daemon, load.Repeat, plan)
			if err != nil {
				return err
			}
			h.report.Add("synced", size, way.side, values)
			h.progress("synced, %d sessions: %s %.0f a second, %.3f ms of CPU each", size, way.side, values[report.PerSecond], values[report.CPU])
		}
	}
	return nil
}
