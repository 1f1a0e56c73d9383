package store

import "sync"

// keyCache remembers the keys that were found, for as long as nothing was written but
// what record writes. It is safe for concurrent use, and its zero value is ready.
type keyCache struct {
	mu    sync.RWMutex
	epoch uint64 // of what is known; another one begins with every forget
	rows  map[string]keyRow
}

// find looks for the hash of a whole key. With what it returns besides, keep can tell
// whether a row that is read after it still holds.
func (c *keyCache) find(hash string) (k keyRow, known bool, epoch uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, known = c.rows[hash]
	return k, known, c.epoch
}

// keep remembers a row that was read in an epoch, unless another has begun.
func (c *keyCache) keep(hash string, k keyRow, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch == epoch {
		learn(&c.rows, hash, k)
	}
}

// forget is called when a write was committed that may have changed a key or its
// tenant, before anybody is told of it.
func (c *keyCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.rows = nil
}
