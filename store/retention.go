package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
)

// A clean-up goes on in small transactions, and rests after each, so that whoever
// sends meanwhile hardly notices.
const (
	pruneBatch = 500 // rows that one transaction looks at, at most
	pruneLeast = 10
	// pruneTakes is how long a transaction should take: the next one is smaller after
	// twice that, and larger after half.
	pruneTakes = 4 * time.Millisecond
	// pruneRests is for how many times as long as a transaction took none is begun.
	pruneRests = 3
)

// Prune removes what nobody needs any more: rows whose time is over, the audit log
// from more than auditDays ago (0 keeps it), and the messages, events and finished
// deliveries that are older than their tenant keeps them. It returns how many rows
// that were. It stops early, with what is done being done, when ctx ends or a
// transaction fails.
func (s *Store) Prune(ctx context.Context, auditDays int) (removed int64, err error) {
	for _, query := range expiries() {
		n, err := s.pruneBatches(ctx, func(tx *sql.Tx, most int) (int64, bool, error) {
			n, err := changed(tx.Exec(query, s.clock().UnixMilli(), most))
			return n, n == int64(most), err
		})
		removed += n
		if err != nil {
			return removed, err
		}
	}
	if auditDays > 0 {
		n, err := s.pruneAudit(ctx, s.clock().AddDate(0, 0, -auditDays))
		removed += n
		if err != nil {
			return removed, err
		}
	}
	tenants, err := s.ListTenants(ctx)
	if err != nil {
		return removed, err
	}
	for _, t := range tenants {
		if t.RetentionDays == 0 || t.Erasing() {
			continue
		}
		cutoff := s.clock().AddDate(0, 0, -t.RetentionDays)
		for _, prune := range []func(context.Context, engine.TenantID, time.Time) (int64, error){s.pruneEvents, s.pruneMessages, s.pruneJobs, s.pruneContacts} {
			n, err := prune(ctx, t.ID, cutoff)
			removed += n
			if err != nil {
				return removed, err
			}
		}
	}
	return removed, nil
}

// expiries are the statements that remove rows whose time is over: each removes
// at most $2 rows that expired before $1. A table with such rows adds its own.
func expiries() []string {
	return []string{
		// A key that has expired a month ago is of no interest in the list of keys.
		`DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE expires_at < $1 - 2592000000 AND main = 0 LIMIT $2)`,
		`DELETE FROM web_sessions WHERE id IN (SELECT id FROM web_sessions WHERE expires_at < $1 LIMIT $2)`,
		`DELETE FROM login_links WHERE hash IN (SELECT hash FROM login_links WHERE expires_at < $1 LIMIT $2)`,
		`DELETE FROM registrations WHERE hash IN (SELECT hash FROM registrations WHERE expires_at < $1 LIMIT $2)`,
		`DELETE FROM password_resets WHERE hash IN (SELECT hash FROM password_resets WHERE expires_at < $1 LIMIT $2)`,
		deleteActivity,
		deleteTraces,
		deleteExpiredQuestions,
		deleteCloudMessages,
	}
}

// pruneBatches runs one transaction after the other as long as there is more. batch
// looks at up to most rows.
func (s *Store) pruneBatches(ctx context.Context, batch func(tx *sql.Tx, most int) (removed int64, more bool, err error)) (total int64, err error) {
	most := 8 * pruneLeast
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return total, storageError(err)
		}
		var n int64
		var took time.Duration
		err := s.update(ctx, func(tx *sql.Tx) (err error) {
			begun := time.Now()
			n, more, err = batch(tx, most)
			took = time.Since(begun)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		switch {
		case took > 2*pruneTakes:
			most = max(most/2, pruneLeast)
		case took < pruneTakes/2:
			most = min(most*2, pruneBatch)
		}
		if more {
			rest := time.NewTimer(pruneRests * took)
			select {
			case <-rest.C:
			case <-ctx.Done():
			}
			rest.Stop()
		}
	}
	return total, nil
}

// selectOldEvents pages by the ids, which grow with time.
const selectOldEvents = `SELECT id FROM events WHERE tenant_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4`

