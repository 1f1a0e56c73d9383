package simnet

import (
	"slices"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// maxLedger bounds the ledger; the oldest entries go first.
const maxLedger = 400_000

// LedgerEntry is what the network believes about one message and one device.
// A zero time means that it hasn't happened.
type LedgerEntry struct {
	ID     types.MessageID `json:"id"`
	Device types.JID       `json:"device"` // of the receiver, in phone-number form
	From   types.JID       `json:"from"`   // as it stands in the stanza
	Queued time.Time       `json:"queued"`
	Sent   time.Time       `json:"sent,omitzero"`  // written to a connection, perhaps more than once
	Acked  time.Time       `json:"acked,omitzero"` // by an ack or a receipt: the network has forgotten it
}

// Ledger is a copy of the book at one moment, oldest first.
type Ledger []LedgerEntry

// Message lists the entries of one message.
func (l Ledger) Message(id types.MessageID) Ledger {
	return l.where(func(e LedgerEntry) bool { return e.ID == id })
}

// Acked lists what the network believes delivered to a device.
func (l Ledger) Acked(device types.JID) Ledger {
	return l.where(func(e LedgerEntry) bool { return e.Device == device && !e.Acked.IsZero() })
}

// Pending lists what still waits for a device.
func (l Ledger) Pending(device types.JID) Ledger {
	return l.where(func(e LedgerEntry) bool { return e.Device == device && e.Acked.IsZero() })
}

func (l Ledger) where(match func(LedgerEntry) bool) Ledger {
	var found Ledger
	for _, e := range l {
		if match(e) {
			found = append(found, e)
		}
	}
	return found
}

type ledgerKey struct {
	id     types.MessageID
	device types.JID
}

// ledgerBook keeps the ledger. It has a lock of its own, taken last.
type ledgerBook struct {
	mu      sync.Mutex
	entries map[ledgerKey]*LedgerEntry
	order   []ledgerKey
}

func newLedgerBook() *ledgerBook { return &ledgerBook{entries: make(map[ledgerKey]*LedgerEntry)} }

// Ledger returns what the network believes about every message so far, or about
// the latest 400,000 copies of messages.
func (s *Server) Ledger() Ledger {
	b := s.ledger
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make(Ledger, 0, len(b.order))
	for _, key := range b.order {
		list = append(list, *b.entries[key])
	}
	return list
}

// queued notes a message; one that comes again under its id (a resend, or the
// answer to a retry) opens its entry again.
func (b *ledgerBook) queued(node *waBinary.Node, acct *account, id uint16, now time.Time) {
	if node.Tag != "message" {
		return
	}
	from, _ := attrJID(node, "from")
	key := ledgerKey{attrText(node, "id"), acct.jid(types.DefaultUserServer, id)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[key]; e != nil {
		e.Acked = time.Time{}
		return
	}
	if len(b.order) >= maxLedger {
		for _, old := range b.order[:maxLedger/10] {
			delete(b.entries, old)
		}
		b.order = slices.Clone(b.order[maxLedger/10:])
	}
	b.entries[key] = &LedgerEntry{ID: key.id, Device: key.device, From: from, Queued: now}
	b.order = append(b.order, key)
}

func (b *ledgerBook) wrote(node *waBinary.Node, acct *account, id uint16, now time.Time) {
	if node.Tag == "message" {
		b.update(attrText(node, "id"), acct, id, func(e *LedgerEntry) { e.Sent = now })
	}
}

func (b *ledgerBook) sent(dev *device, e *entry, now time.Time) {
	b.wrote(e.node, dev.account, dev.id, now)
}

func (b *ledgerBook) acked(id string, acct *account, device uint16, now time.Time) {
	b.update(id, acct, device, func(e *LedgerEntry) { e.Acked = now })
}

func (b *ledgerBook) update(id string, acct *account, device uint16, change func(*LedgerEntry)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[ledgerKey{id, acct.jid(types.DefaultUserServer, device)}]; e != nil {
		change(e)
	}
}
