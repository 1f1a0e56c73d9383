package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"go.uber.org/zap"

	"wapid/engine"
)

// A question is an outgoing message with choices, as long as it can be answered. What
// arrives is held against the questions of its chat in the transaction that logs it.
// A session that has asked nothing costs no statement for that, and a chat in which
// nothing was asked one for many of its messages (standing).

// question is a row of choices.
type question struct {
	id       engine.MessageID
	chat     engine.JID
	choices  engine.Choices
	answered []engine.JID
	asked    int64 // unix milliseconds
}

const (
	insertQuestion = `INSERT INTO choices (tenant_id, session_id, message_id, chat, choices, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (tenant_id, session_id, message_id) DO UPDATE SET choices = excluded.choices, expires_at = excluded.expires_at`
	deleteQuestion    = `DELETE FROM choices WHERE tenant_id = $1 AND session_id = $2 AND message_id = $3`
	hasQuestions      = `SELECT EXISTS (SELECT 1 FROM choices WHERE tenant_id = $1 AND session_id = $2)`
	selectQuestion    = `SELECT message_id, chat, choices, answered, created_at FROM choices`
	questionOfMessage = selectQuestion + ` WHERE tenant_id = $1 AND session_id = $2 AND message_id = $3 AND expires_at > $4`
	newestQuestion    = selectQuestion + ` WHERE tenant_id = $1 AND session_id = $2 AND chat = $3 AND expires_at > $4
		ORDER BY created_at DESC LIMIT 1`
	answerQuestion     = `UPDATE choices SET answered = $1 WHERE tenant_id = $2 AND session_id = $3 AND message_id = $4`
	deleteOldQuestions = `DELETE FROM choices WHERE (tenant_id, session_id, message_id) IN (
		SELECT tenant_id, session_id, message_id FROM choices WHERE tenant_id = $1 AND created_at < $2 LIMIT $3)`
	deleteExpiredQuestions = `DELETE FROM choices WHERE (tenant_id, session_id, message_id) IN (
		SELECT tenant_id, session_id, message_id FROM choices WHERE expires_at < $1 LIMIT $2)`
)

// mostAnswered bounds how many answers to a question in a group are remembered.
const mostAnswered = 1024

// askChoices opens the question of a message that was reserved. A link alone asks nothing.
func (s *Store) askChoices(tx *sql.Tx, m engine.LoggedMessage, c *engine.Choices) error {
	if c == nil || len(c.Options) == 0 {
		return nil
	}
	_, err := tx.Exec(insertQuestion, m.Session.Tenant, m.Session.ID, m.ID, m.Chat, document{c},
		millis(m.CreatedAt), millis(s.clock().Add(engine.ChoiceTTL)))
	if err != nil {
		return err
	}
	learn(&s.standing.asking, m.Session, true)
	s.standing.unasked = nil
	return nil
}

// dropQuestion closes the question of a message that was certainly not sent.
func (s *Store) dropQuestion(tx *sql.Tx, key engine.SessionKey, id engine.MessageID) error {
	if asks, err := s.asks(tx, key); err != nil || !asks {
		return err
	}
	_, err := tx.Exec(deleteQuestion, key.Tenant, key.ID, id)
	return err
}

// asks tells whether a session may have open questions.
func (s *Store) asks(tx *sql.Tx, key engine.SessionKey) (bool, error) {
	return known(&s.standing.asking, key, func() (found bool, err error) {
		err = tx.QueryRow(hasQuestions, key.Tenant, key.ID).Scan(&found)
		return found, err
	})
}

// place is a chat of a session.
type place struct {
	session engine.SessionKey
	chat    engine.JID
}

// chosen is what an incoming message has answered.
type chosen struct {
	question question
	info     *engine.ChosenInfo // nil for nothing
}

// choiceIn finds the option that an incoming message names. A vote and a reply are
// held against the question that they name, everything else against the chat's newest.
// There a number counts only until it is answered, or until the session says something
// else: to "how many?" a two is no option.
func (s *Store) choiceIn(tx *sql.Tx, m engine.LoggedMessage) (chosen, error) {
	if !mayAnswer(m) {
		return chosen{}, nil
	}
	if asks, err := s.asks(tx, m.Session); err != nil || !asks {
		return chosen{}, err
	}
	where := place{m.Session, m.Chat}
	if s.standing.unasked[where] {
		return chosen{}, nil
	}
	who := m.Peer
	if !m.Chat.IsGroup() {
		var err error
		if who, err = completed(tx, m.Session.Tenant, m.Peer); err != nil {
			return chosen{}, err
		}
	}
	chats := askedAt(m.Chat, who)
	q, named, err := s.questionOf(tx, m, chats)
	if err != nil || q.id == "" {
		if err == nil && !named {
			learn(&s.standing.unasked, where, true)
		}
		return chosen{}, err
	}
	option, by := answerTo(q, m)
	if by == engine.AnsweredByNumber && !named && q.isAnsweredBy(who) {
		said, err := saidSince(tx, m.Session, m.Chat, q.asked)
		if err != nil || said {
			return chosen{}, err
		}
	}
	if by == engine.AnsweredNot {
		return chosen{}, nil
	}
	return chosen{question: q, info: q.choices.Chosen(option, q.id)}, nil
}

