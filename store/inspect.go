package store

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"wapid/engine"
	"wapid/store/seal"
	"wapid/webhooks"
)

// Inspection is what the daemon's own database holds that concerns others.
type Inspection struct {
	Tenants   int
	Sessions  []engine.Session
	Endpoints []webhooks.Endpoint // enabled ones
	Newest    time.Time           // of all events; zero without any
}

// Inspect reads the database of a data directory, also beside a running daemon, and
// changes nothing. The schema must be this program's. What the keys don't open is
// unreadable; without a current key everything that is sealed is.
func Inspect(ctx context.Context, dir string, keys seal.Keys) (found Inspection, err error) {
	path := filepath.Join(dir, FileName)
	box, err := keys.Open(ctx, path, SealPlan())
	if err != nil {
		return found, err
	}
	db, err := openFile(path, url.Values{"mode": {"ro"}, "_busy_timeout": {"5000"}})
	if err != nil {
		return found, storageError(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s := &Store{read: db, box: box, log: zap.NewNop()}
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM tenants`).Scan(&found.Tenants); err != nil {
		return found, storageError(err)
	}
	if found.Sessions, err = s.ListAllSessions(ctx); err != nil {
		return found, err
	}
	rows, err := db.QueryContext(ctx, selectEndpoint+` WHERE e.enabled = 1 ORDER BY e.tenant_id, e.id`)
	if found.Endpoints, err = collect(rows, err, s.scanEndpoint); err != nil {
		return found, err
	}
	last, err := lastEventID(ctx, db)
	if err == nil && last.Compare(ulid.ULID{}) != 0 {
		found.Newest = ulid.Time(last.Time())
	}
	return found, err
}

// LookAt reads the schema of the database of a data directory and looks quickly for
// damage in a SQLite file there, also beside a running daemon.
func LookAt(ctx context.Context, dir, name string) (schema int, err error) {
	path := filepath.Join(dir, name)
	db, err := openFile(path, url.Values{"mode": {"ro"}, "_busy_timeout": {"5000"}})
	if err != nil {
		return 0, fileError(path, err)
	}
	if name == FileName {
		err = db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&schema)
	}
	if err == nil {
		err = check(ctx, db, Quick)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if err != nil {
		err = fileError(path, err)
	}
	return schema, errors.Join(err, db.Close())
}
