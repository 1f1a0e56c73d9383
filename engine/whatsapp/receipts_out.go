package whatsapp

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

var _ engine.Receipts = (*conn)(nil)

// Known implements engine.Receipts.
func (c *conn) Known(ctx context.Context, who engine.JID) (engine.Person, error) {
	var person engine.Person
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		jid, err := types.ParseJID(string(who))
		if err != nil {
			return engine.WrapError(engine.CodeInvalid, err, "this is not a valid WhatsApp address")
		}
		person, err = l.completed(ctx, personOf(jid))
		return err
	})
	return person, err
}

// maxReceipt is how many messages one receipt names. Assumed: no client says
// where the network's limit lies.
const maxReceipt = 256

// MarkRead implements engine.Receipts. An account that has switched off read
// receipts tells its own devices only; whatsmeow leaves receipts of playing as they
// are.
func (c *conn) MarkRead(ctx context.Context, chat engine.JID, sender engine.Person, ids []engine.MessageID, played bool, at time.Time) error {
	return c.read(ctx, func(ctx context.Context, l *link) error {
		to, err := l.chatAddress(ctx, chat)
		if err != nil || len(ids) == 0 {
			return err
		}
		var author types.JID // personal chats need none
		if to.Server == types.GroupServer {
			if _, author, err = l.authorIn(ctx, to, engine.MessageRef{ID: ids[0], Sender: sender}); err != nil {
				return err
			}
		}
		// whatsmeow takes settings that it can't fetch for open ones. What it has
		// fetched it keeps.
		if _, err := l.client.TryFetchPrivacySettings(ctx, false); err != nil {
			return err
		}
		kind := types.ReceiptTypeRead
		if played {
			kind = types.ReceiptTypePlayed
		}
		for len(ids) > 0 {
			n := min(len(ids), maxReceipt)
			part := make([]types.MessageID, n)
			for i, id := range ids[:n] {
				part[i] = types.MessageID(id)
			}
			if err := l.client.MarkRead(ctx, part, at, to, author, kind); err != nil {
				return err
			}
			ids = ids[n:]
		}
		return nil
	})
}

// Archive implements engine.Receipts. Beside the codes of all capabilities it
// returns CodeSessionNotReady while the phone has not shared the key of the
// account's settings, which follows the pairing.
func (c *conn) Archive(ctx context.Context, chat engine.JID, archived bool, last engine.MessageRef, at time.Time) error {
	return c.change(ctx, func(ctx context.Context, l *link) error {
		jid, err := l.chatAddress(ctx, chat)
		if err != nil {
			return err
		}
		key, err := l.device.AppStateKeys.GetLatestAppStateSyncKeyID(ctx)
		if err != nil {
			return engine.WrapError(engine.CodeStorage, err, "the device store failed")
		}
		if key == nil {
			return engine.Errorf(engine.CodeSessionNotReady, "the phone has not shared the key of the account's settings yet")
		}
		newest, err := l.keyOf(ctx, jid, last)
		if err != nil {
			return err
		}
		return l.changeSettings(ctx, key, appstate.BuildArchive(jid, archived, at, newest))
	})
}

// keyOf names the newest message of a chat as the settings do; nil if there is none.
func (l *link) keyOf(ctx context.Context, chat types.JID, last engine.MessageRef) (*waCommon.MessageKey, error) {
	if last.ID == "" {
		return nil, nil
	}
	key := &waCommon.MessageKey{
		RemoteJID: proto.String(chat.String()), FromMe: proto.Bool(last.FromMe), ID: proto.String(string(last.ID)),
	}
	if chat.Server == types.GroupServer && !last.FromMe {
		_, author, err := l.authorIn(ctx, chat, last)
		if err != nil {
			return nil, err
		}
		key.Participant = proto.String(author.String())
	}
	return key, nil
}
