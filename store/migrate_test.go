package store

import (
	"context"
	"database/sql"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"wapid/engine"
)

func empty(t *testing.T) *sql.DB {
	t.Helper()
	db, err := openPool(filepath.Join(t.TempDir(), FileName), 1, url.Values{"_txlock": {"immediate"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// with is the released migrations and further ones.
func with(t *testing.T, more map[string]string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(migrationFiles, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(migrationFiles, p)
		files[p] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range more {
		files["migrations/"+name] = &fstest.MapFile{Data: []byte(script)}
	}
	return files
}

func TestMigrateGoesOnFromTheFirstSchema(t *testing.T) {
	ctx := context.Background()
	db := empty(t)
	first, err := migrationFiles.ReadFile("migrations/001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	oldest := fstest.MapFS{"migrations/001_init.sql": {Data: first}}
	if err := migrate(ctx, db, oldest, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO tenants (id, name, created_at) VALUES ('a', 'A', 1)`); err != nil {
		t.Fatal(err)
	}
	steps, err := readMigrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	last := len(steps)
	more := with(t, map[string]string{
		name(last+1, "plan"): `ALTER TABLE tenants ADD COLUMN plan TEXT NOT NULL DEFAULT 'free'; UPDATE tenants SET plan = 'paid'`,
		name(last+2, "more"): `CREATE TABLE more (n INTEGER)`,
	})
	for range 2 { // the second time there is nothing to do
		if err := migrate(ctx, db, more, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	var plan string
	var version int
	err = db.QueryRow(`SELECT plan, (SELECT max(version) FROM schema_version) FROM tenants WHERE id = 'a'`).Scan(&plan, &version)
	if err != nil || plan != "paid" || version != last+2 {
		t.Errorf("plan %q, version %d, %v", plan, version, err)
	}
	err = migrate(ctx, db, migrationFiles, time.Now())
	if engine.CodeOf(err) != engine.CodeStorage || !strings.Contains(err.Error(), "newer") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a newer schema: %v", err)
	}
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	ctx := context.Background()
	db := empty(t)
	steps, err := readMigrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	bad := with(t, map[string]string{name(len(steps)+1, "bad"): `CREATE TABLE half (n INTEGER); CREATE TABLE half (n INTEGER)`})
	if err := migrate(ctx, db, bad, time.Now()); engine.CodeOf(err) != engine.CodeStorage {
		t.Fatalf("got %v", err)
	}
	var tables, version int
	err = db.QueryRow(`SELECT count(*), (SELECT max(version) FROM schema_version) FROM sqlite_master WHERE name = 'half'`).Scan(&tables, &version)
	if err != nil || tables != 0 || version != len(steps) {
		t.Errorf("%d tables, version %d, %v", tables, version, err)
	}
}

func TestMigrationsAreNumberedWithoutGaps(t *testing.T) {
	if _, err := readMigrations(fstest.MapFS{"migrations/002_x.sql": {}}); err == nil {
		t.Error("a gap was accepted")
	}
	if _, err := readMigrations(migrationFiles); err != nil {
		t.Error(err)
	}
}

func name(version int, what string) string {
	return string([]byte{byte('0' + version/100), byte('0' + version/10%10), byte('0' + version%10)}) + "_" + what + ".sql"
}
