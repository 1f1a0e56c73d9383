package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
)

// receive commits an incoming message as a log row and an event, once per
// chat, sender and message id; see Handler. An edit or a revocation is a row of its
// own: the one that it is about stays as it was received.
func (w *worker) receive(ctx context.Context, m Incoming) (committed func() error) {
	inserted, err := w.begin(ctx, m)
	return func() error {
		if err != nil {
			return err
		}
		fresh, err := inserted()
		if err != nil {
			return err
		}
		if fresh {
			w.engine.nudge()
		}
		return w.learnTimer(ctx, m)
	}
}

func (w *worker) begin(ctx context.Context, m Incoming) (inserted func() (fresh bool, err error), err error) {
	if err := w.resolveVote(ctx, m); err != nil {
		return nil, err
	}
	data, err := Canonical(m.Data())
	if err != nil {
		return nil, err
	}
	now := w.engine.now()
	return w.engine.store.BeginIncoming(ctx,
		LoggedMessage{
			Session: w.key, ID: m.ID, Direction: Inbound, Chat: m.Chat, Peer: m.Sender, PushName: m.PushName,
			Kind: m.Kind, Text: m.Text, Details: m.Details, Payload: m.Payload, CreatedAt: now, SentAt: m.Timestamp,
		},
		Event{Session: w.key, Type: EventMessage, At: now, Data: data}), nil
}

// Data is what the event of the message tells.
func (m Incoming) Data() MessageData {
	return MessageData{
		ID: m.ID, From: m.Sender.Preferred(), Body: m.Text, Type: m.Kind,
		IsGroup: m.IsGroup, HasMedia: m.HasMedia,
		FromLID: m.Sender.LID, Chat: m.Chat, PushName: m.PushName, Timestamp: m.Timestamp.Unix(),
		Details: m.Details,
	}
}

// learnTimer keeps the disappearing timer that a message tells of its chat. If
// that fails the message comes again: it is known then, and only the timer new.
func (w *worker) learnTimer(ctx context.Context, m Incoming) error {
	if m.Expiration == nil {
		return nil
	}
	known, err := w.timers.of(ctx, w, m.Chat)
	if err != nil || known == *m.Expiration {
		return err
	}
	return w.saveTimer(ctx, ChatTimer{Chat: m.Chat, Peer: m.Sender, After: *m.Expiration}, m.Timestamp)
}

// maxPollRows bounds how many messages with a poll's id are looked at: senders
// choose their ids.
const maxPollRows = 16

// resolveVote finds the texts of the options that a vote names by their hashes,
// in the poll of the same id, wherever the session has it in its log.
func (w *worker) resolveVote(ctx context.Context, m Incoming) error {
	v := m.Details.Vote
	if v == nil || len(v.Hashes) == 0 {
		return nil
	}
	rows, err := w.engine.store.FindLogged(ctx, w.key, v.MessageID)
	if err != nil {
		return err
	}
	var options []string
	for _, row := range rows[:min(len(rows), maxPollRows)] {
		if row.Details.Poll != nil && row.isIn(m.Chat) {
			options = append(options, row.Details.Poll.Options...)
		}
	}
	v.resolve(options)
	return nil
}

// resolve sets Options to those whose hashes were named, in their order.
func (v *Vote) resolve(options []string) {
	v.Options, v.Unresolved = []string{}, 0
	for _, hash := range v.Hashes {
		found := false
		for _, option := range options {
			if sum := sha256.Sum256([]byte(option)); bytes.Equal(sum[:], hash) {
				v.Options, found = append(v.Options, option), true
				break
			}
		}
		if !found {
			v.Unresolved++
		}
	}
}
