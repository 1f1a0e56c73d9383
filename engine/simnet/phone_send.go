package simnet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// Outgoing is one message that a phone sent, with what it heard of it. The keys
// of the maps are devices in phone-number form.
type Outgoing struct {
	ID        types.MessageID
	Chat      types.JID // phone number or group
	Time      time.Time
	Text      string
	Delivered map[types.JID]time.Time // "inactive" receipts count as well
	Read      map[types.JID]time.Time
	Played    map[types.JID]time.Time
	Retries   int // how often a device asked for the message again
}

// sentMessage is an Outgoing with what a retry needs.
type sentMessage struct {
	Outgoing
	to      types.JID // as it was addressed
	message *waE2E.Message
}

// Sent lists the phone's own messages, oldest first.
func (p *Phone) Sent() []Outgoing {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Outgoing, len(p.outbox))
	for i, m := range p.outbox {
		list[i] = m.Outgoing
		list[i].Delivered, list[i].Read, list[i].Played = maps.Clone(m.Delivered), maps.Clone(m.Read), maps.Clone(m.Played)
	}
	return list
}

// AwaitSent returns the first of the phone's own messages that match accepts,
// now or after further receipts.
func (p *Phone) AwaitSent(ctx context.Context, match func(Outgoing) bool) (Outgoing, error) {
	for {
		p.mu.Lock()
		changed := p.waitChange()
		p.mu.Unlock()
		for _, m := range p.Sent() {
			if match(m) {
				return m, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Outgoing{}, fmt.Errorf("await receipt: %w", ctx.Err())
		}
	}
}

// SendText sends a text.
func (p *Phone) SendText(ctx context.Context, to types.JID, text string) (types.MessageID, error) {
	return p.Send(ctx, to, &waE2E.Message{Conversation: proto.String(text)})
}

// Send encrypts a message for every device of the recipient and for the
// phone's own linked devices, and returns when the network took it. to is a
// phone number, a LID or a group. It fails when there is no such account and
// when the network refuses the message.
func (p *Phone) Send(_ context.Context, to types.JID, message *waE2E.Message) (types.MessageID, error) {
	message = withSecret(message)
	if _, err := p.server.directory.find(p.JID()); err != nil {
		return "", err // The phone's own number is absent.
	}
	p.sending.Lock()
	defer p.sending.Unlock()
	if to.Server == types.GroupServer {
		return p.sendGroup(to, newMessageID(), message)
	}
	acct, err := p.server.directory.find(to)
	if err != nil {
		return "", err
	}
	id := newMessageID()
	node, err := p.chatNode(acct, to.ToNonAD(), id, message)
	if err != nil {
		return "", err
	}
	p.remember(&sentMessage{
		Outgoing: Outgoing{ID: id, Chat: acct.pn(), Time: p.server.clock(), Text: textOf(message)},
		to:       to.ToNonAD(), message: message,
	})
	return id, p.submit(node)
}

// submit hands a message to the network and turns a refusal into an error.
func (p *Phone) submit(node *waBinary.Node) error {
	answer := p.server.relay(origin{p.account, 0}, node)
	if code := attrText(answer, "error"); code != "" {
		return fmt.Errorf("the network refused the message with %s", code)
	}
	return nil
}

// remember keeps a message for receipts and retries.
func (p *Phone) remember(m *sentMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outbox = append(p.outbox, m)
	p.notifyChange()
}

// chatNode encrypts a message for everyone who is to get it.
func (p *Phone) chatNode(acct *account, to types.JID, id types.MessageID, message *waE2E.Message) (*waBinary.Node, error) {
	plaintext, err := proto.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	ownText, err := proto.Marshal(deviceSent(to, message))
	if err != nil {
		return nil, fmt.Errorf("encode message for own devices: %w", err)
	}
	participants := p.encryptFor(acct.deviceJIDs(to.Server), plaintext, message)
	if acct != p.account {
		participants = append(participants, p.encryptFor(p.account.deviceJIDs(to.Server), ownText, message)...)
	}
	kind := traitsOf(message)
	node := &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{
		"id": id, "to": to, "type": kind.kind, "edit": kind.edit, // An empty attribute is not written.
	}}
	children := []waBinary.Node{{Tag: "participants", Content: participants}}
	p.mu.Lock()
	token := p.tokens[acct]
	p.mu.Unlock()
	if len(token) > 0 {
		children = append(children, waBinary.Node{Tag: "tctoken", Content: token})
	}
	if kind.poll != "" {
		children = append(children, waBinary.Node{Tag: "meta", Attrs: waBinary.Attrs{"polltype": kind.poll}})
	}
	node.Content = children
	return node, nil
}

