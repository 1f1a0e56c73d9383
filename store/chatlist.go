package store

import (
	"context"
	"database/sql"
	"math"

	"wapid/engine"
)

const (
	// chatStride is how many messages are looked at at a time while chats are looked for.
	chatStride = 500
	// writtenLooks is how many messages are looked at for their direction alone in the time
	// that one takes of which more is asked.
	writtenLooks = 5
	// mostUnread is how far back in a chat unread messages are counted, in messages.
	mostUnread = 200
)

// Chat is what a session's log has of one chat.
type Chat struct {
	Chat   engine.JID    // the group's or channel's, or the person's number where that is known
	Person engine.Person // as far as the log knows; nobody in a group
	// PushName is how the person names himself, and in a group whoever wrote last;
	// empty where nobody has written among the newest mostUnread messages.
	PushName string
	Last     LogEntry // the newest message
	Unread   int      // incoming ones that were not marked as read, of the newest mostUnread
}

// ChatPage is a part of a session's chats, newest message first.
type ChatPage struct {
	Chats []Chat
	// Next is where the list goes on, nil at its end. A page looks into so many
	// messages: it may have fewer chats than were asked for, or none, and goes on.
	Next *MessageCursor
}

// PageChats returns up to limit chats of a session by their newest messages, from behind
// a place in the log on. A chat stands where its newest message is, so that one that
// comes alive between two pages is on the first from then on. With written only the
// messages that came in count: who was written to and never answered is left out.
func (s *Store) PageChats(ctx context.Context, key engine.SessionKey, written bool, after *MessageCursor, limit int) (ChatPage, error) {
	tx, err := s.read.BeginTx(ctx, nil) // one snapshot of all chats
	if err != nil {
		return ChatPage{}, storageError(err)
	}
	defer tx.Rollback() // it has only read
	walk := chatWalk{key: key, stride: chatStride, looks: s.searches * statusLooks}
	if written {
		walk.only, walk.stride, walk.looks = engine.Inbound, walk.stride*writtenLooks, walk.looks*writtenLooks
	}
	found, next, err := walk.find(ctx, tx, after, limit)
	if err != nil {
		return ChatPage{}, err
	}
	page := ChatPage{Next: next}
	for _, one := range found {
		c, err := s.readChat(ctx, tx, key, one)
		if err != nil {
			return ChatPage{}, err
		}
		page.Chats = append(page.Chats, c)
	}
	return page, nil
}

// chatWalk looks for chats through a session's log, newest message first.
type chatWalk struct {
	key    engine.SessionKey
	only   engine.Direction // whose messages count; "" for both
	stride int              // how many messages it looks at at a time
	looks  int              // and in all
}

// strideEnd finds the message that stands so many behind a place in a session's log, and
// latest those up to it whose direction counts, newest first: of the others the index alone
// is looked at.
const (
	strideEnd = `SELECT created_at, seq FROM messages WHERE tenant_id = $1 AND session_id = $2 AND (created_at, seq) < ($3, $4)
		ORDER BY created_at DESC, seq DESC LIMIT 1 OFFSET $5`
	latest = `SELECT created_at, seq, chat, peer_phone, peer_lid FROM messages
		WHERE tenant_id = $1 AND session_id = $2 AND (created_at, seq) < ($3, $4) AND (created_at, seq) >= ($5, $6)
			AND ($7 = '' OR direction = $7)
		ORDER BY created_at DESC, seq DESC`
)

// sight is what is looked at of a message to know its chat.
type sight struct {
	at   MessageCursor
	chat engine.JID
	peer engine.Person
}

func scanSight(r row) (m sight, err error) {
	err = r.Scan(&m.at.At, &m.at.Seq, &m.chat, &m.peer.Phone, &m.peer.LID)
	return m, err
}

// step reads the next stride of the log behind a place. last is where it ends; there is
// no more behind the zero place.
func (w chatWalk) step(ctx context.Context, tx *sql.Tx, from MessageCursor) (sights []sight, last MessageCursor, err error) {
	last, err = scanPlace(tx.QueryRowContext(ctx, strideEnd, w.key.Tenant, w.key.ID, from.At, from.Seq, w.stride-1))
	if err != nil && !isNoRows(err) {
		return nil, last, storageError(err)
	}
	if err != nil {
		last = MessageCursor{}
	}
	rows, err := tx.QueryContext(ctx, latest, w.key.Tenant, w.key.ID, from.At, from.Seq, last.At, last.Seq, w.only)
	sights, err = collect(rows, err, scanSight)
	return sights, last, err
}

