package simnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

var (
	// ErrUnknownMessage says that the phone has no message with this id.
	ErrUnknownMessage = errors.New("no such message on this phone")
	// ErrUnknownDevice says that the phone has no such linked device.
	ErrUnknownDevice = errors.New("no such linked device")
)

// Phone is a virtual phone: the primary device of a number. It decrypts what it
// is sent, remembers it, and answers with receipts by itself. Its methods may
// be called from any goroutine. They act at once; what they cause elsewhere
// happens in the server's goroutines.
type Phone struct {
	server  *Server
	account *account

	// sending makes one message at a time, so that a chat keeps its order.
	// It is taken before mu and before any other phone's mu.
	sending sync.Mutex

	mu       sync.Mutex
	keys     *keyring
	inbox    []*Received
	revision int // counts changes of messages that are in the inbox already
	received map[receivedKey]*Received
	sources  map[types.MessageID]*waBinary.Node // stanzas, for receipts and retries
	outbox   []*sentMessage
	changed  chan struct{} // closed when inbox or outbox changed
	mailbox  []*waBinary.Node
	draining bool
	offline  bool // set by SetOnline(false)
	silent   bool // set by SetAutoReceipts(false)
	retries  map[types.MessageID]int
	tokens   map[*account][]byte // privacy tokens that others issued to this account
	passkey  *passkey
	lost     map[types.MessageID]bool             // files that are no longer on the phone
	app      *appState                            // nil until a device is linked: see phone_peer.go
	shared   map[types.JID]map[types.JID]struct{} // by group: devices that have the phone's sender key

	progress   map[types.MessageID]Progress // of linked devices' messages, and of what was read: see phone_chat.go
	archived   map[string]bool              // by chatName: what companions put away, or back
	chatStates []ChatState                  // the latest, not kept over a restart
}

// receivedKey is what makes a message the same as an earlier one.
type receivedKey struct {
	chat, sender string
	id           types.MessageID
}

// Received is one message on a phone.
type Received struct {
	ID       types.MessageID
	From     types.JID // the sending device, in the form in which it was addressed
	FromPN   types.JID // the sender's phone number, without a device
	Chat     types.JID // the other side's phone number, or the group
	Time     time.Time // as the server stamped it
	Got      time.Time // when the phone got it, more finely; what its chats are ordered by
	PushName string
	Message  *waE2E.Message // must not be modified
	Text     string         // body or caption, "" when there is none
	Copies   int            // stanzas seen with this id; 1 means that nothing came twice
	FromMe   bool           // sent by one of the phone's own linked devices
	Buttons  []Button       // what can be tapped below the text
}

// Phone returns the virtual phone of a number (digits only, with the country
// code). It exists whatever SetAbsent says, so that tests may hold on to it.
func (s *Server) Phone(number string) *Phone {
	acct, err := s.directory.number(number)
	if err != nil {
		// An absent or malformed number gets an account outside the directory:
		// nobody can reach it, and every attempt to send reports why.
		acct = newAccount(number, number)
	}
	return s.phoneOf(acct)
}

func (s *Server) phoneOf(acct *account) *Phone {
	acct.mu.Lock()
	defer acct.mu.Unlock()
	if acct.phone == nil {
		acct.phone = &Phone{server: s, account: acct, keys: newKeyring()}
	}
	return acct.phone
}

func (a *account) existingPhone() *Phone {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.phone
}

// Number returns the phone's number.
func (p *Phone) Number() string { return p.account.number }

// JID returns the phone-number form of the phone's address.
func (p *Phone) JID() types.JID { return p.account.pn() }

// LID returns the form of the address that hides the number.
func (p *Phone) LID() types.JID { return p.account.lidJID() }

// Devices lists the linked devices in phone-number form.
func (p *Phone) Devices() []types.JID {
	var list []types.JID
	for _, dev := range p.account.linked() {
		list = append(list, dev.jid(types.DefaultUserServer))
	}
	return list
}

// Unlink removes a linked device, as the account's owner can at any time. It
// fails with ErrUnknownDevice.
func (p *Phone) Unlink(_ context.Context, device types.JID) error {
	if !p.account.is(device) || device.Device == 0 || !p.server.unlink(p.account, device.Device) {
		return ErrUnknownDevice
	}
	return nil
}

// SetOnline connects the phone to the network or takes it off. What comes in
// the meantime waits.
func (p *Phone) SetOnline(on bool) {
	p.mu.Lock()
	p.offline = !on
	p.startDraining()
	p.mu.Unlock()
	p.server.spreadPresence(p.account)
}

