package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"wapid/engine"
)

const (
	// activityEvery is how often activity is written down.
	activityEvery = 5 * time.Second
	// activityBatch is how many hours of sessions one transaction writes: some 3 ms.
	activityBatch = 100
)

const (
	selectActivity = `SELECT sent, received, failed, unknown, refused, failed_tries, send_times, receipt_times, delivery_times FROM activity`
	findActivity   = selectActivity + ` WHERE tenant_id = $1 AND session_id = $2 AND hour = $3`
	// saveActivity leaves out tenants that are gone.
	saveActivity = `INSERT INTO activity (tenant_id, session_id, hour, sent, received, failed, unknown, refused, failed_tries, send_times, receipt_times, delivery_times)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 WHERE $1 = '' OR EXISTS (SELECT 1 FROM tenants WHERE id = $1)
		ON CONFLICT (tenant_id, session_id, hour) DO UPDATE SET sent = excluded.sent, received = excluded.received,
			failed = excluded.failed, unknown = excluded.unknown, refused = excluded.refused, failed_tries = excluded.failed_tries,
			send_times = excluded.send_times, receipt_times = excluded.receipt_times, delivery_times = excluded.delivery_times`
)

// RunActivity writes activity down every few seconds until ctx ends. What it can't write
// it tries again. Close writes the rest.
func (s *Store) RunActivity(ctx context.Context) error {
	tick := time.NewTicker(activityEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			// A database that fails is told by everything else.
			_ = s.SaveActivity(ctx)
		}
	}
}

// SaveActivity writes down what has happened since it was called last. What can't be
// written is counted again the next time.
func (s *Store) SaveActivity(ctx context.Context) error {
	counted := s.activity.take()
	for batch := range slices.Chunk(slices.Collect(maps.Keys(counted)), activityBatch) {
		err := s.recordInTime(ctx, func(tx *sql.Tx) error {
			for _, key := range batch {
				if err := saveHour(tx, key, counted[key]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			s.activity.putBack(counted)
			return err
		}
		for _, key := range batch {
			delete(counted, key)
		}
	}
	return nil
}

func saveHour(tx *sql.Tx, key activityHour, more *Activity) error {
	a, err := scanActivity(tx.QueryRow(findActivity, key.session.Tenant, key.session.ID, key.hour))
	if err != nil && !isNoRows(err) {
		return err
	}
	a.Merge(more)
	_, err = tx.Exec(saveActivity, key.session.Tenant, key.session.ID, key.hour, a.Sent, a.Received, a.Failed, a.Unknown, a.Refused, a.FailedTries,
		a.SendTimes.encode(), a.ReceiptTimes.encode(), a.DeliveryTimes.encode())
	return err
}

func activityFields(a *Activity) []any {
	return []any{&a.Sent, &a.Received, &a.Failed, &a.Unknown, &a.Refused, &a.FailedTries,
		counts{&a.SendTimes}, counts{&a.ReceiptTimes}, counts{&a.DeliveryTimes}}
}

func scanActivity(r row) (a Activity, err error) {
	err = r.Scan(activityFields(&a)...)
	return a, err
}

// counts scans stored durations.
type counts struct{ h *Durations }

// Scan implements sql.Scanner.
func (c counts) Scan(src any) error {
	*c.h = Durations{}
	if raw, ok := src.([]byte); ok {
		c.h.merge(raw)
	}
	return nil
}

// ActivityHour is what happened in the hour that begins at At.
type ActivityHour struct {
	At time.Time
	Activity
}

const (
	listActivity = `SELECT hour, sent, received, failed, unknown, refused, failed_tries, send_times, receipt_times, delivery_times
		FROM activity WHERE tenant_id = $1 AND session_id = $2 AND hour >= $3 AND hour < $4 ORDER BY hour`
	deleteActivity = `DELETE FROM activity WHERE (tenant_id, session_id, hour) IN (
		SELECT tenant_id, session_id, hour FROM activity WHERE hour < ($1 - 2678400000) / 3600000 LIMIT $2)` // ActivityDays
)

// ListActivity returns the hours from one to before another in which anything happened,
// oldest first: in all of a tenant with nil sessions, else in these. What happened in
// the last seconds may not be in it.
func (s *Store) ListActivity(ctx context.Context, tenant engine.TenantID, sessions []engine.SessionID, from, to time.Time) ([]ActivityHour, error) {
	if sessions == nil {
		return s.listActivity(ctx, engine.SessionKey{Tenant: tenant}, from, to)
	}
	sums := make(map[time.Time]*ActivityHour)
	for _, id := range sessions {
		hours, err := s.listActivity(ctx, engine.SessionKey{Tenant: tenant, ID: id}, from, to)
		if err != nil {
			return nil, err
		}
		for _, h := range hours {
			if sum := sums[h.At]; sum != nil {
				sum.Merge(&h.Activity)
			} else {
				sums[h.At] = &h
			}
		}
	}
	all := make([]ActivityHour, 0, len(sums))
	for _, h := range sums {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b ActivityHour) int { return a.At.Compare(b.At) })
	return all, nil
}

// ListAllActivity is ListActivity for all tenants together, also for those that are gone.
func (s *Store) ListAllActivity(ctx context.Context, from, to time.Time) ([]ActivityHour, error) {
	return s.listActivity(ctx, engine.SessionKey{}, from, to)
}

func (s *Store) listActivity(ctx context.Context, key engine.SessionKey, from, to time.Time) ([]ActivityHour, error) {
	end := (to.UnixMilli() + hourMillis - 1) / hourMillis
	rows, err := s.read.QueryContext(ctx, listActivity, key.Tenant, key.ID, from.UnixMilli()/hourMillis, end)
	return collect(rows, err, func(r row) (h ActivityHour, err error) {
		var hour int64
		err = r.Scan(append([]any{&hour}, activityFields(&h.Activity)...)...)
		h.At = time.UnixMilli(hour * hourMillis).UTC()
		return h, err
	})
}
