package store

import (
	"cmp"
	"context"
	"database/sql"

	"wapid/engine"
)

// lastEvent is the cursor behind the last event that any log can hold.
const lastEvent = engine.EventID("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")

// PageEventHistory returns up to limit events of a tenant that came before an event,
// the newest first; "" begins at the newest. Next is then the last one that was looked
// at, and More tells that there are older ones. A page ends early as PageEvents' do.
// It is for people who look back: what is committed meanwhile is not told.
func (s *Store) PageEventHistory(ctx context.Context, tenant engine.TenantID, f EventFilter, before engine.EventID, limit int) (EventPage, error) {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return EventPage{}, storageError(err)
	}
	defer tx.Rollback() // it has only read
	page := EventPage{Next: cmp.Or(before, lastEvent)}
	horizon, looked, err := horizonBack(ctx, tx, tenant, page.Next, s.looks)
	if err != nil || looked == 0 {
		return page, err
	}
	query, args := historyQuery(tenant, f, page.Next, horizon, limit+1)
	rows, err := tx.QueryContext(ctx, query, args...)
	found, cut, err := takeEvents(rows, err, limit)
	if err != nil {
		return EventPage{}, err
	}
	for i := range found {
		s.readable(&found[i])
	}
	page.Events, page.Next, page.More = found, horizon, looked == s.looks
	if cut {
		page.Next, page.More = found[len(found)-1].ID, true
	}
	return page, nil
}

// selectHorizonBack finds the oldest of the $3 entries of the log before one.
const selectHorizonBack = `SELECT coalesce(min(id), ''), count(*) FROM (SELECT id FROM events WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3)`

// horizonBack says how far one page looks back, and how many entries those are.
func horizonBack(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, before engine.EventID, most int) (horizon engine.EventID, looked int, err error) {
	err = tx.QueryRowContext(ctx, selectHorizonBack, tenant, before, most).Scan(&horizon, &looked)
	return horizon, looked, storageError(err)
}

// historyQuery reads a page of the log backwards, down to horizon.
func historyQuery(tenant engine.TenantID, f EventFilter, before, horizon engine.EventID, limit int) (string, []any) {
	var q conditions
	q.add(`tenant_id = ?`, tenant)
	q.add(`id < ?`, before)
	q.add(`id >= ?`, horizon)
	if f.Type != "" {
		q.add(`type = ?`, f.Type)
	}
	among(&q, "session_id", f.Sessions)
	where := q.where()
	return selectEvent + where + ` ORDER BY id DESC LIMIT ` + q.bind(limit), q.args
}
