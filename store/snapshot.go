package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// copyPages is how many pages of a snapshot are copied between two looks at
// whether the caller still wants it: 4 MiB of the usual 4 KiB pages.
const copyPages = 1024

// Snapshot is a SQLite file as it was when the snapshot was taken, read while
// others go on writing to it: a read transaction that stays open. Writers don't
// wait for it, but the file's write-ahead log grows until it is closed. The file
// is this store's own or another one, such as the network's device store.
type Snapshot struct {
	db   *sql.DB
	conn *sql.Conn
}

// TakeSnapshot holds the SQLite file at path still for its reader. The caller
// closes it. It returns CodeStorage, also if there is no such file.
func TakeSnapshot(ctx context.Context, path string) (*Snapshot, error) {
	db, err := openFile(path, url.Values{"mode": {"rw"}, "_query_only": {"true"}, "_busy_timeout": {"10000"}})
	if err != nil {
		return nil, fileError(path, err)
	}
	s := &Snapshot{db: db}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(fileError(path, err), s.Close())
	}
	return s, nil
}

// begin opens the transaction. SQLite chooses what it sees at its first read.
func (s *Snapshot) begin(ctx context.Context) (err error) {
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, `BEGIN`); err != nil {
		return err
	}
	var tables int
	return s.conn.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables)
}

// Close lets go of the file.
func (s *Snapshot) Close() error {
	var err error
	if s.conn != nil {
		_, _ = s.conn.ExecContext(context.Background(), `ROLLBACK`) // closing ends the transaction too
		err = s.conn.Close()
	}
	return errors.Join(err, s.db.Close())
}

// ListSpooled is Store.ListSpooled of the daemon's own database at the time of
// the snapshot.
func (s *Snapshot) ListSpooled(ctx context.Context) ([]string, error) {
	rows, err := s.conn.QueryContext(ctx, selectSpooled)
	return collect(rows, err, scanText)
}

// CopyTo writes what the snapshot sees into a new file, page by page. The file is
// not synced to the disk. It returns CodeStorage, or ctx's error; what was copied
// until then stays.
func (s *Snapshot) CopyTo(ctx context.Context, path string) error {
	if _, err := createPrivate(path); err != nil {
		return storageError(err)
	}
	target, err := openFile(path, url.Values{"mode": {"rw"}, "_journal_mode": {"OFF"}, "_synchronous": {"OFF"}})
	if err != nil {
		return storageError(err)
	}
	defer target.Close()
	to, err := target.Conn(ctx)
	if err != nil {
		return storageError(err)
	}
	defer to.Close()
	err = to.Raw(func(raw any) error {
		dest := raw.(*sqlite3.SQLiteConn)
		return s.conn.Raw(func(raw any) error {
			return copyAll(ctx, dest, raw.(*sqlite3.SQLiteConn))
		})
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return storageError(err)
}

// copyAll copies a whole database over an open connection. The source's
// transaction makes sure that all pages are of the same moment.
func copyAll(ctx context.Context, dest, source *sqlite3.SQLiteConn) error {
	backup, err := dest.Backup("main", source, "main")
	if err != nil {
		return err
	}
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, backup.Finish())
		}
		if done, err = backup.Step(copyPages); err != nil {
			return errors.Join(err, backup.Finish())
		}
	}
	return backup.Finish()
}

// openFile opens one connection to a SQLite file with nothing but the settings given.
func openFile(path string, q url.Values) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
