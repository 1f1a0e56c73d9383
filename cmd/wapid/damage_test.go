package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wapid/engine/simnet"
	"wapid/engine/whatsapp"
	"wapid/store"
)

// inDatabase runs a statement on the daemon's own database. No daemon may run.
func inDatabase(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.Exec(statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%d rows, %v", n, err)
	}
}

// TestOneUnreadableSessionStopsNoOther: it is told, does not go another way to the
// network than its tenant wants, and is mended by setting its options.
func TestOneUnreadableSessionStopsNoOther(t *testing.T) {
	network, receiver, dir := startNetwork(t), startHooks(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	receiver.subscribe(t, &d.api)
	d.pair(t, "bad", network.Phone("447700900123"))
	d.pair(t, "good", network.Phone("447700900124"))
	d.stop(t)
	inDatabase(t, dir, `UPDATE sessions SET options = '{"proxy' WHERE id = 'bad'`)
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "good", "ready")
	eventually(t, "the session says what is wrong", func() bool { return d.status(t, "bad").text("reason") == "unreadable" })
	receiver.await(t, "unreadable", func(h hook) bool { return h.Event == "disconnected" && h.Data.Reason == "unreadable" })
	if log := d.stderr.String(); !strings.Contains(log, "the options of a session can't be read from the database") || strings.Contains(log, "{\\\"proxy") {
		t.Errorf("the log tells\n%s", log)
	}
	if ready := d.ready(t); ready.code != 503 || !strings.Contains(ready.raw, "wapid.db holds rows that can't be read") {
		t.Errorf("readyz says %d %s", ready.code, ready.raw)
	}
	d.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "bad", "name": "mended", "delayMin": 1, "delayMax": 2})
	d.awaitStatus(t, "bad", "ready")
	d.stop(t)
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "bad", "ready")
	eventually(t, "it is ready again", func() bool { return d.ready(t).code == 200 })
	d.stop(t)
}

// TestADamagedPageEndsTheReadiness, and the daemon serves what it can still read.
func TestADamagedPageEndsTheReadiness(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", network.Phone("447700900123"))
	d.stop(t)
	fatten(t, dir, 8)
	scribble(t, filepath.Join(dir, store.FileName))
	d = startDaemon(t, "", network, dir)
	eventually(t, "it is not ready", func() bool {
		ans := d.ready(t)
		return ans.code == 503 && strings.Contains(ans.raw, "wapid.db: the database is damaged")
	})
	d.awaitStatus(t, "main", "ready")
	d.send(t, "main", "447700900124", "as long as it goes")
	d.stop(t)
}

// TestADamagedDeviceStore stops the start if it can't be opened, and else ends the
// readiness.
func TestADamagedDeviceStore(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", network.Phone("447700900123"))
	d.stop(t)
	path := filepath.Join(dir, whatsapp.FileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	scribble(t, path)
	code, _, stderr := command(t, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--network", network.file, "--log-level", "error")
	if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "malformed") {
		t.Errorf("status %d: %s", code, stderr)
	}
	copy(whole[len(whole)*7/8:], strings.Repeat("garbage ", len(whole)/64)) // keys that nobody asks for at start
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	d = startDaemon(t, "", network, dir)
	eventually(t, "it is not ready", func() bool {
		ans := d.ready(t)
		return ans.code == 503 && strings.Contains(ans.raw, "whatsapp.db: the database is damaged")
	})
	d.stop(t)
}

func TestAFileThatIsNoDatabase(t *testing.T) {
	for _, name := range []string{store.FileName, whatsapp.FileName} {
		network, dir := startNetwork(t), t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("garbage ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := command(t, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--network", network.file, "--log-level", "error")
		if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "database") {
			t.Errorf("%s: status %d: %s", name, code, stderr)
		}
	}
}

// TestATruncatedLog: what is left of a write-ahead log counts up to its last whole
// commit, and the daemon runs on that.
func TestATruncatedLog(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", network.Phone("447700900123"))
	d.kill()
	for _, name := range []string{store.FileName, whatsapp.FileName} {
		wal := filepath.Join(dir, name+"-wal")
		info, err := os.Stat(wal)
		if err != nil || info.Size() < 10_000 {
			t.Fatalf("the log of %s: %v, %v", name, info, err)
		}
		if err := os.Truncate(wal, info.Size()-5000); err != nil {
			t.Fatal(err)
		}
	}
	rebooted(t, dir)
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	d.send(t, "main", "447700900124", "still here")
	eventually(t, "it is ready", func() bool { return d.ready(t).code == 200 })
	d.stop(t)
}

// TestTheFileOfAQueuedMessageIsGone: it fails, and is no obstacle to the next one.
func TestTheFileOfAQueuedMessageIsGone(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	theirs := network.Phone("447700900124")
	d, away, lost := queueDocument(t, network, dir, theirs, []byte("a document"))
	d.must(t, 202, "POST", sessionPath("main")+"/send?wait=false", map[string]any{"to": theirs.Number(), "message": "the next one"})
	files, err := filepath.Glob(filepath.Join(dir, spoolDir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("spooled %v, %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	network.Faults().Clear(away)
	if _, err := arrive(t, theirs, func(r simnet.Received) bool { return r.Text == "the next one" }); err != nil {
		t.Fatal(err)
	}
	row := d.must(t, 200, "GET", sessionPath("main")+"/messages/"+lost, nil)
	if !strings.Contains(row.raw, `"status":"failed"`) || !strings.Contains(row.raw, "MEDIA_GONE") {
		t.Errorf("the message is %s", row.raw)
	}
	d.stop(t)
}
