package simnet

import (
	"bytes"
	"compress/zlib"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// person is somebody that a phone tells a new companion about.
type person struct {
	pn, lid types.JID
	name    string                 // Push name, empty when unknown.
	timer   *waE2E.ProtocolMessage // The last change of the chat's timer, nil for none.
}

// bootstrap is the first part of the history that a phone sends after linking.
// Of their chats these phones tell the timers alone. What else a companion needs
// is who stands behind which LID, and that a history came at all: Baileys holds
// its ready state back until then. A chat goes by the LID (assumed: as in
// stanzas). Global settings are left out (assumed to be optional): whatsmeow saves
// its device because of them while it also takes in the push name, without a lock
// around both.
func bootstrap(people []person) *waHistorySync.HistorySync {
	sync := &waHistorySync.HistorySync{
		SyncType:   waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum(),
		ChunkOrder: proto.Uint32(1),
		Progress:   proto.Uint32(100),
	}
	for _, p := range people {
		sync.PhoneNumberToLidMappings = append(sync.PhoneNumberToLidMappings, &waHistorySync.PhoneNumberToLIDMapping{
			PnJID: proto.String(p.pn.ToNonAD().String()), LidJID: proto.String(p.lid.ToNonAD().String()),
		})
		if p.timer != nil {
			sync.Conversations = append(sync.Conversations, &waHistorySync.Conversation{
				ID: proto.String(p.lid.ToNonAD().String()), PnJID: proto.String(p.pn.ToNonAD().String()),
				EphemeralExpiration: p.timer.EphemeralExpiration, EphemeralSettingTimestamp: p.timer.EphemeralSettingTimestamp,
			})
		}
	}
	return sync
}

// pushNames is the part of the history that tells how people call themselves.
func pushNames(people []person) *waHistorySync.HistorySync {
	sync := &waHistorySync.HistorySync{SyncType: waHistorySync.HistorySync_PUSH_NAME.Enum(), ChunkOrder: proto.Uint32(1), Progress: proto.Uint32(100)}
	for _, p := range people {
		if p.name != "" {
			sync.Pushnames = append(sync.Pushnames, &waHistorySync.Pushname{ID: proto.String(p.pn.ToNonAD().String()), Pushname: proto.String(p.name)})
		}
	}
	return sync
}

// recentHistory is the last part: no chats, and nothing more to come.
func recentHistory() *waHistorySync.HistorySync {
	return &waHistorySync.HistorySync{SyncType: waHistorySync.HistorySync_RECENT.Enum(), ChunkOrder: proto.Uint32(1), Progress: proto.Uint32(100)}
}

// historyBlob is a part of the history as it is uploaded or sent inline.
func historyBlob(sync *waHistorySync.HistorySync) ([]byte, error) {
	raw, err := proto.Marshal(sync)
	if err != nil {
		return nil, fmt.Errorf("encode history: %w", err)
	}
	var out bytes.Buffer
	writer := zlib.NewWriter(&out)
	if _, err := writer.Write(raw); err != nil {
		return nil, fmt.Errorf("compress history: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("compress history: %w", err)
	}
	return out.Bytes(), nil
}

// inlineHistory is the peer message that carries a part of the history in
// itself. (Phones do so with the first part; assumed: with all parts that are
// this small. Clients look for the inline payload whatever the type.)
func inlineHistory(sync *waHistorySync.HistorySync) (*waE2E.Message, error) {
	blob, err := historyBlob(sync)
	if err != nil {
		return nil, err
	}
	notice := historyNotice(sync)
	notice.InitialHistBootstrapInlinePayload = blob
	return historyMessage(notice), nil
}

func historyNotice(sync *waHistorySync.HistorySync) *waE2E.HistorySyncNotification {
	// The two enumerations give the types they share the same numbers.
	return &waE2E.HistorySyncNotification{
		SyncType:   waE2E.HistorySyncType(sync.GetSyncType()).Enum(),
		ChunkOrder: proto.Uint32(sync.GetChunkOrder()),
		Progress:   proto.Uint32(sync.GetProgress()),
	}
}

func historyMessage(notice *waE2E.HistorySyncNotification) *waE2E.Message {
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type:                    waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(),
		HistorySyncNotification: notice,
	}}
}

// pushNameSetting is how the phone tells its companions the account's name: a
// value for appState.set in critical_block, with its index and format.
func pushNameSetting(name string) (index []string, format int32, value *waSyncAction.SyncActionValue) {
	return []string{"setting_pushName"}, 1, &waSyncAction.SyncActionValue{
		PushNameSetting: &waSyncAction.PushNameSetting{Name: proto.String(name)},
	}
}
