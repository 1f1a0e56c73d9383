package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/simnet"
	"wapid/engine/whatsapp"
	"wapid/store"
)

// diagnosis is what the doctor has said, by check; several lines of one check follow each other.
type diagnosis struct {
	status int
	OK     bool     `json:"ok"`
	Checks []remark `json:"checks"`
	raw    string
}

// of returns the worst line of a check.
func (d diagnosis) of(check string) (worst remark) {
	rank := map[verdict]int{"": 0, skippedVerdict: 1, wellVerdict: 2, warnVerdict: 3, failVerdict: 4}
	for _, r := range d.Checks {
		if r.Check == check && rank[r.Verdict] > rank[worst.Verdict] {
			worst = r
		}
	}
	return worst
}

// doctor runs wapid doctor as a process of its own: it opens a network.
func doctor(t *testing.T, network, dir string, args ...string) (d diagnosis) {
	t.Helper()
	cmd := program("", append([]string{"doctor", "--json", "--data", dir, "--network", network, "--listen", "127.0.0.1:0"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // its status is looked at
	d.status, d.raw = cmd.ProcessState.ExitCode(), out.String()
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Errorf("the doctor said %q, %q: %v", out.String(), errs.String(), err)
	}
	if (d.status == 0) != d.OK || d.status > 1 {
		t.Errorf("status %d with ok %v: %s", d.status, d.OK, errs.String())
	}
	for _, secret := range []string{"4915100000021", hookSecret, testKey} {
		if strings.Contains(out.String()+errs.String(), secret) {
			t.Errorf("the doctor tells %s:\n%s", secret, out.String())
		}
	}
	return d
}

// TestDoctor looks at a daemon that is well, running and stopped, and then at copies of
// its directory, and networks, with one thing wrong each.
func TestDoctor(t *testing.T) {
	network, hooks, dir := startNetwork(t), startHooks(t), t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file, _ := keyFile(t)
	other, _ := keyFile(t)
	key := []string{"--encryption-key-file", file}
	me := network.Phone("4915100000021")
	d := startDaemon(t, "", network, dir, key...)
	hooks.subscribe(t, &d.api)
	d.pair(t, "main", me)
	settle(t, network, me)
	checks := []string{"daemon", "data directory", store.FileName, whatsapp.FileName, "encryption", "devices", "clock",
		"network", "media host", "client version", "clock skew", "webhooks"}
	running := doctor(t, network.file, dir, key...)
	for _, check := range checks {
		if got := running.of(check); got.Verdict != wellVerdict && !(check == "data directory" && onOddDisk(got)) {
			t.Errorf("beside the daemon: %+v", got)
		}
	}
	if got := doctor(t, network.file, dir, "--webhooks=false"); got.of("encryption").Verdict != wellVerdict || got.of("webhooks").Verdict != skippedVerdict {
		t.Errorf("without the key, beside the daemon that has it: %s", got.raw)
	}
	d.stop(t)

	dead := deadNetwork(t, network.file)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	expired := keepFiles(t)
	expired.write(certificateFiles(t, 1, -time.Hour))
	soon := keepFiles(t)
	soon.write(certificateFiles(t, 2, 72*time.Hour))
	newer := filepath.Join(t.TempDir(), "newer")
	makeNewerSchema(t, newer)

	type expected struct {
		check string
		want  verdict
		says  string
	}
	var wg sync.WaitGroup
	for name, c := range map[string]struct {
		harm    []func(t *testing.T, dir string)
		network string
		args    []string
		want    []expected
	}{
		"nothing": {args: key, want: []expected{
			{"devices", wellVerdict, "1 of them linked"}, {"daemon", wellVerdict, "none is running"},
			{"encryption", wellVerdict, "on, with key"}, {"client version", wellVerdict, "gives a code"},
		}},
		"others may look": {
			harm: []func(*testing.T, string){mode(".", 0o755)},
			args: append([]string{"--tls-cert", soon.cert, "--tls-key", soon.key, "--admin-key", "changeme123", "--egress-allow", "192.0.2.0/24"}, key...),
			want: []expected{
				{"data directory", warnVerdict, "755"}, {"TLS", warnVerdict, "ends on"}, {"settings", warnVerdict, "--admin-key"},
				{"webhooks", warnVerdict, "--egress-allow"},
			},
		},
		"others may read, no network, another key": {
			harm: []func(*testing.T, string){mode(store.FileName, 0o644)}, network: dead,
			args: []string{"--encryption-key-file", other, "--listen", busy.Addr().String(), "--tls-cert", expired.cert, "--tls-key", expired.key},
			want: []expected{
				{"data directory", failVerdict, store.FileName},
				{"network", failVerdict, "refused"}, {"media host", failVerdict, "refused"}, {"client version", skippedVerdict, ""},
				{"encryption", failVerdict, "not with what was given"}, {"API address", failVerdict, "in use"}, {"TLS", failVerdict, "ended"},
				{"webhooks", skippedVerdict, "the key was not given"},
			},
		},
		"damage": {
			harm: []func(*testing.T, string){garblePages(store.FileName), garblePages(whatsapp.FileName), makeDir(restoringDir)},
			args: []string{"--encryption-key-file", other + "x", "--tls-cert", other, "--tls-key", other},
			want: []expected{
				{store.FileName, failVerdict, "damaged"}, {whatsapp.FileName, failVerdict, "damaged"}, {"data directory", failVerdict, "interrupted"},
				{"encryption", failVerdict, "no such file"}, {"TLS", failVerdict, ""},
			},
		},
		"an empty device store": {
			harm: []func(*testing.T, string){emptyDevices}, args: key,
			want: []expected{{"devices", failVerdict, "1 of 1"}},
		},
		"no device store, no key": {
			harm: []func(*testing.T, string){remove(whatsapp.FileName)},
			want: []expected{{whatsapp.FileName, skippedVerdict, "not there"}, {"devices", skippedVerdict, ""}, {"encryption", failVerdict, "--encryption-key"}},
		},
	} {
		wg.Go(func() {
			at := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(at, os.DirFS(dir)); err != nil {
				t.Error(err)
				return
			}
			for path, m := range map[string]os.FileMode{at: 0o700, filepath.Join(at, store.FileName): 0o600, filepath.Join(at, whatsapp.FileName): 0o600} {
				if err := os.Chmod(path, m); err != nil {
					t.Error(err)
				}
			}
			for _, harm := range c.harm {
				harm(t, at)
			}
			if c.network == "" {
				c.network = network.file
			}
			d, status := doctor(t, c.network, at, c.args...), 0
			for _, e := range c.want {
				if got := d.of(e.check); got.Verdict != e.want || !strings.Contains(got.Message, e.says) {
					t.Errorf("%s: %+v, expected %s with %q", name, got, e.want, e.says)
				}
				if e.want == failVerdict {
					status = 1
				}
			}
			if d.status != status {
				t.Errorf("%s: status %d\n%s", name, d.status, d.raw)
			}
		})
	}
	wg.Go(func() {
		if got := doctor(t, network.file, newer).of(store.FileName); got.Verdict != failVerdict || !strings.Contains(got.Message, "9999") {
			t.Errorf("a newer schema: %+v", got)
		}
	})
	wg.Wait()
	if _, err := network.Faults().Set(simnet.Fault{Kind: simnet.FaultOutdated, Number: simnet.Unlinked}); err != nil {
		t.Fatal(err)
	}
	if got := doctor(t, network.file, dir, key...); got.of("client version").Verdict != failVerdict || got.of("network").Verdict != wellVerdict || got.status != 1 {
		t.Errorf("a client that is outdated: %s", got.raw)
	}
}

// onOddDisk tells that the test's own directories lie on what the doctor warns of.
func onOddDisk(r remark) bool {
	return r.Verdict == warnVerdict && (strings.Contains(r.Message, "it is on") || strings.Contains(r.Message, "left on the disk"))
}

func mode(file string, m os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Chmod(filepath.Join(dir, file), m); err != nil {
			t.Error(err)
		}
	}
}

func makeDir(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Error(err)
		}
	}
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// garblePages destroys every page of a database but the first.
func garblePages(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, name)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			return
		}
		for i := 8192; i < len(raw); i++ {
			raw[i] ^= 0x5a
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Error(err)
		}
	}
}

