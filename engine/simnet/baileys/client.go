package baileys

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a client waits for something that should come within a
// second: the machines that run tests may be slow, and Node starts slowly.
const patience = 60 * time.Second

// Network says where the network is and whom to trust; it has the fields of
// simnet.Description and can be converted from one.
type Network struct {
	Address      string `json:"address"`      // host:port
	CA           string `json:"ca"`           // PEM, the only authority trusted
	NoiseRootKey string `json:"noiseRootKey"` // hex
	Control      string `json:"control"`      // not used
}

// Client is a Baileys process. Its methods fail the test that started it, and
// must be called from that test's goroutine.
type Client struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *log
	tag    int
	ended  chan struct{} // closed when stdout ended
	waited bool

	mu     sync.Mutex
	events []Event
	lines  []string      // the same as printed
	broken error         // a line that is no event
	more   chan struct{} // closed and replaced when events grows
}

// Start runs a client whose state lives in a directory, and ends it with the
// test. With a directory of its own it shows QR codes; with one that holds a
// linked device it logs in.
func Start(t testing.TB, network Network, state string) *Client {
	t.Helper()
	dir := install(t)
	private := t.TempDir()
	description, authority := filepath.Join(private, "network.json"), filepath.Join(private, "ca.pem")
	raw, err := json.Marshal(network)
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{description: raw, authority: []byte(network.CA)} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &Client{t: t, stderr: &log{}, ended: make(chan struct{}), more: make(chan struct{})}
	c.cmd = exec.Command("node", "--use-openssl-ca", filepath.Join(dir, "client.mjs"), description, state)
	// With these two Node trusts the network's authority and nobody else.
	c.cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+authority, "SSL_CERT_DIR="+private+"/none")
	c.cmd.Stderr = c.stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.listen(stdout)
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("Baileys:\n%s", c.trace())
		}
	})
	return c
}

// listen takes in the events until the process ends.
func (c *Client) listen(stdout io.Reader) {
	defer close(c.ended)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var event Event
		err := json.Unmarshal(lines.Bytes(), &event)
		c.mu.Lock()
		if err != nil {
			c.broken = fmt.Errorf("%w in %q", err, lines.Text())
		}
		c.events, c.lines = append(c.events, event), append(c.lines, lines.Text())
		close(c.more)
		c.more = make(chan struct{})
		c.mu.Unlock()
	}
}

// Events lists what the client told so far.
func (c *Client) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// Await returns the first event of a kind, past or future, that match accepts;
// a nil match accepts every one.
func (c *Client) Await(kind string, match func(Event) bool) Event {
	c.t.Helper()
	return c.await(kind, func(e Event) bool { return e.Kind == kind && (match == nil || match(e)) })
}

// Do gives an order and returns what came of it. The test fails if the order
// did.
func (c *Client) Do(command Command) Event {
	c.t.Helper()
	c.tag++
	command.Tag = c.tag
	c.write(command)
	event := c.await("answer to "+command.Do, func(e Event) bool {
		return (e.Kind == "done" || e.Kind == "failed") && e.Tag == command.Tag
	})
	if event.Kind == "failed" {
		c.t.Fatalf("Baileys could not %s: %s", command.Do, event.Error)
	}
	return event
}

func (c *Client) await(what string, match func(Event) bool) Event {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		events, broken, more := c.events, c.broken, c.more
		c.mu.Unlock()
		if broken != nil {
			c.t.Fatalf("Baileys: %v", broken)
		}
		if at := slices.IndexFunc(events, match); at >= 0 {
			return events[at]
		}
		select {
		case <-more:
		case <-c.ended:
			c.t.Fatalf("Baileys ended before its %s", what)
		case <-deadline.C:
			c.t.Fatalf("no %s from Baileys", what)
		}
	}
}

func (c *Client) write(command Command) {
	c.t.Helper()
	line, err := json.Marshal(command)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.stdin.Write(append(line, '\n')); err != nil {
		c.t.Fatalf("Baileys doesn't listen: %v", err)
	}
}

// Quit lets the client disconnect and save its state, and expects it to end
// well.
func (c *Client) Quit() {
	c.t.Helper()
	c.write(Command{Do: "quit"})
	timer := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() }) // It may have ended already.
	defer timer.Stop()
	<-c.ended
	c.waited = true
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("Baileys ended with %v", err)
	}
}

// ForgetSessions makes a client that isn't running lose all of its Signal
// sessions: it can't read what was encrypted for them and has to ask again.
func ForgetSessions(t testing.TB, state string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(state, "session-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sessions in %s: %v", state, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *Client) kill() {
	if c.waited {
		return
	}
	c.waited = true
	_ = c.cmd.Process.Kill() // It may have ended already.
	<-c.ended
	_ = c.cmd.Wait() // Killed: the status says nothing.
}

// trace is the end of what the client told, for the log of a failed test.
func (c *Client) trace() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines[max(0, len(c.lines)-40):], "\n") + "\n" + c.stderr.String()
}

// log keeps the last part of what a process wrote to stderr.
type log struct {
	mu   sync.Mutex
	text []byte
}

// maxLog is how many bytes a log keeps.
const maxLog = 1 << 18

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if len(l.text) > maxLog {
		l.text = slices.Clone(l.text[len(l.text)-maxLog:])
	}
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
