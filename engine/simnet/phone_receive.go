package simnet

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/signalerror"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// maxRetries is how often a phone asks for one message again (clients stop at
// five as well: whatsmeow retry.go).
const maxRetries = 5

// incoming is one message stanza with what the phone found out about it.
type incoming struct {
	node   *waBinary.Node
	id     types.MessageID
	from   types.JID // the sending device as it stands in the stanza
	sender *account
	chat   types.JID // phone number or group
	peer   types.JID // the Signal address: always the LID
}

// readMessage decrypts, remembers and confirms a message.
func (p *Phone) readMessage(node *waBinary.Node) {
	in, ok := p.identify(node)
	if !ok {
		p.server.noteUnhandled("phone: message from nobody: " + describe(node))
		return
	}
	if p.repeated(in) {
		p.confirm(in)
		return
	}
	if err := p.checkSender(in); err != nil {
		// A phone shows nothing of a device that its account did not sign. It
		// would be a defect of the client or of this network: say so.
		p.server.noteUnhandled("phone: device identity refused: " + err.Error())
		p.settled(in)
		return
	}
	message, err := p.open(in)
	switch {
	case errors.Is(err, signalerror.ErrOldCounter):
		p.confirm(in)
	case err != nil:
		p.server.log.Debug("phone can't decrypt", zap.String("id", in.id), zap.Error(err))
		p.askAgain(in)
	default:
		p.accept(in, message)
		p.confirm(in)
	}
}

func (p *Phone) identify(node *waBinary.Node) (incoming, bool) {
	in := incoming{node: node, id: attrText(node, "id")}
	from, ok := attrJID(node, "from")
	if !ok {
		return in, false
	}
	in.from, in.chat = from, from
	if participant, group := attrJID(node, "participant"); group {
		in.from = participant
	}
	acct, err := p.server.directory.find(in.from)
	if err != nil {
		return in, false
	}
	in.sender, in.peer = acct, acct.jid(types.HiddenUserServer, in.from.Device)
	if from.Server == types.GroupServer || from.Server == types.BroadcastServer {
		return in, true
	}
	in.chat = acct.pn()
	if recipient, own := attrJID(node, "recipient"); own && acct == p.account {
		other, err := p.server.directory.find(recipient)
		if err != nil {
			return in, false
		}
		in.chat = other.pn()
	}
	return in, true
}

func (in incoming) key() receivedKey {
	return receivedKey{in.chat.String(), in.sender.number, in.id}
}

// repeated counts a stanza whose id the phone has from this sender in this
// chat. Phones drop such a one without decrypting it.
func (p *Phone) repeated(in incoming) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.received[in.key()]
	if r == nil {
		return false
	}
	r.Copies++
	p.revision++
	if r.Message == nil {
		return false // It was asked for again: take the new copy.
	}
	p.notifyChange()
	return true
}

// checkSender verifies the signed identity of a linked device that opens a
// session: its account must have signed the very key that the message uses.
func (p *Phone) checkSender(in incoming) error {
	enc, ok := child(in.node, "enc")
	if !ok || attrText(enc, "type") != kindPreKey || in.from.Device == 0 {
		return nil
	}
	format := wireFormat()
	message, err := protocol.NewPreKeySignalMessageFromBytes(content(enc), format.PreKeySignalMessage, format.SignalMessage)
	if err != nil {
		return nil // It will not decrypt either, and a retry is the answer to that.
	}
	var signed waAdv.ADVSignedDeviceIdentity
	if err = proto.Unmarshal(childContent(in.node, "device-identity"), &signed); err != nil {
		return err
	}
	companion := message.IdentityKey().PublicKey().PublicKey()
	return verifyIdentity(&signed, p.server.phoneOf(in.sender).identityPub(), companion)
}

// open decrypts every ciphertext of a stanza and returns the message itself. In
// a group the first carries the sender's key and the second the message.
func (p *Phone) open(in incoming) (*waE2E.Message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last *waE2E.Message
	for _, enc := range in.node.GetChildrenByTag("enc") {
		var plaintext []byte
		var err error
		if kind := attrText(&enc, "type"); kind == kindGroup {
			plaintext, err = p.keys.decryptGroup(in.chat, in.peer, content(&enc))
		} else {
			plaintext, err = p.keys.decrypt(in.peer, kind, content(&enc))
		}
		if err != nil {
			return nil, err
		}
		message := &waE2E.Message{}
		if err = proto.Unmarshal(plaintext, message); err != nil {
			return nil, err
		}
		if key := message.GetSenderKeyDistributionMessage(); key != nil {
			if err = p.keys.acceptDistribution(in.chat, in.peer, key.GetAxolotlSenderKeyDistributionMessage()); err != nil {
				return nil, err
			}
		}
		last = message
	}
	if last == nil {
		return nil, errors.New("no ciphertext")
	}
	return last, nil
}

