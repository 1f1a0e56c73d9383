package store

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// expireBatch is how many messages one transaction ends at most: the writer is
// for everybody.
const expireBatch = 500

// insertQueued returns CodeRateLimited if the tenant's queued files leave no room
// for the message's: the disk is for everybody.
func insertQueued(tx *sql.Tx, key engine.SessionKey, q engine.Queued) error {
	path, size := "", int64(0)
	if a := q.Message.Attachment; a != nil {
		path, size = a.Path, a.Size
	}
	if size > 0 {
		var waiting int64
		err := tx.QueryRow(`SELECT coalesce(sum(file_bytes), 0) FROM outbox WHERE tenant_id = $1 AND file_bytes > 0`, key.Tenant).Scan(&waiting)
		if err != nil {
			return err
		}
		if waiting > 0 && waiting+size > engine.MaxQueuedFiles {
			return engine.Errorf(engine.CodeRateLimited, "%d MiB of files wait to be sent already; nothing was queued", waiting>>20)
		}
	}
	_, err := tx.Exec(`INSERT INTO outbox (tenant_id, session_id, message_id, message, path, file_bytes, state, unsure, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $8)`,
		key.Tenant, key.ID, q.Message.ID, document{&q.Message}, path, size, q.Unsure, millis(q.ExpiresAt))
	return err
}

