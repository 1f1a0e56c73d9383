package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"wapid/engine/simnet"
	"wapid/engine/whatsapp"
	"wapid/store"
)

// backedUp is a data directory that a daemon has used and left, and its backup.
func backedUp(t *testing.T) (network *simulated, dir, file string) {
	t.Helper()
	network, dir = startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", network.Phone("447700900123"))
	d.stop(t)
	file = filepath.Join(t.TempDir(), "backup")
	runCommand(t, "backup", file, "--data", dir)
	return network, dir, file
}

func TestBackupKeepsWhatIsThere(t *testing.T) {
	_, dir, file := backedUp(t)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the backup is %v (%v)", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, "backup", file, "--data", dir); code != 1 || !strings.Contains(stderr, "--force") {
		t.Errorf("status %d: %s", code, stderr)
	}
	if code, _, stderr := command(t, "backup", file, "--force", "--data", t.TempDir()); code != 1 || !strings.Contains(stderr, whatsapp.FileName) {
		t.Errorf("a directory without databases: status %d: %s", code, stderr)
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != "precious" {
		t.Errorf("a backup that failed left %q (%v)", raw, err)
	}
	if code, _, stderr := command(t, "backup", file, "--force", "--data", dir); code != 0 {
		t.Errorf("status %d: %s", code, stderr)
	}
	cmd := program("", "backup", "-", "--data", dir)
	streamed, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	if err := os.WriteFile(file, streamed, 0o600); err != nil {
		t.Fatal(err)
	}
	if told := runCommand(t, "restore", file, "--data", into); !strings.Contains(told, "both databases and 0 files") {
		t.Errorf("restoring a backup of no files says %s", told)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("beside the backup stand %v (%v)", entries, err)
	}
}

func TestADamagedDatabaseIsNotBackedUp(t *testing.T) {
	_, dir, _ := backedUp(t)
	scribble(t, filepath.Join(dir, whatsapp.FileName))
	file := filepath.Join(t.TempDir(), "backup")
	if code, _, stderr := command(t, "backup", file, "--data", dir); code != 1 || !strings.Contains(stderr, "damaged") {
		t.Errorf("status %d: %s", code, stderr)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 0 {
		t.Errorf("it left %v behind (%v)", entries, err)
	}
}

// scribble overwrites the middle half of a database file, as a failing disk does.
func scribble(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	pages := info.Size() / 4096
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, int(pages/2)*4096), pages/4*4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	network, dir, file := backedUp(t)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, "restore", file, "--data", dir); code != 1 || !strings.Contains(stderr, "--force") {
		t.Errorf("a directory in use: status %d: %s", code, stderr)
	}
	d := startDaemon(t, "", network, dir)
	if code, _, stderr := command(t, "restore", file, "--force", "--data", dir); code != 1 || !strings.Contains(stderr, "another daemon is running") {
		t.Errorf("under a daemon: status %d: %s", code, stderr)
	}
	d.stop(t)

	entries := unpackArchive(t, good)
	databases := entries[:len(entries)-1]
	for name, c := range map[string]struct {
		archive []byte
		says    string
	}{
		"cut off":               {good[:len(good)/2], "damaged"},
		"not a backup":          {[]byte("hello"), "damaged"},
		"empty":                 {nil, "damaged"},
		"no manifest":           {packArchive(t, databases), "manifest"},
		"another database":      {packArchive(t, with(entries, 0, entry{name: store.FileName, content: []byte("other")})), store.FileName},
		"a file is missing":     {packArchive(t, entries[1:]), "missing"},
		"a file too many":       {packArchive(t, append([]entry{{name: "spool/X", content: []byte("x")}}, entries...)), "spool/X"},
		"a file twice":          {packArchive(t, append([]entry{entries[0]}, entries...)), "twice"},
		"a way out":             {packArchive(t, append([]entry{{name: "../evil", content: []byte("x")}}, entries...)), "no part"},
		"a way out of spool":    {packArchive(t, append([]entry{{name: "spool/../../evil"}}, entries...)), "no part"},
		"an absolute path":      {packArchive(t, append([]entry{{name: "/tmp/evil"}}, entries...)), "no part"},
		"a link":                {packArchive(t, append([]entry{{name: "spool/X", link: "/etc"}}, entries...)), "no part"},
		"a newer schema":        {packArchive(t, withManifest(t, entries, func(m *manifest) { m.Schema = 999 })), "schema 999"},
		"a newer format":        {packArchive(t, withManifest(t, entries, func(m *manifest) { m.Format = 2 })), "format 2"},
		"a hash of another one": {packArchive(t, withManifest(t, entries, func(m *manifest) { m.Files[0].SHA256 = m.Files[1].SHA256 })), "manifest says"},
	} {
		t.Run(name, func(t *testing.T) {
			into, bad := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "bad")
			if err := os.WriteFile(bad, c.archive, 0o600); err != nil {
				t.Fatal(err)
			}
			code, _, stderr := command(t, "restore", bad, "--data", into)
			if code != 1 || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("status %d: %s", code, stderr)
			}
			left, err := os.ReadDir(into)
			if err != nil || len(left) != 1 || left[0].Name() != "wapid.lock" {
				t.Errorf("it left %v (%v)", left, err)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(into), "evil")); err == nil {
				t.Error("it wrote outside its directory")
			}
		})
	}
}

