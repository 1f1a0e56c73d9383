package main

import (
	"bytes"
	"context"
	"database/sql"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wapid/store"
)

// command runs the program in this process. A daemon that starts is stopped as
// soon as it has printed its banner.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &lockedBuffer{}
	var errs bytes.Buffer
	code = run(ctx, args, writerFunc(func(p []byte) (int, error) { cancel(); return out.Write(p) }), &errs)
	return code, out.String(), errs.String()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestBadStartsEndWithOneClearLine(t *testing.T) {
	t.Setenv("WAPID_LOG_LEVEL", "error")
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("lisen: 127.0.0.1:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	nested, list := filepath.Join(dir, "nested.yaml"), filepath.Join(dir, "list.yaml")
	if err := os.WriteFile(nested, []byte("listen:\n  host: 127.0.0.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte("- a-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	newer := filepath.Join(dir, "newer")
	makeNewerSchema(t, newer)

	network := startNetwork(t)
	serve := func(extra ...string) []string {
		return append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--network", network.file}, extra...)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"unknown flag":              {serve("--lisen=x"), 2, "--lisen"},
		"unknown command":           {[]string{"server"}, 2, "server"},
		"nobody connects":           {serve("--connect-at-once=0"), 2, "--connect-at-once is 0"},
		"negative pace":             {serve("--connect-rate=-1"), 2, "--connect-rate is -1"},
		"negative look-ahead":       {serve("--look-ahead=-60"), 2, "--look-ahead is -60"},
		"negative days":             {serve("--audit-days=-1"), 2, "--audit-days is -1"},
		"negative in the sandbox":   {[]string{"sandbox", "--check-rate=-1"}, 2, "--check-rate is -1"},
		"no share at all":           {serve("--trace-ratio=NaN"), 2, "--trace-ratio"},
		"a URL without a host":      {serve("--public-url=here"), 2, "--public-url"},
		"bad log level":             {serve("--log-level=loud"), 2, "--log-level"},
		"bad ranges":                {serve("--egress-allow=10.0.0.0/40"), 1, "--egress-allow"},
		"short key":                 {serve("--api-key=short"), 1, "API key"},
		"bad address":               {serve("--listen=127.0.0.1:99999"), 1, "API address"},
		"address in use":            {serve("--listen=" + busy.Addr().String()), 1, "address already in use"},
		"data directory is a file":  {serve("--data=" + file), 1, "data directory"},
		"no network file":           {serve("--network=" + filepath.Join(dir, "none")), 1, "none"},
		"network file is not JSON":  {serve("--network=" + file), 1, file},
		"newer schema":              {serve("--data=" + newer), 1, "newer"},
		"unknown setting in a file": {serve("--config=" + config), 2, `"lisen"`},
		"nested setting in a file":  {serve("--config=" + nested), 2, "line 2"},
		"config is no mapping":      {serve("--config=" + list), 2, "mapping"},
		"no such config file":       {serve("--config=" + filepath.Join(dir, "nope.yaml")), 2, "nope.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := command(t, c.args...)
			if code != c.code {
				t.Errorf("status %d, expected %d", code, c.code)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "wapid: ") || !strings.Contains(stderr, c.says) {
				t.Errorf("stderr is not one clear line with %q: %q", c.says, stderr)
			}
			if strings.Contains(stdout, "API key") {
				t.Error("a start that failed has shown a key")
			}
		})
	}
}

// makeNewerSchema makes a data directory that a later program has migrated.
func makeNewerSchema(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, store.FileName)
	s, err := store.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO schema_version (version, name, applied_at) VALUES (9999, 'later', 0)`); err != nil {
		t.Fatal(err)
	}
}

func TestKeysAreShownOnce(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", dir, "--network", network.file, "--log-level", "error"}
	code, first, stderr := command(t, args...)
	if code != 0 {
		t.Fatalf("status %d: %s", code, stderr)
	}
	if strings.Count(first, "wapid_") != 2 || !strings.Contains(first, "API key") || !strings.Contains(first, "admin key") {
		t.Errorf("the first start did not show two keys: %q", first)
	}
	if _, second, _ := command(t, args...); strings.Contains(second, "wapid_") {
		t.Errorf("the second start shows a key: %q", second)
	}
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(filepath.Join(dir, store.FileName+suffix))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, line := range strings.Split(first, "\n") {
			if _, key, ok := strings.Cut(line, "): "); ok && bytes.Contains(raw, []byte(key)) {
				t.Error("a key lies in the database in plain text")
			}
		}
	}
}

func TestFlagsWinOverEnvironmentOverFile(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	content := "data: " + filepath.Join(dir, "file") + "\nlog-level: error\nnetwork: " + network.file + "\nlisten: 127.0.0.1:0\n"
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	made := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name, store.FileName))
		return err == nil
	}
	if code, _, stderr := command(t, "serve", "--config", config); code != 0 || !made("file") {
		t.Fatalf("the file's setting does not count: status %d, %s", code, stderr)
	}
	t.Setenv("WAPID_DATA", filepath.Join(dir, "env"))
	if code, _, stderr := command(t, "serve", "--config", config); code != 0 || !made("env") {
		t.Fatalf("the environment does not win over the file: status %d, %s", code, stderr)
	}
	if code, _, stderr := command(t, "serve", "--config", config, "--data", filepath.Join(dir, "flag")); code != 0 || !made("flag") {
		t.Fatalf("the flag does not win: status %d, %s", code, stderr)
	}
}

func TestSettingsAreTakenAsWritten(t *testing.T) {
	got, err := parseSettings([]byte("api-key: 0012345678901234567890\nadmin-key: 1_234_567_890_123_456\negress-allow:\n  - 10.0.0.0/8\n  - 192.168.0.0/16\nlisten: '127.0.0.1:0' # quoted\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"api-key": "0012345678901234567890", "admin-key": "1_234_567_890_123_456",
		"egress-allow": "10.0.0.0/8,192.168.0.0/16", "listen": "127.0.0.1:0",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %q, expected %q", got, want)
	}
}

func TestASecondDaemonOnTheDataDirectoryRefuses(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	code, _, stderr := command(t, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--network", network.file)
	if code != 1 || !strings.Contains(stderr, "another daemon") {
		t.Errorf("status %d: %s", code, stderr)
	}
	d.kill() // a dead daemon's lock is gone
	if code, _, stderr := command(t, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--network", network.file, "--log-level", "error"); code != 0 {
		t.Errorf("after the kill: status %d: %s", code, stderr)
	}
}
