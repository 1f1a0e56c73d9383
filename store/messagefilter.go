package store

import (
	"math"
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
	With           engine.JID // to or from this person or chat
	Since          time.Time  // logged at this time or later
	Until          time.Time  // logged before
	// Text is part of the message's text, in any case: letters of ASCII match
	// whatever their case, others as they are given, all small or all large.
	Text string
}

// part is what one index holds of a log, in the log's order: messages with certain
// peers, or those of any peer. The parts of a filter have nothing in common.
type part struct {
	sessions  []engine.SessionID // nil for all
	direction engine.Direction   // "" for both
	peers     []address
}

// parts says where the messages are that a filter wants, but for their status, kind,
// time and text; spread says in which indexes that is.
func (f MessageFilter) parts() []part {
	parts := []part{{sessions: f.Sessions, direction: f.Direction}}
	if f.To != "" {
		parts = intersect(parts, sides(engine.Outbound, f.To, f.OwnTo))
	}
	if f.From != "" {
		parts = intersect(parts, sides(engine.Inbound, f.From, f.OwnFrom))
	}
	if f.With != "" {
		parts = intersect(parts, []part{{peers: []address{{peer: f.With}}}})
	}
	return parts
}

// sides are the messages of a direction whose other side is somebody, and those
// of the other direction of the sessions whose own address it is. Of a group it is
// both directions: what is written there is written to it, and comes from it.
func sides(d engine.Direction, who engine.JID, own []engine.SessionID) []part {
	other := part{direction: d, peers: []address{{peer: who}}}
	if s := who.Server(); s != engine.ServerPhone && s != engine.ServerLID {
		if d == engine.Outbound {
			other.direction = ""
		}
		return []part{other}
	}
	if len(own) == 0 {
		return []part{other}
	}
	opposite := engine.Inbound
	if d == engine.Inbound {
		opposite = engine.Outbound
	}
	return []part{other, {direction: opposite, sessions: own}}
}

// intersect leaves what is in one of a and in one of b.
func intersect(a, b []part) (both []part) {
	for _, x := range a {
		for _, y := range b {
			p := part{sessions: x.sessions, direction: x.direction, peers: slices.Concat(x.peers, y.peers)}
			if p.direction == "" {
				p.direction = y.direction
			} else if y.direction != "" && y.direction != p.direction {
				continue
			}
			if p.sessions == nil {
				p.sessions = y.sessions
			} else if y.sessions != nil {
				p.sessions = slices.DeleteFunc(slices.Clone(p.sessions), func(id engine.SessionID) bool { return !slices.Contains(y.sessions, id) })
			}
			both = append(both, p)
		}
	}
	return both
}

// span is a stretch of time in unix milliseconds, without its end.
type span struct{ from, to int64 }

