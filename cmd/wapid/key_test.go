package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/engine/simnet"
	"wapid/engine/whatsapp"
	"wapid/store"
	"wapid/store/seal"
)

// keyFile writes a new key into a file outside the data directory.
func keyFile(t *testing.T) (path string, key *seal.Key) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key")
	code, out, errs := command(t, "key", "new")
	if code != 0 {
		t.Fatalf("key new: %s", errs)
	}
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := seal.ParseKey(out)
	if err != nil {
		t.Fatal(err)
	}
	return path, key
}

// lying reads the databases of a directory as they lie there, their logs included.
func lying(t *testing.T, dir string, names ...string) []byte {
	t.Helper()
	var all []byte
	for _, name := range names {
		for _, suffix := range []string{"", "-wal"} {
			raw, err := os.ReadFile(filepath.Join(dir, name+suffix))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			all = append(all, raw...)
		}
	}
	return all
}

// refused runs a command that must fail with a word in its one line of error, and must
// leave the databases as they were.
func refused(t *testing.T, dir, says string, args ...string) {
	t.Helper()
	before := lying(t, dir, store.FileName, whatsapp.FileName)
	code, out, errs := command(t, args...)
	if code != 1 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, says) {
		t.Errorf("wapid %s ended with %d, %q, %q; expected %q", strings.Join(args[:2], " "), code, out, errs, says)
	}
	if !bytes.Equal(before, lying(t, dir, store.FileName, whatsapp.FileName)) {
		t.Errorf("wapid %s has changed a database", strings.Join(args[:2], " "))
	}
}

// here runs a command that opens no network to its end in this process.
func here(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := command(t, args...)
	if code != 0 {
		t.Fatalf("wapid %s ended with %d: %s%s", strings.Join(args, " "), code, out, errs)
	}
	return out + errs
}

// TestTheLifeOfADirectoryWithAKey: encrypted in use, killed, refused without its key,
// rotated at a start, backed up and restored, decrypted. The session never needs another
// code, and nothing that is sealed can be read in the files.
func TestTheLifeOfADirectoryWithAKey(t *testing.T) {
	network, hooks, dir := startNetwork(t), startHooks(t), t.TempDir()
	first, key := keyFile(t)
	second, newKey := keyFile(t)
	me, friend := network.Phone("4915100000001"), network.Phone("4915100000002")

	d := startDaemon(t, "", network, dir, "--encryption-key-file", first)
	hooks.subscribe(t, &d.api)
	d.pair(t, "main", me)
	settle(t, network, me)
	d.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "proxied", "proxy": "socks5://somebody:PROXYPASSWORD@127.0.0.1:1"})
	n := 0
	talk := func() {
		t.Helper()
		n++
		text := fmt.Sprintf("CONFIDENTIAL %d", n)
		d.send(t, "main", friend.Number(), text)
		if _, err := arrive(t, friend, func(r simnet.Received) bool { return r.Text == text }); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, err := friend.SendText(t.Context(), me.JID(), text+" back"); err != nil {
			t.Fatal(err)
		}
		hooks.await(t, text+" back", func(h hook) bool { return strings.Contains(h.Raw, text+" back") })
	}
	talk()
	d.kill()

	if bytes.Contains(lying(t, dir, whatsapp.FileName), []byte("CONFIDENTIAL")) {
		t.Error("a message can be read in the device store")
	}
	for _, secret := range []string{hookSecret, "PROXYPASSWORD"} {
		if bytes.Contains(lying(t, dir, store.FileName, whatsapp.FileName), []byte(secret)) {
			t.Errorf("%s can be read", secret)
		}
	}

	serve := []string{"serve", "--listen", "127.0.0.1:0", "--data", dir, "--network", network.file}
	t.Setenv("WAPID_LOG_LEVEL", "error")
	refused(t, dir, "--encryption-key", serve...)
	refused(t, dir, key.ID(), append(serve, "--encryption-key-file", second)...)
	refused(t, dir, "no such file", append(serve, "--encryption-key-file", filepath.Join(dir, "none"))...)
	refused(t, dir, key.ID(), "key", "remove", "--data", dir, "--encryption-key-file", second)
	refused(t, dir, key.ID(), "key", "rotate", "--data", dir, "--encryption-key-file", second)

	d = startDaemon(t, "", network, dir, "--encryption-key-file", second, "--encryption-key-old-file", first)
	d.awaitStatus(t, "main", "ready")
	talk()
	file := filepath.Join(t.TempDir(), "backup.tar.zst")
	if out := here(t, "backup", file, "--data", dir); !strings.Contains(out, newKey.ID()) {
		t.Errorf("the backup does not name its key: %s", out)
	}
	d.kill()
	refused(t, dir, newKey.ID(), append(serve, "--encryption-key-file", first)...)

	restored := t.TempDir()
	if out := here(t, "restore", file, "--data", restored); !strings.Contains(out, newKey.ID()) {
		t.Errorf("the restore does not name its key: %s", out)
	}
	dir = restored
	serve[4] = dir
	refused(t, dir, newKey.ID(), serve...)
	d = startDaemon(t, "", network, dir, "--encryption-key-file", second)
	d.awaitStatus(t, "main", "ready")
	talk()
	d.stop(t)
	if out := here(t, "key", "rotate", "--renew", "--data", dir, "--encryption-key-file", second); !strings.Contains(out, newKey.ID()) {
		t.Errorf("key rotate said %q", out)
	}
	here(t, "key", "remove", "--data", dir, "--encryption-key-file", second)
	if out := here(t, "key", "status", "--data", dir); strings.Count(out, ": plain\n") != 2 {
		t.Errorf("key status said %q", out)
	}
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	talk()
	d.stop(t)
	all := lying(t, dir, store.FileName, whatsapp.FileName)
	for _, secret := range []string{hookSecret, "PROXYPASSWORD"} {
		if !bytes.Contains(all, []byte(secret)) {
			t.Errorf("%s can't be found where it stands in plain: the test proves nothing", secret)
		}
	}
}

