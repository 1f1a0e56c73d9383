package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"wapid/engine"
)

// MessageFilter says which messages of a tenant's log are wanted. The zero value
// of a field demands nothing.
type MessageFilter struct {
	Sessions  []engine.SessionID // nil for all
	Direction engine.Direction
	Status    engine.MessageStatus
	Kind      engine.Kind
	To, From  engine.JID // a person under either address, or a chat
	// OwnTo and OwnFrom are the sessions that To and From are the own address of:
	// what they receive is to them, what they send is from them.
	OwnTo, OwnFrom []engine.SessionID
	Since          time.Time // logged at this time or later
	Until          time.Time // logged before
	// Text is part of the message's text, in any case: letters of ASCII match
	// whatever their case, others as they are given, all small or all large.
	Text string
}

// MessageCursor is a place in the log, right behind one message.
type MessageCursor struct {
	At        int64 // unix milliseconds
	ID        engine.MessageID
	Session   engine.SessionID
	Direction engine.Direction
	Origin    string
}

// LogEntry is a message of the log with its place.
type LogEntry struct {
	engine.LoggedMessage // without its Payload
	Cursor               MessageCursor
}

// The order of the log: newest first, and the same whenever it is asked for.
const messageOrder = ` ORDER BY created_at DESC, id DESC, session_id DESC, direction DESC, origin DESC`

const selectLogEntry = `SELECT tenant_id, session_id, direction, id, origin, chat, peer_phone, peer_lid, push_name, kind, body, details,
	status, error_code, created_at, sent_at, status_at FROM messages`

// groupsOnly is the condition of the index messages_group, which only a query
// that says the same can use.
const groupsOnly = `chat NOT LIKE '%@s.whatsapp.net' AND chat NOT LIKE '%@lid'`

// PageMessages returns up to limit messages of a tenant's log, newest first: after
// a place in it, or, with nil, after skipping so many.
func (s *Store) PageMessages(ctx context.Context, tenant engine.TenantID, f MessageFilter, after *MessageCursor, skip, limit int) ([]LogEntry, error) {
	q := f.conditions(tenant)
	if after != nil {
		q.add(`created_at <= ?`, after.At) // what the index is entered by
		q.add(`(created_at, id, session_id, direction, origin) < (?, ?, ?, ?, ?)`,
			after.At, after.ID, after.Session, after.Direction, after.Origin)
	}
	query := selectLogEntry + q.where() + messageOrder + ` LIMIT ` + q.bind(limit) + ` OFFSET ` + q.bind(skip)
	rows, err := s.read.QueryContext(ctx, query, q.args...)
	return collect(rows, err, func(r row) (e LogEntry, err error) {
		var damage error
		m := &e.LoggedMessage
		err = r.Scan(&m.Session.Tenant, &m.Session.ID, &m.Direction, &m.ID, &e.Cursor.Origin, &m.Chat, &m.Peer.Phone, &m.Peer.LID,
			&m.PushName, &m.Kind, &m.Text, lenient{&m.Details, &damage}, &m.Status, &m.ErrorCode,
			instant{&m.CreatedAt}, instant{&m.SentAt}, instant{&m.StatusAt})
		s.unreadableDetails(*m, damage)
		e.Cursor.At, e.Cursor.ID, e.Cursor.Session, e.Cursor.Direction = m.CreatedAt.UnixMilli(), m.ID, m.Session.ID, m.Direction
		return e, err
	})
}

// CountMessages says how many messages of a tenant's log pass a filter. It ends
// with CodeStorage around the context's error when ctx does.
func (s *Store) CountMessages(ctx context.Context, tenant engine.TenantID, f MessageFilter) (n int, err error) {
	q := f.conditions(tenant)
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM messages`+q.where(), q.args...).Scan(&n)
	return n, storageError(err)
}

// FindMessages returns every message of a session's log with an id, the outgoing
// one first: senders choose their ids, so several may have the same.
func (s *Store) FindMessages(ctx context.Context, key engine.SessionKey, id engine.MessageID) ([]engine.LoggedMessage, error) {
	rows, err := s.read.QueryContext(ctx, selectMessage+`
		WHERE tenant_id = $1 AND session_id = $2 AND direction IN ('in', 'out') AND id = $3
		ORDER BY direction DESC, created_at, origin`, key.Tenant, key.ID, id)
	return collect(rows, err, s.scanMessage)
}

func (f MessageFilter) conditions(tenant engine.TenantID) *conditions {
	q := &conditions{}
	q.add(`tenant_id = ?`, tenant)
	among(q, `session_id`, f.Sessions)
	if f.Direction != "" {
		q.add(`direction = ?`, f.Direction)
	}
	if f.Status != "" {
		q.add(`status = ?`, f.Status)
	}
	if f.Kind != "" {
		q.add(`kind = ?`, f.Kind)
	}
	if f.To != "" {
		q.party(engine.Outbound, f.To, f.OwnTo)
	}
	if f.From != "" {
		q.party(engine.Inbound, f.From, f.OwnFrom)
	}
	if !f.Since.IsZero() {
		q.add(`created_at >= ?`, f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		q.add(`created_at < ?`, f.Until.UnixMilli())
	}
	if f.Text != "" {
		q.contains(`body`, f.Text)
	}
	return q
}

// party demands messages of a direction whose other side is an address, or
// messages of the other direction of the sessions whose own address it is. Of a
// group it takes both directions: what is written there is written to it, and
// comes from it.
func (q *conditions) party(d engine.Direction, address engine.JID, own []engine.SessionID) {
	var other string
	switch address.Server() {
	case engine.ServerPhone:
		other = q.number(`direction = ? AND peer_phone = ?`, d, address)
	case engine.ServerLID:
		other = q.number(`direction = ? AND peer_lid = ?`, d, address)
	default:
		q.add(groupsOnly+` AND chat = ?`, address)
		if d == engine.Inbound {
			q.add(`direction = ?`, d)
		}
		return
	}
	if len(own) == 0 {
		q.terms = append(q.terms, other)
		return
	}
	mine := conditions{args: q.args}
	mine.add(`direction <> ?`, d)
	among(&mine, `session_id`, own)
	q.args = mine.args
	q.terms = append(q.terms, "(("+other+") OR ("+strings.Join(mine.terms, " AND ")+"))")
}

// contains demands that a column holds a text. lower() folds ASCII alone, so that
// the other letters are looked for in each of their likely cases.
func (q *conditions) contains(column, text string) {
	var terms []string
	var spellings []string
	for _, spelling := range []string{text, strings.ToLower(text), strings.ToUpper(text), capitalised(text)} {
		if spelling = lowerASCII(spelling); !slices.Contains(spellings, spelling) {
			spellings = append(spellings, spelling)
			terms = append(terms, q.number(`instr(lower(`+column+`), ?) > 0`, spelling))
		}
	}
	q.terms = append(q.terms, "("+strings.Join(terms, " OR ")+")")
}

// capitalised is a text with the first letter large and the others small.
func capitalised(text string) string {
	runes := []rune(strings.ToLower(text))
	return strings.ToUpper(string(runes[:1])) + string(runes[1:])
}

func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
