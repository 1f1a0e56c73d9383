package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

const (
	// dayMillis is a day of UTC, by which messages are counted.
	dayMillis = 24 * 60 * 60 * 1000
	// mostCounted is how many messages a list that is not counted by day is counted
	// up to.
	mostCounted = 100_000
	// mostLookedAt is the same where the messages themselves are looked at.
	mostLookedAt = 50_000
	notCounted   = -1
)

// stretch is a span of which it may be known how many wanted messages it holds.
type stretch struct {
	span
	n int // or notCounted
}

// stretches divides the log into spans, newest first, which together hold all that
// is wanted: what was logged lately, the days that hold anything, and what is left
// of a day where the filter begins within one. What indexes can't count by day is one.
func (c selection) stretches(ctx context.Context, tx *sql.Tx, parts []part) ([]stretch, error) {
	during := c.f.within(c.after)
	whole := []stretch{{during, notCounted}}
	if len(parts) == 0 {
		return nil, nil
	}
	if len(parts) > 1 || len(parts[0].peers) > 0 {
		return whole, nil
	}
	var until int64
	err := tx.QueryRowContext(ctx, `SELECT counted_until FROM message_tallies WHERE tenant_id = $1`, c.tenant).Scan(&until)
	if isNoRows(err) {
		return whole, nil
	}
	if err != nil {
		return nil, storageError(err)
	}
	first, end := (during.from+dayMillis-1)/dayMillis, until
	if during.to < until {
		end = during.to / dayMillis * dayMillis
	}
	if first*dayMillis >= end {
		return whole, nil
	}
	var all []stretch
	if end < during.to {
		all = append(all, stretch{span{end, during.to}, notCounted})
	}
	days, err := c.days(ctx, tx, parts[0], first, (end-1)/dayMillis)
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		d.to = min(d.to, end)
		all = append(all, d)
	}
	if during.from < first*dayMillis {
		all = append(all, stretch{span{during.from, first * dayMillis}, notCounted})
	}
	return all, nil
}

// days are those that hold anything wanted, newest first.
func (c selection) days(ctx context.Context, tx *sql.Tx, p part, first, last int64) ([]stretch, error) {
	var q conditions
	q.add(`tenant_id = ?`, c.tenant)
	if p.sessions == nil {
		q.add(`session_id = ''`)
	}
	among(&q, `session_id`, p.sessions)
	q.add(`day >= ?`, first)
	q.add(`day <= ?`, last)
	if p.direction != "" {
		q.add(`direction = ?`, p.direction)
	}
	c.status(&q)
	c.kind(&q)
	rows, err := tx.QueryContext(ctx, `SELECT day, sum(n) FROM message_counts`+q.where()+` GROUP BY day HAVING sum(n) > 0 ORDER BY day DESC`, q.args...)
	return collect(rows, err, func(r row) (d stretch, err error) {
		err = r.Scan(&d.from, &d.n)
		d.from *= dayMillis
		d.to = d.from + dayMillis
		return d, err
	})
}

// countIndexed counts what the indexes hold of some parts during a span, up to most.
func (c selection) countIndexed(ctx context.Context, tx *sql.Tx, parts []part, during span, most int) (total int, err error) {
	for _, p := range parts {
		var q conditions
		c.indexed(&q, p, during)
		var n int
		query := `SELECT count(*) FROM (SELECT 1 FROM messages` + q.where() + ` LIMIT ` + q.bind(most-total) + `) AS some`
		if err := tx.QueryRowContext(ctx, query, q.args...).Scan(&n); err != nil {
			return 0, storageError(err)
		}
		total += n
	}
	return total, nil
}

// count counts what is wanted of a part, as spread has it, during a span. It looks at mostCounted
// messages; all is false if there may be more.
func (c selection) count(ctx context.Context, tx *sql.Tx, parts []part, during span) (n int, all bool, err error) {
	if !c.looksInside(parts) {
		n, err = c.countIndexed(ctx, tx, parts, during, mostCounted)
		return n, n < mostCounted, err
	}
	var q conditions
	// Parameters are numbered by where they stand.
	wanted := `SELECT CASE WHEN status = ` + q.bind(c.f.Status) + ` THEN 1 END AS wanted FROM messages`
	c.indexed(&q, parts[0], during) // without peers it is one
	query := `SELECT count(*), count(wanted) FROM (` + wanted + q.where() + ` LIMIT ` + q.bind(mostLookedAt) + `) AS some`
	looked := 0
	if err := tx.QueryRowContext(ctx, query, q.args...).Scan(&looked, &n); err != nil {
		return 0, false, storageError(err)
	}
	return n, looked < mostLookedAt, nil
}

