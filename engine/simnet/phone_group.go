package simnet

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// ErrNoGroup says that there is no such group or that the phone isn't in it.
var ErrNoGroup = errors.New("no such group for this phone")

// sendGroup encrypts a message once under the phone's sender key in the group,
// and that key once more for each device that does not have it yet. The caller
// holds sending.
func (p *Phone) sendGroup(to types.JID, id types.MessageID, message *waE2E.Message) (types.MessageID, error) {
	devices, code := p.server.groupDevices(to, p.account)
	if code != 0 {
		return "", ErrNoGroup
	}
	plaintext, err := proto.Marshal(message)
	if err != nil {
		return "", fmt.Errorf("encode message: %w", err)
	}
	p.mu.Lock()
	for device := range p.shared[to] {
		if !slices.Contains(devices, device) {
			p.rotateKey(to) // Somebody left or unlinked a device: it must not read on.
			break
		}
	}
	distribution, ciphertext, err := p.keys.encryptGroup(to, p.LID(), plaintext)
	var lacking []types.JID
	for _, device := range devices {
		if _, has := p.shared[to][device]; !has {
			lacking = append(lacking, device)
		}
	}
	p.mu.Unlock()
	if err != nil {
		return "", err
	}
	keyText, err := proto.Marshal(withSenderKey(&waE2E.Message{}, to, distribution))
	if err != nil {
		return "", fmt.Errorf("encode sender key: %w", err)
	}
	participants := p.encryptFor(lacking, keyText, &waE2E.Message{})
	kind := traitsOf(message)
	enc := waBinary.Node{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": kindGroup}, Content: ciphertext}
	kind.mark(&enc)
	node := &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{
		"id": id, "to": to, "type": kind.kind, "edit": kind.edit, "addressing_mode": "lid", "phash": participantHash(devices),
	}}
	var children []waBinary.Node
	if len(participants) > 0 {
		children = append(children, waBinary.Node{Tag: "participants", Content: participants})
	}
	children = append(children, enc)
	if kind.poll != "" {
		children = append(children, waBinary.Node{Tag: "meta", Attrs: waBinary.Attrs{"polltype": kind.poll}})
	}
	node.Content = children
	p.remember(&sentMessage{
		Outgoing: Outgoing{ID: id, Chat: to, Time: p.server.clock(), Text: textOf(message)},
		to:       to, message: message,
	})
	if err := p.submit(node); err != nil {
		return id, err
	}
	p.noteShared(to, participants)
	return id, nil
}

// withSenderKey adds a sender key to a message.
func withSenderKey(message *waE2E.Message, group types.JID, distribution []byte) *waE2E.Message {
	message = proto.CloneOf(message)
	message.SenderKeyDistributionMessage = &waE2E.SenderKeyDistributionMessage{
		GroupID:                             proto.String(group.String()),
		AxolotlSenderKeyDistributionMessage: distribution,
	}
	return message
}

// noteShared remembers which devices were sent the phone's sender key.
func (p *Phone) noteShared(group types.JID, participants []waBinary.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared == nil {
		p.shared = make(map[types.JID]map[types.JID]struct{})
	}
	if p.shared[group] == nil {
		p.shared[group] = make(map[types.JID]struct{})
	}
	for _, to := range participants {
		if device, ok := attrJID(&to, "jid"); ok {
			p.shared[group][device] = struct{}{}
		}
	}
}

// resendGroup answers a retry in a group: the message and the sender key, for
// the one device that asked. Its session has been renewed.
func (p *Phone) resendGroup(m *sentMessage, to types.JID, count int) error {
	p.mu.Lock()
	distribution, err := p.keys.distribution(m.to, p.LID())
	p.mu.Unlock()
	if err != nil {
		return err
	}
	plaintext, err := proto.Marshal(withSenderKey(m.message, m.to, distribution))
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	enc, err := p.encrypt(to, plaintext)
	if err != nil {
		return err
	}
	kind := traitsOf(m.message)
	kind.mark(enc)
	enc.Attrs["count"] = strconv.Itoa(count)
	return p.submit(&waBinary.Node{Tag: "message", Content: []waBinary.Node{*enc}, Attrs: waBinary.Attrs{
		"id": m.ID, "to": m.to, "participant": to, "type": kind.kind, "edit": kind.edit, "addressing_mode": "lid",
	}})
}

// readGroupChange notes what a group's notification means for the phone's keys:
// when somebody leaves, the next message goes out under a new sender key, even
// if that member is back by then.
func (p *Phone) readGroupChange(node *waBinary.Node) {
	group, ok := attrJID(node, "from")
	if !ok || !has(node, "remove") {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rotateKey(group)
}

// rotateKey drops the phone's sender key in a group; the next message makes a
// new one and takes it to everybody. The caller holds mu.
func (p *Phone) rotateKey(group types.JID) {
	p.keys.forgetGroup(group, p.LID())
	delete(p.shared, group)
}
