package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// libraryDriver is a program around a published library: it obeys, and tells what the
// library gave, threw and was told. testdata/clients/harness.mjs has its protocol.
type libraryDriver struct {
	t      testing.TB
	stdin  io.WriteCloser
	stderr *lockedBuffer
	tag    int

	mu       sync.Mutex
	answers  map[int]driverLine
	received []received
	trouble  []string
	ended    bool
}

// driverLine is what a driver prints.
type driverLine struct {
	Tag       int             `json:"tag"`
	Result    json.RawMessage `json:"result"`
	Error     *thrown         `json:"error"`
	Lacks     string          `json:"lacks"`
	Listening any             `json:"listening"`
	Received  *received       `json:"received"`
	Crashed   *thrown         `json:"crashed"`
}

// received is what a library's receiver told of one webhook.
type received struct {
	Kind    string            `json:"kind"` // message, status, or an event's name
	Refused bool              `json:"refused"`
	ID      string            `json:"id"`
	From    string            `json:"from"`
	Type    string            `json:"type"`
	Text    string            `json:"text"`
	Name    string            `json:"name"`
	Media   string            `json:"media"`
	Context string            `json:"context"`
	Choice  string            `json:"choice"`
	Emoji   string            `json:"emoji"`
	Status  string            `json:"status"`
	To      string            `json:"to"`
	Phone   string            `json:"phone"` // the phone number's id
	Code    int               `json:"code"`  // why a message failed
	Raw     string            `json:"raw"`
	Headers map[string]string `json:"headers"`
}

// thrown is an error of a library's. Some throw the API's answer, some what it says.
type thrown struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	Code    any    `json:"code"`
	Inner   struct {
		Message string `json:"message"`
		Code    int    `json:"code"`
	} `json:"error"`
}

// code is the code of Meta's that the error carries, 0 if there is none.
func (e thrown) code() int {
	if n, ok := e.Code.(float64); ok {
		return int(n)
	}
	return e.Inner.Code
}

// startDriver runs a driver until the test ends, and waits until its receiver listens.
// front is where a library's connections to Meta's host go; "" if it needs none.
func startDriver(t testing.TB, dir, file, front, authority string, settings map[string]any) *libraryDriver {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	if front != "" {
		args = append(args, "--require", filepath.Join(dir, "route.cjs"))
	}
	cmd := exec.Command("node", append(args, filepath.Join(dir, file))...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CLIENT="+string(raw), "FRONT="+front, "NODE_EXTRA_CA_CERTS="+authority, "NODE_ENV=production", "NODE_NO_WARNINGS=1", "TMPDIR="+t.TempDir())
	d := &libraryDriver{t: t, stderr: &lockedBuffer{}, answers: make(map[int]driverLine)}
	cmd.Stderr = d.stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		d.stdin, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	listening := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		d.listen(stdout, listening)
	}()
	t.Cleanup(func() {
		_ = d.stdin.Close()
		_ = cmd.Process.Kill() // it may have ended already
		<-read
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Logf("%s printed:\n%s", file, d.stderr)
		}
	})
	eventually(t, file+" listens", func() bool {
		select {
		case <-listening:
			return true
		default:
			return d.over()
		}
	})
	if d.over() {
		t.Fatalf("%s ended:\n%s", file, d.stderr)
	}
	return d
}

// listen takes in what the driver prints until it ends.
func (d *libraryDriver) listen(stdout io.Reader, listening chan struct{}) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line driverLine
		err := json.Unmarshal(lines.Bytes(), &line)
		d.mu.Lock()
		switch {
		case err != nil:
			d.trouble = append(d.trouble, fmt.Sprintf("%v in %q", err, lines.Text()))
		case line.Crashed != nil:
			d.trouble = append(d.trouble, line.Crashed.Message)
		case line.Received != nil:
			d.received = append(d.received, *line.Received)
		case line.Listening != nil:
			close(listening)
		default:
			d.answers[line.Tag] = line
		}
		d.mu.Unlock()
	}
	d.mu.Lock()
	d.ended = true
	d.mu.Unlock()
}

func (d *libraryDriver) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

// call gives an order and waits for what came of it.
func (d *libraryDriver) call(name string, args map[string]any) driverLine {
	d.t.Helper()
	d.tag++
	tag := d.tag
	order := map[string]any{"tag": tag, "do": name}
	for k, v := range args {
		order[k] = v
	}
	raw, err := json.Marshal(order)
	if err == nil {
		_, err = d.stdin.Write(append(raw, '\n'))
	}
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", name, err, d.stderr)
	}
	var line driverLine
	eventually(d.t, "the library's answer to "+name, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		var answered bool
		line, answered = d.answers[tag]
		return answered || d.ended
	})
	if line.Tag != tag {
		d.t.Fatalf("the driver ended at %s:\n%s", name, d.stderr)
	}
	return line
}

// await waits until the library's receiver has told something.
func (d *libraryDriver) await(what string, match func(received) bool) (found received) {
	d.t.Helper()
	eventually(d.t, "the library's receiver tells of "+what, func() bool {
		for _, r := range d.told() {
			if match(r) {
				found = r
				return true
			}
		}
		return false
	})
	return found
}

func (d *libraryDriver) told() []received {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]received(nil), d.received...)
}

// troubles are what the library's receiver failed at.
func (d *libraryDriver) troubles() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.trouble...)
}
