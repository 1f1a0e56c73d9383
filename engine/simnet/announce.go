package simnet

import (
	"encoding/json"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// notification is a stanza of the network's own, queued like a message.
func (s *Server) notification(kind string, from types.JID, children ...waBinary.Node) *waBinary.Node {
	return &waBinary.Node{Tag: "notification", Content: children, Attrs: waBinary.Attrs{
		"type": kind, "from": from, "id": s.nextID("note"), "t": unixText(s.clock()),
	}}
}

// announceLowPreKeys asks a device to upload one-time prekeys.
func (s *Server) announceLowPreKeys(dev *device) {
	s.deliver(dev.account, dev.id, s.notification("encrypt", types.ServerJID,
		waBinary.Node{Tag: "count", Attrs: waBinary.Attrs{"value": dev.preKeyCount()}}))
}

// announceDevices tells the account's own other devices and everybody who
// exchanged messages with it that a device came ("add") or went ("remove").
func (s *Server) announceDevices(acct *account, dev *device, change string) {
	pns, lids := acct.deviceJIDs(types.DefaultUserServer), acct.deviceJIDs(types.HiddenUserServer)
	own := make([]waBinary.Node, len(pns))
	for i, jid := range pns {
		own[i] = waBinary.Node{Tag: "device", Attrs: waBinary.Attrs{"jid": jid}}
	}
	for _, sibling := range acct.linked() {
		if sibling == dev {
			continue
		}
		s.deliver(acct, sibling.id, s.notification("account_sync", acct.pn(), waBinary.Node{
			Tag: "devices", Attrs: waBinary.Attrs{"dhash": participantHash(pns)}, Content: own,
		}))
	}
	for _, other := range acct.acquaintances() {
		for _, watcher := range other.linked() {
			note := s.notification("devices", acct.pn(), waBinary.Node{
				Tag: change,
				Attrs: waBinary.Attrs{
					"device_hash": participantHash(pns), "device_lid_hash": participantHash(lids),
				},
				Content: []waBinary.Node{
					{Tag: "device", Attrs: waBinary.Attrs{
						"jid": dev.jid(types.DefaultUserServer), "lid": dev.jid(types.HiddenUserServer),
						"key-index": int(dev.keyIndex),
					}},
					{Tag: "key-index-list", Attrs: waBinary.Attrs{"ts": unixText(s.clock())}},
				},
			})
			note.Attrs["lid"] = acct.lidJID()
			s.deliver(other, watcher.id, note)
		}
	}
}

// acquaintances lists the accounts that messages were exchanged with.
func (a *account) acquaintances() []*account {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]*account, 0, len(a.met))
	for other := range a.met {
		if other != a {
			list = append(list, other)
		}
	}
	return list
}

// announceToken hands a privacy token to the account that it was issued to.
func (s *Server) announceToken(from, to *account, t string, token []byte) {
	if from == to {
		return
	}
	for _, id := range to.deviceIDs() {
		note := s.notification("privacy_token", from.pn(), waBinary.Node{Tag: "tokens", Content: []waBinary.Node{
			{Tag: "token", Attrs: waBinary.Attrs{"type": "trusted_contact", "t": t}, Content: token},
		}})
		note.Attrs["sender_lid"] = from.lidJID()
		s.deliver(to, id, note)
	}
}

// announceBlocked tells the account's other devices whom one of them blocked or
// let in again (source: whatsmeow notification.go).
func (s *Server) announceBlocked(by *device, other *account, action, before string) {
	for _, dev := range by.account.linked() {
		if dev == by {
			continue
		}
		s.deliver(by.account, dev.id, s.notification("account_sync", by.account.pn(), waBinary.Node{
			Tag: "blocklist", Attrs: waBinary.Attrs{"dhash": hashOf(by.account.blocked()), "prev_dhash": before},
			Content: []waBinary.Node{{Tag: "item", Attrs: waBinary.Attrs{"jid": other.lidJID(), "action": action}}},
		}))
	}
}

// announceTimelock tells an account's devices that it may not write to
// strangers until ends, or that it may again (source: whatsmeow notification.go
// and events.NotifyAccountReachoutTimelock).
func (s *Server) announceTimelock(acct *account, active bool, ends time.Time) {
	body, err := json.Marshal(map[string]any{"data": map[string]any{
		"xwa2_notify_account_reachout_timelock": timelockFacts(active, ends),
	}})
	if err != nil {
		s.log.DPanic("timelock notification can't be encoded")
		return
	}
	for _, dev := range acct.linked() {
		s.deliver(acct, dev.id, s.notification("mex", types.ServerJID, waBinary.Node{
			Tag: "update", Attrs: waBinary.Attrs{"op_name": "NotificationUserReachoutTimelockUpdate"}, Content: body,
		}))
	}
}

// unlink removes a linked device: it is told, and its keys and queue are gone.
func (s *Server) unlink(acct *account, id uint16) bool {
	dev := acct.detach(id)
	if dev == nil {
		return false
	}
	if st := dev.connection(); st != nil {
		st.finish(streamConflict("device_removed"))
	}
	s.saver.touch()
	s.announceDevices(acct, dev, "remove")
	return true
}