// mayAnswer tells kinds of messages that name options.
func mayAnswer(m engine.LoggedMessage) bool {
	switch m.Kind {
	case engine.KindText:
		return true
	case engine.KindPollVote:
		return m.Details.Vote != nil
	}
	return false
}

// answerTo finds the option of a question that a message names.
func answerTo(q question, m engine.LoggedMessage) (engine.Choice, engine.AnsweredBy) {
	var option engine.Choice
	found := false
	switch {
	case m.Details.Vote != nil:
		option, found = q.choices.Voted(*m.Details.Vote)
	case m.Details.Choice != nil: // the network has said which
		option, found = q.choices.ByID(m.Details.Choice.ID)
	default:
		return q.choices.Answer(m.Text)
	}
	if !found {
		return option, engine.AnsweredNot
	}
	return option, engine.AnsweredByName
}

// askedAt are the addresses at which a chat may have been asked.
func askedAt(chat engine.JID, who engine.Person) []engine.JID {
	chats := []engine.JID{chat}
	if chat.IsGroup() {
		return chats
	}
	for _, other := range []engine.JID{who.Phone, who.LID} {
		if other != "" && !slices.Contains(chats, other) {
			chats = append(chats, other)
		}
	}
	return chats
}

// questionOf finds the open question that a message may answer; one without an id if
// there is none. named tells that the message names it, by a vote, a button or a reply.
func (s *Store) questionOf(tx *sql.Tx, m engine.LoggedMessage, chats []engine.JID) (found question, named bool, err error) {
	now := s.clock().UnixMilli()
	id := engine.MessageID("")
	switch d := m.Details; {
	case d.Vote != nil:
		id = d.Vote.MessageID
	case d.Choice != nil && d.Choice.MessageID != "":
		id = d.Choice.MessageID
	case d.Quoted != nil:
		id = d.Quoted.MessageID
	}
	if id != "" {
		q, err := s.scanQuestion(tx.QueryRow(questionOfMessage, m.Session.Tenant, m.Session.ID, id, now), m.Session)
		if err != nil || !slices.Contains(chats, q.chat) { // somebody else's, or another chat's
			return question{}, true, err
		}
		return q, true, nil
	}
	for _, chat := range chats {
		q, err := s.scanQuestion(tx.QueryRow(newestQuestion, m.Session.Tenant, m.Session.ID, chat, now), m.Session)
		if err != nil {
			return question{}, false, err
		}
		if q.id != "" && (found.id == "" || q.asked > found.asked) {
			found = q
		}
	}
	return found, false, nil
}

// scanQuestion reads a question. One that is damaged is told, and can't be answered.
func (s *Store) scanQuestion(r row, key engine.SessionKey) (q question, err error) {
	var damage, more error
	err = r.Scan(&q.id, &q.chat, lenient{&q.choices, &damage}, lenient{&q.answered, &more}, &q.asked)
	if isNoRows(err) {
		return question{}, nil
	}
	if damage = cmp.Or(damage, more); damage != nil {
		s.unreadable("the choices of a message", damage, zap.String("tenant", string(key.Tenant)),
			zap.String("session", string(key.ID)), zap.String("message", string(q.id)))
	}
	return q, err
}

func (q question) isAnsweredBy(who engine.Person) bool {
	return slices.ContainsFunc(q.answered, func(a engine.JID) bool { return a == who.Phone || a == who.LID })
}

// noteAnswer remembers that somebody has answered a question.
func (s *Store) noteAnswer(tx *sql.Tx, m engine.LoggedMessage, q question) error {
	if q.isAnsweredBy(m.Peer) || len(q.answered) >= mostAnswered {
		return nil
	}
	answered := append(slices.Clone(q.answered), m.Peer.Preferred())
	_, err := tx.Exec(answerQuestion, document{&answered}, m.Session.Tenant, m.Session.ID, q.id)
	return err
}

const outgoingSince = `SELECT EXISTS (SELECT 1 FROM messages`

// saidSince tells whether a session has sent a message of its own to a chat after a
// time, in unix milliseconds.
func saidSince(tx *sql.Tx, key engine.SessionKey, chat engine.JID, since int64) (found bool, err error) {
	_, places, err := chatPlaces(context.Background(), tx, key.Tenant, chat)
	if err != nil {
		return false, err
	}
	for _, p := range places {
		query, args := saidAt(key, p, since)
		if err := tx.QueryRow(query, args...).Scan(&found); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

func saidAt(key engine.SessionKey, p chatPlace, since int64) (string, []any) {
	var q conditions
	q.add(`tenant_id = ?`, key.Tenant)
	p.add(&q)
	q.add(`created_at > ?`, since)
	q.add(`session_id = ?`, key.ID)
	q.add(`direction = 'out' AND kind NOT IN ('reaction', 'edit', 'revoke')`)
	return outgoingSince + q.where() + `)`, q.args
}