// CountMessages says how many messages of a tenant's log pass a filter. Where exact
// is false there are at least so many: of a search only what the first page looks
// into is counted, of the messages of one peer a hundred thousand. It ends with
// CodeStorage around the context's error when ctx does.
func (s *Store) CountMessages(ctx context.Context, tenant engine.TenantID, f MessageFilter) (total int, exact bool, err error) {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return 0, false, storageError(err)
	}
	defer tx.Rollback() // it has only read
	c, parts := selection{tenant: tenant, f: f}, f.parts()
	if c.beyondCounts(parts) {
		if parts, err = spread(ctx, tx, tenant, parts); err != nil {
			return 0, false, err
		}
		found, horizon, err := s.search(ctx, tx, c, parts, 0, s.searches)
		return len(found), horizon == nil, err
	}
	exact = true
	for _, p := range parts {
		places, err := spread(ctx, tx, tenant, []part{p})
		if err != nil {
			return 0, false, err
		}
		stretches, err := c.stretches(ctx, tx, places)
		if err != nil {
			return 0, false, err
		}
		for _, one := range stretches {
			n := one.n
			if n == notCounted {
				var all bool
				if n, all, err = c.count(ctx, tx, places, one.span); err != nil {
					return 0, false, err
				}
				exact = exact && all
			}
			total += n
		}
	}
	return total, exact, nil
}

// Messages are counted by day some time after they were logged, when most of what
// happens to them has happened.
const (
	tallyAfter = 10 * time.Minute
	tallyEach  = 4   // messages that are counted in the time in which one is removed
	tallyLeast = 500 // that must be there for it to be worth a commit
)

const (
	selectTally = `SELECT coalesce((SELECT counted_until FROM message_tallies WHERE tenant_id = $1), 0)`
	// tallyEnd finds the message that is $4 messages behind a time.
	tallyEnd     = `SELECT created_at FROM messages WHERE tenant_id = $1 AND created_at >= $2 AND created_at < $3 ORDER BY created_at LIMIT 1 OFFSET $4`
	tallyAll     = `'' AS session_id`
	tallySession = `session_id`
)

// tallySpan adds the messages of a span, in all or by session.
func tallySpan(session string) string {
	return `INSERT INTO message_counts (tenant_id, session_id, day, direction, status, kind, n)
		SELECT * FROM (SELECT tenant_id, ` + session + `, created_at / 86400000 AS day, direction, status, kind, count(*) AS n
			FROM messages WHERE tenant_id = $1 AND created_at >= $2 AND created_at < $3 GROUP BY 1, 2, 3, 4, 5, 6) AS some WHERE 1 = 1
		ON CONFLICT (tenant_id, session_id, day, direction, status, kind) DO UPDATE SET n = message_counts.n + excluded.n`
}

// addCounted adds one message, in all and to its session.
const addCounted = `INSERT INTO message_counts (tenant_id, session_id, day, direction, status, kind, n)
	VALUES ($1, $2, $3, $4, $5, $6, 1), ($1, '', $3, $4, $5, $6, 1)
	ON CONFLICT (tenant_id, session_id, day, direction, status, kind) DO UPDATE SET n = message_counts.n + excluded.n`

// countLate counts a new message that was logged while the clock had been set back,
// behind what is counted already. What happens to messages later, triggers count.
func (s *Store) countLate(tx *sql.Tx, m engine.LoggedMessage) error {
	tenant, at := m.Session.Tenant, m.CreatedAt.UnixMilli()
	until, known := s.standing.counted[tenant]
	if !known {
		if err := tx.QueryRow(selectTally, tenant).Scan(&until); err != nil {
			return err
		}
		learn(&s.standing.counted, tenant, until)
	}
	if at >= until {
		return nil
	}
	_, err := tx.Exec(addCounted, tenant, m.Session.ID, at/dayMillis, m.Direction, m.Status, m.Kind)
	return err
}

// TallyMessages counts the messages that were logged since it was called last, but
// for the newest. Lists of messages are right without it, and fast with it: call it
// every minute or so. It stops early when ctx ends.
func (s *Store) TallyMessages(ctx context.Context) error {
	tenants, err := s.ListTenants(ctx)
	if err != nil {
		return err
	}
	target := s.clock().Add(-tallyAfter).UnixMilli()
	for _, t := range tenants {
		if t.Erasing() {
			continue
		}
		if err := s.tally(ctx, t.ID, target); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) tally(ctx context.Context, tenant engine.TenantID, target int64) error {
	var from, at int64
	if err := s.read.QueryRowContext(ctx, selectTally, tenant).Scan(&from); err != nil {
		return storageError(err)
	}
	err := s.read.QueryRowContext(ctx, tallyEnd, tenant, from, target, tallyLeast-1).Scan(&at)
	if isNoRows(err) { // few enough to be counted whenever somebody asks
		return nil
	}
	if err != nil {
		return storageError(err)
	}
	_, err = s.pruneBatches(ctx, func(tx *sql.Tx, most int) (int64, bool, error) {
		until := target
		err := tx.QueryRow(tallyEnd, tenant, from, target, tallyEach*most).Scan(&until)
		if err != nil && !isNoRows(err) {
			return 0, false, err
		}
		more := err == nil
		until = max(until, from+1) // a whole batch of one millisecond
		for _, session := range []string{tallyAll, tallySession} {
			if _, err := tx.Exec(tallySpan(session), tenant, from, until); err != nil {
				return 0, false, err
			}
		}
		_, err = tx.Exec(`INSERT INTO message_tallies (tenant_id, counted_until) VALUES ($1, $2)
			ON CONFLICT (tenant_id) DO UPDATE SET counted_until = excluded.counted_until`, tenant, until)
		from = until
		return 0, more, err
	})
	return err
}
