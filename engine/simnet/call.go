package simnet

import (
	"context"
	"errors"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Call rings at an account, as a voice or a video call, and returns the call's
// id. Only the account's linked devices hear of it: phones here have no ears. It
// fails when there is no such account; one that has blocked the caller is not rung.
//
// The shape is what whatsmeow's call.go and Baileys' handleCall read. Assumed: that
// the network keeps it for devices that are away, as it keeps messages, and that
// it names the caller by LID.
func (p *Phone) Call(_ context.Context, to types.JID, video bool) (string, error) {
	id := strings.ToUpper(newMessageID())
	offer := waBinary.Node{Tag: "offer", Content: []waBinary.Node{
		{Tag: "audio", Attrs: waBinary.Attrs{"enc": "opus", "rate": "16000"}},
	}}
	if video {
		offer.Content = append(offer.GetChildren(), waBinary.Node{Tag: "video", Attrs: waBinary.Attrs{"enc": "vp8"}})
	}
	return id, p.signalCall(to, id, offer)
}

// HangUp ends a call that Call has begun.
func (p *Phone) HangUp(_ context.Context, to types.JID, id string) error {
	return p.signalCall(to, id, waBinary.Node{Tag: "terminate"})
}

// signalCall tells the devices of an account how a call of the phone's stands.
func (p *Phone) signalCall(to types.JID, id string, what waBinary.Node) error {
	s := p.server
	acct, err := s.directory.find(to)
	if err != nil {
		return err
	}
	if id == "" || acct == p.account {
		return errors.New("a call has an id and goes to somebody else")
	}
	if acct.blocks(p.account) {
		return nil
	}
	caller := p.account.lidJID()
	what.Attrs = waBinary.Attrs{"call-id": id, "call-creator": caller, "caller_pn": p.account.pn()}
	for _, dev := range acct.linked() {
		s.deliver(acct, dev.id, &waBinary.Node{Tag: "call", Content: []waBinary.Node{what}, Attrs: waBinary.Attrs{
			"from": caller, "id": s.nextID("call"), "t": unixText(s.clock()), "platform": "android", "version": "2.26.1",
		}})
	}
	return nil
}