// accept stores a decrypted message.
func (p *Phone) accept(in incoming, message *waE2E.Message) {
	if attrText(in.node, "category") == "peer" {
		p.readPeer(in, message)
		return
	}
	if wrapped := message.GetDeviceSentMessage(); wrapped != nil && in.sender == p.account {
		message = wrapped.GetMessage()
	}
	seconds, _ := strconv.ParseInt(attrText(in.node, "t"), 10, 64)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.retries, in.id)
	r := p.received[in.key()]
	if r == nil {
		r = &Received{Copies: 1, Got: p.server.clock()}
		if p.received == nil {
			p.received = make(map[receivedKey]*Received)
			p.sources = make(map[types.MessageID]*waBinary.Node)
		}
		p.received[in.key()] = r
		p.inbox = append(p.inbox, r)
	} else {
		p.revision++
	}
	r.ID, r.From, r.FromPN, r.Chat = in.id, in.from, in.sender.pn(), in.chat
	r.Time, r.PushName = time.Unix(seconds, 0).UTC(), attrText(in.node, "notify")
	r.Message, r.Text, r.FromMe = message, textOf(message), in.sender == p.account
	if r.Buttons = buttonsIn(in.node, message); len(r.Buttons) > 0 {
		r.Text = message.GetInteractiveMessage().GetBody().GetText()
	}
	p.sources[in.id] = &waBinary.Node{Tag: "message", Attrs: in.node.Attrs}
	p.notifyChange()
}

// confirm sends the receipt that every device owes the sender of a message, and
// marks the message as delivered to the phone.
func (p *Phone) confirm(in incoming) {
	p.settled(in)
	p.mu.Lock()
	silent := p.silent
	p.mu.Unlock()
	if silent {
		return
	}
	receipt := p.receipt(in.node, in.id)
	switch {
	case attrText(in.node, "category") == "peer":
		receipt.Attrs["type"] = "peer_msg"
	case in.sender == p.account:
		receipt.Attrs["type"] = "sender"
	}
	p.sendReceipt(receipt)
}

func (p *Phone) settled(in incoming) {
	p.server.ledger.acked(in.id, p.account, 0, p.server.clock())
}

// receipt addresses a receipt to the sender of a stanza.
func (p *Phone) receipt(node *waBinary.Node, id types.MessageID) *waBinary.Node {
	receipt := &waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": id, "to": node.Attrs["from"]}}
	for _, key := range []string{"recipient", "participant"} {
		if value, ok := node.Attrs[key]; ok {
			receipt.Attrs[key] = value
		}
	}
	return receipt
}

func (p *Phone) sendReceipt(receipt *waBinary.Node) {
	to, _ := attrJID(receipt, "to")
	p.server.passReceipt(origin{p.account, 0}, to, receipt)
}

// askAgain asks the sending device to encrypt a message again. From the second
// time on the phone's keys go along, so that the sender can open a new session.
func (p *Phone) askAgain(in incoming) {
	p.settled(in)
	p.mu.Lock()
	if p.retries == nil {
		p.retries = make(map[types.MessageID]int)
	}
	p.retries[in.id]++
	count := p.retries[in.id]
	var keys *bundle
	if count > 1 && count < maxRetries {
		fresh := p.keys.bundle()
		keys = &fresh
	}
	registration := p.keys.keys().registration
	p.mu.Unlock()
	if count >= maxRetries {
		p.server.log.Warn("phone gives up on a message")
		return
	}
	receipt := p.receipt(in.node, in.id)
	receipt.Attrs["type"] = "retry"
	children := []waBinary.Node{
		{Tag: "retry", Attrs: waBinary.Attrs{"count": strconv.Itoa(count), "id": in.id, "t": in.node.Attrs["t"], "v": "1"}},
		{Tag: "registration", Content: uint32Bytes(registration)},
	}
	if keys != nil {
		children = append(children, waBinary.Node{Tag: "keys", Content: []waBinary.Node{
			{Tag: "type", Content: []byte{keyTypeDjb}},
			{Tag: "identity", Content: append([]byte(nil), keys.identity[:]...)},
			keyNode("key", *keys.oneTime),
			keyNode("skey", keys.signed),
		}})
	}
	receipt.Content = children
	p.sendReceipt(receipt)
}

// RequestRetry makes the phone lose its session with the device that sent a
// message and ask for the message again. The new copy is counted in Copies. It
// fails with ErrUnknownMessage.
func (p *Phone) RequestRetry(_ context.Context, id types.MessageID) error {
	p.mu.Lock()
	source := p.sources[id]
	p.mu.Unlock()
	if source == nil {
		return ErrUnknownMessage
	}
	in, ok := p.identify(source)
	if !ok {
		return ErrUnknownMessage
	}
	p.mu.Lock()
	p.keys.forget(in.peer)
	if r := p.received[in.key()]; r != nil {
		r.Message = nil
	}
	p.mu.Unlock()
	p.askAgain(in)
	return nil
}