// TestAKilledEncryptionLosesNothing: a directory with much in it is encrypted, rotated and
// decrypted by processes that are killed at all times. Each kill leaves one state or the
// other, and the session goes on.
func TestAKilledEncryptionLosesNothing(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	file, key := keyFile(t)
	me, friend := network.Phone("4915100000011"), network.Phone("4915100000012")
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", me)
	settle(t, network, me)
	d.send(t, "main", friend.Number(), "before")
	d.stop(t)
	addSecrets(t, dir, 8000)

	steps := [][]string{
		{"key", "rotate", "--data", dir, "--encryption-key-file", file},
		{"key", "remove", "--data", dir, "--encryption-key-file", file},
	}
	killed := 0
	for i, args := range steps {
		for after := 40 * time.Millisecond; after < 30*time.Second; after *= 3 {
			cmd := program("", args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended
			err := cmd.Wait()
			timer.Stop()
			if err == nil {
				break
			}
			killed++
			s, err := inspectSeal(t.Context(), dir)
			if err != nil {
				t.Fatalf("after a kill in step %d: %v", i, err)
			}
			if err := s.check(seal.Keys{Current: key}); err != nil {
				t.Fatalf("after a kill in step %d: %v", i, err)
			}
		}
		if i != 0 {
			continue
		}
		d := startDaemon(t, "", network, dir, "--encryption-key-file", file)
		d.awaitStatus(t, "main", "ready")
		text := fmt.Sprint("after step ", i)
		d.send(t, "main", friend.Number(), text)
		if _, err := arrive(t, friend, func(r simnet.Received) bool { return r.Text == text }); err != nil {
			t.Fatal(err)
		}
		d.stop(t)
	}
	if killed < 3 {
		t.Errorf("only %d processes were killed: the test proves nothing", killed)
	}
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	d.stop(t)
	if n := countSecrets(t, dir); n != 8000 {
		t.Errorf("%d of 8000 secrets are as they were", n)
	}
}

// addSecrets fills the device store of a stopped daemon, so that its encryption takes a
// while.
func addSecrets(t *testing.T, dir string, count int) {
	t.Helper()
	withDeviceStore(t, dir, func(db *sql.DB) {
		_, err := db.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO whatsmeow_message_secrets (our_jid, chat_jid, sender_jid, message_id, key)
			SELECT (SELECT jid FROM whatsmeow_device), 'c', 's', 'FILL' || i, CAST('FILLED SECRET ' || i AS BLOB) FROM n`, count)
		if err != nil {
			t.Fatal(err)
		}
	})
}

func countSecrets(t *testing.T, dir string) (n int) {
	t.Helper()
	withDeviceStore(t, dir, func(db *sql.DB) {
		err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM whatsmeow_message_secrets
			WHERE message_id LIKE 'FILL%' AND CAST(key AS TEXT) = 'FILLED SECRET ' || substr(message_id, 5)`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
	})
	return n
}

func withDeviceStore(t *testing.T, dir string, fn func(*sql.DB)) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, whatsapp.FileName)+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	fn(db)
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Setenv("WAPID_LOG_LEVEL", "error")
	dir := t.TempDir()
	good, _ := keyFile(t)
	weak := filepath.Join(dir, "weak")
	if err := os.WriteFile(weak, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(args ...string) []string {
		return append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data")}, args...)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"passphrase":          {serve("--encryption-key", "correct horse battery staple"), 2, "wapid key new"},
		"zeros":               {serve("--encryption-key", strings.Repeat("0", 64)), 2, "at random"},
		"passphrase in file":  {serve("--encryption-key-file", weak), 1, "--encryption-key-file"},
		"endless file":        {serve("--encryption-key-file", "/dev/zero"), 1, "too long"},
		"both":                {serve("--encryption-key", strings.Repeat("0", 64), "--encryption-key-file", good), 2, "both"},
		"old alone":           {serve("--encryption-key-old-file", good), 2, "beside a new"},
		"rotate without keys": {[]string{"key", "rotate", "--data", dir}, 2, "--encryption-key"},
		"nothing to rotate":   {[]string{"key", "rotate", "--data", dir, "--encryption-key-file", good}, 1, store.FileName},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := command(t, c.args...)
			if code != c.code || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "correct horse") {
				t.Errorf("status %d, %q; expected %d, %q", code, stderr, c.code, c.says)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a start without a usable key has made the data directory: %v", err)
	}
}

// environmentKeys are the keys of daemons that a test was started with: every test that
// kills one can be run with encryption by setting WAPID_ENCRYPTION_KEY.
func environmentKeys(t testing.TB) seal.Keys {
	t.Helper()
	keys, err := keySettings{EncryptionKey: os.Getenv("WAPID_ENCRYPTION_KEY")}.keys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
