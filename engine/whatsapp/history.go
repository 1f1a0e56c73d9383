package whatsapp

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// Limits of a part of the history that is looked into, in bytes. Parts with years
// of chats are larger, and stay with the phone.
const (
	maxHistory      = 4 << 20 // compressed
	maxHistoryPlain = 24 << 20
)

// maxHistories is how many parts are looked into at a time, of all sessions: they
// lie in memory.
const maxHistories = 2

// historyTimeout bounds the download of a part of the history.
const historyTimeout = 2 * time.Minute

// historyAnnounced begins to take from a part of the history, which the phone
// sends after the linking, what sending needs: who stands behind which LID, how
// people call themselves, the tokens that allow to write to them, the secrets of
// polls, and the timers of chats. Messages stay with the phone. The announcement
// is acknowledged at once: what a crash loses comes with what people write.
func (l *link) historyAnnounced(notice *waE2E.HistorySyncNotification) {
	switch notice.GetSyncType() {
	case waE2E.HistorySyncType_INITIAL_BOOTSTRAP, waE2E.HistorySyncType_PUSH_NAME, waE2E.HistorySyncType_RECENT,
		waE2E.HistorySyncType_NON_BLOCKING_DATA:
	default:
		return
	}
	if notice.GetFileLength() > maxHistory || !l.conn.enter() {
		return
	}
	go func() {
		defer l.conn.calls.Done()
		defer func() { // a phone made what is read here: it ends nothing else
			if p := recover(); p != nil {
				l.conn.log.Error("reading the history panicked", zap.String("panic", engine.Redact(fmt.Sprint(p))))
			}
		}()
		ctx, cancel := context.WithTimeout(l.ctx, historyTimeout)
		defer cancel()
		if err := l.readHistory(ctx, notice); err != nil && l.ctx.Err() == nil {
			l.conn.log.Info("a part of the history was not read", zap.String("error", engine.Redact(withoutAddress(err).Error())))
		}
	}()
}

func (l *link) readHistory(ctx context.Context, notice *waE2E.HistorySyncNotification) error {
	if err := l.conn.net.histories.Acquire(ctx, 1); err != nil {
		return err
	}
	defer l.conn.net.histories.Release(1)
	blob := notice.GetInitialHistBootstrapInlinePayload()
	if blob == nil {
		var err error
		if blob, err = l.client.Download(ctx, notice); err != nil {
			return fmt.Errorf("download: %w", err)
		}
	}
	history, err := parseHistory(blob)
	if err != nil {
		return err
	}
	l.learn(ctx, history)
	return l.learnTimers(ctx, history.GetConversations())
}

// parseHistory unpacks a part of the history.
func parseHistory(blob []byte) (*waHistorySync.HistorySync, error) {
	unpacked, err := zlib.NewReader(bytes.NewReader(blob))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(unpacked, maxHistoryPlain+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("unpack: %w", err)
	case len(raw) > maxHistoryPlain:
		return nil, fmt.Errorf("it unpacks to more than %d bytes", maxHistoryPlain)
	}
	history := new(waHistorySync.HistorySync)
	if err := proto.Unmarshal(raw, history); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return history, nil
}

// learn has whatsmeow store what it makes use of. Its own DownloadHistorySync is
// not used: that bounds nothing, and saves the device, for the account's global
// settings, while others change it.
func (l *link) learn(ctx context.Context, history *waHistorySync.HistorySync) {
	//lint:ignore SA1019 see above
	store := l.client.DangerousInternals()
	if mappings := history.GetPhoneNumberToLidMappings(); len(mappings) > 0 {
		store.StoreHistoricalPNLIDMappings(ctx, mappings)
	}
	if names := history.GetPushnames(); len(names) > 0 {
		store.HandleHistoricalPushNames(ctx, names)
	}
	if chats := history.GetConversations(); len(chats) > 0 {
		store.StoreHistoricalMessageSecrets(ctx, chats)
	}
	if salt := history.GetNctSalt(); len(salt) > 0 {
		if err := store.StoreNCTSalt(ctx, salt); err != nil {
			l.conn.log.Debug("the salt of privacy tokens was not stored", zap.Error(err))
		}
	}
}

// learnTimers tells the session the timers of one-to-one chats. Those of groups
// are looked up before the first message to each.
func (l *link) learnTimers(ctx context.Context, chats []*waHistorySync.Conversation) error {
	for _, chat := range chats {
		jid, err := types.ParseJID(chat.GetID())
		if err != nil || chat.GetEphemeralExpiration() == 0 ||
			jid.Server != types.DefaultUserServer && jid.Server != types.HiddenUserServer {
			continue
		}
		addresses := []types.JID{jid}
		for _, other := range []string{chat.GetPnJID(), chat.GetLidJID()} {
			if also, err := types.ParseJID(other); err == nil && also.User != "" {
				addresses = append(addresses, also)
			}
		}
		peer, err := l.person(addresses...)
		if err != nil {
			return err
		}
		err = l.conn.handler.Notice(ctx, engine.Notice{
			At: time.Unix(chat.GetEphemeralSettingTimestamp(), 0),
			Timer: &engine.ChatTimer{Chat: chatIn(jid, peer), Peer: peer,
				After: time.Duration(chat.GetEphemeralExpiration()) * time.Second},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
