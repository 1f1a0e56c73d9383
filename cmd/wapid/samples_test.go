package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"wapid/engine/simnet"
	"wapid/engine/simnet/npm"
)

// The programs in testdata/samples are those of the WapiConnect document, as
// printed there (Python's got its indentation back, which the print has lost).
// Only the base URL is changed before they run.
const (
	sampleBase     = "https://api.wapiconnect.cloud"
	samplePort     = "4000" // of the document's webhook receivers
	sampleAdminKey = "samples-admin-key-0123456789"
)

// sample is a language of the document.
type sample struct {
	file string // its ending; "x" stands for the sample's name
	tool string
	args []string // behind the tool; {} is the file
	port []string // more arguments of a webhook receiver; PORT is its port
	tls  bool     // the sample insists on TLS
}

var samples = []sample{
	{file: "x.js", tool: "node", args: []string{"-e", inRoute, "{}"}},
	{file: "x.php", tool: "php", args: []string{"{}"}},
	{file: "x.py", tool: "/usr/bin/python3", args: []string{"-u", "{}"}},
	{file: "x.rb", tool: "ruby", args: []string{"-r./sync.rb", "{}"}, port: []string{"-p", "PORT"}, tls: true},
	{file: "x.go.txt", tool: "go", args: []string{"run", "{}"}},
	{file: "x.java", tool: "java", args: []string{"-XX:TieredStopAtLevel=1", "{}"}},
	{file: "x.sh", tool: "bash", args: []string{"{}"}},
}

// inRoute runs a program as the body of an async function: the document's sample
// for Node mixes "require" with an "await" outside of any function ("usage in your
// auth route"), which Node takes in no file.
const inRoute = `new (async () => {}).constructor("require", require("fs").readFileSync(process.argv[1], "utf8"))(require)`

// sampleBench is one daemon for all samples; each gets a tenant of its own.
type sampleBench struct {
	network  *simulated
	daemon   *daemon
	operator api
	tls      *httptest.Server // before the daemon
	authority,
	modules string // files of TLS's trust and Node's packages
}

func TestDocumentSamples(t *testing.T) {
	network := startNetwork(t)
	d := startDaemon(t, "", network, t.TempDir(), "--admin-key", sampleAdminKey)
	target, err := url.Parse(d.base)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(target))
	t.Cleanup(front.Close)
	b := &sampleBench{network: network, daemon: d, operator: api{base: d.base, admin: sampleAdminKey}, tls: front, modules: installSamples(t)}
	b.operator.http() // its use is parallel
	t.Cleanup(b.operator.closeIdle)
	b.authority = filepath.Join(t.TempDir(), "authority.pem")
	raw := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	if err := os.WriteFile(b.authority, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	// The group waits for its parallel members before the daemon ends.
	t.Run("all", func(t *testing.T) {
		for i, s := range samples {
			t.Run(strings.TrimPrefix(s.file, "x."), func(t *testing.T) {
				t.Parallel()
				s.needs(t)
				key, phone := b.tenant(t, fmt.Sprintf("1555100%04d", i), "")
				b.runOTP(t, s, key, phone)
				b.runBulk(t, s, key, phone)
			})
		}
		for i, s := range samples[:5] { // a receiver in Java needs Spring, and curl is none
			t.Run("receiver "+strings.TrimPrefix(s.file, "x."), func(t *testing.T) {
				t.Parallel()
				s.needs(t)
				b.runReceiver(t, s, fmt.Sprintf("1555200%04d", i))
			})
		}
	})
}

// needs skips without the language, unless CI=true: nothing may be left out there.
func (s sample) needs(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath(s.tool); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the sample needs %s: %v", s.tool, err)
		}
		t.Skipf("left out: %s is not on this machine", s.tool)
	}
}

// installSamples fetches what the samples in JavaScript import.
func installSamples(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("testdata/samples")
	if err != nil {
		t.Fatal(err)
	}
	if err := npm.Install(t.Context(), dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("left out: the samples' packages can't be fetched: %v", err)
	}
	return filepath.Join(dir, "node_modules")
}

// tenant makes a tenant whose session "main" is linked to a phone.
func (b *sampleBench) tenant(t *testing.T, number, webhook string) (key string, phone *simnet.Phone) {
	t.Helper()
	body := map[string]any{"name": "Sample " + number, "dailyLimit": 100, "maxSessions": 1}
	if webhook != "" {
		body["webhookUrl"] = webhook
	}
	made := b.operator.must(t, 201, "POST", "/api/admin/tenants", body)
	client := api{base: b.daemon.base, key: made.text("apiKey")}
	t.Cleanup(client.closeIdle)
	phone = b.network.Phone(number)
	client.pair(t, "main", phone)
	return client.key, phone
}

