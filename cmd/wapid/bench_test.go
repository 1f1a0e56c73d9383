package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/cmd/wapid/bench"
	"wapid/cmd/wapid/bench/report"
)

// benchOptions are those of a run that takes as little time as possible.
func benchOptions(t *testing.T, scenarios ...string) bench.Options {
	return bench.Options{
		Sessions: []int{1}, Scenarios: scenarios, Runs: 1, WarmUp: 10 * time.Millisecond, Duration: 200 * time.Millisecond,
		Rest: 10 * time.Millisecond, Dir: t.TempDir(), Program: os.Args[0], Progress: t.Output(),
		Environment: []string{asDaemon + "=1", raceOptions()},
	}
}

// TestBenchmark runs the whole benchmark, its processes being this very program,
// and looks whether what it found can be true.
func TestBenchmark(t *testing.T) {
	rep, err := bench.Run(t.Context(), benchOptions(t, bench.Scenarios()...))
	if err != nil {
		t.Fatal(err)
	}
	both := []report.Side{report.Daemon, report.Bound}
	for _, tc := range []struct {
		scenario string
		sessions int
		sides    []report.Side
		metrics  []report.Metric
	}{
		{"generator", 50, []report.Side{report.Generator}, []report.Metric{report.PerSecond, report.GeneratorCPU}},
		{"repeat", 1, both, []report.Metric{report.PerSecond, report.P50, report.CPU, report.NetworkCPU}},
		{"repeat at half load", 1, both, []report.Metric{report.PerSecond, report.Offered, report.P50, report.CPU}},
		{"first", 1, both, []report.Metric{report.PerSecond, report.P50, report.CPU}},
		{"inbound", 1, both, []report.Metric{report.PerSecond, report.P50, report.CPU}},
		{"inbound at half load", 1, both, []report.Metric{report.PerSecond, report.P50, report.CPU}},
		{"media", 1, both, []report.Metric{report.PerSecond, report.P50, report.CPU}},
		{"bulk", 1, both[:1], []report.Metric{report.PerSecond, report.CPU}},
		{"bulk, known", 1, both[:1], []report.Metric{report.PerSecond, report.CPU}},
		{"boot", 0, both, []report.Metric{report.RSS, report.Anon, report.Goroutines}},
		{"idle", 1, both, []report.Metric{report.RSS, report.Anon, report.Goroutines}},
		{"after load", 1, both, []report.Metric{report.RSS, report.Goroutines}},
		{"reconnect storm", 1, both, []report.Metric{report.Seconds}},
		{"restart", 1, append(both, report.SQL), []report.Metric{report.Seconds}},
		{"idle after a restart", 1, append(both, report.SQL), []report.Metric{report.RSS}},
		{"disk", 1, both[:1], []report.Metric{report.DiskBytes}},
		{"synced", 1, []report.Side{report.Daemon, report.Unsynced}, []report.Metric{report.PerSecond}},
	} {
		for _, side := range tc.sides {
			for _, metric := range tc.metrics {
				if s, ok := rep.Find(tc.scenario, tc.sessions, side, metric); !ok || s.Median <= 0 {
					t.Errorf("%s, %s: %s is %v", tc.scenario, side, metric, s.Median)
				}
			}
			p50, _ := rep.Find(tc.scenario, tc.sessions, side, report.P50)
			p95, _ := rep.Find(tc.scenario, tc.sessions, side, report.P95)
			p99, _ := rep.Find(tc.scenario, tc.sessions, side, report.P99)
			if p50.Median > p95.Median || p95.Median > p99.Median {
				t.Errorf("%s, %s: percentiles %v, %v, %v", tc.scenario, side, p50, p95, p99)
			}
			if failed, _ := rep.Find(tc.scenario, tc.sessions, side, report.Errors); failed.Max > 0 {
				t.Errorf("%s, %s: %v errors: %q", tc.scenario, side, failed.Max, rep.Notes)
			}
		}
	}
	var tables strings.Builder
	if err := rep.WriteTables(&tables); err != nil || !strings.Contains(tables.String(), "| 1 | bound |") {
		t.Errorf("%v\n%s", err, tables.String())
	}
	if m := rep.Machine; m.Cores < 1 || m.FsyncMs <= 0 || m.Filesystem == "" || m.Kernel == "" {
		t.Errorf("%+v", m)
	}
}

