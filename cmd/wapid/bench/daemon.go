package bench

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

const (
	// pairing is how many sessions are linked at a time.
	pairing = 16
	// linkPatience bounds the linking of one session.
	linkPatience = 2 * time.Minute
)

// daemon is the process under test, or one that somebody else has started.
type daemon struct {
	*caller
	child   *child // nil for somebody else's
	pid     int    // 0 when it is not known
	key     string
	size    int // sessions that are linked
	sender  *sender
	profile string // where its profiles are; empty when there are none
}

// lookAhead is the pace at which recipients of bulk jobs are looked up: one that no
// job here is slowed down by. A daemon that keeps its own default of 60 a minute
// takes four round trips for most strangers of such jobs instead of two.
const lookAhead = "--look-ahead=1000000"

// startDaemon starts `wapid serve` with the settings that it has by itself, but
// for those flags and its keys, webhooks to this machine being allowed, and
// lookAhead. It returns when the daemon answers.
//
// Its profiles are served, because they tell how many goroutines there are, but
// no samples are taken of allocations, as without them.
func (h *harness) startDaemon(flags ...string) (*daemon, error) {
	env := []string{"WAPID_API_KEY=" + h.apiKey, "WAPID_ADMIN_KEY=" + h.adminKey, "WAPID_EGRESS_ALLOW=127.0.0.0/8,::1/128"}
	if h.opts.Profiles == "" {
		env = append(env, "GODEBUG=memprofilerate=0")
	}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", h.path("data"), "--network", h.path("network.json"), "--pprof", "127.0.0.1:0", lookAhead}
	process, err := h.start("serve", env, append(append(args, h.opts.DaemonArgs...), flags...)...)
	if err != nil {
		return nil, err
	}
	url := ""
	for {
		line, err := process.line()
		if err != nil {
			return nil, err
		}
		if _, rest, ok := strings.Cut(line, " · API "); ok {
			url, _, _ = strings.Cut(rest, " ")
		}
		if _, profile, ok := strings.Cut(line, "Profiles: "); ok {
			d := h.reach(url, process)
			d.profile = strings.TrimSpace(profile)
			return d, nil
		}
	}
}

// reach makes the client of a daemon.
func (h *harness) reach(url string, process *child) *daemon {
	d := &daemon{child: process, key: h.apiKey, pid: h.opts.PID}
	if process != nil {
		d.pid = process.pid()
	}
	d.caller = &caller{base: url, client: h.http, header: http.Header{"X-Api-Key": {d.key}, "Content-Type": {"application/json"}}}
	d.sender = newSender(strings.TrimPrefix(url, "http://"), d.key, h.daemonNumbers())
	return d
}

// meter reads the daemon's CPU time; nil when its process is not known.
func (d *daemon) meter() load.Meter {
	if d.pid == 0 {
		return nil
	}
	return func() (time.Duration, error) { return load.ProcessCPU(d.pid) }
}

type sessionStatus struct {
	Status string `json:"status"`
	QR     string `json:"qr"`
}

// grow links sessions until there are so many.
func (d *daemon) grow(ctx context.Context, size int, control *caller, numbers load.Numbers) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pairing)
	for i := d.size; i < size; i++ {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, linkPatience)
			defer cancel()
			if err := d.link(ctx, i, control, numbers.Session(i)); err != nil {
				return fmt.Errorf("session %d: %w", i, err)
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil {
		d.size = max(d.size, size)
	}
	return err
}

// link creates a session and lets a phone scan its code.
func (d *daemon) link(ctx context.Context, i int, control *caller, number string) error {
	if err := d.call(ctx, http.MethodPost, "/api/whatsapp/session", map[string]string{"sessionId": sessionID(i)}, nil); err != nil {
		return err
	}
	scanned := ""
	for ctx.Err() == nil {
		status, err := d.status(ctx, i)
		if err != nil {
			return err
		}
		switch {
		case status.Status == "ready":
			return nil
		case status.QR != "" && status.QR != scanned:
			scanned = status.QR
			if err := control.call(ctx, http.MethodPost, "/phones/"+number+"/scan?wait=60", map[string]string{"qr": status.QR}, nil); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// status waits up to ten seconds for a status that is more than a beginning.
func (d *daemon) status(ctx context.Context, i int) (s sessionStatus, err error) {
	return s, d.call(ctx, http.MethodGet, "/api/whatsapp/session/"+sessionID(i)+"/status?wait=10", nil, &s)
}

// awaitReady waits until all sessions are ready, and returns when that was
// seen. It asks for one after the other: each answer comes when that session is.
func (d *daemon) awaitReady(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for i := range d.size {
		for {
			status, err := d.status(ctx, i)
			if err != nil {
				return fmt.Errorf("waiting for session %d: %w", i, err)
			}
			if status.Status == "ready" {
				break
			}
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return fmt.Errorf("session %d is %s: %w", i, status.Status, err)
			}
		}
	}
	return nil
}

// load sends and measures. Its connections end with it: the daemon would close
// them while something else is measured.
func (d *daemon) load(ctx context.Context, kind string, plan load.Plan) (load.Result, error) {
	defer d.sender.close()
	return load.Run(ctx, plan, d.sender.kind(kind), d.meter())
}

func (d *daemon) stop() error {
	if d.child == nil {
		return nil
	}
	return d.child.stop()
}

func (d *daemon) side() report.Side { return report.Daemon }
