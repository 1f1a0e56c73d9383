package whatsapp

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

var _ engine.Presence = (*conn)(nil)

// SetAvailable implements engine.Presence. The network forgets it with the
// socket: after a reconnection the account is not available. A device that does
// not know its account's name yet returns CodeSessionNotReady: that comes with the
// first settings from the phone.
func (c *conn) SetAvailable(ctx context.Context, available bool) error {
	return c.read(ctx, func(ctx context.Context, l *link) error {
		state := types.PresenceUnavailable
		if available {
			state = types.PresenceAvailable
		}
		c.mu.Lock()
		l.available = available
		c.mu.Unlock()
		err := l.client.SendPresence(ctx, state)
		if errors.Is(err, whatsmeow.ErrNoPushName) {
			return engine.WrapError(engine.CodeSessionNotReady, err, "the phone has not told the account's name yet")
		}
		return err
	})
}

// SetTyping implements engine.Presence.
func (c *conn) SetTyping(ctx context.Context, chat engine.JID, t engine.Typing) error {
	return c.read(ctx, func(ctx context.Context, l *link) error {
		to, err := l.chatAddress(ctx, chat)
		if err != nil {
			return err
		}
		state, media := types.ChatPresencePaused, types.ChatPresenceMediaText
		switch t {
		case engine.TypingText:
			state = types.ChatPresenceComposing
		case engine.TypingVoice:
			state, media = types.ChatPresenceComposing, types.ChatPresenceMediaAudio
		}
		return l.client.SendChatPresence(ctx, to, state, media)
	})
}

// chatAddress is the address of a personal chat or a group; CodeNotSupported for
// any other chat.
func (l *link) chatAddress(ctx context.Context, chat engine.JID) (types.JID, error) {
	jid, err := l.addressed(ctx, chat)
	if err != nil {
		return jid, err
	}
	switch jid.Server {
	case types.DefaultUserServer, types.HiddenUserServer, types.GroupServer:
		return jid, nil
	}
	return jid, engine.Errorf(engine.CodeNotSupported, "this works in chats with people and in groups only")
}