// find walks until it has seen enough chats, or enough messages: then next is where it
// goes on.
func (w chatWalk) find(ctx context.Context, tx *sql.Tx, after *MessageCursor, limit int) (found []engine.JID, next *MessageCursor, err error) {
	at := MessageCursor{At: math.MaxInt64, Seq: math.MaxInt64}
	if after != nil {
		at = *after
	}
	seen := make(map[engine.JID]bool)
	named := make(map[sight]engine.JID) // chats by what their messages say, wherever these stand
	for w.looks > 0 {
		sights, last, err := w.step(ctx, tx, at)
		if err != nil {
			return nil, nil, err
		}
		w.looks -= max(w.stride, len(sights)*w.stride/chatStride)
		for _, m := range sights {
			which := sight{chat: m.chat, peer: m.peer}
			chat, known := named[which]
			if !known {
				if chat, err = chatOf(ctx, tx, w.key.Tenant, m.chat, m.peer); err != nil {
					return nil, nil, err
				}
				named[which] = chat
			}
			if seen[chat] {
				continue
			}
			seen[chat] = true
			passed, err := w.passed(ctx, tx, chat, after)
			if err != nil {
				return nil, nil, err
			}
			if passed {
				continue
			}
			if found = append(found, chat); len(found) == limit {
				return found, &m.at, nil
			}
		}
		if at = last; at == (MessageCursor{}) {
			return found, nil, nil
		}
	}
	return found, &at, nil
}

// passed tells whether a chat stood before the place where the walk began.
func (w chatWalk) passed(ctx context.Context, tx *sql.Tx, chat engine.JID, begin *MessageCursor) (bool, error) {
	if begin == nil {
		return false, nil
	}
	_, places, err := chatPlaces(ctx, tx, w.key.Tenant, chat)
	if err != nil {
		return false, err
	}
	first, err := newestOf(ctx, tx, w.key, places, w.only)
	return first.At > begin.At || first.At == begin.At && first.Seq >= begin.Seq, err
}

// newestOf finds a chat's newest message in a direction; the zero place if there is none.
func newestOf(ctx context.Context, tx *sql.Tx, key engine.SessionKey, places []chatPlace, d engine.Direction) (MessageCursor, error) {
	var q conditions
	at, err := scanPlace(tx.QueryRowContext(ctx, chatKeys(&q, key, places, d, nil)+` LIMIT 1`, q.args...))
	if isNoRows(err) {
		return MessageCursor{}, nil
	}
	return at, storageError(err)
}

// readChat reads what there is to tell of a chat.
func (s *Store) readChat(ctx context.Context, tx *sql.Tx, key engine.SessionKey, chat engine.JID) (Chat, error) {
	who, places, err := chatPlaces(ctx, tx, key.Tenant, chat)
	if err != nil {
		return Chat{}, err
	}
	c := Chat{Chat: chat, Person: who}
	at, err := newestOf(ctx, tx, key, places, "")
	if err != nil {
		return Chat{}, err
	}
	last, err := s.readEntries(ctx, tx, []MessageCursor{at})
	if err != nil {
		return Chat{}, err
	}
	if len(last) == 0 {
		return Chat{}, engine.Errorf(engine.CodeInternal, "a chat of the log is not where its addresses say")
	}
	c.Last = last[0]
	query, args := lookBack(key, places)
	rows, err := tx.QueryContext(ctx, query, args...)
	recent, err := collect(rows, err, func(r row) (m recentMessage, err error) {
		err = r.Scan(&m.unread, &m.pushName)
		return m, err
	})
	for _, m := range recent {
		if c.PushName == "" {
			c.PushName = m.pushName
		}
		if m.unread {
			c.Unread++
		}
	}
	return c, err
}

type recentMessage struct {
	unread   bool
	pushName string
}

// lookBack asks for the newest messages of a chat: whether they are unread, as
// listUnread has it, and who wrote them.
func lookBack(key engine.SessionKey, places []chatPlace) (string, []any) {
	var q conditions
	keys := chatKeys(&q, key, places, "", nil) + ` LIMIT ` + q.bind(mostUnread)
	return `SELECT m.direction = 'in' AND m.status = 'received' AND m.kind NOT IN ('reaction', 'edit', 'revoke', 'poll_vote'), m.push_name
		FROM (` + keys + `) AS k JOIN messages m ON m.seq = k.seq ORDER BY k.created_at DESC, k.seq DESC`, q.args
}

// PageChat returns up to limit messages of one chat, newest first, from behind a place
// in the log on, and who is on its other side as far as the log knows. The chat may be
// named by either address of the person.
func (s *Store) PageChat(ctx context.Context, key engine.SessionKey, chat engine.JID, after *MessageCursor, limit int) (MessagePage, engine.Person, error) {
	tx, err := s.read.BeginTx(ctx, nil) // one snapshot of all places
	if err != nil {
		return MessagePage{}, engine.Person{}, storageError(err)
	}
	defer tx.Rollback() // it has only read
	who, places, err := chatPlaces(ctx, tx, key.Tenant, chat)
	if err != nil {
		return MessagePage{}, who, err
	}
	var q conditions
	query := chatKeys(&q, key, places, "", after) + ` LIMIT ` + q.bind(limit+1)
	rows, err := tx.QueryContext(ctx, query, q.args...)
	found, err := collect(rows, err, scanPlace)
	if err != nil {
		return MessagePage{}, who, err
	}
	var page MessagePage
	if len(found) > limit {
		found = found[:limit]
		page.Next = &found[limit-1]
	}
	page.Messages, err = s.readEntries(ctx, tx, found)
	return page, who, err
}
