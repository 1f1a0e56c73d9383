package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestCommandsOfTheDocs runs every command of the README and of the quick start, in
// their order, as they stand there but for the addresses. A command that it does not
// know how to run fails it.
func TestCommandsOfTheDocs(t *testing.T) {
	for _, name := range []string{"README.md", "docs/quickstart.md"} {
		t.Run(name, func(t *testing.T) {
			r := newCopyist(t)
			for _, command := range commandsOf(t, filepath.Join("../..", name)) {
				r.run(command)
			}
			if r.curls < 4 || r.served != 1 {
				t.Errorf("%d commands asked the API, %d started a daemon", r.curls, r.served)
			}
		})
	}
}

// shellBlock is a block of commands in a document.
var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")

// commandsOf reads the commands of a document, without their comments.
func commandsOf(t *testing.T, path string) (commands []string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range shellBlock.FindAllStringSubmatch(string(raw), -1) {
		for scan := bufio.NewScanner(strings.NewReader(strings.ReplaceAll(block[1], "\\\n", " "))); scan.Scan(); {
			if line, _, _ := strings.Cut(strings.TrimSpace(scan.Text()), " #"); line != "" && !strings.HasPrefix(line, "#") {
				commands = append(commands, strings.TrimSpace(line))
			}
		}
	}
	return commands
}

// copyist is somebody who copies one command after the other, beside a sandbox.
type copyist struct {
	t      *testing.T
	home   string // where the reader is: the checkout, but for its data
	port   string // of the receiver that the reader starts
	places *strings.Replacer
	env    []string // what was exported
	curls  int
	served int
}

// documented are the addresses that the documents name.
var apiAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

func newCopyist(t *testing.T) *copyist {
	t.Helper()
	r := &copyist{t: t, home: t.TempDir(), port: freePort(t)}
	root, err := filepath.Abs("../..")
	if err == nil {
		err = os.Symlink(filepath.Join(root, "docs"), filepath.Join(r.home, "docs"))
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(r.home, "data"), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := startSandbox(t, filepath.Join(r.home, "data", "sandbox"))
	api := apiAddress.FindString(s.guide[0])
	control := api
	for _, line := range s.guide {
		if _, rest, found := strings.Cut(line, "/phones/"); found && rest != "" {
			all := apiAddress.FindAllString(line, -1)
			control = all[len(all)-1]
		}
	}
	r.places = strings.NewReplacer("http://127.0.0.1:8080", api, "http://127.0.0.1:9444", control, "http://127.0.0.1:4000", "http://127.0.0.1:"+r.port)
	return r
}

// run runs a command by what it is.
func (r *copyist) run(command string) {
	r.t.Helper()
	switch first, rest, _ := strings.Cut(command, " "); {
	case first == "make":
		r.plan(rest)
	case strings.HasSuffix(first, "bin/wapid"):
		r.serve(strings.Fields(rest))
	case first == "export":
		r.export(command)
	case first == "curl":
		r.curl(command)
	case strings.HasPrefix(first, "WEBHOOK_SECRET="):
		r.listen(command)
	default:
		r.t.Errorf("nobody has tried %q", command)
	}
}

// plan has make say what it would do: it builds for minutes, or runs this test.
func (r *copyist) plan(target string) {
	r.t.Helper()
	cmd := exec.Command("make", "-n", target)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	want := map[string]string{"run": "bin/wapid sandbox", "test": "go test -race", "build": "go build"}[target]
	if err != nil || want == "" || !strings.Contains(string(out), want) {
		r.t.Errorf("make %s: %v\n%s", target, err, out)
	}
}

// serve starts a daemon, or another sandbox, on free ports and waits for its banner.
func (r *copyist) serve(args []string) {
	r.t.Helper()
	r.served++
	network := startNetwork(r.t)
	at := map[string]string{"--listen": "127.0.0.1:0", "--data": r.t.TempDir()}
	for i := 1; i+1 < len(args); i++ {
		if other, ok := at[args[i]]; ok {
			args[i+1] = other
			delete(at, args[i])
		}
	}
	for flag, value := range at {
		args = append(args, flag, value)
	}
	d, err := launch(program("", append(args, "--network", network.file)...))
	if err != nil {
		r.t.Fatal(err)
	}
	d.stop(r.t)
}

func (r *copyist) export(command string) {
	r.t.Helper()
	out := r.shell(command + "; env")
	for _, word := range strings.Fields(command)[1:] {
		name, _, _ := strings.Cut(word, "=")
		value := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `=(.+)$`).FindString(out)
		if value == "" {
			continue // a word of a command within
		}
		r.env = append(r.env, value)
	}
}

func (r *copyist) curl(command string) {
	r.t.Helper()
	r.curls++
	if out := r.shell(command); out == "" || strings.Contains(out, `"error"`) {
		r.t.Errorf("%s\nprinted %q", command, out)
	}
}

// listen starts a receiver and lets it run.
func (r *copyist) listen(command string) {
	r.t.Helper()
	cmd := r.command("exec env PORT=" + r.port + " " + command)
	startListener(r.t, cmd, r.port)
}

func (r *copyist) command(line string) *exec.Cmd {
	cmd := exec.Command("bash", "-c", r.places.Replace(line))
	cmd.Dir = r.home
	cmd.Env = append(os.Environ(), r.env...)
	return cmd
}

func (r *copyist) shell(line string) string {
	r.t.Helper()
	cmd := r.command(line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatal(fmt.Errorf("%s: %w\n%s", line, err, out))
	}
	return string(out)
}
