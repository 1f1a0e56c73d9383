package simnet

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// welcome lets the phone send a new device what it needs, once, as soon as the
// device is active and has prekeys: before that nothing can be encrypted for it.
func (s *Server) welcome(dev *device) {
	dev.mu.Lock()
	ready := dev.active && len(dev.prekeys) > 0 && !dev.welcomed
	dev.welcomed = dev.welcomed || ready
	dev.mu.Unlock()
	if ready {
		s.tasks.spawn(func() { s.phoneOf(dev.account).welcome(dev) })
	}
}

// sendPeer sends a message that only the account's own devices understand.
func (p *Phone) sendPeer(dev *device, message *waE2E.Message) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	plaintext, err := proto.Marshal(message)
	if err != nil {
		return err
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

// readPeer handles what a linked device asks of its phone.
func (p *Phone) readPeer(in incoming, _ *waE2E.Message) {
	p.server.log.Debug("peer message", zap.String("id", in.id))
}

// welcome sends the first peer messages to a new device.
func (p *Phone) welcome(_ *device) {}
