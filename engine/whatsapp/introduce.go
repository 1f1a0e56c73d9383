package whatsapp

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
)

// introduce tells the network the account's name, which others see beside what
// this device sends. The network learns it from a device's presence and from
// nothing else: without it strangers see "-" (source: whatsmeow's SendPresence).
// An account that nobody has shown as online stays offline by it.
//
// The node is written here, because whatsmeow's own function reads the name while
// its settings may be changing it.
func (l *link) introduce(name string) {
	if name == "" {
		return // The phone tells it with the first settings.
	}
	l.conn.mu.Lock()
	state := types.PresenceUnavailable
	if l.available {
		state = types.PresenceAvailable
	}
	l.conn.mu.Unlock()
	//lint:ignore SA1019 see above
	err := l.client.DangerousInternals().SendNode(l.ctx, waBinary.Node{
		Tag: "presence", Attrs: waBinary.Attrs{"type": string(state), "name": name},
	})
	if err != nil { // The next connection tells it.
		l.conn.log.Debug("the account's name was not told", zap.Error(err))
	}
}