// deviceSent wraps a message for the sender's own other devices.
func deviceSent(to types.JID, message *waE2E.Message) *waE2E.Message {
	return &waE2E.Message{
		DeviceSentMessage:  &waE2E.DeviceSentMessage{DestinationJID: proto.String(to.String()), Message: message},
		MessageContextInfo: message.GetMessageContextInfo(),
	}
}

// encryptFor makes one <to> for each device except the phone itself. A device
// without a prekey bundle is left out, as clients do.
func (p *Phone) encryptFor(devices []types.JID, plaintext []byte, message *waE2E.Message) []waBinary.Node {
	var list []waBinary.Node
	kind := traitsOf(message)
	for _, jid := range devices {
		if p.account.is(jid) && jid.Device == 0 {
			continue
		}
		enc, err := p.encrypt(jid, plaintext)
		if err != nil {
			p.server.log.Debug("device left out", zap.Error(err))
			continue
		}
		kind.mark(enc)
		list = append(list, waBinary.Node{Tag: "to", Attrs: waBinary.Attrs{"jid": jid}, Content: []waBinary.Node{*enc}})
	}
	return list
}

// encrypt makes one ciphertext and opens a session first where there is none.
func (p *Phone) encrypt(jid types.JID, plaintext []byte) (*waBinary.Node, error) {
	acct, err := p.server.directory.find(jid)
	if err != nil {
		return nil, err
	}
	peer := acct.jid(types.HiddenUserServer, jid.Device)
	p.mu.Lock()
	known := p.keys.hasSession(peer)
	p.mu.Unlock()
	if !known {
		// Fetched without the lock: the other phone takes its own for it.
		b, err := p.server.fetchBundle(peer)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		err = p.keys.accept(peer, b)
		p.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	kind, ciphertext, err := p.keys.encrypt(peer, plaintext)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return &waBinary.Node{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": kind}, Content: ciphertext}, nil
}

// readReceipt notes what became of a message, and answers a retry.
func (p *Phone) readReceipt(node *waBinary.Node) {
	from, _ := attrJID(node, "from")
	if participant, ok := attrJID(node, "participant"); ok {
		from = participant
	}
	acct, err := p.server.directory.find(from)
	if err != nil {
		return
	}
	switch attrText(node, "type") {
	case "retry":
		p.answerRetry(node, acct, from)
		return
	case "server-error":
		p.answerMediaRetry(node)
		return
	}
	if acct == p.account { // A linked device tells what it read.
		if step := progressOf(attrText(node, "type")); step >= ProgressRead {
			p.mu.Lock()
			p.noteProgress(step, receiptIDs(node)...)
			p.mu.Unlock()
		}
		return
	}
	device := acct.jid(types.DefaultUserServer, from.Device)
	now := p.server.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range receiptIDs(node) {
		m := p.findSent(id)
		if m == nil { // One of a linked device's.
			p.noteProgress(progressOf(attrText(node, "type")), id)
			continue
		}
		switch attrText(node, "type") {
		case "read":
			note(&m.Read, device, now)
		case "played":
			note(&m.Played, device, now)
		default:
			note(&m.Delivered, device, now)
		}
	}
	p.notifyChange()
}

func note(where *map[types.JID]time.Time, device types.JID, now time.Time) {
	if *where == nil {
		*where = make(map[types.JID]time.Time)
	}
	if _, there := (*where)[device]; !there {
		(*where)[device] = now
	}
}

// findSent returns a sent message or nil. The caller holds mu.
func (p *Phone) findSent(id types.MessageID) *sentMessage {
	for i := len(p.outbox) - 1; i >= 0; i-- {
		if p.outbox[i].ID == id {
			return p.outbox[i]
		}
	}
	return nil
}

// answerRetry encrypts a message again for the device that could not read it,
// under a new session when it sent its keys or when there is none.
func (p *Phone) answerRetry(receipt *waBinary.Node, acct *account, from types.JID) {
	p.sending.Lock()
	defer p.sending.Unlock()
	retry, _ := child(receipt, "retry")
	p.mu.Lock()
	m := p.findSent(attrText(retry, "id"))
	if m != nil {
		m.Retries++
		p.notifyChange()
	}
	p.mu.Unlock()
	if m == nil {
		return // Peer messages are not kept: the device asks for them anew.
	}
	count, err := strconv.Atoi(attrText(retry, "count"))
	if err != nil || count < 1 || count > maxRetries {
		p.server.noteUnhandled("phone: retry receipt without a valid count")
		return
	}
	if err := p.resend(m, acct, from, receipt, count); err != nil {
		p.server.log.Debug("retry not answered", zap.Error(err))
	}
}

func (p *Phone) resend(m *sentMessage, acct *account, from types.JID, receipt *waBinary.Node, count int) error {
	if err := p.renewSession(receipt, acct, from, count); err != nil {
		return err
	}
	if m.to.Server == types.GroupServer {
		return p.resendGroup(m, from, count)
	}
	message := m.message
	if acct == p.account {
		message = deviceSent(m.to, message)
	}
	plaintext, err := proto.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	enc, err := p.encrypt(from, plaintext)
	if err != nil {
		return err
	}
	traitsOf(m.message).mark(enc)
	enc.Attrs["count"] = strconv.Itoa(count)
	node := &waBinary.Node{Tag: "message", Content: []waBinary.Node{*enc}, Attrs: waBinary.Attrs{
		"id": m.ID, "to": from, "type": traitsOf(m.message).kind, "device_fanout": "false",
	}}
	if acct == p.account {
		node.Attrs["recipient"] = m.to
	}
	return p.submit(node)
}

// renewSession accepts the keys in a retry receipt, or drops the old session
// when a second retry came without any, so that new keys are fetched.
func (p *Phone) renewSession(receipt *waBinary.Node, acct *account, from types.JID, count int) error {
	peer := acct.jid(types.HiddenUserServer, from.Device)
	keys, ok := child(receipt, "keys")
	if !ok {
		if count > 1 {
			p.mu.Lock()
			p.keys.forget(peer)
			p.mu.Unlock()
		}
		return nil
	}
	b, err := parseRetryKeys(receipt, keys)
	if err != nil {
		p.server.noteUnhandled("phone: retry receipt: " + err.Error())
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys.accept(peer, b)
}

func parseRetryKeys(receipt, keys *waBinary.Node) (bundle, error) {
	var b bundle
	registration, identity := childContent(receipt, "registration"), childContent(keys, "identity")
	if len(registration) != 4 || len(identity) != 32 {
		return b, errors.New("registration or identity of the wrong length")
	}
	skey, _ := child(keys, "skey")
	signed, err := parseKey(skey)
	if err != nil {
		return b, err
	}
	b = bundle{registration: bigEndian(registration), identity: [32]byte(identity), signed: signed}
	if key, ok := child(keys, "key"); ok {
		oneTime, err := parseKey(key)
		if err != nil {
			return b, err
		}
		b.oneTime = &oneTime
	}
	return b, nil
}

// newMessageID makes an id in the form of Android's: 32 upper-case hex digits.
func newMessageID() types.MessageID {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // crypto/rand never returns an error since Go 1.24.
	return strings.ToUpper(hex.EncodeToString(raw))
}

// mark writes what a ciphertext's own stanza reveals about its content.
func (t traits) mark(enc *waBinary.Node) {
	if t.media != "" {
		enc.Attrs["mediatype"] = t.media
	}
	if t.hide {
		enc.Attrs["decrypt-fail"] = "hide"
	}
}
