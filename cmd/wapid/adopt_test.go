package main

import (
	"database/sql"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	_ "github.com/mattn/go-sqlite3"
)

// TestCopiedStoresStayAsTheyAre: a program that was killed leaves its last rows in a log,
// which goes along and is not merged.
func TestCopiedStoresStayAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "live.db")+"?_journal_mode=WAL")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE rows (x); INSERT INTO rows VALUES ('in the log')`); err != nil {
		t.Fatal(err)
	}
	killed := filepath.Join(dir, "killed.db")
	for _, suffix := range []string{"", "-wal"} {
		if err := copyPlain(filepath.Join(dir, "live.db"+suffix), killed+suffix); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "main.db")
	if err := os.Symlink(killed, link); err != nil {
		t.Fatal(err)
	}
	before := filesOf(t, dir)
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := copyStore(link, copied); err != nil {
		t.Fatal(err)
	}
	if after := filesOf(t, dir); !maps.Equal(before, after) {
		t.Errorf("the directory held %v, and holds %v", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
	if got := countRows(t, copied); got != 1 {
		t.Errorf("the copy has %d rows", got)
	}
}

func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(raw)
	}
	return files
}

func countRows(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM rows`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