// TestRestoreChecksTheDatabases: a page that is damaged in the archive itself, its
// manifest in agreement, is found too.
func TestRestoreChecksTheDatabases(t *testing.T) {
	_, _, file := backedUp(t)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	entries := unpackArchive(t, raw)
	damaged := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(damaged, entries[1].content, 0o600); err != nil {
		t.Fatal(err)
	}
	scribble(t, damaged)
	if entries[1].content, err = os.ReadFile(damaged); err != nil {
		t.Fatal(err)
	}
	entries = withManifest(t, entries, func(m *manifest) { m.Files[1].SHA256 = hexSHA256(entries[1].content) })
	if err := os.WriteFile(file, packArchive(t, entries), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, "restore", file, "--data", t.TempDir()); code != 1 || !strings.Contains(stderr, "damaged") {
		t.Errorf("status %d: %s", code, stderr)
	}
}

// TestForcedRestoreKeepsTheOld also shows that a session needs no code after it.
func TestForcedRestoreKeepsTheOld(t *testing.T) {
	network, dir, file := backedUp(t)
	d := startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	d.pair(t, "later", network.Phone("447700900124"))
	d.stop(t)
	runCommand(t, "restore", file, "--force", "--data", dir)
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	d.must(t, 404, "GET", sessionPath("later")+"/status", nil)
	d.stop(t)
	aside, err := filepath.Glob(filepath.Join(dir, "before-restore-*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("the old files are in %v (%v)", aside, err)
	}
	d = startDaemon(t, "", network, aside[0])
	d.awaitStatus(t, "later", "ready")
	d.stop(t)
}

// TestAQueuedFileIsRestored: the file of a message that waits for its session goes
// along, into a data directory of another name.
func TestAQueuedFileIsRestored(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	theirs := network.Phone("447700900124")
	content := bytes.Repeat([]byte("a document\n"), 1000)
	d, away, _ := queueDocument(t, network, dir, theirs, content)
	file := filepath.Join(t.TempDir(), "backup")
	if told := runCommand(t, "backup", file, "--data", dir); !strings.Contains(told, "1 files") {
		t.Error(told)
	}
	d.kill()
	into := t.TempDir()
	runCommand(t, "restore", file, "--data", into)
	network.Faults().Clear(away)
	d = startDaemon(t, "", network, into)
	d.awaitStatus(t, "main", "ready")
	got, err := arrive(t, theirs, func(r simnet.Received) bool { return r.Message.GetDocumentMessage() != nil })
	if err != nil {
		t.Fatal(err)
	}
	if size := got.Message.GetDocumentMessage().GetFileLength(); size != uint64(len(content)) {
		t.Errorf("the document has %d bytes", size)
	}
	d.stop(t)
}

// queueDocument starts a daemon with a session whose number is kept out of the network,
// and has it queue a document there. It returns what keeps the number out, and the
// message's id.
func queueDocument(t *testing.T, network *simulated, dir string, to *simnet.Phone, content []byte) (d *daemon, away, id string) {
	t.Helper()
	mine := network.Phone("447700900123")
	d = startDaemon(t, "", network, dir)
	d.pair(t, "main", mine)
	settle(t, network, mine)
	away = network.keepOut(t, mine)
	eventually(t, "the session is away", func() bool { return d.status(t, "main").text("status") != "ready" })
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	defer site.Close()
	id = d.must(t, 202, "POST", sessionPath("main")+"/send?wait=false", map[string]any{
		"to": to.Number(), "type": "document", "mediaUrl": site.URL + "/doc.txt"}).text("messageId")
	return d, away, id
}

// keepOut ends a number's connections and refuses further ones until the returned
// fault is cleared.
func (s *simulated) keepOut(t *testing.T, phone *simnet.Phone) (fault string) {
	t.Helper()
	fault, err := s.Faults().Set(simnet.Fault{Kind: simnet.FaultRefuse, Number: phone.Number()})
	if err == nil {
		_, err = s.Faults().Set(simnet.Fault{Kind: simnet.FaultClose, Number: phone.Number()})
	}
	if err != nil {
		t.Fatal(err)
	}
	return fault
}

// TestHalfARestoreIsNeverRun: what an interrupted one leaves is refused until it is
// done again.
func TestHalfARestoreIsNeverRun(t *testing.T) {
	network, _, file := backedUp(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, restoringDir), 0o700); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := command(t, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--network", network.file, "--log-level", "error")
	if code != 1 || !strings.Contains(stderr, "interrupted") {
		t.Errorf("status %d: %s", code, stderr)
	}
	runCommand(t, "restore", file, "--data", dir)
	d := startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	d.stop(t)
}

// entry is a member of an archive.
type entry struct {
	name, link string
	content    []byte
}

func with(entries []entry, i int, e entry) []entry {
	changed := append([]entry(nil), entries...)
	changed[i] = e
	return changed
}

func withManifest(t *testing.T, entries []entry, change func(*manifest)) []entry {
	t.Helper()
	last := len(entries) - 1
	var m manifest
	if err := json.Unmarshal(entries[last].content, &m); err != nil {
		t.Fatal(err)
	}
	change(&m)
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return with(entries, last, entry{name: manifestName, content: raw})
}

func packArchive(t *testing.T, entries []entry) []byte {
	t.Helper()
	var packed bytes.Buffer
	compressor, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(compressor)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: 0o600, Size: int64(len(e.content))}
		if e.link != "" {
			header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressor.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func unpackArchive(t *testing.T, packed []byte) (entries []entry) {
	t.Helper()
	plain, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for r := tar.NewReader(plain); ; {
		header, err := r.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry{name: header.Name, content: content})
	}
}

func hexSHA256(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
