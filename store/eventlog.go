package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
)

// Bounds of one page of the event log.
const (
	// mostLooked is how many entries of a tenant's log a page looks at: with a
	// filter that hardly anything passes, a page costs some milliseconds.
	mostLooked = 20_000
	// eventBytes is how much data a page holds; it goes beyond that by one event.
	eventBytes = 512 << 10
)

// FirstEvent is the cursor before the first event of every log.
const FirstEvent = engine.EventID("00000000000000000000000000")

// ParseEventID reads a cursor: any ULID, in upper case. It returns CodeInvalid.
func ParseEventID(text string) (engine.EventID, error) {
	id, err := ulid.ParseStrict(text)
	if err != nil || id.String() != text {
		return "", engine.Errorf(engine.CodeInvalid, "a cursor must be the id of an event")
	}
	return engine.EventID(text), nil
}

// EventFilter says which events of a log are wanted. Its zero value wants all.
type EventFilter struct {
	Type     engine.EventType   // "" for every type
	Sessions []engine.SessionID // the only ones; nil for all, and for events of no session
}

func (f EventFilter) passesAll() bool { return f.Type == "" && f.Sessions == nil }

// EventPage is a part of a tenant's log.
type EventPage struct {
	Events []engine.Event
	// Next is the last event that was looked at, wanted or not: the page after it
	// misses nothing, also of what is committed later, as ids grow with the commits.
	Next engine.EventID
	// More tells that there are events behind Next already.
	More bool
	// Truncated tells that retention has removed events behind the page's cursor,
	// whether they were wanted or not.
	Truncated bool
}

// PageEvents returns up to limit events of a tenant that follow after, in the order
// in which they were committed. "" begins at the oldest, and is never truncated. A
// page ends early, with More set, once it has looked at many events or holds half a
// megabyte. Without anything to look at, Next is after, or FirstEvent.
func (s *Store) PageEvents(ctx context.Context, tenant engine.TenantID, f EventFilter, after engine.EventID, limit int) (EventPage, error) {
	// One snapshot: what retention removes between two statements would be missing
	// from the page and from what it says.
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return EventPage{}, storageError(err)
	}
	defer tx.Rollback() // it has only read
	page := EventPage{Next: cmp.Or(after, FirstEvent)}
	if after != "" {
		if page.Truncated, err = truncated(ctx, tx, tenant, after); err != nil {
			return EventPage{}, err
		}
	}
	horizon, looked := engine.EventID(""), 0
	if !f.passesAll() {
		if horizon, looked, err = lookAhead(ctx, tx, tenant, page.Next, s.looks); err != nil || looked == 0 {
			return page, err
		}
	}
	query, args := eventQuery(tenant, f, page.Next, horizon, limit+1)
	rows, err := tx.QueryContext(ctx, query, args...)
	found, cut, err := takeEvents(rows, err, limit)
	if err != nil {
		return EventPage{}, err
	}
	for i := range found {
		s.readable(&found[i])
	}
	page.Events = found
	switch {
	case cut:
		page.Next, page.More = found[len(found)-1].ID, true
	case horizon != "":
		page.Next, page.More = horizon, looked == s.looks
	case len(found) > 0:
		page.Next = found[len(found)-1].ID
	}
	return page, nil
}

const selectPruned = `SELECT events_pruned FROM tenants WHERE id = $1`

func truncated(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, after engine.EventID) (bool, error) {
	var pruned engine.EventID
	err := tx.QueryRowContext(ctx, selectPruned, tenant).Scan(&pruned)
	if isNoRows(err) {
		return false, nil
	}
	return after < pruned, storageError(err)
}

// selectHorizon finds the last of the next $3 entries of the log.
const selectHorizon = `SELECT coalesce(max(id), ''), count(*) FROM (SELECT id FROM events WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3)`

// lookAhead says how far one page with a filter looks, and how many entries those
// are. What is committed meanwhile lies behind that.
func lookAhead(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, after engine.EventID, most int) (horizon engine.EventID, looked int, err error) {
	err = tx.QueryRowContext(ctx, selectHorizon, tenant, after, most).Scan(&horizon, &looked)
	return horizon, looked, storageError(err)
}

// eventQuery reads a page of the log up to horizon; "" is its end.
func eventQuery(tenant engine.TenantID, f EventFilter, after, horizon engine.EventID, limit int) (string, []any) {
	var q conditions
	q.add(`tenant_id = ?`, tenant)
	q.add(`id > ?`, after)
	if horizon != "" {
		q.add(`id <= ?`, horizon)
	}
	if f.Type != "" {
		q.add(`type = ?`, f.Type)
	}
	among(&q, "session_id", f.Sessions)
	where := q.where()
	return selectEvent + where + ` ORDER BY id LIMIT ` + q.bind(limit), q.args
}

// takeEvents reads events up to limit, or up to what a page may hold. cut tells that
// there are more.
func takeEvents(rows *sql.Rows, err error, limit int) (found []engine.Event, cut bool, failed error) {
	if err != nil {
		return nil, false, storageError(err)
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		if len(found) == limit || size >= eventBytes {
			return found, true, nil
		}
		e, err := scanEvent(rows)
		if err != nil {
			return nil, false, storageError(err)
		}
		size += len(e.Data)
		found = append(found, e)
	}
	return found, false, storageError(rows.Err())
}

const selectNewest = `SELECT coalesce((SELECT max(id) FROM events WHERE tenant_id = $1), ''),
	coalesce((SELECT events_pruned FROM tenants WHERE id = $1), '')`

// NewestEvent returns the cursor behind everything that a tenant's log holds.
func (s *Store) NewestEvent(ctx context.Context, tenant engine.TenantID) (engine.EventID, error) {
	var newest, pruned engine.EventID
	err := s.read.QueryRowContext(ctx, selectNewest, tenant).Scan(&newest, &pruned)
	if err != nil {
		return "", storageError(err)
	}
	return slices.Max([]engine.EventID{newest, pruned, FirstEvent}), nil
}

// markPruned remembers that retention has removed a tenant's events up to last.
func markPruned(tx *sql.Tx, tenant engine.TenantID, last engine.EventID) error {
	_, err := tx.Exec(`UPDATE tenants SET events_pruned = $1 WHERE id = $2 AND events_pruned < $1`, last, tenant)
	return err
}
