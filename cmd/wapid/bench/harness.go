// Package bench measures the daemon as anyone could: over HTTP, from outside,
// against the simulated network, beside the bound, which is what raw whatsmeow
// clients reach on the same machine and the same network.
package bench

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

// Options say what is measured. Program is needed, and Sessions, Runs and
// Duration above zero.
type Options struct {
	Sessions  []int
	Scenarios []string // see Scenarios; none for those that matter at each number of sessions
	Runs      int
	WarmUp    time.Duration // load before each measurement
	Duration  time.Duration // of each measurement
	Rest      time.Duration // before memory is looked at
	Latency   time.Duration // that the network adds to each stanza
	Profiles  string        // a directory for profiles of the daemon, instead of measuring; empty for none
	Dir       string        // for everything that is written; it must be empty or missing
	Program   string        // the wapid program, for the processes that are measured
	Version   string        // of that program, for the report
	// Environment and DaemonArgs are added to every process and to the daemon.
	Environment, DaemonArgs []string
	// URL, AdminKey and Control are those of a daemon that runs already; PID is its
	// process if it is on this machine. The daemon's network is the simulated one.
	URL, AdminKey, Control string
	PID                    int
	Progress               io.Writer // gets a line for each step
}

// Scenarios lists what can be measured, in the order in which it is.
func Scenarios() []string {
	return []string{"generator", "idle", "repeat", "half-load", "first", "inbound", "media", "bulk", "far-away", "storm", "restart", "disk", "synced"}
}

// harness is one run of the benchmark.
type harness struct {
	opts     Options
	report   *report.Report
	http     *http.Client
	control  *caller
	network  *child
	apiKey   string
	adminKey string
	series   int
	size     int // of what is being measured
	children []*child

	daemon   *daemon
	raw      *rawFleet
	sqlSize  int       // sessions of the bound in SQLite
	receiver *receiver // of webhooks; nil until there is something to receive
}

// Run measures and returns what it found, beside an error what it had found until
// then; nil when it could not begin. What it has started is ended when it returns.
func Run(ctx context.Context, opts Options) (rep *report.Report, err error) {
	if err := check(opts); err != nil {
		return nil, err
	}
	h := &harness{
		opts: opts, apiKey: "bench_" + rand.Text(), adminKey: "bench_" + rand.Text(),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 3 * time.Minute},
	}
	defer func() {
		h.http.CloseIdleConnections()
		for _, c := range slices.Backward(h.children) {
			err = errors.Join(err, c.stop())
		}
		if h.receiver != nil {
			err = errors.Join(err, h.receiver.stop())
		}
	}()
	begun := time.Now()
	if err = emptyDir(opts.Dir); err != nil {
		return nil, err
	}
	h.report = &report.Report{Started: begun.UTC().Truncate(time.Second), Settings: settings(opts)}
	if h.report.Machine, err = describeMachine(opts.Dir); err != nil {
		return nil, err
	}
	h.report.Machine.Revision = cmp.Or(opts.Version, h.report.Machine.Revision)
	err = h.measure(ctx)
	if err != nil {
		h.report.Note("this run was broken off: " + err.Error())
	}
	h.report.Took = time.Since(begun).Round(time.Second).String()
	return h.report, err
}

// emptyDir makes a directory, and refuses one that holds anything: sessions of a
// former run would be measured too.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("the directory %s is not empty", dir)
	}
	return err
}

func check(opts Options) error {
	if len(opts.Sessions) == 0 || !slices.IsSorted(opts.Sessions) || opts.Sessions[0] < 1 {
		return fmt.Errorf("the numbers of sessions must be above zero and grow, and are %v", opts.Sessions)
	}
	for _, name := range opts.Scenarios {
		if !slices.Contains(Scenarios(), name) {
			return fmt.Errorf("there is no scenario %q; there are %v", name, Scenarios())
		}
	}
	if opts.wants("half-load", 1) && !opts.wants("repeat", 1) {
		return errors.New("half-load needs repeat, to know what half is")
	}
	if opts.Runs < 1 || opts.Duration <= 0 {
		return errors.New("runs and duration must be above zero")
	}
	return nil
}

func settings(opts Options) report.Settings {
	if len(opts.Scenarios) == 0 {
		opts.Scenarios = Scenarios()
	}
	return report.Settings{
		Sessions: opts.Sessions, Scenarios: opts.Scenarios, Runs: opts.Runs, WarmUp: opts.WarmUp.String(),
		Duration: opts.Duration.String(), Latency: opts.Latency.String(), Remote: opts.URL != "",
	}
}

func (h *harness) path(name string) string { return filepath.Join(h.opts.Dir, name) }

func (h *harness) progress(format string, args ...any) {
	if h.opts.Progress != nil {
		fmt.Fprintf(h.opts.Progress, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
	}
}

// The fleets have phones of their own, so that they do not take each other's
// place, and write to people of their own.
func (h *harness) daemonNumbers() load.Numbers { return load.Numbers{Series: 3 * h.series} }
func (h *harness) rawNumbers() load.Numbers    { return load.Numbers{Series: 3*h.series + 1} }
func (h *harness) sqlNumbers() load.Numbers    { return load.Numbers{Series: 3*h.series + 2} }

func (h *harness) wants(scenario string) bool { return h.opts.wants(scenario, h.size) }

// pause waits unless the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
