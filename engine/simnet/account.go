package simnet

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"

	"go.mau.fi/whatsmeow/types"
)

const (
	// maxLinked is how many devices a phone may link.
	maxLinked = 4
	// maxDeviceID is the highest device id. 99 would be a hosted device, which
	// clients leave out of groups (source: Baileys messages-send.js).
	maxDeviceID = 98
)

var errTooManyDevices = errors.New("the account already has four linked devices")

// account is one person on the network: the primary device (a Phone, made when
// first needed) and the devices linked to it. The server's view only: no keys.
type account struct {
	number string
	lid    string

	mu          sync.Mutex
	phone       *Phone
	devices     map[uint16]*device
	lastDevice  uint16
	lastIndex   uint32 // key index of the newest link
	pushName    string
	about       string
	picture     *profilePicture        // nil if there is none
	business    *Business              // nil for somebody who is none
	met         map[*account]struct{}  // with whom messages were exchanged
	watchers    map[*device]struct{}   // who subscribed to the presence
	settings    *settings              // blocklist, privacy …: made when first changed
	issued      map[*account][]byte    // privacy tokens given to others
	collections map[string]*collection // app state, made when first written
}

func newAccount(number, lid string) *account { return &account{number: number, lid: lid} }

// jid names one device of the account; 0 is the phone.
func (a *account) jid(server string, id uint16) types.JID {
	user := a.lid
	if server == types.DefaultUserServer {
		user = a.number
	}
	return types.JID{User: user, Server: server, Device: id}
}

func (a *account) pn() types.JID       { return a.jid(types.DefaultUserServer, 0) }
func (a *account) lidJID() types.JID   { return a.jid(types.HiddenUserServer, 0) }
func (a *account) is(j types.JID) bool { return j.User == a.userOn(j.Server) }

func (a *account) userOn(server string) string {
	switch server {
	case types.DefaultUserServer:
		return a.number
	case types.HiddenUserServer:
		return a.lid
	default:
		return ""
	}
}

// deviceIDs lists the phone (0) and the linked devices in ascending order.
func (a *account) deviceIDs() []uint16 {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]uint16, 1, len(a.devices)+1)
	for id := range a.devices {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// linked lists the linked devices in ascending order of their ids.
func (a *account) linked() []*device {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]*device, 0, len(a.devices))
	for _, dev := range a.devices {
		all = append(all, dev)
	}
	slices.SortFunc(all, func(x, y *device) int { return int(x.id) - int(y.id) })
	return all
}

// device returns a linked device or nil. There is none with the id 0.
func (a *account) device(id uint16) *device {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.devices[id]
}

// has says whether the device exists; the phone always does.
func (a *account) has(id uint16) bool { return id == 0 || a.device(id) != nil }

// reserve picks the id and key index of the next linked device. Ids go up and
// are not used again soon, so that nobody takes a new device for an old one.
func (a *account) reserve() (id uint16, index uint32, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.devices) >= maxLinked {
		return 0, 0, errTooManyDevices
	}
	for a.lastDevice = a.lastDevice%maxDeviceID + 1; a.devices[a.lastDevice] != nil; {
		a.lastDevice = a.lastDevice%maxDeviceID + 1
	}
	a.lastIndex++
	return a.lastDevice, a.lastIndex, nil
}

func (a *account) attach(dev *device) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.devices == nil {
		a.devices = make(map[uint16]*device)
	}
	a.devices[dev.id] = dev
}

// detach removes a linked device; nil when there was none.
func (a *account) detach(id uint16) *device {
	a.mu.Lock()
	defer a.mu.Unlock()
	dev := a.devices[id]
	delete(a.devices, id)
	return dev
}

func (a *account) name() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pushName
}

func (a *account) rename(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pushName = name
}

// meet remembers that two accounts exchanged a message and reports whether
// they had before.
func (a *account) meet(other *account) (before bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, before = a.met[other]; !before {
		if a.met == nil {
			a.met = make(map[*account]struct{})
		}
		a.met[other] = struct{}{}
	}
	return before
}

func (a *account) hasMet(other *account) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, met := a.met[other]
	return met
}

// token returns the privacy token that this account issued to another, made
// when it is first asked for.
func (a *account) token(to *account, issue bool) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.issued[to] == nil && issue {
		if a.issued == nil {
			a.issued = make(map[*account][]byte)
		}
		token := make([]byte, 16)
		_, _ = rand.Read(token) // crypto/rand never returns an error since Go 1.24.
		a.issued[to] = token
	}
	return a.issued[to]
}

// participantHash is the hash over a set of devices by which client and server
// notice that they disagree (source: whatsmeow send.go, version 2).
func participantHash(devices []types.JID) string {
	names := make([]string, len(devices))
	for i, jid := range devices {
		names[i] = jid.ADString()
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}

// deviceJIDs lists all devices of an account on one server.
func (a *account) deviceJIDs(server string) []types.JID {
	ids := a.deviceIDs()
	list := make([]types.JID, len(ids))
	for i, id := range ids {
		list[i] = a.jid(server, id)
	}
	return list
}
