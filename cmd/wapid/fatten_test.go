package main

import (
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"path/filepath"
	"testing"

	"wapid/store"
)

// fatten adds so many MiB of events to the daemon's own database, of a session
// that nobody asks for. No daemon may run.
func fatten(t *testing.T, dir string, mib int) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`PRAGMA synchronous = OFF`); err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 36<<10) // base64 makes 48 KiB of it; half of a real database is as hard to compress
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for n := range mib << 10 / 96 {
		if _, err := rand.Read(random); err != nil {
			t.Fatal(err)
		}
		body := base64.StdEncoding.EncodeToString(random)
		_, err := tx.Exec(`INSERT INTO settings (name, value, updated_at) VALUES ('fat ' || $1, $2 || replace(hex(zeroblob(24576)), '0', 'a'), 0)`, n, body)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}