// within is the time that a filter wants, up to and with a cursor.
func (f MessageFilter) within(after *MessageCursor) span {
	s := span{0, math.MaxInt64}
	if !f.Since.IsZero() {
		s.from = max(0, f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		s.to = f.Until.UnixMilli()
	}
	if after != nil && after.At < s.to {
		s.to = after.At + 1
	}
	return s
}

// selection is a query for the keys of messages in the order of the log.
type selection struct {
	tenant engine.TenantID
	f      MessageFilter
	after  *MessageCursor
}

// indexed demands what an index holds of a part: of one with peers not the kind, and
// of none a status that most messages have.
func (c selection) indexed(q *conditions, p part, during span) {
	q.add(`tenant_id = ?`, c.tenant)
	among(q, `session_id`, p.sessions)
	for _, at := range p.peers {
		at.add(q)
	}
	if p.direction != "" {
		q.add(`direction = ?`, p.direction)
	}
	if len(p.peers) == 0 {
		if c.hasIndex() {
			c.status(q)
		}
		c.kind(q)
	}
	if during.from > 0 {
		q.add(`created_at >= ?`, during.from)
	}
	if during.to < math.MaxInt64 {
		q.add(`created_at < ?`, during.to)
	}
	if c.after != nil {
		q.add(`(created_at, seq) < (?, ?)`, c.after.At, c.after.Seq)
	}
}

// add demands a peer.
func (at address) add(q *conditions) {
	switch server := at.peer.Server(); {
	case server == engine.ServerLID:
		q.add(hasLID+` AND peer_lid = ?`, at.peer)
	case server != engine.ServerPhone:
		q.add(groupsOnly+` AND chat = ?`, at.peer)
	case at.under != "":
		q.add(hasLID+` AND peer_lid = ?`, at.under)
		q.add(`peer_phone = ?`, at.peer)
	default:
		q.add(hasPhone+` AND peer_phone = ?`, at.peer)
	}
}

// These are the conditions of partial indexes, which only a query that says the same
// can use.
const (
	groupsOnly  = `chat NOT LIKE '%@s.whatsapp.net' AND chat NOT LIKE '%@lid'`
	rareOnly    = `status IN ('failed', 'unknown', 'played', 'queued')`
	pendingOnly = `status = 'pending'`
	otherKinds  = `kind <> 'text'`
	hasPhone    = `peer_phone <> '' AND peer_lid = ''`
	hasLID      = `peer_lid <> ''`
)

// hasIndex tells whether an index knows the messages of the wanted status. Those that
// every message passes through stand in none: that would cost each of them more than
// all the rest that happens to it.
func (c selection) hasIndex() bool {
	switch c.f.Status {
	case engine.MessageFailed, engine.MessageUnknown, engine.MessagePlayed, engine.MessageQueued, engine.MessagePending:
		return true
	}
	return false
}

// status demands a status, with what lets an index answer.
func (c selection) status(q *conditions) {
	switch {
	case c.f.Status == "":
	case c.f.Status == engine.MessagePending:
		q.add(pendingOnly)
	case c.hasIndex():
		q.add(`status = ? AND `+rareOnly, c.f.Status)
	default:
		q.add(`status = ?`, c.f.Status)
	}
}

// kind demands a kind, with what lets an index answer.
func (c selection) kind(q *conditions) {
	if c.f.Kind == "" {
		return
	}
	q.add(`kind = ?`, c.f.Kind)
	if c.f.Kind != engine.KindText {
		q.add(otherKinds)
	}
}

// ofPeers tells whether messages of certain peers are wanted.
func (c selection) ofPeers(parts []part) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return len(p.peers) > 0 })
}

// unindexed demands what only the messages themselves tell. With nothing of the
// kind it demands nothing.
func (c selection) unindexed(q *conditions, parts []part) {
	peers := c.ofPeers(parts)
	if c.f.Status != "" && (peers || !c.hasIndex()) {
		q.add(`status = ?`, c.f.Status)
	}
	if c.f.Kind != "" && peers {
		q.add(`kind = ?`, c.f.Kind)
	}
	if c.f.Text != "" {
		q.contains(`body`, c.f.Text)
	}
}

// looksInside tells whether messages must be read to know whether they are wanted.
func (c selection) looksInside(parts []part) bool {
	return c.beyondCounts(parts) || c.f.Status != "" && !c.hasIndex()
}

// beyondCounts tells whether messages must be read even to know how many are wanted
// of a day that was counted.
func (c selection) beyondCounts(parts []part) bool {
	return c.f.Text != "" || (c.f.Status != "" || c.f.Kind != "") && c.ofPeers(parts)
}

// keys asks for what the indexes hold of some parts during a span, without an end.
func (c selection) keys(q *conditions, parts []part, during span) string {
	selects := make([]string, len(parts))
	for i, p := range parts {
		one := conditions{args: q.args}
		c.indexed(&one, p, during)
		q.args = one.args
		selects[i] = `SELECT created_at, seq FROM messages` + one.where()
	}
	return strings.Join(selects, ` UNION ALL `) + ` ORDER BY created_at DESC, seq DESC`
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
