package engine

import "context"

// receive commits an incoming message as a log row and an event, once per
// chat, sender and message id. Only after nil may the message be acknowledged to the network.
func (w *worker) receive(ctx context.Context, m Incoming) error {
	data, err := Canonical(MessageData{
		ID: m.ID, From: m.Sender.Preferred(), Body: m.Text, Type: m.Kind,
		IsGroup: m.IsGroup, HasMedia: m.HasMedia,
		FromLID: m.Sender.LID, Chat: m.Chat, PushName: m.PushName, Timestamp: m.Timestamp.Unix(),
	})
	if err != nil {
		return err
	}
	now := w.engine.now()
	fresh, err := w.engine.store.InsertIncoming(ctx,
		LoggedMessage{
			Session: w.key, ID: m.ID, Direction: Inbound, Chat: m.Chat, Peer: m.Sender,
			Kind: m.Kind, Text: m.Text, CreatedAt: now, SentAt: m.Timestamp,
		},
		Event{Session: w.key, Type: EventMessage, At: now, Data: data})
	if err != nil {
		return err
	}
	if fresh {
		w.engine.nudge()
	}
	return nil
}
