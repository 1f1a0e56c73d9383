package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopping is how long a process may take to end after SIGTERM.
const stopping = 30 * time.Second

// child is a process that the harness has started and ends.
type child struct {
	cmd   *exec.Cmd
	name  string
	input io.WriteCloser
	lines chan string // of its standard output; closed when that ends
	log   string      // the file of its standard error

	once sync.Once
	err  error
}

// start runs a command of this very program. Its standard error goes to a file.
func (h *harness) start(name string, env []string, args ...string) (*child, error) {
	log := h.path(name + ".log")
	stderr, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	c := &child{cmd: exec.Command(h.opts.Program, args...), name: name, lines: make(chan string), log: log}
	c.cmd.Env = append(append(os.Environ(), h.opts.Environment...), env...)
	c.cmd.Stderr = stderr
	// A Ctrl-C at the terminal reaches the harness alone, which ends what it has
	// started in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err = c.cmd.Start(); err != nil {
		return nil, err
	}
	go c.read(out)
	h.children = append(h.children, c)
	return c, nil
}

// read passes the lines on until the process closes its end.
func (c *child) read(out io.Reader) {
	defer close(c.lines)
	for r := bufio.NewReader(out); ; {
		text, err := r.ReadString('\n')
		if err != nil {
			return
		}
		c.lines <- text
	}
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// line reads one line of what the process prints. When it has ended instead, the
// error says so with the end of its log.
func (c *child) line() (string, error) {
	if text, open := <-c.lines; open {
		return text, nil
	}
	return "", fmt.Errorf("%s ended: %w", c.name, errors.Join(io.EOF, c.stop()))
}

func (c *child) tail() string {
	raw, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// stop ends the process as an operator would: SIGTERM, and SIGKILL when it
// takes too long. Only the first call does anything; all return its error.
func (c *child) stop() error {
	c.once.Do(func() {
		_ = c.input.Close()
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		ctx, cancel := context.WithTimeout(context.Background(), stopping)
		defer cancel()
		defer context.AfterFunc(ctx, func() {
			if ctx.Err() == context.DeadlineExceeded {
				_ = c.cmd.Process.Kill()
			}
		})()
		for range c.lines { // until it closes its end
		}
		if err := c.cmd.Wait(); err != nil {
			c.err = fmt.Errorf("%s: %w\n%s", c.name, err, c.tail())
		}
	})
	return c.err
}
