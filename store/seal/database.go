package seal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/mattn/go-sqlite3"
)

// What is left to be wiped after a change.
const (
	scrubNothing = iota
	scrubLog     // the write-ahead log: the data key as the former key had wrapped it
	scrubFile    // the whole file: values as they were
)

// Schema makes the table that holds the wrapped data key: one row, or none if the
// database is not encrypted. key_id names the operator's key. scrub says where what was
// there before may still be found: 1 in the write-ahead log, 2 in free pages too.
func Schema(table string) string {
	return `CREATE TABLE IF NOT EXISTS ` + table + ` (
	id      INTEGER PRIMARY KEY CHECK (id = 1),
	key_id  TEXT    NOT NULL,
	wrapped BLOB    NOT NULL, -- empty while a decrypted database waits to be scrubbed
	scrub   INTEGER NOT NULL
)`
}

// Plan says how the values of one database are sealed. Its statements call
// reseal(value, kind, …) for blobs and retext(value, kind, …) for texts, with the place
// of each value, and so do all three steps: from plain to sealed, from one data key to
// another, and back to plain. They run in one transaction.
type Plan struct {
	Database string // names it for people, and binds its data key
	Table    string
	Seal     []string // from plain rows
	Reseal   []string // with another data key
	Unseal   []string // back
}

// Change is what is to become of a database, beside what its keys say.
type Change int

// Changes.
const (
	Keep    Change = iota // encrypt what is plain; wrap the data key anew if Current is new
	Renew                 // also draw a new data key and encrypt everything anew
	Decrypt               // back to plain
)

// Refusal says that the keys that were given don't fit a database. Nothing was changed.
type Refusal struct{ message string }

func (r *Refusal) Error() string { return r.message }

// State is what a database says of its encryption.
type State struct {
	Sealed bool
	KeyID  string // of the operator's key

	wrapped []byte
	scrub   int
}

// Inspect reads the state of a database file without changing it; the zero State is
// that of a file that does not exist.
func Inspect(ctx context.Context, path string, p Plan) (s State, err error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return s, err
	}
	// A connection that may write would move the log into the file when it is closed.
	q := url.Values{"mode": {"ro"}, "_busy_timeout": {"10000"}}
	db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return s, err
	}
	s, err = read(ctx, db, p.Table)
	return s, errors.Join(err, db.Close())
}

// Remnants tells whether former values may still be found in free pages.
func (s State) Remnants() bool { return s.scrub == scrubFile }