func emptyDevices(t *testing.T, dir string) {
	withDeviceStore(t, dir, func(db *sql.DB) {
		if _, err := db.ExecContext(t.Context(), `DELETE FROM whatsmeow_device`); err != nil {
			t.Error(err)
		}
	})
}

// deadNetwork describes a network at an address where nobody listens.
func deadNetwork(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d["address"] = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if raw, err = json.Marshal(d); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dead.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDoctorOnNothing makes nothing, and fails for nothing but the network.
func TestDoctorOnNothing(t *testing.T) {
	network, dir := startNetwork(t), filepath.Join(t.TempDir(), "none")
	if d := doctor(t, network.file, dir); d.status != 0 || d.of("data directory").Verdict != warnVerdict {
		t.Errorf("status %d: %s", d.status, d.raw)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the doctor has made the directory")
	}
}

func TestWhatTheDoctorThinksOfSettings(t *testing.T) {
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	examine := func(s settings) (worst verdict) {
		p := &patient{doctorCommand: &doctorCommand{settings: s}, env: &environment{clock: func() time.Time { return now }}}
		worst = wellVerdict
		for _, r := range append(checkSettings(t.Context(), p), p.checkPlain()...) {
			if r.Verdict == failVerdict || r.Verdict == warnVerdict && worst != failVerdict {
				worst = r.Verdict
			}
		}
		return worst
	}
	for name, c := range map[string]struct {
		settings settings
		want     verdict
	}{
		"as they are":               {settings{Listen: "127.0.0.1:8080"}, wellVerdict},
		"for all, plain":            {settings{Listen: "0.0.0.0:8080"}, warnVerdict},
		"for all, behind a proxy":   {settings{Listen: ":8080", frontSettings: frontSettings{TrustedProxies: "10.0.0.1/32"}}, wellVerdict},
		"a random key":              {settings{Listen: "[::1]:8080", AdminKey: "wapid_4fJ2kLm9_pQ7rT1vX3zB5nC8dF0gH6jK"}, wellVerdict},
		"a word":                    {settings{Listen: "localhost:8080", APIKey: "password"}, warnVerdict},
		"one sign":                  {settings{Listen: "localhost:8080", APIKey: strings.Repeat("a", 40)}, warnVerdict},
		"public without TLS":        {settings{Listen: "localhost:8080", PublicURL: "http://wapid.example.com"}, warnVerdict},
		"public":                    {settings{Listen: "localhost:8080", PublicURL: "https://wapid.example.com"}, wellVerdict},
		"everything may be reached": {settings{Listen: "localhost:8080", EgressAllow: "0.0.0.0/0"}, warnVerdict},
		"a class A":                 {settings{Listen: "localhost:8080", EgressAllow: "10.0.0.0/8"}, warnVerdict},
		"one network":               {settings{Listen: "localhost:8080", EgressAllow: "10.1.2.0/24,127.0.0.0/8"}, wellVerdict},
		"no ranges":                 {settings{Listen: "localhost:8080", EgressAllow: "here"}, failVerdict},
		"debug":                     {settings{Listen: "localhost:8080", LogLevel: "debug"}, warnVerdict},
	} {
		if got := examine(c.settings); got != c.want {
			t.Errorf("%s: %s, expected %s", name, got, c.want)
		}
	}
	if tooWide(netip.MustParsePrefix("fd00::/8")) != true || tooWide(netip.MustParsePrefix("fd12:3456:789a::/48")) {
		t.Error("IPv6 ranges are not told apart")
	}
	p := &patient{env: &environment{clock: func() time.Time { return now }}}
	for ahead, want := range map[time.Duration]verdict{-time.Hour: wellVerdict, time.Minute: wellVerdict, time.Hour: failVerdict} {
		if got := p.checkClock(store.Inspection{Newest: now.Add(ahead)}); got.Verdict != want {
			t.Errorf("an event %v from now: %+v", ahead, got)
		}
	}
	linked := engine.Session{State: engine.State{Identity: engine.Identity{Device: "a"}}}
	for name, c := range map[string]struct {
		own     store.Inspection
		devices []engine.DeviceID
		want    verdict
	}{
		"as it should be":  {store.Inspection{Tenants: 1, Sessions: []engine.Session{linked, {}}}, []engine.DeviceID{"a"}, wellVerdict},
		"official API":     {store.Inspection{Tenants: 1, Sessions: []engine.Session{{State: engine.State{Identity: engine.Identity{Device: "cloud:a"}}}}}, nil, wellVerdict},
		"a device is lost": {store.Inspection{Tenants: 1, Sessions: []engine.Session{linked}}, nil, failVerdict},
		"one too many":     {store.Inspection{Tenants: 1, Sessions: []engine.Session{linked}}, []engine.DeviceID{"a", "b"}, warnVerdict},
		"wapid.db is lost": {store.Inspection{}, []engine.DeviceID{"a"}, failVerdict},
	} {
		if got := compareDevices(c.own, whatsapp.Inspection{Devices: c.devices}); got.Verdict != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	official := engine.Session{State: engine.State{Identity: engine.Identity{Device: "cloud:a"}}}
	own := store.Inspection{Tenants: 1, Sessions: []engine.Session{linked, official}}
	if got := compareDevices(own, whatsapp.Inspection{Devices: []engine.DeviceID{"a"}}); !strings.Contains(got.Message, "1 speak over Meta's official API") {
		t.Errorf("a session without a device is not told apart: %+v", got)
	}
}
