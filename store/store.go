// Package store is the only place that knows SQL of ours. It keeps tenants,
// keys, sessions, messages, events, endpoints and deliveries in one SQLite
// file, and every transaction that crosses domains is a method here. SQL is
// kept plain, so that another database can share it.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"go.uber.org/zap"

	"wapid/bulk"
	"wapid/engine"
	"wapid/engine/cloudapi"
	"wapid/store/checkpoint"
	"wapid/store/seal"
	"wapid/webhooks"
)

// FileName is the database's name within the data directory.
const FileName = "wapid.db"

// Store asserts what the domains ask for.
var (
	_ engine.Store   = (*Store)(nil)
	_ bulk.Store     = (*Store)(nil)
	_ webhooks.Store = (*Store)(nil)
	_ cloudapi.Store = (*Store)(nil)
)

// Options of a store. The zero value is what the daemon uses.
type Options struct {
	// Clock gives the times that rows are stamped with; nil means time.Now.
	Clock func() time.Time
	// Log is told of rows that can't be read; nil for silence.
	Log *zap.Logger
	// Keys encrypt webhook secrets and what sessions are configured with; without a
	// current one they are plain.
	Keys seal.Keys
	// Readers is how many reads run at once; 0 means 4.
	Readers int
	// Unsynced leaves commits to the operating system (synchronous=NORMAL): a power
	// cut takes back writes that were answered. It is there to measure what syncing
	// costs.
	Unsynced bool
	// Watch is told what the store does; the zero value is for nobody.
	Watch Watch
}

// Store is the daemon's own database. Its methods are safe for concurrent use.
// Writes are committed to the disk (fsync, unless Options.Unsynced) before they return nil. A write
// whose context ends before it begins does nothing and returns CodeStorage
// around the context's error; one that has begun is not cut off.
type Store struct {
	read   *sql.DB
	write  *writer
	moves  *checkpoint.Mover
	box    *seal.Box // nil if nothing is encrypted
	clock  func() time.Time
	log    *zap.Logger
	ids    *eventIDs
	queued chan struct{}
	path   string      // absolute
	file   os.FileInfo // what was at path when it was opened
	prober *prober
	zones  *zones
	uses   useTimes[KeyID]
	// webUses tell whether a login is idle.
	webUses useTimes[WebSessionID]
	keys    keyCache
	// audience waits for events.
	audience  audience
	standing  standing // the writer's own
	people    people   // the writer's own
	activity  activity
	looks     int // entries of the event log that one page looks at; mostLooked
	searches  int // messages that one page of the log looks into; mostSearched
	looksBack int // deliveries that one page looks at; mostDeliveries
	// sick is set while the last batch of writes could not be committed.
	sick atomic.Pointer[engine.Error]
	// damaged is set once a row could not be read.
	damaged atomic.Bool
}

