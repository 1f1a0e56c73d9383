package whatsapp

import (
	"container/list"
	"strings"
	"sync"
)

// rowMemory bounds, in bytes, what the stores of all devices keep in memory: the
// sessions of some ten thousand people who were written to last.
const rowMemory = 32 << 20

// entryOverhead is about what an entry costs beside its name and its value.
const entryOverhead = 256

// rowKind is a table of the device store that is kept in memory by rows.
type rowKind uint8

const (
	rowSession   rowKind = iota // a Signal session, []byte, by the address of the other device
	rowIdentity                 // an identity key, [32]byte, by the address of the other device
	rowSenderKey                // a sender key, []byte, by senderKeyName
	rowToken                    // a privacy token, store.PrivacyToken, by address
	rowSalt                     // the device's salt of tokens, []byte, under ""
)

// row names a row of one device.
type row struct {
	kind rowKind
	name string
}

// senderKeyName is the name of a sender key's row.
func senderKeyName(group, user string) string { return group + "\x00" + user }

// memory holds rows of the device store as they were last committed or read, the
// least used of which give way. A row that is known not to exist is held as nil.
//
// Who changes a row, or puts in what was read, holds the device's turn meanwhile
// (see deviceTurns), so that nothing older can take the place of something newer.
// Values are shared: nobody may change them.
type memory struct {
	limit int

	mu      sync.Mutex
	size    int
	devices map[string]map[row]*list.Element
	recent  *list.List // of *remembered, the last used first

	hashes   map[string]*ciphertexts // by device; see there
	hashSize int
}

type remembered struct {
	device string
	row    row
	value  any
	size   int
}

func newMemory(limit int) *memory {
	return &memory{
		limit: limit, devices: make(map[string]map[row]*list.Element), recent: list.New(),
		hashes: make(map[string]*ciphertexts),
	}
}

// get returns a row, nil if it is known not to exist. It is not ok if nothing is known.
func (m *memory) get(device string, r row) (value any, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.devices[device][r]
	if !ok {
		return nil, false
	}
	m.recent.MoveToFront(e)
	return e.Value.(*remembered).value, true
}

func (m *memory) put(device string, r row, value any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := entryOverhead + len(r.name)
	if b, ok := value.([]byte); ok {
		size += len(b)
	}
	if e, ok := m.devices[device][r]; ok {
		known := e.Value.(*remembered)
		m.size += size - known.size
		known.value, known.size = value, size
		m.recent.MoveToFront(e)
	} else {
		rows := m.devices[device]
		if rows == nil {
			rows = make(map[row]*list.Element)
			m.devices[device] = rows
		}
		rows[r] = m.recent.PushFront(&remembered{device, r, value, size})
		m.size += size
	}
	for m.size > m.limit {
		m.drop(m.recent.Back())
	}
}

// forget drops a row, whose value is no longer known.
func (m *memory) forget(device string, r row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.devices[device][r]; ok {
		m.drop(e)
	}
}

// forgetPrefix drops all rows of a device whose name begins like that.
func (m *memory) forgetPrefix(device, prefix string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for r, e := range m.devices[device] {
		if strings.HasPrefix(r.name, prefix) {
			m.drop(e)
		}
	}
}

// forgetKind drops all rows of one kind of a device.
func (m *memory) forgetKind(device string, kind rowKind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for r, e := range m.devices[device] {
		if r.kind == kind {
			m.drop(e)
		}
	}
}

// forgetDevice drops all that is known of a device.
func (m *memory) forgetDevice(device string) {
	m.forgetPrefix(device, "")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropHashes(device)
}

// forgetAll drops everything.
func (m *memory) forgetAll() {
	m.forgetHashes()
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.devices)
	m.recent.Init()
	m.size = 0
}

// drop is called with the lock held.
func (m *memory) drop(e *list.Element) {
	known := m.recent.Remove(e).(*remembered)
	m.size -= known.size
	rows := m.devices[known.device]
	delete(rows, known.row)
	if len(rows) == 0 {
		delete(m.devices, known.device)
	}
}

// deviceTurns lets one at a time change what belongs to a device, or look at what is
// changing. A message is decrypted within one turn: a session that was read before
// it and written after it would encrypt under keys that are used up.
type deviceTurns struct {
	mu  sync.Mutex
	all map[string]*sync.Mutex
}

// of returns the lock of a device. All its connections share it.
func (t *deviceTurns) of(device string) *sync.Mutex {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(map[string]*sync.Mutex)
	}
	turn, ok := t.all[device]
	if !ok {
		turn = new(sync.Mutex)
		t.all[device] = turn
	}
	return turn
}

// forget ends the memory of a device that is deleted.
func (t *deviceTurns) forget(device string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, device)
}
