package whatsapp

import "encoding/binary"

const (
	// A block of blockBytes holds blockHashes at 16 bits each, and takes one in 1,700 of
	// all other hashes for one of its own.
	blockBytes  = 2 << 10
	blockHashes = blockBytes / 2
	// maxHashes is how many hashes of one device are kept, in 64 KiB.
	maxHashes = 32 * blockHashes
	// hashStart is how much of a hash is looked at: two bytes for each of eight bits.
	hashStart = 16
	// hashMemory bounds, in bytes, what is kept of the hashes of all devices.
	hashMemory = 16 << 20
)

// ciphertexts are the hashes of ciphertexts in a device's event buffer, as a Bloom filter
// that grows by blocks: it may take a hash for known that is not, but never one that is
// known for unknown. If there are too many, all are taken for known until old ones
// are deleted.
type ciphertexts struct {
	blocks []*[blockBytes]byte
	count  int
	over   bool
}

// hashesOf reads the beginnings of hashes, one behind the other.
func hashesOf(starts []byte) *ciphertexts {
	c := &ciphertexts{}
	if len(starts) > maxHashes*hashStart {
		c.overflow()
	}
	for ; len(starts) >= hashStart && !c.over; starts = starts[hashStart:] {
		c.add(starts)
	}
	return c
}

func (c *ciphertexts) overflow() { *c = ciphertexts{over: true} }

func (c *ciphertexts) add(hash []byte) {
	switch {
	case c.over:
		return
	case c.count == maxHashes:
		c.overflow()
		return
	case c.count%blockHashes == 0:
		c.blocks = append(c.blocks, new([blockBytes]byte))
	}
	c.count++
	last := c.blocks[len(c.blocks)-1]
	for i := 0; i < hashStart; i += 2 {
		at, bit := bitOf(hash[i:])
		last[at] |= bit
	}
}

// mayHold is false only for a hash that was not added.
func (c *ciphertexts) mayHold(hash []byte) bool {
	for _, block := range c.blocks {
		if holds(block, hash) {
			return true
		}
	}
	return c.over
}

func holds(block *[blockBytes]byte, hash []byte) bool {
	for i := 0; i < hashStart; i += 2 {
		if at, bit := bitOf(hash[i:]); block[at]&bit == 0 {
			return false
		}
	}
	return true
}

// bitOf is the bit that stands for two bytes of a hash, which are as good as random.
func bitOf(part []byte) (at int, bit byte) {
	n := int(binary.LittleEndian.Uint16(part)) % (8 * blockBytes)
	return n / 8, 1 << (n % 8)
}

func (c *ciphertexts) size() int { return len(c.blocks) * blockBytes }

// mayHold tells whether a hash may be in a device's buffer, if that is known.
func (m *memory) mayHold(device string, hash [32]byte) (may, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, known := m.hashes[device]
	return known && c.mayHold(hash[:]), known
}

// keepHashes remembers all that is in a device's buffer. Whoever calls it, or addHash,
// has the device's turn.
func (m *memory) keepHashes(device string, c *ciphertexts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropHashes(device)
	m.hashes[device] = c
	m.hashSize += c.size()
	m.boundHashes(c)
}

// addHash adds a hash to those of a device, if they are remembered.
func (m *memory) addHash(device string, hash [32]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.hashes[device]; ok {
		m.hashSize -= c.size()
		c.add(hash[:])
		m.hashSize += c.size()
		m.boundHashes(c)
	}
}

// boundHashes gives up the hashes that there is no room for. Those of others stay: to
// list them time and again would cost more than to ask for each. The lock is held.
func (m *memory) boundHashes(last *ciphertexts) {
	if m.hashSize > hashMemory {
		m.hashSize -= last.size()
		last.overflow()
	}
}

// forgetHashes has the hashes of all devices listed anew.
func (m *memory) forgetHashes() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.hashes)
	m.hashSize = 0
}

// dropHashes is called with the lock held.
func (m *memory) dropHashes(device string) {
	if c, ok := m.hashes[device]; ok {
		m.hashSize -= c.size()
		delete(m.hashes, device)
	}
}
