package simnet

import (
	"errors"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// welcome sends a new linked device what every one gets: the app state key, the
// account's name, and a history.
func (p *Phone) welcome(dev *device) error {
	p.mu.Lock()
	named := p.app != nil && p.app.collection(criticalBlock).Version > 0
	p.mu.Unlock()
	if name := p.account.name(); !named && name != "" {
		if err := p.publishName(name); err != nil {
			return err
		}
	}
	share := p.appState().keyShare(p.keyIndexes())
	people := p.acquainted()
	messages := []*waE2E.Message{share}
	for _, part := range []*waHistorySync.HistorySync{bootstrap(people), pushNames(people), recentHistory()} {
		message, err := inlineHistory(part)
		if err != nil {
			return err
		}
		messages = append(messages, message)
	}
	for _, message := range messages {
		if err := p.sendPeer(dev, message); err != nil {
			return err
		}
	}
	return nil
}

// acquainted lists the people whom the phone has exchanged messages with, and
// its owner.
func (p *Phone) acquainted() []person {
	people := []person{{pn: p.account.pn(), lid: p.account.lidJID(), name: p.account.name()}}
	for _, acct := range p.account.acquaintances() {
		people = append(people, person{pn: acct.pn(), lid: acct.lidJID(), name: acct.name(), timer: p.timerWith(acct)})
	}
	return people
}

// timerWith is the last change of the timer of a chat, by either side.
func (p *Phone) timerWith(other *account) *waE2E.ProtocolMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last *waE2E.ProtocolMessage
	look := func(chat types.JID, m *waE2E.Message) {
		change := m.GetProtocolMessage()
		if other.is(chat) && change.GetType() == waE2E.ProtocolMessage_EPHEMERAL_SETTING &&
			(last == nil || change.GetEphemeralSettingTimestamp() >= last.GetEphemeralSettingTimestamp()) {
			last = change
		}
	}
	for _, r := range p.inbox {
		look(r.Chat, r.Message)
	}
	for _, m := range p.outbox {
		look(m.to, m.message)
	}
	return last
}

func (p *Phone) keyIndexes() []uint32 {
	indexes := []uint32{0}
	for _, dev := range p.account.linked() {
		indexes = append(indexes, dev.keyIndex)
	}
	return indexes
}

// sendPeer sends a message from the phone to one of its linked devices. It
// belongs to no chat and is not kept for retries. (Assumed: that it comes from
// the LID; clients accept both forms.)
func (p *Phone) sendPeer(dev *device, message *waE2E.Message) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	plaintext, err := proto.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode peer message: %w", err)
	}
	to := dev.jid(types.HiddenUserServer)
	enc, err := p.encrypt(to, plaintext)
	if err != nil {
		return err
	}
	return p.submit(&waBinary.Node{Tag: "message", Content: []waBinary.Node{*enc}, Attrs: waBinary.Attrs{
		"id": newMessageID(), "to": to, "type": "text", "category": "peer",
	}})
}

// readPeer answers what a linked device asks its phone for. What needs no
// answer is ignored.
func (p *Phone) readPeer(in incoming, message *waE2E.Message) {
	dev := p.account.device(in.from.Device)
	if in.sender != p.account || dev == nil {
		return
	}
	var answers []*waE2E.Message
	request := message.GetProtocolMessage()
	switch request.GetType() {
	case waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST:
		answers = append(answers, p.appState().keyShare(p.keyIndexes()))
	case waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_MESSAGE:
		answer, err := p.answerOperation(in.id, request.GetPeerDataOperationRequestMessage())
		if err != nil {
			p.server.noteUnhandled("phone: peer request: " + err.Error())
			return
		}
		answers = append(answers, answer)
	}
	for _, answer := range answers {
		if err := p.sendPeer(dev, answer); err != nil {
			p.server.log.Debug("peer request not answered", zap.Error(err))
		}
	}
}