// SetPushName changes the name that the phone's messages carry, and tells the
// linked devices.
func (p *Phone) SetPushName(name string) {
	p.account.rename(name)
	p.server.saver.touch()
	p.mu.Lock()
	shared := p.app != nil
	p.mu.Unlock()
	if !shared {
		return // The first linked device learns the name when it is welcomed.
	}
	if err := p.publishName(name); err != nil {
		p.server.noteUnhandled("phone: " + err.Error())
	}
}

// SetAutoReceipts says whether the phone confirms deliveries by itself; it does
// unless told otherwise.
func (p *Phone) SetAutoReceipts(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = !on
}

// Online says whether the phone is connected to the network, and how many
// stanzas wait for it.
func (p *Phone) Online() (on bool, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.offline, len(p.mailbox)
}

// visible says whether others see the phone as online. A phone that nobody
// uses is never in the foreground: only one that got or sent something is.
func (p *Phone) visible() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.offline && (len(p.inbox) > 0 || len(p.outbox) > 0)
}

// Inbox lists the messages on the phone, oldest first.
func (p *Phone) Inbox() []Received {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Received, len(p.inbox))
	for i, r := range p.inbox {
		list[i] = *r
	}
	return list
}

// Await returns the first message, past or future, that match accepts. It
// fails with the context's error.
func (p *Phone) Await(ctx context.Context, match func(Received) bool) (Received, error) {
	seen, revision := 0, 0
	for {
		p.mu.Lock()
		if revision != p.revision { // An older message changed: look at all again.
			seen, revision = 0, p.revision
		}
		for ; seen < len(p.inbox); seen++ {
			if r := p.inbox[seen]; match(*r) {
				found := *r
				p.mu.Unlock()
				return found, nil
			}
		}
		changed := p.waitChange()
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Received{}, fmt.Errorf("await message: %w", ctx.Err())
		}
	}
}

// waitChange returns a channel that closes at the next change. The caller
// holds mu.
func (p *Phone) waitChange() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// notifyChange wakes those who wait. The caller holds mu.
func (p *Phone) notifyChange() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
	p.server.saver.touch()
}

// bundle mints a prekey bundle for somebody who wants to write to the phone.
func (p *Phone) bundle() bundle {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server.saver.touch()
	return p.keys.bundle()
}

func (p *Phone) identityPub() [32]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys.identityPub()
}

// deliver puts a stanza into the mailbox. It never blocks; the stanza is read
// in a goroutine of the server's.
func (p *Phone) deliver(node *waBinary.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mailbox = append(p.mailbox, node)
	p.startDraining()
}

// wake reads the mailbox if there is something in it.
func (p *Phone) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.startDraining()
}

// startDraining reads the mailbox unless that is happening. The caller holds mu.
func (p *Phone) startDraining() {
	if p.draining || p.offline || len(p.mailbox) == 0 {
		return
	}
	p.draining = p.server.tasks.spawn(p.drain)
}

func (p *Phone) drain() {
	for {
		p.mu.Lock()
		if len(p.mailbox) == 0 || p.offline || p.server.tasks.stopping() {
			p.draining = false
			p.mu.Unlock()
			return
		}
		node := p.mailbox[0]
		p.mailbox[0] = nil
		p.mailbox = slices.Clip(p.mailbox[1:])
		if len(p.mailbox) == 0 {
			p.mailbox = nil
		}
		p.mu.Unlock()
		p.read(node)
	}
}

// read handles one stanza from the mailbox.
func (p *Phone) read(node *waBinary.Node) {
	switch node.Tag {
	case "message":
		p.readMessage(node)
	case "receipt":
		p.readReceipt(node)
	case "notification":
		p.readNotification(node)
	case "chatstate":
		p.readChatState(node)
	}
}

func (p *Phone) readNotification(node *waBinary.Node) {
	switch attrText(node, "type") {
	case "privacy_token":
	case "w:gp2":
		p.readGroupChange(node)
		return
	default:
		return
	}
	from, _ := attrJID(node, "from")
	acct, err := p.server.directory.find(from)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tokens == nil {
		p.tokens = make(map[*account][]byte)
	}
	p.tokens[acct] = childContent(node, "tokens", "token")
}

// TrustedBy tells whether another account has issued a privacy token to this one,
// as clients do beside their first message to it.
func (p *Phone) TrustedBy(other types.JID) bool {
	acct, err := p.server.directory.find(other)
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens[acct] != nil
}
