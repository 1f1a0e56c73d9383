package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wapid/engine/simnet"
)

// asDaemon makes the test binary behave as wapid: the tests start the very
// program that they were compiled with, race detector included, as a process
// that can be killed.
const asDaemon = "WAPID_TEST_RUN_AS_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop) // as main does
		env := environment{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr, clock: daemonClock()}
		code := env.run(os.Args[1:])
		stop()
		os.Exit(code)
	}
	// fasthttp keeps one goroutine for the Date header for as long as the process
	// lives, and one per server that notices only within ten seconds that it stopped.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// The certificate authority of the tests never stops asking.
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"))
}

// testKey is the fixed API key of the daemons that tests start.
const testKey = "test-key-0123456789abcdef"

// patience is how long a test waits for something that should come in
// milliseconds: the machines that run it may be slow.
const patience = 60 * time.Second

// eventually waits until holds does.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("waited %v in vain: %s", patience, what)
		case <-tick.C:
		}
	}
}

// simulated is a running simulated network and the file that describes it.
type simulated struct {
	*simnet.Server
	file string
}

// startNetwork runs a simulated network until the test ends. At the end it must
// have understood everything that was sent to it.
func startNetwork(t testing.TB) *simulated {
	t.Helper()
	return openNetwork(t, "off")
}

// startControlledNetwork is startNetwork with the controls.
func startControlledNetwork(t testing.TB) *simulated {
	t.Helper()
	return openNetwork(t, "")
}

func openNetwork(t testing.TB, control string) *simulated {
	t.Helper()
	server, err := simnet.New(simnet.Config{Control: control})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(server.Describe())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "network.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("simulated network: %v", err)
		}
		for _, stanza := range server.Unhandled() {
			t.Errorf("the simulated network did not understand: %s", stanza)
		}
	})
	return &simulated{server, file}
}

// daemon is a wapid process.
type daemon struct {
	api
	cmd    *exec.Cmd
	stdout *bufio.Scanner
	stderr *lockedBuffer
	banner []string
	waited bool
}

// lockedBuffer collects a process's output while it runs.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// program is a wapid command that is not started yet. A binary other than the
// test's own may be named.
func program(binary string, args ...string) *exec.Cmd {
	env := os.Environ()
	if binary == "" {
		binary = os.Args[0]
		env = append(env, asDaemon+"=1", raceOptions())
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(env, "WAPID_API_KEY="+testKey, "WAPID_EGRESS_ALLOW=127.0.0.0/8,::1/128", "WAPID_LOG_FORMAT=json", "WAPID_LOG_LEVEL="+testLogLevel())
	return cmd
}

// raceOptions are those of a process of the test's own program. The race detector
// would have each of them sleep for a second before it ends. One in which it finds
// something ends with that report as the last of its log, which a failed test shows.
func raceOptions() string {
	return "GORACE=" + strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0 halt_on_error=1")
}

// testLogLevel is the daemons' log level: TEST_LOG=debug shows the stanzas of a
// test that failed.
func testLogLevel() string { return cmp.Or(os.Getenv("TEST_LOG"), "info") }

// startDaemon starts `wapid serve` on a free port and waits for its banner.
func startDaemon(t testing.TB, binary string, network *simulated, dir string, args ...string) *daemon {
	t.Helper()
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--data", dir, "--network", network.file}, args...)
	d, err := launch(program(binary, args...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", tail(d.stderr.String(), 200))
		}
	})
	return d
}

// launch starts a daemon and waits for its banner. The caller kills or stops it.
func launch(cmd *exec.Cmd) (*daemon, error) {
	d := &daemon{cmd: cmd, stderr: &lockedBuffer{}}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.cmd.Stderr = d.stderr
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	d.stdout = bufio.NewScanner(out)
	for d.stdout.Scan() {
		line := d.stdout.Text()
		d.banner = append(d.banner, line)
		if _, rest, ok := strings.Cut(line, " · API "); ok {
			url, _, _ := strings.Cut(rest, " ")
			d.api = api{base: url, key: testKey}
			return d, nil
		}
	}
	return nil, fmt.Errorf("the daemon ended without a banner: %w\n%s", d.cmd.Wait(), d.stderr)
}

// kill ends the process as a power switch would, as far as a process goes.
func (d *daemon) kill() {
	if d.waited {
		return
	}
	d.waited = true
	_ = d.cmd.Process.Kill() // it may have ended already
	for d.stdout.Scan() {
	}
	_ = d.cmd.Wait()
	d.closeIdle()
}

// stop asks the process to end and expects it to do so without an error.
func (d *daemon) stop(t testing.TB) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for d.stdout.Scan() {
	}
	d.waited = true
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("the daemon ended with %v\n%s", err, tail(d.stderr.String(), 40))
	}
	d.closeIdle()
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
