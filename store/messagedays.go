package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"wapid/engine"
)

// DayCount is how many messages of one day, direction and status there are.
type DayCount struct {
	Day       time.Time // its beginning, in UTC
	Direction engine.Direction
	Status    engine.MessageStatus
	N         int
}

// CountDays counts a tenant's messages by the day (of UTC) on which they were logged, their
// direction and their present status, oldest first: of some sessions, nil for all, from
// the day of one time to that of another. Days that were counted already cost nothing,
// those since then one look at each message.
func (s *Store) CountDays(ctx context.Context, tenant engine.TenantID, sessions []engine.SessionID, from, to time.Time) ([]DayCount, error) {
	tx, err := s.read.BeginTx(ctx, nil) // one snapshot of the messages and their counts
	if err != nil {
		return nil, storageError(err)
	}
	defer tx.Rollback() // it has only read
	first, last := from.UnixMilli()/dayMillis, to.UnixMilli()/dayMillis
	var until int64
	err = tx.QueryRowContext(ctx, `SELECT counted_until FROM message_tallies WHERE tenant_id = $1`, tenant).Scan(&until)
	if err != nil && !isNoRows(err) {
		return nil, storageError(err)
	}
	counted, err := countedDays(ctx, tx, tenant, sessions, first, last)
	if err != nil {
		return nil, err
	}
	rest, err := restOfDays(ctx, tx, tenant, sessions, max(until, first*dayMillis), (last+1)*dayMillis)
	if err != nil {
		return nil, err
	}
	return addDays(counted, rest), nil
}

func countedDays(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, sessions []engine.SessionID, first, last int64) ([]DayCount, error) {
	var q conditions
	q.add(`tenant_id = ?`, tenant)
	if sessions == nil {
		q.add(`session_id = ''`)
	}
	among(&q, `session_id`, sessions)
	q.add(`day >= ?`, first)
	q.add(`day <= ?`, last)
	rows, err := tx.QueryContext(ctx, `SELECT day, direction, status, sum(n) FROM message_counts`+q.where()+` GROUP BY day, direction, status HAVING sum(n) > 0`, q.args...)
	return collect(rows, err, scanDay)
}

func restOfDays(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, sessions []engine.SessionID, from, to int64) ([]DayCount, error) {
	if from >= to {
		return nil, nil
	}
	var q conditions
	q.add(`tenant_id = ?`, tenant)
	among(&q, `session_id`, sessions)
	q.add(`created_at >= ?`, from)
	q.add(`created_at < ?`, to)
	rows, err := tx.QueryContext(ctx, countLateDays+q.where()+` GROUP BY 1, 2, 3`, q.args...)
	return collect(rows, err, scanDay)
}

// countLateDays divides whole numbers.
const countLateDays = `SELECT created_at / 86400000, direction, status, count(*) FROM messages`

func scanDay(r row) (d DayCount, err error) {
	var day int64
	err = r.Scan(&day, &d.Direction, &d.Status, &d.N)
	d.Day = time.UnixMilli(day * dayMillis).UTC()
	return d, err
}

// addDays brings two counts together, in their order.
func addDays(a, b []DayCount) (all []DayCount) {
	type kind struct {
		day       int64
		direction engine.Direction
		status    engine.MessageStatus
	}
	sums := make(map[kind]int)
	for _, d := range slices.Concat(a, b) {
		sums[kind{d.Day.UnixMilli(), d.Direction, d.Status}] += d.N
	}
	for k, n := range sums {
		all = append(all, DayCount{time.UnixMilli(k.day).UTC(), k.direction, k.status, n})
	}
	slices.SortFunc(all, func(x, y DayCount) int {
		if c := x.Day.Compare(y.Day); c != 0 {
			return c
		}
		if x.Direction != y.Direction {
			return cmp.Compare(x.Direction, y.Direction)
		}
		return cmp.Compare(x.Status, y.Status)
	})
	return all
}
