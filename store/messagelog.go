package store

import (
	"context"
	"database/sql"
	"strings"

	"wapid/engine"
)

// mostSearched is how many messages one page of the log looks into, where the
// indexes alone don't tell whether they are wanted: some milliseconds' work.
const mostSearched = 5_000

// statusLooks is how many messages are looked into for their status alone in the time
// that a search for a text takes for one.
const statusLooks = 4

// MessageCursor is a place in the log, right behind one message.
type MessageCursor struct {
	At  int64 // unix milliseconds
	Seq int64
}

// LogEntry is a message of the log with its place.
type LogEntry struct {
	engine.LoggedMessage // without its Payload
	Cursor               MessageCursor
}

// MessagePage is a part of a tenant's log, newest first.
type MessagePage struct {
	Messages []LogEntry
	// Next is where the list goes on, nil at its end. A search for a text, and one
	// for a status or a kind among the messages of one peer, looks into so many
	// messages a page: it may have found less than was asked for, or nothing, and goes
	// on all the same.
	Next *MessageCursor
}

const selectLogEntry = `SELECT tenant_id, session_id, direction, id, seq, chat, peer_phone, peer_lid, push_name, kind, body, details,
	status, error_code, created_at, sent_at, status_at FROM messages`

// PageMessages returns up to limit messages of a tenant's log, newest first, and
// those of the same millisecond in the order in which they came: after a place in
// it, or, with nil, after skipping so many. It is as fast far behind as at the
// beginning, except among the messages of one peer.
func (s *Store) PageMessages(ctx context.Context, tenant engine.TenantID, f MessageFilter, after *MessageCursor, skip, limit int) (MessagePage, error) {
	tx, err := s.read.BeginTx(ctx, nil) // one snapshot of the messages and their counts
	if err != nil {
		return MessagePage{}, storageError(err)
	}
	defer tx.Rollback() // it has only read
	c := selection{tenant: tenant, f: f, after: after}
	parts, err := spread(ctx, tx, tenant, f.parts())
	if err != nil {
		return MessagePage{}, err
	}
	var found []MessageCursor
	var next *MessageCursor
	if c.looksInside(parts) {
		found, next, err = s.search(ctx, tx, c, parts, skip, limit+1)
	} else {
		found, err = c.walk(ctx, tx, parts, skip, limit+1)
	}
	if err != nil {
		return MessagePage{}, err
	}
	if len(found) > limit {
		found = found[:limit]
		next = &found[limit-1]
	}
	page := MessagePage{Next: next}
	page.Messages, err = s.readEntries(ctx, tx, found)
	return page, err
}

// walk finds the places of messages that the indexes know to be wanted. Days that
// are counted it steps over without a look at them, if they hold nothing or are to be
// skipped.
func (c selection) walk(ctx context.Context, tx *sql.Tx, parts []part, skip, limit int) (found []MessageCursor, err error) {
	stretches, err := c.stretches(ctx, tx, parts)
	if err != nil {
		return nil, err
	}
	for i, one := range stretches {
		n := one.n
		if skip > 0 && n == notCounted && i < len(stretches)-1 {
			if n, err = c.countIndexed(ctx, tx, parts, one.span, skip+1); err != nil {
				return nil, err
			}
		}
		if n != notCounted && skip >= n {
			skip -= n
			continue
		}
		var q conditions
		query := c.keys(&q, parts, one.span)
		query += ` LIMIT ` + q.bind(limit-len(found)) + ` OFFSET ` + q.bind(skip)
		rows, err := tx.QueryContext(ctx, query, q.args...)
		keys, err := collect(rows, err, scanPlace)
		if err != nil {
			return nil, err
		}
		skip = 0
		if found = append(found, keys...); len(found) >= limit {
			break
		}
	}
	return found, nil
}