// pruneEvents removes a tenant's events from before cutoff with their deliveries.
// An event that is still to be delivered stays until that has ended, one way or
// the other.
func (s *Store) pruneEvents(ctx context.Context, tenant engine.TenantID, cutoff time.Time) (int64, error) {
	oldest, err := firstID(cutoff)
	if err != nil {
		return 0, err
	}
	after := ""
	return s.pruneBatches(ctx, func(tx *sql.Tx, most int) (removed int64, more bool, err error) {
		rows, err := tx.Query(selectOldEvents, tenant, after, oldest, most)
		ids, err := collect(rows, err, func(r row) (id string, err error) {
			err = r.Scan(&id)
			return id, err
		})
		if err != nil || len(ids) == 0 {
			return 0, false, err
		}
		last := ""
		for _, id := range ids {
			n, err := pruneEvent(tx, id)
			if err != nil {
				return 0, false, err
			}
			if n > 0 {
				last = id
			}
			removed += n
		}
		if err := markPruned(tx, tenant, engine.EventID(last)); err != nil {
			return 0, false, err
		}
		after = ids[len(ids)-1]
		return removed, len(ids) == most, nil
	})
}

func pruneEvent(tx *sql.Tx, id string) (int64, error) {
	var waiting int
	err := tx.QueryRow(`SELECT count(*) FROM deliveries WHERE event_id = $1 AND state IN ('pending', 'sending')`, id).Scan(&waiting)
	if err != nil || waiting > 0 {
		return 0, err
	}
	gone, err := changed(tx.Exec(`DELETE FROM deliveries WHERE event_id = $1`, id))
	if err != nil {
		return 0, err
	}
	n, err := changed(tx.Exec(`DELETE FROM events WHERE id = $1`, id))
	return gone + n, err
}

const (
	// deleteOldMessages leaves what is still to be sent.
	deleteOldMessages = `DELETE FROM messages WHERE seq IN (
		SELECT seq FROM messages WHERE tenant_id = $1 AND created_at < $2 AND status NOT IN ('queued', 'pending') ORDER BY created_at LIMIT $3)`
	// forgetDays removes the counts of what there was none left of.
	forgetDays = `DELETE FROM message_counts WHERE (tenant_id, session_id, day, direction, status, kind) IN (
		SELECT tenant_id, session_id, day, direction, status, kind FROM message_counts WHERE n = 0 AND tenant_id = $1 AND day < $2 LIMIT $3)`
)

// pruneMessages removes a tenant's messages from before cutoff from the log.
func (s *Store) pruneMessages(ctx context.Context, tenant engine.TenantID, cutoff time.Time) (removed int64, err error) {
	removed, err = s.pruneBatches(ctx, func(tx *sql.Tx, most int) (int64, bool, error) {
		n, err := changed(tx.Exec(deleteOldMessages, tenant, cutoff.UnixMilli(), most))
		return n, n == int64(most), err
	})
	if err == nil {
		_, err = s.pruneBatches(ctx, func(tx *sql.Tx, most int) (int64, bool, error) {
			n, err := changed(tx.Exec(deleteOldQuestions, tenant, cutoff.UnixMilli(), most))
			return n, n == int64(most), err
		})
	}
	if err == nil && removed > 0 {
		err = s.pruneAcquaintances(ctx, tenant)
	}
	if err != nil {
		return removed, err
	}
	_, err = s.pruneBatches(ctx, func(tx *sql.Tx, most int) (int64, bool, error) {
		n, err := changed(tx.Exec(forgetDays, tenant, cutoff.UnixMilli()/dayMillis, most))
		return n, n == int64(most), err
	})
	return removed, err
}

// deleteOldAudit goes by the ids, which grow with time. The newest line stays: the
// next one's id lies behind it.
const deleteOldAudit = `DELETE FROM audit WHERE id IN (
	SELECT id FROM audit WHERE id < $1 AND id < (SELECT max(id) FROM audit) ORDER BY id LIMIT $2)`

// pruneAudit removes lines of the audit log from before cutoff.
func (s *Store) pruneAudit(ctx context.Context, cutoff time.Time) (int64, error) {
	oldest, err := firstID(cutoff)
	if err != nil {
		return 0, err
	}
	return s.pruneBatches(ctx, func(tx *sql.Tx, most int) (int64, bool, error) {
		n, err := changed(tx.Exec(deleteOldAudit, oldest, most))
		return n, n == int64(most), err
	})
}

// firstID is not above any id that was made at a time.
func firstID(at time.Time) (string, error) {
	var id ulid.ULID
	if err := id.SetTime(ulid.Timestamp(at)); err != nil {
		return "", engine.WrapError(engine.CodeInternal, err, "the retention reaches beyond what an id can hold")
	}
	return id.String(), nil
}
