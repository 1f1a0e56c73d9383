package main

import (
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wapid/cmd/wapid/bench/bound"
	"wapid/cmd/wapid/bench/load"
	"wapid/engine/simnet"
)

const movePassphrase = "correct horse battery staple"

// secretFile is a passphrase for a command.
func secretFile(t *testing.T, passphrase string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(path, []byte(passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wrote sends a text and waits until the phone has it.
func (a *api) wrote(t testing.TB, session string, phone *simnet.Phone, text string) {
	t.Helper()
	a.must(t, 200, "POST", sessionPath(session)+"/send", map[string]any{"to": phone.JID().User, "message": text})
	if _, err := phone.Await(t.Context(), func(r simnet.Received) bool { return r.Text == text }); err != nil {
		t.Fatalf("the phone never got %q: %v", text, err)
	}
}

// heard has a phone write, and waits until the session's log has it.
func (a *api) heard(t testing.TB, session string, phone, account *simnet.Phone, text string) {
	t.Helper()
	if _, err := phone.SendText(t.Context(), account.JID(), text); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message is in the log", func() bool {
		return strings.Contains(a.must(t, 200, "GET", "/api/whatsapp/messages?sessionId="+session+"&direction=in", nil).raw, text)
	})
}

// TestSessionsMoveToAnotherServer: the session goes on where it was, with the same
// device, and the server that it came from neither uses nor unlinks it.
func TestSessionsMoveToAnotherServer(t *testing.T) {
	network, dirA, dirB := startNetwork(t), t.TempDir(), t.TempDir()
	account, friend := network.Phone("447700900123"), network.Phone("447700900124")
	a, b := startDaemon(t, "", network, dirA), startDaemon(t, "", network, dirB)
	a.pair(t, "main", account)
	settle(t, network, account)
	a.wrote(t, "main", friend, "from the old server")
	a.heard(t, "main", friend, account, "to the old server")

	file, secret := filepath.Join(t.TempDir(), "main.session"), secretFile(t, movePassphrase)
	export := []string{"session", "--data", dirA, "export", "default", "main", file, "--passphrase-file", secret}
	if code, _, stderr := command(t, export...); code != 1 || !strings.Contains(stderr, "stop it first") {
		t.Errorf("a live session: status %d: %s", code, stderr)
	}
	a.must(t, 200, "DELETE", sessionPath("main")+"?logout=false", nil)
	runCommand(t, export...)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file is %v, %v", info, err)
	}
	if left, err := os.ReadDir(filepath.Join(dirA, spoolDir)); err != nil || len(left) > 0 {
		t.Errorf("the export left %v, %v", left, err)
	}
	if s := a.status(t, "main"); s.text("reason") != "moved" {
		t.Errorf("at its old place the session is %s", s.raw)
	}
	for _, refused := range []answer{
		a.must(t, 409, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"}),
		a.must(t, 409, "POST", sessionPath("main")+"/restart", nil),
	} {
		if refused.text("code") != "SESSION_MOVED" {
			t.Errorf("starting it again: %s", refused.raw)
		}
	}

	into := func(secret string) []string {
		return []string{"session", "--data", dirB, "import", "default", "moved", file, "--passphrase-file", secret}
	}
	if code, _, stderr := command(t, into(secretFile(t, "wrong horse battery staple"))...); code != 1 || !strings.Contains(stderr, "passphrase is wrong") {
		t.Errorf("a wrong passphrase: status %d: %s", code, stderr)
	}
	runCommand(t, into(secret)...)
	b.awaitStatus(t, "moved", "ready")
	if n := len(account.Devices()); n != 1 {
		t.Errorf("the account has %d devices", n)
	}
	b.wrote(t, "moved", friend, "from the new server")
	b.heard(t, "moved", friend, account, "to the new server")
	if code, _, stderr := command(t, into(secret)...); code != 1 || !strings.Contains(stderr, "already") {
		t.Errorf("a second import: status %d: %s", code, stderr)
	}
	if gone := a.must(t, 200, "DELETE", sessionPath("main"), nil); gone.body["unlinked"] != false {
		t.Errorf("deleting it at its old place: %s", gone.raw)
	}
	b.wrote(t, "moved", friend, "still there")
}

// TestReclaimedSessionsRun: an export that nobody imported is undone.
func TestReclaimedSessionsRun(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	account, friend := network.Phone("447700900123"), network.Phone("447700900124")
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", account)
	settle(t, network, account)
	d.wrote(t, "main", friend, "before")
	d.must(t, 200, "DELETE", sessionPath("main")+"?logout=false", nil)
	out := runCommand(t, "session", "--data", dir, "export", "default", "main", filepath.Join(t.TempDir(), "file"))
	if !strings.Contains(out, "Passphrase (shown this once): ") {
		t.Errorf("export printed %s", out)
	}
	if code, _, _ := command(t, "session", "--data", dir, "reclaim", "default", "main"); code != 2 {
		t.Errorf("without --yes: status %d", code)
	}
	runCommand(t, "session", "--data", dir, "reclaim", "default", "main", "--yes")
	d.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	d.awaitStatus(t, "main", "ready")
	d.wrote(t, "main", friend, "after")
	for _, action := range []string{"session.export", "session.reclaim"} {
		operator := &api{base: d.base, admin: readOperatorKey(t, dir)}
		t.Cleanup(operator.closeIdle)
		if log := operator.must(t, 200, "GET", "/api/admin/audit?action="+url.QueryEscape(action), nil); !strings.Contains(log.raw, `"target":"main"`) {
			t.Errorf("the audit log has %s", log.raw)
		}
	}
}

func readOperatorKey(t *testing.T, dir string) string {
	t.Helper()
	access, err := readOperator(dir)
	if err != nil {
		t.Fatal(err)
	}
	return access.Key
}

// TestAdoptsOtherProgramsDevices takes a device that a raw whatsmeow client has
// linked and keeps in SQLite, where wuzapi keeps its own.
func TestAdoptsOtherProgramsDevices(t *testing.T) {
	network, home, dir := startControlledNetwork(t), t.TempDir(), t.TempDir()
	dbdata := filepath.Join(home, "dbdata")
	if err := os.Mkdir(dbdata, 0o700); err != nil {
		t.Fatal(err)
	}
	client := program("", "bench-bound", "--network", network.file, "--dir", dbdata, "--sql")
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.StdoutPipe()
	if err == nil {
		err = client.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Process.Kill() })
	answers := json.NewDecoder(out)
	said := func() {
		t.Helper()
		var a bound.Answer
		if err := answers.Decode(&a); err != nil || a.Error != "" {
			t.Fatalf("the client answered %+v, %v", a, err)
		}
	}
	said()
	if err := json.NewEncoder(in).Encode(bound.Command{Do: bound.Grow, Sessions: 2}); err != nil {
		t.Fatal(err)
	}
	said()
	if err := os.Symlink("bound.db", filepath.Join(dbdata, "main.db")); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, "", network, dir)
	adopt := []string{"session", "--data", dir, "adopt", home}
	if code, _, stderr := command(t, adopt...); code != 1 || !strings.Contains(stderr, "in use by process") {
		t.Errorf("while it runs: status %d: %s", code, stderr)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := client.Wait(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, adopt...); code != 2 || !strings.Contains(stderr, "--all") {
		t.Errorf("two devices: status %d: %s", code, stderr)
	}
	if code, _, stderr := command(t, append(adopt, "--device", "1")...); code != 1 || !strings.Contains(stderr, "no such device") {
		t.Errorf("another number: status %d: %s", code, stderr)
	}
	runCommand(t, append(adopt, "--all")...)
	friend := network.Phone("447700900124")
	var n load.Numbers
	for i, session := range []string{"adopted-1", "adopted-2"} {
		account := network.Phone(n.Session(i))
		got := d.awaitStatus(t, session, "ready")
		if got.text("phoneNumber") != n.Session(i) || len(account.Devices()) != 1 {
			t.Errorf("%s is %s with %d devices", session, got.raw, len(account.Devices()))
		}
		d.wrote(t, session, friend, "written by "+session)
		d.heard(t, session, friend, account, "read by "+session)
	}
	if code, _, stderr := command(t, append(adopt, "--all", "--session", "again")...); code != 1 || !strings.Contains(stderr, "already") {
		t.Errorf("a second time: status %d: %s", code, stderr)
	}
}