// prepare puts a sample that speaks to base into a directory of its own.
func (b *sampleBench) prepare(t *testing.T, s sample, name, base, port string) (dir, file string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata/samples", strings.Replace(s.file, "x", name, 1)))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), sampleBase, base)
	if port != "" {
		text = strings.ReplaceAll(text, samplePort, port)
	}
	dir = t.TempDir()
	file = strings.TrimSuffix(strings.Replace(s.file, "x", name, 1), ".txt")
	for path, content := range map[string]string{file: text, "sync.rb": "$stdout.sync = true\n"} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, file
}

func (b *sampleBench) command(t *testing.T, s sample, dir, file string, more ...string) *exec.Cmd {
	args := make([]string, 0, len(s.args)+len(more))
	for _, a := range s.args {
		args = append(args, strings.ReplaceAll(a, "{}", file))
	}
	// A sample that polls for something that never comes would poll for ever.
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, s.tool, append(args, more...)...)
	cmd.WaitDelay = time.Second // for what it has started itself
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE_PATH="+b.modules, "SSL_CERT_FILE="+b.authority, "APP_ENV=production")
	return cmd
}

// run runs a sample to its end and returns what it printed.
func (b *sampleBench) run(t *testing.T, s sample, name, key string) string {
	t.Helper()
	base := b.daemon.base
	if s.tls {
		base = b.tls.URL
	}
	dir, file := b.prepare(t, s, name, base, "")
	cmd := b.command(t, s, dir, file)
	cmd.Env = append(cmd.Env, "WAPI_KEY="+key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

var otpText = regexp.MustCompile(`^\*Verification Code\*\n\nYour OTP is \*\d{6}\*\. Valid for 10 minutes\.(\nDo not share this code\.)?\n\n_WapiConnect Security_$`)

func (b *sampleBench) runOTP(t *testing.T, s sample, key string, phone *simnet.Phone) {
	t.Helper()
	b.run(t, s, "otp", key)
	b.arrives(t, "919876543210", phone, otpText)
}

var bulkText = regexp.MustCompile(`^Big Sale! 40% off (everything )?today\.$`)

func (b *sampleBench) runBulk(t *testing.T, s sample, key string, phone *simnet.Phone) {
	t.Helper()
	out := b.run(t, s, "bulk", key)
	// The samples for curl and in Java look for "failed" anywhere in the answer,
	// where it is a field's name, so that they stop after the first poll.
	if !strings.Contains(out, "2/2 sent") && !strings.Contains(out, "Done: 2 sent, 0 failed") && s.tool != "bash" && s.tool != "java" {
		t.Errorf("the sample printed %q", out)
	}
	for _, number := range []string{"919876543210", "919876543211"} {
		b.arrives(t, number, phone, bulkText)
	}
}

// arrives waits for a text of the phone's account at another number.
func (b *sampleBench) arrives(t *testing.T, number string, from *simnet.Phone, text *regexp.Regexp) {
	t.Helper()
	eventually(t, number+" gets the sample's message", func() bool {
		for _, r := range b.network.Phone(number).Inbox() {
			if r.FromPN == from.JID() && text.MatchString(r.Text) {
				return true
			}
		}
		return false
	})
}

// runReceiver runs a webhook receiver, without a secret: with one the document's
// receivers hash the signature with the rest and refuse everything.
func (b *sampleBench) runReceiver(t *testing.T, s sample, number string) {
	t.Helper()
	port := freePort(t)
	dir, file := b.prepare(t, s, "webhook", sampleBase, port)
	var more []string
	for _, a := range s.port {
		more = append(more, strings.ReplaceAll(a, "PORT", port))
	}
	cmd := b.command(t, s, dir, file, more...)
	if s.tool == "php" { // which needs a server around it
		cmd = b.command(t, sample{tool: "php", args: []string{"-S", "127.0.0.1:" + port, "{}"}}, dir, file)
	}
	out := startListener(t, cmd, port)
	_, phone := b.tenant(t, number, "http://127.0.0.1:"+port+"/whatsapp-webhook")
	const writer = "15553000000"
	if _, err := b.network.Phone(writer).SendText(t.Context(), phone.JID(), "Hello from "+writer); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the receiver prints the message", func() bool {
		return strings.Contains(out.String(), "Message from "+writer+": Hello from "+writer)
	})
}

// startListener starts a program that listens on a port of loopback, and ends it with the
// test. It returns what the program prints.
func startListener(t *testing.T, cmd *exec.Cmd, port string) *lockedBuffer {
	t.Helper()
	out := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	// "go run" starts the receiver as a process of its own: both end together.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // killed
	})
	eventually(t, "the receiver listens", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return out
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}