// answerOperation serves the requests that whatsmeow sends by itself: messages
// that it could not decrypt, and older history, of which there is none.
func (p *Phone) answerOperation(id types.MessageID, request *waE2E.PeerDataOperationRequestMessage) (*waE2E.Message, error) {
	switch request.GetPeerDataOperationRequestType() {
	case waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND:
		answer := &waE2E.PeerDataOperationRequestResponseMessage{
			PeerDataOperationRequestType: request.GetPeerDataOperationRequestType().Enum(),
			StanzaID:                     proto.String(id),
		}
		for _, wanted := range request.GetPlaceholderMessageResendRequest() {
			raw, err := proto.Marshal(p.asWebMessage(wanted.GetMessageKey()))
			if err != nil {
				return nil, fmt.Errorf("encode message copy: %w", err)
			}
			answer.PeerDataOperationResult = append(answer.PeerDataOperationResult, &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{
				PlaceholderMessageResendResponse: &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_PlaceholderMessageResendResponse{
					WebMessageInfoBytes: raw,
				},
			})
		}
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type:                                    waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
			PeerDataOperationRequestResponseMessage: answer,
		}}, nil
	case waE2E.PeerDataOperationRequestType_HISTORY_SYNC_ON_DEMAND:
		return inlineHistory(&waHistorySync.HistorySync{
			SyncType: waHistorySync.HistorySync_ON_DEMAND.Enum(), ChunkOrder: proto.Uint32(1), Progress: proto.Uint32(100),
		})
	default:
		return nil, errors.New("unknown operation " + request.GetPeerDataOperationRequestType().String())
	}
}

// asWebMessage is the phone's own copy of a message, for a device that could
// not decrypt its own. Only the key is filled in when the phone has none.
func (p *Phone) asWebMessage(key *waCommon.MessageKey) *waWeb.WebMessageInfo {
	out := &waWeb.WebMessageInfo{Key: key}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.inbox {
		if r.ID == key.GetID() && r.FromMe == key.GetFromMe() && r.Message != nil {
			out.Message = r.Message
			out.MessageTimestamp = proto.Uint64(uint64(r.Time.Unix()))
			out.PushName = orNil(r.PushName)
		}
	}
	return out
}

// appState returns the account's app state, which begins with its first device.
func (p *Phone) appState() *appState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.appStateLocked()
}

// appStateLocked is appState for callers that hold mu.
func (p *Phone) appStateLocked() *appState {
	if p.app == nil {
		p.app = newAppState(p.rawID(), p.server.clock())
	}
	return p.app
}

// publishName tells the account's devices its name through the app state.
func (p *Phone) publishName(name string) error {
	index, format, value := pushNameSetting(name)
	return p.publish(criticalBlock, index, format, value)
}

// publish sets one value of the app state for all devices of the account.
func (p *Phone) publish(name string, index []string, format int32, value *waSyncAction.SyncActionValue) error {
	now := p.server.clock()
	for range 3 { // A companion may publish in between; then the phone catches up first.
		if err := p.catchUp(name); err != nil {
			return err
		}
		done, version, err := p.tryPublish(func(app *appState) ([]byte, func(), error) {
			return app.set(name, index, format, value, now)
		}, name)
		if err != nil {
			return err
		}
		if done {
			p.server.announceCollection(p.account, 0, name, version)
			return nil
		}
	}
	return errors.New("app state changes too fast to publish")
}

func (p *Phone) tryPublish(write func(*appState) ([]byte, func(), error), name string) (done bool, version int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	app := p.appStateLocked()
	patch, commit, err := write(app)
	if err != nil {
		return false, 0, err
	}
	version, err = p.server.appendPatch(p.account, name, int(app.collection(name).Version), patch)
	if err != nil || version == 0 {
		return false, 0, err
	}
	commit()
	return true, version, nil
}

// catchUp applies what companions published in a collection. A push name
// becomes the account's own, and chats are put away.
func (p *Phone) catchUp(name string) error {
	p.mu.Lock()
	app := p.appStateLocked()
	version := app.collection(name).Version
	var changes []appChange
	patches, _ := p.account.patchesSince(name, int(version))
	for _, patch := range patches {
		version++
		more, err := app.apply(name, version, patch)
		if err != nil {
			p.mu.Unlock()
			return fmt.Errorf("app state %s version %d: %w", name, version, err)
		}
		changes = append(changes, more...)
	}
	p.mu.Unlock()
	for _, change := range changes {
		if setting := change.value.GetPushNameSetting(); setting != nil && !change.removed {
			p.account.rename(setting.GetName())
		}
		if action := change.value.GetArchiveChatAction(); action != nil && len(change.index) == 2 {
			if err := p.noteArchived(change.index[1], action.GetArchived() && !change.removed); err != nil {
				return err
			}
		}
	}
	return nil
}