// search looks into messages, newest first, until it has found limit places behind
// those to be skipped, or has looked into so many messages: then horizon is the last
// that it looked into. Where the counts say how many of a day are wanted, days are
// skipped without a look.
func (s *Store) search(ctx context.Context, tx *sql.Tx, c selection, parts []part, skip, limit int) (found []MessageCursor, horizon *MessageCursor, err error) {
	stretches, err := c.stretches(ctx, tx, parts)
	if err != nil {
		return nil, nil, err
	}
	known := !c.beyondCounts(parts)
	looks := s.searches
	if known { // a status is told sooner than what stands in a text
		looks *= statusLooks
	}
	for i, one := range stretches {
		if known && one.n != notCounted && skip >= one.n {
			skip -= one.n
			continue
		}
		most := looks
		if known {
			most += statusLooks * skip
		}
		var q conditions
		candidates := c.keys(&q, parts, one.span)
		last, err := scanPlace(tx.QueryRowContext(ctx, candidates+` LIMIT 1 OFFSET `+q.bind(most-1), q.args...))
		if err != nil && !isNoRows(err) {
			return nil, nil, storageError(err)
		}
		if err == nil {
			horizon = &last
		}
		matches, err := c.lookInto(ctx, tx, parts, one.span, most, skip+limit-len(found))
		if err != nil {
			return nil, nil, err
		}
		passed := min(skip, len(matches))
		skip -= passed
		if found = append(found, matches[passed:]...); len(found) >= limit || horizon != nil {
			return found, horizon, nil
		}
		if i < len(stretches)-1 {
			n, err := c.countIndexed(ctx, tx, parts, one.span, looks)
			if err != nil {
				return nil, nil, err
			}
			looks = max(1, looks-n)
		}
	}
	return found, nil, nil
}

// lookInto finds up to limit wanted messages among the first of a span.
func (c selection) lookInto(ctx context.Context, tx *sql.Tx, parts []part, during span, most, limit int) ([]MessageCursor, error) {
	var q conditions
	candidates := c.keys(&q, parts, during) + ` LIMIT ` + q.bind(most)
	inside := conditions{args: q.args}
	c.unindexed(&inside, parts)
	query := `SELECT m.created_at, m.seq FROM (` + candidates + `) AS k JOIN messages m ON m.seq = k.seq` + inside.where() +
		` ORDER BY m.created_at DESC, m.seq DESC LIMIT ` + inside.bind(limit)
	rows, err := tx.QueryContext(ctx, query, inside.args...)
	return collect(rows, err, scanPlace)
}

func scanPlace(r row) (at MessageCursor, err error) {
	err = r.Scan(&at.At, &at.Seq)
	return at, err
}

// readEntries reads the messages at some places, newest first.
func (s *Store) readEntries(ctx context.Context, tx *sql.Tx, at []MessageCursor) ([]LogEntry, error) {
	if len(at) == 0 {
		return nil, nil
	}
	var q conditions
	places := make([]string, len(at))
	for i, one := range at {
		places[i] = q.bind(one.Seq)
	}
	rows, err := tx.QueryContext(ctx, selectLogEntry+` WHERE seq IN (`+strings.Join(places, ", ")+`) ORDER BY created_at DESC, seq DESC`, q.args...)
	return collect(rows, err, func(r row) (e LogEntry, err error) {
		var damage error
		m := &e.LoggedMessage
		err = r.Scan(&m.Session.Tenant, &m.Session.ID, &m.Direction, &m.ID, &e.Cursor.Seq, &m.Chat, &m.Peer.Phone, &m.Peer.LID,
			&m.PushName, &m.Kind, &m.Text, lenient{&m.Details, &damage}, &m.Status, &m.ErrorCode,
			instant{&m.CreatedAt}, instant{&m.SentAt}, instant{&m.StatusAt})
		s.unreadableDetails(*m, damage)
		e.Cursor.At = m.CreatedAt.UnixMilli()
		return e, err
	})
}

// FindMessages returns every message of a session's log with an id, the outgoing
// one first: senders choose their ids, so several may have the same.
func (s *Store) FindMessages(ctx context.Context, key engine.SessionKey, id engine.MessageID) ([]engine.LoggedMessage, error) {
	rows, err := s.read.QueryContext(ctx, selectMessage+`
		WHERE tenant_id = $1 AND session_id = $2 AND direction IN ('in', 'out') AND id = $3
		ORDER BY direction DESC, created_at, origin`, key.Tenant, key.ID, id)
	return collect(rows, err, s.scanMessage)
}
