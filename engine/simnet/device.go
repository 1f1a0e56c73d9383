package simnet

import (
	"context"
	"strconv"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// lowPreKeys is the number of one-time prekeys below which the server asks a
// device for more. Assumed from the clients: at five or more neither whatsmeow
// nor Baileys uploads any, however often it is told.
const lowPreKeys = 5

// device is a linked device as the server knows it: public keys, the stanzas
// that it has not acknowledged, and its connection when it has one.
type device struct {
	account  *account
	id       uint16
	noise    [32]byte // the key that it must log in with
	keyIndex uint32
	linked   time.Time

	mu       sync.Mutex
	identity [32]byte
	register uint32
	signed   publicKey
	prekeys  []publicKey // handed out once each, oldest first
	asked    bool        // it was told that its prekeys run low
	welcomed bool        // the phone sent what it sends after linking
	queue    []*entry
	room     chan struct{} // closed when the queue gets shorter; nil while nobody waits for that
	stream   *stream       // nil when offline
	active   bool          // the stream takes what is queued
	name     string        // what its presence has told on this connection
	props    []byte        // DeviceProps of its registration
}

// entry is one stanza that waits for the device's acknowledgement.
type entry struct {
	node   *waBinary.Node
	class  string
	id     string
	queued time.Time
	tried  bool // it was written to a connection before
}

// jid names the device on one of the two servers of people.
func (d *device) jid(server string) types.JID { return d.account.jid(server, d.id) }

// deliver queues a stanza until the device acknowledges it, and sends it at
// once when the device is connected and active.
func (d *device) deliver(node *waBinary.Node, now time.Time) (sent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := &entry{node: node, class: node.Tag, id: attrText(node, "id"), queued: now}
	d.queue = append(d.queue, e)
	if d.active && d.stream != nil {
		e.tried = d.stream.send(node)
	}
	return e.tried
}

// push sends a stanza that nobody keeps: presence and the like. It is dropped
// when the device is not connected.
func (d *device) push(node *waBinary.Node) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.active && d.stream != nil && d.stream.send(node)
}

// acknowledge removes what an ack or a receipt confirms and reports whether
// there was anything. The id alone isn't enough: a message and its receipts
// share it.
func (d *device) acknowledge(matches func(*entry) bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, e := range d.queue {
		if matches(e) {
			copy(d.queue[i:], d.queue[i+1:])
			d.queue[len(d.queue)-1] = nil
			d.queue = d.queue[:len(d.queue)-1]
			if d.room != nil {
				close(d.room)
				d.room = nil
			}
			return true
		}
	}
	return false
}

// waiting lists what the device has not acknowledged.
func (d *device) waiting() []*entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*entry(nil), d.queue...)
}

// awaitRoom waits until fewer than so many stanzas wait for the device; false
// means that the context ended before.
func (d *device) awaitRoom(ctx context.Context, limit int) bool {
	for {
		d.mu.Lock()
		if len(d.queue) < limit {
			d.mu.Unlock()
			return ctx.Err() == nil
		}
		if d.room == nil {
			d.room = make(chan struct{})
		}
		room := d.room
		d.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return false
		}
	}
}

// connect makes a stream the device's own and returns the one it replaces.
func (d *device) connect(st *stream) (replaced *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	replaced, d.stream, d.active, d.name = d.stream, st, false, ""
	return replaced
}

// introduce notes the name that a device's presence tells.
func (d *device) introduce(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name = name
}

// disconnect forgets a stream unless a newer one took its place.
func (d *device) disconnect(st *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stream == st {
		d.stream, d.active = nil, false
	}
}

func (d *device) connection() *stream {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stream
}

// activate sends the offline queue, framed by its announcement and its end, and
// from then on passes stanzas through as they come. written is called for every
// stanza. Only the first call for a connection does anything.
//
// The numbers in the offline attributes are the places in the queue: what the
// real ones mean isn't known, clients only look whether one is there.
func (d *device) activate(st *stream, written func(*entry)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stream != st || d.active {
		return
	}
	d.active = true
	counts := make(map[string]int)
	for _, e := range d.queue {
		counts[e.class]++
	}
	st.send(&waBinary.Node{Tag: "ib", Attrs: waBinary.Attrs{"from": types.ServerJID}, Content: []waBinary.Node{{
		Tag: "offline_preview",
		Attrs: waBinary.Attrs{
			"count": len(d.queue), "appdata": 0, "message": counts["message"],
			"notification": counts["notification"], "receipt": counts["receipt"],
		},
	}}})
	for i, e := range d.queue {
		copied := *e.node
		copied.Attrs = make(waBinary.Attrs, len(e.node.Attrs)+1)
		for key, value := range e.node.Attrs {
			copied.Attrs[key] = value
		}
		copied.Attrs["offline"] = strconv.Itoa(i)
		e.tried = st.send(&copied)
		written(e)
	}
	st.send(&waBinary.Node{Tag: "ib", Attrs: waBinary.Attrs{"from": types.ServerJID}, Content: []waBinary.Node{{
		Tag: "offline", Attrs: waBinary.Attrs{"count": len(d.queue)},
	}}})
}

// publish stores the keys of a prekey upload. One-time prekeys are added to
// those that are left, except the ids that are there already.
func (d *device) publish(b bundle, oneTime []publicKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.identity, d.register, d.signed = b.identity, b.registration, b.signed
	have := make(map[uint32]struct{}, len(d.prekeys))
	for _, key := range d.prekeys {
		have[key.id] = struct{}{}
	}
	for _, key := range oneTime {
		if _, there := have[key.id]; !there {
			d.prekeys = append(d.prekeys, key)
		}
	}
	d.asked = d.asked && len(d.prekeys) < lowPreKeys
}

func (d *device) rotate(signed publicKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signed = signed
}

func (d *device) preKeyCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.prekeys)
}

// bundle hands out a prekey bundle; a one-time prekey is given away once. low
// is true when the device should be asked for more, which happens once until it
// uploads. ok is false while the device has not published anything.
func (d *device) bundle() (b bundle, low bool, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.signed.id == 0 && d.signed.pub == [32]byte{} {
		return bundle{}, false, false
	}
	b = bundle{registration: d.register, identity: d.identity, signed: d.signed}
	if len(d.prekeys) > 0 {
		key := d.prekeys[0]
		d.prekeys = d.prekeys[1:]
		b.oneTime = &key
	}
	low = len(d.prekeys) < lowPreKeys && !d.asked
	d.asked = d.asked || low
	return b, low, true
}
