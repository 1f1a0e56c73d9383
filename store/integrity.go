package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"wapid/engine"
)

// Depth is how closely a database file is looked at.
type Depth string

// Quick reads every page and every row; Full also compares the indexes with
// their tables, which takes several times as long.
const (
	Quick Depth = "quick_check"
	Full  Depth = "integrity_check"
)

// maxProblems is how many defects of a file are told.
const maxProblems = 3

// CheckFile looks for damage in a SQLite file that nobody writes to. It returns
// CodeStorage with what is wrong; that names tables and pages, never content.
func CheckFile(ctx context.Context, path string, depth Depth) error {
	return inFile(ctx, path, func(db *sql.DB) error { return check(ctx, db, depth) })
}

// Check looks for damage in what the snapshot sees, as CheckFile does. It reads
// the whole file; writers don't wait for it.
func (s *Snapshot) Check(ctx context.Context, depth Depth) error {
	err := check(ctx, s.conn, depth)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// check runs SQLite's own check and returns its findings as an error.
func check(ctx context.Context, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, depth Depth) error {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("PRAGMA %s(%d)", depth, maxProblems))
	found, err := collect(rows, err, scanText)
	if err != nil {
		return err
	}
	if len(found) == 1 && found[0] == "ok" {
		return nil
	}
	return engine.WrapError(engine.CodeStorage, errors.New(strings.Join(found, "; ")), "the database is damaged")
}

// LatestSchema is the schema that this program makes, and the newest that it knows.
func LatestSchema() int {
	steps, err := readMigrations(migrationFiles)
	if err != nil {
		return 0 // a test reads them
	}
	return len(steps)
}

// FileSchema returns the schema of the daemon's own database in a file that
// nobody writes to. It returns CodeStorage, also for a schema newer than
// LatestSchema.
func FileSchema(ctx context.Context, path string) (schema int, err error) {
	err = inFile(ctx, path, func(db *sql.DB) error {
		if err := db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&schema); err != nil {
			return err
		}
		if latest := LatestSchema(); schema > latest {
			return newerSchema(schema, latest)
		}
		return nil
	})
	return schema, err
}

// inFile reads a file that nobody writes to, and leaves nothing beside it.
func inFile(ctx context.Context, path string, read func(*sql.DB) error) error {
	db, err := openFile(path, url.Values{"mode": {"ro"}, "immutable": {"1"}})
	if err == nil {
		err = errors.Join(read(db), db.Close())
	}
	if err == nil || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fileError(path, err)
}

// fileError says of which file an error is.
func fileError(path string, err error) error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return engine.WrapError(e.Code, e.Cause, fmt.Sprintf("%s: %s", filepath.Base(path), e.Message))
	}
	return engine.WrapError(engine.CodeStorage, err, fmt.Sprintf("%s: %s", filepath.Base(path), describe(err, "it can't be read")))
}
