package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wapid/engine"
)

// TestASnapshotStandsStill: what is written after it was taken is not in it, and
// nobody waits for it.
func TestASnapshotStandsStill(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	path := filepath.Join(dir, FileName)
	s := openIn(t, path)
	putText(t, s, "before", "1")
	snapshot, err := TakeSnapshot(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		putText(t, s, "after", "2")
	}
	copied := filepath.Join(dir, "copy")
	if err := snapshot.CopyTo(ctx, copied); err != nil {
		t.Fatal(err)
	}
	putText(t, s, "during", "3")
	if err := snapshot.Close(); err != nil {
		t.Fatal(err)
	}
	if err := CheckFile(ctx, copied, Full); err != nil {
		t.Error(err)
	}
	if schema, err := FileSchema(ctx, copied); err != nil || schema != LatestSchema() || schema < 6 {
		t.Errorf("schema %d, %v", schema, err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy is %v (%v)", info, err)
	}
	if names, err := filepath.Glob(copied + "-*"); err != nil || len(names) > 0 {
		t.Errorf("reading the copy left %v (%v)", names, err)
	}
	c := openIn(t, copied)
	if got := setting(t, c, "before"); got != "1" {
		t.Errorf("what was there reads %q", got)
	}
	if got := setting(t, c, "after") + setting(t, c, "during"); got != "" {
		t.Errorf("what came later is there: %q", got)
	}
}

func TestASnapshotIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, filepath.Join(dir, FileName))
	putText(t, s, "one", "1")
	snapshot, err := TakeSnapshot(t.Context(), filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := snapshot.CopyTo(ctx, filepath.Join(dir, "copy")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
	if _, err := TakeSnapshot(t.Context(), filepath.Join(dir, "none")); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("it was made")
	}
}

func TestDamageIsFound(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	s := openIn(t, path)
	putText(t, s, "one", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := CheckFile(t.Context(), path, Quick); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(raw)/2; i++ {
		raw[i] = 0xa5
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, depth := range []Depth{Quick, Full} {
		err := CheckFile(t.Context(), path, depth)
		if e, ok := errors.AsType[*engine.Error](err); !ok || e.Message != FileName+": the database is damaged" {
			t.Errorf("%s found %v", depth, err)
		}
	}
	if err := os.WriteFile(path, []byte("no database at all, but some text of some length"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FileSchema(t.Context(), path); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("got %v", err)
	}
}

// TestWhenTheDeviceStoreIsSetBack: only what may have lost commits is.
func TestWhenTheDeviceStoreIsSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	s := openIn(t, path)
	ctx := t.Context()
	in := func(boot string) DeviceStoreUse { return DeviceStoreUse{File: "7", Boot: boot} }
	asks := func(when, boot string, want bool) {
		t.Helper()
		if got, err := s.DeviceStoreSetBack(ctx, in(boot)); err != nil || got != want {
			t.Errorf("%s: %v, %v", when, got, err)
		}
	}
	asks("a first start", "A", false)
	succeed(t, s.NoteDeviceStoreOpen(ctx, in("A")))
	asks("killed", "A", false)
	asks("the machine stopped", "B", true)
	asks("nobody knows whether it did", "", true)
	succeed(t, s.NoteDeviceStoreOpen(ctx, in("")))
	asks("killed where the machine does not tell", "", true)
	succeed(t, s.NoteDeviceStoreClosed(ctx, in("A")))
	asks("stopped", "A", false)
	asks("stopped where the machine does not tell", "", false)
	other := DeviceStoreUse{File: "8", Boot: "A"}
	for when, note := range map[string]func(context.Context, DeviceStoreUse) error{
		"killed": s.NoteDeviceStoreOpen, "stopped": s.NoteDeviceStoreClosed,
	} {
		succeed(t, note(ctx, in("A")))
		if got, err := s.DeviceStoreSetBack(ctx, other); err != nil || !got {
			t.Errorf("%s, and another file put into its place: %v, %v", when, got, err)
		}
	}
	succeed(t, s.Close())
	succeed(t, MarkRestored(ctx, path, time.Now()))
	s = openIn(t, path)
	asks("restored", "A", true)
	succeed(t, s.NoteDeviceStoreOpen(ctx, in("A")))
	asks("restored, and mended", "A", false)
}

// TestEveryWriteIsSynced: what a caller was told is on the disk. SQLite has its
// settings per connection, so each that writes is asked, also after the pool has
// made a new one.
func TestEveryWriteIsSynced(t *testing.T) {
	s := openIn(t, filepath.Join(t.TempDir(), FileName))
	for range 3 {
		succeed(t, s.update(t.Context(), func(tx *sql.Tx) error {
			var synchronous int
			if err := tx.QueryRow(`PRAGMA synchronous`).Scan(&synchronous); err != nil {
				return err
			}
			var journal string
			if err := tx.QueryRow(`PRAGMA journal_mode`).Scan(&journal); err != nil {
				return err
			}
			if synchronous != 2 || journal != "wal" {
				t.Errorf("synchronous is %d, the journal is %s", synchronous, journal)
			}
			return nil
		}))
		s.write.db.SetMaxIdleConns(0) // closes the connection: the next write makes another
		s.write.db.SetMaxIdleConns(1)
	}
	if open := s.write.db.Stats().MaxOpenConnections; open != 1 {
		t.Errorf("%d connections may write", open)
	}
	if closed := s.write.db.Stats().MaxIdleClosed; closed < 2 {
		t.Errorf("the connection was replaced %d times", closed)
	}
	for range 8 { // readers can't write
		if _, err := s.read.Exec(`DELETE FROM settings`); err == nil {
			t.Fatal("a reading connection has written")
		}
	}
}

// TestQueuedFilesMove: the data directory has another name than when they were queued.
func TestQueuedFilesMove(t *testing.T) {
	s := openIn(t, filepath.Join(t.TempDir(), FileName))
	session := engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	succeed(t, s.update(t.Context(), func(tx *sql.Tx) error {
		for i, path := range []string{"/old/spool/A", "/old/spool/B", "/new/spool/C", ""} {
			q := engine.Queued{Message: engine.Outgoing{ID: engine.MessageID(fmt.Sprint(i))}, ExpiresAt: time.Now()}
			if path != "" {
				q.Message.Attachment = &engine.Attachment{Path: path, Size: 1}
			}
			if err := insertQueued(tx, session, q); err != nil {
				return err
			}
		}
		return nil
	}))
	succeed(t, s.MoveSpooled(t.Context(), "/new/spool"))
	rows, err := s.read.Query(selectWaiting + ` ORDER BY seq`)
	all, err := collect(rows, err, scanWaiting)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"/new/spool/A", "/new/spool/B", "/new/spool/C", ""} {
		got := ""
		if a := all[i].Message.Attachment; a != nil {
			got = a.Path
		}
		if all[i].path != want || got != want {
			t.Errorf("message %d has its file at %q, and says %q", i, all[i].path, got)
		}
	}
}

func openIn(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // some tests have closed it already
	if _, _, err := s.EnsureDefaultTenant(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return s
}

func succeed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func putText(t *testing.T, s *Store, name, value string) {
	t.Helper()
	succeed(t, s.update(t.Context(), func(tx *sql.Tx) error { return putSetting(tx, name, value, time.Now()) }))
}

func setting(t *testing.T, s *Store, name string) (value string) {
	t.Helper()
	err := s.read.QueryRow(`SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	if err != nil && !isNoRows(err) {
		t.Fatal(err)
	}
	return value
}
