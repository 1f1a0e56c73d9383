package engine

import (
	"context"
	"time"
)

// Messages can be edited and revoked for a while only; what comes later is taken
// by the network and ignored by the devices, so it is refused here.
const (
	editWindow   = 20 * time.Minute // whatsmeow's EditWindow
	revokeWindow = 60 * time.Hour   // of WhatsApp's own apps: two days and twelve hours (assumed for devices of this kind)
)

// resolve fills in the messages that a message refers to. It returns CodeNotFound
// for one that the log does not have in this chat, and CodeInvalid for one that
// can't be referred to in this way. A message that is queued itself may refer to
// another that still waits: the outbox is left in order, so that this one goes first.
func (w *worker) resolve(ctx context.Context, m Outgoing, queued bool) (Outgoing, error) {
	needsTarget := m.Kind == KindReaction || m.Kind == KindEdit || m.Kind == KindRevoke
	switch {
	case needsTarget && (m.Target == nil || m.Target.ID == ""):
		return m, Errorf(CodeInvalid, "a message of type %s names the message that it is about", m.Kind)
	case needsTarget && m.Quoted != nil:
		return m, Errorf(CodeInvalid, "a message of type %s can't be a reply", m.Kind)
	case !needsTarget && m.Target != nil:
		return m, Errorf(CodeInvalid, "a message of type %s is about no other message", m.Kind)
	}
	if m.Target != nil {
		found, err := w.findIn(ctx, m.To, m.Target.ID)
		if err != nil {
			return m, err
		}
		if err := checkTarget(m.Kind, found, queued, w.engine.now()); err != nil {
			return m, err
		}
		m.Target = found.ref(m.To)
	}
	if m.Quoted != nil {
		found, err := w.findIn(ctx, m.To, m.Quoted.ID)
		if err != nil {
			return m, err
		}
		if err := checkQuoted(found, queued); err != nil {
			return m, err
		}
		m.Quoted = found.ref(m.To)
	}
	return m, nil
}

// findIn finds a message of a chat. Senders choose their ids: of several with the
// same one the oldest counts.
func (w *worker) findIn(ctx context.Context, chat JID, id MessageID) (LoggedMessage, error) {
	var found LoggedMessage
	all, err := w.engine.store.FindLogged(ctx, w.key, id)
	if err != nil {
		return found, err
	}
	for _, m := range all {
		if m.isIn(chat) && (found.ID == "" || m.CreatedAt.Before(found.CreatedAt)) {
			found = m
		}
	}
	if found.ID == "" {
		return found, Errorf(CodeNotFound, "there is no such message in this chat")
	}
	return found, nil
}

// isIn tells whether a message belongs to a chat, which may be given under
// either address of a person.
func (m LoggedMessage) isIn(chat JID) bool {
	if m.Chat == chat {
		return true
	}
	switch m.Chat.Server() {
	case ServerPhone, ServerLID:
		return m.Peer.Phone == chat || m.Peer.LID == chat
	}
	return false
}

// ref names a logged message in a chat, with what the network needs to know of it.
func (m LoggedMessage) ref(chat JID) *MessageRef {
	r := &MessageRef{ID: m.ID, Chat: chat, FromMe: m.Direction == Outbound, Kind: m.Kind, Text: m.Text, Payload: m.Payload}
	if !r.FromMe {
		r.Sender = m.Peer
	}
	return r
}

// exists tells whether there is a message that others can see, or will by the time
// that one behind it in the outbox is sent. Reactions, edits, revocations and votes
// are none.
func (m LoggedMessage) exists(behind bool) bool {
	switch m.Kind {
	case KindReaction, KindEdit, KindRevoke, KindPollVote:
		return false
	}
	return m.Status != MessageFailed && (behind || m.Status != MessageQueued)
}

func checkQuoted(m LoggedMessage, behind bool) error {
	if !m.exists(behind) {
		return Errorf(CodeInvalid, "this message can't be replied to: it is no message of its own, or was not sent")
	}
	return nil
}

// checkTarget tells whether a message can be reacted to, edited or revoked. Only
// the network knows whether the account administers a group, so that revoking
// others' messages there is left to it.
func checkTarget(kind Kind, m LoggedMessage, behind bool, now time.Time) error {
	if !m.exists(behind) {
		return Errorf(CodeInvalid, "this can't be done to the message: it is no message of its own, or was not sent")
	}
	at := m.SentAt
	if at.IsZero() {
		at = m.CreatedAt
	}
	age := now.Sub(at)
	switch {
	case kind == KindEdit && m.Direction != Outbound:
		return Errorf(CodeInvalid, "only messages of the session itself can be edited")
	case kind == KindEdit && !editable(m.Kind):
		return Errorf(CodeInvalid, "only texts and captions can be edited")
	case kind == KindEdit && age > editWindow:
		return Errorf(CodeInvalid, "a message can be edited for %d minutes; WhatsApp ignores what comes later", int(editWindow.Minutes()))
	case kind == KindRevoke && m.Direction != Outbound && !m.Chat.IsGroup():
		return Errorf(CodeInvalid, "somebody else's message can be revoked in groups only, by their admins")
	case kind == KindRevoke && age > revokeWindow:
		return Errorf(CodeInvalid, "a message can be revoked for %d hours; WhatsApp ignores what comes later", int(revokeWindow.Hours()))
	}
	return nil
}

func editable(k Kind) bool {
	switch k {
	case KindText, KindImage, KindVideo, KindDocument:
		return true
	}
	return false
}
