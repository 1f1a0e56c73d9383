package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"wapid/engine"
)

// migrationFiles holds migrations/NNN_name.sql, numbered from 001 without gaps.
// A file that was released is never changed.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one step of the schema.
type migration struct {
	version int
	name    string
	script  string
}

// migrate applies the steps that db lacks, each in a transaction of its own
// together with its entry in schema_version. It returns CodeStorage for a
// schema that is newer than the steps known here.
func migrate(ctx context.Context, db *sql.DB, files fs.FS, now time.Time) error {
	steps, err := readMigrations(files)
	if err != nil {
		return engine.WrapError(engine.CodeInternal, err, "the migrations can't be read")
	}
	_, err = db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (
		version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)`)
	if err != nil {
		return storageError(err)
	}
	var have int
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&have)
	if err != nil {
		return storageError(err)
	}
	if have > len(steps) {
		return newerSchema(have, len(steps))
	}
	for _, m := range steps[have:] {
		if err := m.apply(ctx, db, now); err != nil {
			return engine.WrapError(engine.CodeStorage, err, fmt.Sprintf("migration %d (%s) failed, nothing of it was kept", m.version, m.name))
		}
	}
	return nil
}

func newerSchema(have, known int) error {
	return engine.Errorf(engine.CodeStorage,
		"the database has schema %d, this wapid knows schemas up to %d: use the wapid that wrote it or a newer one", have, known)
}

func (m migration) apply(ctx context.Context, db *sql.DB, now time.Time) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after the commit
	if _, err := tx.ExecContext(ctx, m.script); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO schema_version (version, name, applied_at) VALUES ($1, $2, $3)`,
		m.version, m.name, now.UnixMilli())
	if err != nil {
		return err
	}
	return tx.Commit()
}

func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	steps := make([]migration, 0, len(names))
	for i, file := range names {
		number, name, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("%s should be number %d", file, i+1)
		}
		script, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration{version, name, string(script)})
	}
	return steps, nil
}
