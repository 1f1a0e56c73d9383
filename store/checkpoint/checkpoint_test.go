package checkpoint

import (
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: "_journal_mode=WAL&_txlock=immediate"}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func write(t *testing.T, db *sql.DB) {
	t.Helper()
	if _, err := db.Exec(`INSERT INTO x (body) VALUES (zeroblob(20000))`); err != nil {
		t.Fatal(err)
	}
}

func TestLogIsMovedAndBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	writers := open(t, path)
	if _, err := writers.Exec(`PRAGMA wal_autocheckpoint = 0; CREATE TABLE x (id INTEGER PRIMARY KEY, body BLOB)`); err != nil {
		t.Fatal(err)
	}
	m := Start(open(t, path), writers, Options{Every: time.Millisecond, Pages: 20, Failed: func(err error) { t.Error(err) }})
	sizes := func() (file, log int64) {
		for name, to := range map[string]*int64{path: &file, path + "-wal": &log} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			*to = info.Size()
		}
		return file, log
	}
	deadline := time.Now().Add(20 * time.Second)
	for written := int64(0); ; written += 20000 {
		write(t, writers)
		if file, log := sizes(); file > 40*20000 && log < written/2 {
			break
		}
		if time.Now().After(deadline) {
			file, log := sizes()
			t.Fatalf("of %d bytes the file has %d, the log %d", written, file, log)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// A log that a reader holds is moved later, and nobody is told: that is no failure.
func TestReadersAreNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	writers := open(t, path)
	if _, err := writers.Exec(`CREATE TABLE x (id INTEGER PRIMARY KEY, body BLOB)`); err != nil {
		t.Fatal(err)
	}
	reader := open(t, path)
	rows, err := reader.Query(`SELECT 1 FROM sqlite_schema`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatal("nothing to read")
	}
	m := &Mover{beside: open(t, path), writers: writers, o: Options{Pages: 1, TooLong: 1 << 30}}
	for range 3 {
		write(t, writers)
		if err := m.round(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// What a reader has held until the log was long is not kept from the disk for ever.
func TestALongLogGivesItsRoomBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	writers := open(t, path)
	if _, err := writers.Exec(`PRAGMA synchronous = OFF; CREATE TABLE x (id INTEGER PRIMARY KEY, body BLOB)`); err != nil {
		t.Fatal(err)
	}
	if err := Prepare(t.Context(), writers); err != nil {
		t.Fatal(err)
	}
	rows, err := open(t, path).Query(`SELECT 1 FROM sqlite_schema`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatal("nothing to read")
	}
	length := func() int64 {
		t.Helper()
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if _, err := writers.Exec(`INSERT INTO x (body) VALUES (zeroblob(?))`, 5*longest/4); err != nil {
		t.Fatal(err)
	}
	m := &Mover{beside: open(t, path), writers: writers, o: Options{Pages: 1, TooLong: 1 << 30}}
	for range 2 {
		if err := m.round(t.Context()); err != nil {
			t.Error(err)
		}
		write(t, writers)
	}
	if length() <= longest {
		t.Fatalf("the log has %d bytes while it is read", length())
	}
	rows.Close()
	if err := m.round(t.Context()); err != nil {
		t.Error(err)
	}
	write(t, writers)
	if length() > longest {
		t.Errorf("the log keeps %d bytes", length())
	}
}

// Where there is always somebody who reads, the log is begun anew all the same.
func TestReadersAreWaitedForWhenTheLogIsTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	writers := open(t, path)
	if _, err := writers.Exec(`PRAGMA busy_timeout = 1234; CREATE TABLE x (id INTEGER PRIMARY KEY, body BLOB)`); err != nil {
		t.Fatal(err)
	}
	rows, err := open(t, path).Query(`SELECT 1 FROM sqlite_schema`)
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		t.Fatal("nothing to read")
	}
	for range 20 {
		write(t, writers)
	}
	m := &Mover{beside: open(t, path), writers: writers, o: Options{Pages: 1, TooLong: 20}}
	ended := make(chan error, 1)
	time.AfterFunc(patience/10, func() { ended <- rows.Close() })
	if err := m.round(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	write(t, writers)
	if pages, err := move(t.Context(), writers); err != nil || pages > 20 {
		t.Errorf("the log has %d pages, %v", pages, err)
	}
	var timeout int
	if err := writers.QueryRow(`PRAGMA busy_timeout`).Scan(&timeout); err != nil || timeout != 1234 {
		t.Errorf("writers wait %d ms, %v", timeout, err)
	}
}

func TestFailureIsToldOnce(t *testing.T) {
	beside := open(t, filepath.Join(t.TempDir(), "a.db"))
	if err := beside.Close(); err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 100)
	m := Start(beside, beside, Options{Every: time.Millisecond, Failed: func(err error) { told <- err }})
	first := <-told
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if first == nil || errors.Is(first, sql.ErrNoRows) || len(told) > 0 {
		t.Errorf("%v, and %d more", first, len(told))
	}
}
