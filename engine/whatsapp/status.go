package whatsapp

import (
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"go.uber.org/zap"

	"wapid/engine"
)

// statusOf is what a receipt says of messages. It is empty for those that say
// nothing of what the account sent: retries, what its own devices have read or
// got, and "inactive" ones, which come from devices in the background and which
// WhatsApp's apps don't show either.
func statusOf(evt *events.Receipt) engine.MessageStatus {
	if evt.IsFromMe {
		return ""
	}
	switch evt.Type {
	case types.ReceiptTypeDelivered:
		return engine.MessageDelivered
	case types.ReceiptTypeRead:
		return engine.MessageRead
	case types.ReceiptTypePlayed:
		return engine.MessagePlayed
	}
	return ""
}

// receipt commits what a receipt says and tells whether it may be acknowledged.
//
// One that is not acknowledged comes again with the next connection: whatsmeow
// asks its handler before it acknowledges. Only of a receipt that brings together
// the words of several members about several messages does it heed the last word
// alone. The wire is cut before such a one could be acknowledged half done.
func (l *link) receipt(evt *events.Receipt) bool {
	status := statusOf(evt)
	if status == "" || len(evt.MessageIDs) == 0 {
		return true
	}
	r, err := l.converter().receipt(evt, status)
	if err == nil {
		err = l.conn.handler.Receipt(l.conn.ctx, r)
	}
	if err == nil {
		return true
	}
	l.conn.log.Warn("receipt not committed; it is asked for again", zap.Error(err))
	l.retryLater(err)
	if evt.IsGroup {
		l.wire.hangUp()
	}
	return false
}

func (c converter) receipt(evt *events.Receipt, status engine.MessageStatus) (engine.Receipt, error) {
	by, err := c.person(evt.Sender, evt.SenderAlt)
	if err != nil {
		return engine.Receipt{}, err
	}
	r := engine.Receipt{Chat: chatIn(evt.Chat, by), By: by, Status: status, At: evt.Timestamp}
	for _, id := range evt.MessageIDs {
		r.IDs = append(r.IDs, engine.MessageID(id))
	}
	return r, nil
}