// querier is a connection or a pool.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func read(ctx context.Context, db querier, table string) (s State, err error) {
	var there bool
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1)`, table).Scan(&there)
	if err != nil || !there {
		return s, err
	}
	err = db.QueryRowContext(ctx, `SELECT key_id, wrapped, scrub FROM `+table).Scan(&s.KeyID, &s.wrapped, &s.scrub)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	s.Sealed = len(s.wrapped) > 0
	return s, err
}

// Check returns a Refusal if the keys don't open a database in that state.
func (k Keys) Check(p Plan, s State) error {
	_, _, err := k.open(p, s)
	return err
}

// Open finds the box of a database file without changing it; nil for one that is not
// encrypted. It returns a Refusal if the keys don't open it.
func (k Keys) Open(ctx context.Context, path string, p Plan) (*Box, error) {
	s, err := Inspect(ctx, path, p)
	if err != nil {
		return nil, err
	}
	box, _, err := k.open(p, s)
	return box, err
}

// open finds the data key; nil for a database that is not encrypted. rewrap says that it
// is wrapped by the key before.
func (k Keys) open(p Plan, s State) (box *Box, rewrap bool, err error) {
	if !s.Sealed {
		return nil, false, nil
	}
	if k.Current == nil {
		return nil, false, &Refusal{fmt.Sprintf("%s is encrypted, with key %s: start with --encryption-key or --encryption-key-file; nothing was changed", p.Database, s.KeyID)}
	}
	for i, key := range []*Key{k.Current, k.Old} {
		if key == nil || key.ID() != s.KeyID {
			continue
		}
		if box, err = key.unwrap(p.Database, s.wrapped); err != nil {
			return nil, false, &Refusal{fmt.Sprintf("the data key in %s is damaged: it does not open with key %s, by which it was wrapped; nothing was changed", p.Database, s.KeyID)}
		}
		return box, i == 1, nil
	}
	given := k.Current.String()
	if k.Old != nil {
		given += " and " + k.Old.String()
	}
	return nil, false, &Refusal{fmt.Sprintf("%s is encrypted with key %s, not with what was given (%s); when keys are exchanged, the one before goes into --encryption-key-old; nothing was changed", p.Database, s.KeyID, given)}
}

// Settle brings an open database to what keys and change ask for, and returns the box
// for its values, nil if it is not encrypted. Nobody else may write to db. All values change in one transaction, so that a crash leaves either state
// and not a mixture. What was there before is then wiped from free pages and from the
// write-ahead log; if that can't be done, failed is told and the next Settle tries again.
// It returns a Refusal if the keys don't fit.
func Settle(ctx context.Context, db *sql.DB, p Plan, keys Keys, change Change, failed func(error)) (*Box, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	s, err := read(ctx, conn, p.Table)
	if err != nil {
		return nil, err
	}
	from, rewrap, err := keys.open(p, s)
	if err != nil {
		return nil, err
	}
	to, steps := from, []string(nil)
	switch {
	case change == Decrypt && from != nil:
		to, steps = nil, p.Unseal
	case change == Renew && from != nil:
		to, steps = randomBox(), p.Reseal
	case change != Decrypt && from == nil && keys.Current != nil:
		to, steps = randomBox(), p.Seal
	}
	if to != from {
		s.scrub = scrubFile
	} else if rewrap {
		s.scrub = max(s.scrub, scrubLog)
	}
	if to != from || rewrap {
		if err := convert(ctx, conn, p, steps, sealing{from: from, to: to, key: keys.Current, scrub: s.scrub}); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Database, err)
		}
	}
	if s.scrub > scrubNothing {
		if err := scrub(ctx, conn, p.Table, s.scrub, to == nil); err != nil && failed != nil {
			failed(fmt.Errorf("%s: former values could not be wiped from its free pages: %w", p.Database, err))
		}
	}
	return to, nil
}

// sealing is a change from one box to another, whose data key is to be wrapped by key.
type sealing struct {
	from, to *Box
	key      *Key
	scrub    int
}

// convert runs the steps and keeps the new data key, in one transaction.
func convert(ctx context.Context, conn *sql.Conn, p Plan, steps []string, change sealing) (err error) {
	move := &mover{from: change.from, to: change.to}
	if err := conn.Raw(move.register); err != nil {
		return err
	}
	defer move.forget()
	wrapped, id := []byte{}, ""
	if change.to != nil {
		wrapped, id = change.key.wrap(p.Database, change.to), change.key.ID()
	}
	// The place of what is removed is zeroed: the former data key at once.
	steps = append([]string{`PRAGMA secure_delete = ON`, `BEGIN IMMEDIATE`, Schema(p.Table)}, steps...)
	for _, step := range steps {
		if _, err = conn.ExecContext(ctx, step); err != nil {
			break
		}
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, `INSERT INTO `+p.Table+` (id, key_id, wrapped, scrub) VALUES (1, $1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id, wrapped = excluded.wrapped, scrub = excluded.scrub`, id, wrapped, change.scrub)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, `COMMIT`)
	}
	if err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`) // fails if there is nothing left to undo
	}
	_, off := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA secure_delete = OFF`)
	return errors.Join(err, off)
}

// Transform runs a plan's steps on a database that holds no data key of its own, such as
// a copy, in one transaction: values that from has sealed are sealed by to. Either may be
// nil. It returns ErrNotSealed, wrapped by the driver.
func Transform(ctx context.Context, db *sql.DB, steps []string, from, to *Box) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	move := &mover{from: from, to: to}
	if err := conn.Raw(move.register); err != nil {
		return err
	}
	defer move.forget()
	return within(ctx, conn, steps)
}

// within runs steps in one transaction.
func within(ctx context.Context, conn *sql.Conn, steps []string) (err error) {
	for _, step := range append(append([]string{`BEGIN IMMEDIATE`}, steps...), `COMMIT`) {
		if _, err = conn.ExecContext(ctx, step); err != nil {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`) // fails if there is nothing to undo
			return err
		}
	}
	return nil
}

// errReaders says that somebody reads a database whose log should go.
var errReaders = errors.New("somebody is reading it")

// scrub rewrites the whole file, if that is needed, so that nothing is left in free
// places, and empties the write-ahead log.
func scrub(ctx context.Context, conn *sql.Conn, table string, what int, plain bool) error {
	if what == scrubFile {
		if _, err := conn.ExecContext(ctx, `VACUUM`); err != nil {
			return err
		}
	}
	if err := truncate(ctx, conn); err != nil {
		return err
	}
	done := `UPDATE ` + table + ` SET scrub = 0`
	if plain {
		done = `DELETE FROM ` + table
	}
	_, err := conn.ExecContext(ctx, done)
	return err
}

func truncate(ctx context.Context, conn *sql.Conn) error {
	var busy, pages, moved int
	if err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errReaders
	}
	return nil
}

// mover is what SQL calls to seal values anew.
type mover struct{ from, to *Box }

// register makes the functions known to the driver's connection.
func (m *mover) register(raw any) error {
	conn, ok := raw.(*sqlite3.SQLiteConn)
	if !ok {
		return fmt.Errorf("the driver's connection is a %T", raw)
	}
	return errors.Join(conn.RegisterFunc("reseal", m.reseal, false), conn.RegisterFunc("retext", m.retext, false))
}

// forget drops the keys: the functions live as long as the connection.
func (m *mover) forget() { m.from, m.to = nil, nil }

func (m *mover) reseal(value []byte, place ...string) ([]byte, error) {
	plain, err := m.from.Open(value, place...)
	if err != nil {
		return nil, err
	}
	return m.to.Seal(plain, place...), nil
}

func (m *mover) retext(value string, place ...string) (string, error) {
	plain, err := m.from.OpenText(value, place...)
	if err != nil {
		return "", err
	}
	return m.to.SealText(plain, place...), nil
}