// Open opens or creates the database file at path and brings its schema up to
// date. The caller owns the data directory: nobody else may have the file open
// for writing. It returns CodeStorage, with one clear line when the schema is
// newer than this program, and a *seal.Refusal when the keys don't fit.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, engine.WrapError(engine.CodeStorage, err, "the database file can't be found")
	}
	file, err := createPrivate(path)
	if err != nil {
		return nil, engine.WrapError(engine.CodeStorage, err, "the database file can't be created")
	}
	synchronous := "FULL"
	if o.Unsynced {
		synchronous = "NORMAL"
	}
	db, err := openPool(path, 1, url.Values{
		"_txlock":       {"immediate"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {synchronous},
		"_cache_size":   {"-16000"}, // 16 MB: a full batch fits without spilling
	})
	if err != nil {
		return nil, storageError(err)
	}
	if err := checkpoint.Prepare(ctx, db); err != nil {
		return nil, errors.Join(storageError(err), db.Close())
	}
	if err := migrate(ctx, db, migrationFiles, o.Clock()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	box, err := seal.Settle(ctx, db, SealPlan(), o.Keys, seal.Keep, func(err error) { o.Log.Warn("encryption", zap.Error(err)) })
	if err != nil {
		return nil, errors.Join(sealError(err), db.Close())
	}
	// What a statement needs to undo itself, and nobody after a crash, is kept in memory
	// only. Otherwise SQLite sets 64 KiB aside for each such statement, and makes a file
	// of more: half of what a batch of sends cost here. Only from here on, as a
	// migration may sort more than fits into memory.
	if _, err := db.ExecContext(ctx, `PRAGMA temp_store = MEMORY`); err != nil {
		return nil, errors.Join(storageError(err), db.Close())
	}
	last, err := lastEventID(ctx, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	read, err := openPool(path, o.Readers, url.Values{"_query_only": {"true"}})
	if err != nil {
		return nil, errors.Join(storageError(err), db.Close())
	}
	beside, err := openPool(path, 1, url.Values{"_synchronous": {"NORMAL"}}) // a checkpoint is synced
	if err != nil {
		return nil, errors.Join(storageError(err), read.Close(), db.Close())
	}
	s := &Store{
		read:      read,
		box:       box,
		clock:     o.Clock,
		log:       o.Log,
		ids:       newEventIDs(last),
		queued:    make(chan struct{}, 1),
		path:      path,
		file:      file,
		zones:     new(zones),
		looks:     mostLooked,
		searches:  mostSearched,
		looksBack: mostDeliveries,
	}
	s.prober = &prober{probe: s.probe, clock: o.Clock}
	s.moves = checkpoint.Start(beside, db, checkpoint.Options{Failed: func(err error) {
		o.Log.Warn("the database's log can't be moved into its file", zap.Error(err))
	}, Moved: o.Watch.Checkpointed})
	s.audience.appended = o.Watch.Appended
	s.write = startWriter(db, &s.sick, hooks{changed: s.keys.forget, committed: s.audience.committed, undone: s.undone, begins: s.audience.mark, watch: o.Watch})
	return s, nil
}

// undone forgets what was remembered of writes that were rolled back: all of a batch, or
// those of the caller that ran last.
func (s *Store) undone(all bool) {
	s.standing.forget()
	s.audience.undone(all)
}

// createPrivate makes sure that the file exists and that only its owner can
// read it: it holds signing secrets. SQLite gives its -wal and -shm files the
// same mode. It returns which file that is.
func createPrivate(path string) (os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	return info, errors.Join(err, f.Close())
}

// openPool opens connections to the file at an absolute path. All carry the same
// settings: those given by Exec would reach one connection of the pool only.
func openPool(path string, conns int, q url.Values) (*sql.DB, error) {
	q.Set("_foreign_keys", "on")
	q.Set("_busy_timeout", "10000")
	q.Set("_mutex", "no") // the pool gives a connection to one goroutine at a time
	q.Set("_stmt_cache_size", strconv.Itoa(100))
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// Close finishes the writes that were accepted, refuses new ones with
// CodeStopping, and closes the file. It is not idempotent.
func (s *Store) Close() error {
	s.prober.close()
	_ = s.SaveKeyUses(context.Background()) // not worth a stop that fails
	_ = s.SaveActivity(context.Background())
	err := errors.Join(s.read.Close(), s.moves.Close(), s.write.close())
	if err != nil {
		return storageError(err)
	}
	return nil
}

// update runs fn in a transaction and returns once it is on the disk. Other
// callers' transactions may share the commit; fn is rolled back alone if it
// returns an error. fn runs on the writer's goroutine: it must not call update
// nor wait for anything but the database.
func (s *Store) update(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return s.write.do(ctx, false, func(tx *sql.Tx) error {
		s.standing.forget()
		defer s.standing.forget()
		return fn(tx)
	})
}

// record is update for what happens with every message, and costs less. fn may run
// a second time if what it did at first was rolled back, so that it sets what it
// returns anew; and it changes nothing that standing remembers without telling it.
func (s *Store) record(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return s.write.do(ctx, true, fn)
}

// recordInTime is record for what nobody waits for: it may take some milliseconds longer.
func (s *Store) recordInTime(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return s.write.doInTime(ctx, fn)
}

// storageError makes any error of the database an engine.Error with
// CodeStorage; one that has a meaning already is passed on.
func storageError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e
	}
	return engine.WrapError(engine.CodeStorage, err, describe(err, "the database did not answer"))
}

// describe says in words for callers what is wrong with the database, or
// otherwise.
func describe(err error, otherwise string) string {
	if e, ok := errors.AsType[sqlite3.Error](err); ok { // it comes by value
		switch e.Code {
		case sqlite3.ErrFull:
			return "the disk is full"
		case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
			return "the database is damaged"
		case sqlite3.ErrReadonly, sqlite3.ErrPerm, sqlite3.ErrCantOpen:
			return "the database can't be written"
		case sqlite3.ErrIoErr:
			return "the disk failed"
		}
	}
	return otherwise
}

// millis is how a time is stored; the zero time is NULL.
func millis(t time.Time) sql.NullInt64 {
	if t.IsZero() {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: true}
}

// instant scans a stored time.
type instant struct{ t *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i.t = time.Time{}
	case int64:
		*i.t = time.UnixMilli(v).UTC()
	default:
		return fmt.Errorf("a stored time is a %T", src)
	}
	return nil
}

// document stores a value as JSON. The zero value is the empty text.
type document struct{ v any }

// Value implements driver.Valuer.
func (d document) Value() (driver.Value, error) {
	if reflect.ValueOf(d.v).Elem().IsZero() {
		return "", nil
	}
	raw, err := json.Marshal(d.v)
	return string(raw), err
}

// Scan implements sql.Scanner. It reads into the zero value.
func (d document) Scan(src any) error {
	text, ok := src.(string)
	switch {
	case !ok:
		return fmt.Errorf("a stored document is a %T", src)
	case text == "":
		return nil
	}
	return json.Unmarshal([]byte(text), d.v)
}

// row is what a single row and the current one of many have in common.
type row interface{ Scan(dest ...any) error }

// collect reads all rows through scan and closes them.
func collect[T any](rows *sql.Rows, err error, scan func(row) (T, error)) ([]T, error) {
	if err != nil {
		return nil, storageError(err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, storageError(err)
		}
		all = append(all, one)
	}
	return all, storageError(rows.Err())
}

// scanText scans a row of one text.
func scanText(r row) (text string, err error) {
	err = r.Scan(&text)
	return text, err
}

// changed says how many rows a statement touched.
func changed(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, storageError(err)
	}
	n, err := res.RowsAffected()
	return n, storageError(err)
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