// TestBenchmarkOfARunningDaemon measures one that the harness has not started,
// and leaves nothing on it.
func TestBenchmarkOfARunningDaemon(t *testing.T) {
	network := startControlledNetwork(t)
	d := startDaemon(t, "", network, t.TempDir(), "--admin-key", "bench-admin-key-0123456789")
	opts := benchOptions(t, "repeat", "inbound", "disk")
	opts.URL, opts.AdminKey, opts.Control = d.base, "bench-admin-key-0123456789", network.Describe().Control
	rep, err := bench.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []report.Side{report.Daemon, report.Bound} {
		for _, scenario := range []string{"repeat", "inbound"} {
			if s, _ := rep.Find(scenario, 1, side, report.PerSecond); s.Median <= 0 {
				t.Errorf("%s, %s: %v a second", scenario, side, s.Median)
			}
		}
	}
	if _, ok := rep.Find("repeat", 1, report.Daemon, report.CPU); ok || len(rep.Notes) == 0 {
		t.Errorf("CPU time of a process that is not known: %t, notes %q", ok, rep.Notes)
	}
	operator := api{base: d.base, admin: opts.AdminKey}
	defer operator.closeIdle()
	eventually(t, "the tenant of the benchmark is erased", func() bool {
		list := operator.must(t, 200, "GET", "/api/admin/tenants", nil)
		return list.body["total"] == 1.0
	})
}

func TestBenchmarksThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*bench.Options){
		"no sessions":          func(o *bench.Options) { o.Sessions = nil },
		"shrinking":            func(o *bench.Options) { o.Sessions = []int{2, 1} },
		"no such scenario":     func(o *bench.Options) { o.Scenarios = []string{"dance"} },
		"no runs":              func(o *bench.Options) { o.Runs = 0 },
		"a directory in use":   func(o *bench.Options) { o.Dir = "testdata" },
		"a daemon without key": func(o *bench.Options) { o.URL = "http://127.0.0.1:1" },
		"half of nothing":      func(o *bench.Options) { o.Scenarios = []string{"half-load"} },
	} {
		opts := benchOptions(t, "repeat")
		change(&opts)
		if _, err := bench.Run(t.Context(), opts); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestBenchmarkThatCannotBeWritten looks that nothing is measured whose figures could
// not be kept.
func TestBenchmarkThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{
		"no such directory": filepath.Join(dir, "none", "bench.json"),
		"a directory":       dir,
	} {
		measured := false
		cmd := benchCommand{Sessions: []int{1}, Scenarios: []string{"idle"}, Runs: 1, Duration: time.Millisecond, JSON: path, Dir: filepath.Join(dir, "work")}
		ctx, cancel := context.WithCancel(t.Context())
		err := cmd.Run(&environment{ctx: ctx, stdout: io.Discard, stderr: writerFunc(func(line []byte) (int, error) {
			measured = true
			cancel()
			return len(line), nil
		})})
		cancel()
		if err == nil || measured {
			t.Errorf("%s: %v, measured: %t", name, err, measured)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := (&benchCommand{JSON: filepath.Join(dir, "bench.json")}).canWrite(); err != nil {
		t.Error(err)
	}
}

// TestBenchmarkIsBrokenOff looks that a run which is cancelled ends, and with it
// everything that it has started.
func TestBenchmarkIsBrokenOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opts := benchOptions(t, "repeat")
	opts.Duration = time.Hour
	opts.Progress = writerFunc(func(line []byte) (int, error) {
		if strings.Contains(string(line), "first contacts") {
			cancel()
		}
		return len(line), nil
	})
	if _, err := bench.Run(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
