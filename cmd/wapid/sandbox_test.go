package main

import (
	"bufio"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSandboxGuide copies the lines that the sandbox prints into a shell, as a
// new user would, one right after the other, and again after a restart.
func TestSandboxGuide(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test runs the printed commands: %v", err)
		}
	}
	dir := t.TempDir()
	s := startSandbox(t, dir)
	out := s.copyLines(t)
	for _, want := range []string{`"isNew":true`, `"online":true`, `"messageId":`, `"text":"Hello from wapid!"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands did not print %s:\n%s", want, out)
		}
	}
	s.await(t, `"body":"Hello back!"`)
	if d := doctor(t, "", dir); d.status != 0 || d.of("network").Verdict != wellVerdict || d.of("webhooks").Verdict != wellVerdict {
		t.Errorf("the doctor looks at a sandbox: status %d, %s", d.status, d.raw)
	}
	s.stop(t)

	s = startSandbox(t, dir) // the phone, the link and the key outlive it
	s.await(t, "webhook ← ready of session main")
	if len(s.guide) != 3 {
		t.Errorf("a sandbox that is linked prints %d commands, expected sending, reading and answering", len(s.guide))
	}
	if out := s.run(t, s.guide[0]); !strings.Contains(out, `"success":true`) {
		t.Errorf("sending after a restart: %s", out)
	}
	s.stop(t)
}

// sandbox is a `wapid sandbox` process and the commands that it printed.
type sandbox struct {
	cmd    *exec.Cmd
	lines  chan string
	stderr *lockedBuffer
	guide  []string
}

func startSandbox(t *testing.T, dir string) *sandbox {
	t.Helper()
	s := &sandbox{lines: make(chan string, 1000), stderr: &lockedBuffer{}}
	s.cmd = program("", "sandbox", "--data", dir, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--receiver", "127.0.0.1:0")
	// It makes a key of its own, as it does for whoever tries it.
	s.cmd.Env = slices.DeleteFunc(s.cmd.Env, func(v string) bool { return strings.HasPrefix(v, "WAPID_API_KEY=") })
	s.cmd.Stderr = s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended already
		for range s.lines {
		}
		_ = s.cmd.Wait()
	})
	go func() {
		defer close(s.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			s.lines <- scan.Text()
		}
	}()
	for line := range s.lines {
		if strings.HasPrefix(line, "curl ") {
			s.guide = append(s.guide, line)
		}
		if strings.Contains(line, "Hello back!") {
			return s
		}
	}
	t.Fatalf("the sandbox ended without its guide:\n%s", s.stderr)
	return nil
}

func (s *sandbox) run(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

func (s *sandbox) copyLines(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, line := range s.guide {
		all.WriteString(s.run(t, line) + "\n")
	}
	return all.String()
}

// await reads the sandbox's output until a line has the text.
func (s *sandbox) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				t.Fatalf("the sandbox ended without printing %s\n%s", text, s.stderr)
			}
			if strings.Contains(line, text) {
				return
			}
		case <-deadline:
			t.Fatalf("waited %v in vain for %s\n%s", patience, text, s.stderr)
		}
	}
}

func (s *sandbox) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range s.lines {
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the sandbox ended with %v\n%s", err, tail(s.stderr.String(), 30))
	}
}