// ListOutboxes implements engine.Store.
func (s *Store) ListOutboxes(ctx context.Context) (sessions []engine.SessionKey, next time.Time, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT tenant_id, session_id, min(expires_at) FROM outbox GROUP BY tenant_id, session_id`)
	sessions, err = collect(rows, err, func(r row) (key engine.SessionKey, err error) {
		var first time.Time
		err = r.Scan(&key.Tenant, &key.ID, instant{&first})
		if next.IsZero() || first.Before(next) {
			next = first
		}
		return key, err
	})
	return sessions, next, err
}

const selectSpooled = `SELECT path FROM outbox WHERE path <> ''`

// ListSpooled returns the files that messages in the outbox still need.
func (s *Store) ListSpooled(ctx context.Context) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, selectSpooled)
	return collect(rows, err, scanText)
}

// MoveSpooled makes the queued messages look for their files in dir, an absolute
// path: the data directory may have moved since they were queued.
func (s *Store) MoveSpooled(ctx context.Context, dir string) error {
	paths, err := s.ListSpooled(ctx)
	if err != nil {
		return err
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { return filepath.Dir(path) == dir })
	if len(paths) == 0 {
		return nil
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		for _, path := range paths {
			if _, err := tx.Exec(`UPDATE outbox SET path = $1 WHERE path = $2`, filepath.Join(dir, filepath.Base(path)), path); err != nil {
				return err
			}
		}
		return nil
	})
}

// waiting is a row of the outbox.
type waiting struct {
	seq  int64
	key  engine.SessionKey
	id   engine.MessageID
	path string
	engine.Queued
	damage error // why Message can't be read
}

const selectWaiting = `SELECT seq, tenant_id, session_id, message_id, path, message, unsure, expires_at FROM outbox`

func scanWaiting(r row) (q waiting, err error) {
	err = r.Scan(&q.seq, &q.key.Tenant, &q.key.ID, &q.id, &q.path, lenient{&q.Message, &q.damage}, &q.Unsure, instant{&q.ExpiresAt})
	if q.path != "" && q.Message.Attachment != nil {
		q.Message.Attachment.Path = q.path // where it is now
	}
	return q, err
}

// leave takes a row out of the outbox and returns its file.
func (q waiting) leave(tx *sql.Tx) (files []string, err error) {
	_, err = tx.Exec(`DELETE FROM outbox WHERE seq = $1`, q.seq)
	if q.path != "" {
		files = []string{q.path}
	}
	return files, err
}

// firstInLine finds the message whose turn it is. A suspended tenant's have none.
const firstInLine = selectWaiting + ` WHERE tenant_id = $1 AND session_id = $2
	AND EXISTS (SELECT 1 FROM tenants t WHERE t.id = $1 AND t.suspended_at IS NULL) ORDER BY seq LIMIT 1`

// ClaimQueued implements engine.Store.
func (s *Store) ClaimQueued(ctx context.Context, key engine.SessionKey) (claim *engine.Queued, files []string, err error) {
	err = s.recordQueueing(ctx, func(tx *sql.Tx) (told int64, err error) {
		claim, files = nil, nil
		for {
			q, err := scanWaiting(tx.QueryRow(firstInLine, key.Tenant, key.ID))
			if isNoRows(err) {
				return told, nil
			}
			if err != nil {
				return 0, err
			}
			over, n, err := s.clear(tx, q)
			if q.damage != nil && !over && err == nil {
				over, n, err = s.giveUp(tx, q)
			}
			if err != nil {
				return 0, err
			}
			told += n
			if over {
				gone, err := q.leave(tx)
				if err != nil {
					return 0, err
				}
				files = append(files, gone...)
				continue
			}
			claim = &q.Queued
			return told, s.begin(tx, q)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	return claim, files, nil
}

// clear tells whether the turn of a queued message is over before it came: it
// was taken by the network already, its time is up, or its log row is gone.
func (s *Store) clear(tx *sql.Tx, q waiting) (over bool, told int64, err error) {
	var status engine.MessageStatus
	err = tx.QueryRow(`SELECT status FROM messages
		WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = ''`,
		q.key.Tenant, q.key.ID, q.id).Scan(&status)
	switch {
	case isNoRows(err):
		return true, 0, nil
	case err != nil:
		return false, 0, err
	case !unfinished(status):
		return true, 0, nil
	case q.ExpiresAt.After(s.clock()):
		return false, 0, nil
	}
	told, err = s.end(tx, q, engine.CodeMessageExpired)
	return true, told, err
}

// giveUp ends a queued message that can't be read any more.
func (s *Store) giveUp(tx *sql.Tx, q waiting) (over bool, told int64, err error) {
	s.unreadable("a queued message", q.damage, zap.String("tenant", string(q.key.Tenant)),
		zap.String("session", string(q.key.ID)), zap.String("message", string(q.id)))
	told, err = s.end(tx, q, engine.CodeInternal)
	return true, told, err
}

// unfinished tells statuses of messages that wait for their outcome.
func unfinished(status engine.MessageStatus) bool {
	switch status {
	case engine.MessageQueued, engine.MessagePending, engine.MessageUnknown:
		return true
	}
	return false
}

func (s *Store) begin(tx *sql.Tx, q waiting) error {
	if _, err := tx.Exec(`UPDATE outbox SET state = 'sending' WHERE seq = $1`, q.seq); err != nil {
		return err
	}
	return s.setStatus(tx, q.key, q.id, engine.MessagePending)
}

func (s *Store) setStatus(tx *sql.Tx, key engine.SessionKey, id engine.MessageID, status engine.MessageStatus) error {
	s.standing.drop(key, id)
	_, err := tx.Exec(`UPDATE messages SET status = $1, status_at = $2
		WHERE tenant_id = $3 AND session_id = $4 AND direction = 'out' AND id = $5 AND origin = ''
			AND status <> $1 AND status IN ('queued', 'pending', 'unknown')`, status, millis(s.clock()), key.Tenant, key.ID, id)
	return err
}

// end gives a queued message that is not being sent its outcome: failed for the
// given reason, or unknown if a try may have gone through.
func (s *Store) end(tx *sql.Tx, q waiting, code engine.Code) (told int64, err error) {
	o := engine.MessageOutcome{Status: engine.MessageFailed, Code: code}
	if q.Unsure {
		o = engine.MessageOutcome{Status: engine.MessageUnknown, Code: engine.CodeSendOutcomeUnknown}
	}
	return s.finish(tx, q.key, q.id, o)
}

// ReturnQueued implements engine.Store.
func (s *Store) ReturnQueued(ctx context.Context, key engine.SessionKey, id engine.MessageID, unsure bool) error {
	return s.record(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`UPDATE outbox SET state = 'waiting', unsure = $1
			WHERE tenant_id = $2 AND session_id = $3 AND message_id = $4`, unsure, key.Tenant, key.ID, id))
		if err != nil || n == 0 || unsure {
			return err
		}
		return s.setStatus(tx, key, id, engine.MessageQueued)
	})
}

// FinishQueued implements engine.Store.
func (s *Store) FinishQueued(ctx context.Context, key engine.SessionKey, id engine.MessageID, o engine.MessageOutcome) error {
	return s.recordQueueing(ctx, func(tx *sql.Tx) (int64, error) {
		_, err := tx.Exec(`DELETE FROM outbox WHERE tenant_id = $1 AND session_id = $2 AND message_id = $3`, key.Tenant, key.ID, id)
		if err != nil {
			return 0, err
		}
		return s.finish(tx, key, id, o)
	})
}

const expired = selectWaiting + ` WHERE state = 'waiting' AND expires_at <= $1 ORDER BY expires_at LIMIT $2`

// ExpireQueued implements engine.Store.
func (s *Store) ExpireQueued(ctx context.Context) ([]string, error) {
	return s.endAll(ctx, engine.CodeMessageExpired, func(tx *sql.Tx) (*sql.Rows, error) {
		return tx.Query(expired, s.clock().UnixMilli(), expireBatch)
	})
}

// FailQueued implements engine.Store.
func (s *Store) FailQueued(ctx context.Context, key engine.SessionKey, code engine.Code) ([]string, error) {
	return s.endAll(ctx, code, func(tx *sql.Tx) (*sql.Rows, error) {
		_, err := tx.Exec(`UPDATE outbox SET state = 'waiting', unsure = 1
			WHERE tenant_id = $1 AND session_id = $2 AND state = 'sending'`, key.Tenant, key.ID)
		if err != nil {
			return nil, err
		}
		return tx.Query(selectWaiting+` WHERE tenant_id = $1 AND session_id = $2 ORDER BY seq LIMIT $3`, key.Tenant, key.ID, expireBatch)
	})
}

// isSettled tells the errors of finish that say that there is nothing to finish.
func isSettled(err error) bool {
	e, ok := errors.AsType[*engine.Error](err)
	return ok && (e.Code == engine.CodeNotFound || e.Code == engine.CodeInternal)
}

// endAll ends the queued messages that find returns, until it returns no more.
func (s *Store) endAll(ctx context.Context, code engine.Code, find func(tx *sql.Tx) (*sql.Rows, error)) (files []string, err error) {
	for more := true; more; {
		var gone []string
		err := s.updateQueueing(ctx, func(tx *sql.Tx) (told int64, err error) {
			rows, err := find(tx)
			all, err := collect(rows, err, scanWaiting)
			if err != nil {
				return 0, err
			}
			more = len(all) == expireBatch
			for _, q := range all {
				n, err := s.end(tx, q, code)
				if err != nil && !isSettled(err) {
					return 0, err
				}
				file, err := q.leave(tx)
				if err != nil {
					return 0, err
				}
				told, gone = told+n, append(gone, file...)
			}
			return told, nil
		})
		if err != nil {
			return files, err
		}
		files = append(files, gone...)
	}
	return files, nil
}
