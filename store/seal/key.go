// Package seal encrypts single values of a database, so that who reads the file has
// nothing without the operator's key.
//
// Values are sealed by a data key that is made at random and kept in the database
// itself, wrapped by the operator's key: another operator's key costs one row. A value
// is bound to its place, so that it can't be moved to another row.
package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of every key, in bytes.
const KeySize = chacha20poly1305.KeySize

// fewestValues is how many different bytes a key must have. One in a billion billion
// random ones has fewer.
const fewestValues = 12

// Key is the operator's key. It is never stored.
type Key struct{ raw [KeySize]byte }

// NewKey makes a random key.
func NewKey() *Key {
	k := new(Key)
	rand.Read(k.raw[:])
	return k
}

// ParseKey reads a key as 64 hexadecimal digits or as base64 of 32 bytes. What somebody
// has made up instead of drawn is refused as far as that can be seen. Errors never
// contain the text.
func ParseKey(text string) (*Key, error) {
	text = strings.TrimSpace(text)
	raw, ok := decodeKey(text)
	switch {
	case !ok:
		return nil, errors.New("an encryption key is 32 random bytes, in base64 or as 64 hexadecimal digits: wapid key new makes one; a passphrase is none")
	case guessable(raw):
		return nil, errors.New("this encryption key was not drawn at random: wapid key new makes one that was")
	}
	return &Key{raw: [KeySize]byte(raw)}, nil
}

func decodeKey(text string) (raw []byte, ok bool) {
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == KeySize {
		return raw, true
	}
	bare := strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if raw, err := encoding.DecodeString(bare); err == nil && len(raw) == KeySize {
			return raw, true
		}
	}
	return nil, false
}

// guessable tells that bytes repeat themselves, count up or are text: none happens by
// chance.
func guessable(raw []byte) bool {
	seen := map[byte]bool{}
	text, even := true, true
	for i, b := range raw {
		seen[b] = true
		text = text && b >= ' ' && b <= '~'
		even = even && (i == 0 || b-raw[i-1] == raw[1]-raw[0])
	}
	return len(seen) < fewestValues || text || even || bytes.Equal(raw[:KeySize/2], raw[KeySize/2:])
}

// Text is the key as ParseKey reads it.
func (k *Key) Text() string { return base64.StdEncoding.EncodeToString(k.raw[:]) }

// ID names the key without telling anything of it: 16 hexadecimal digits.
func (k *Key) ID() string {
	sum := sha256.Sum256(append([]byte("wapid key id\x00"), k.raw[:]...))
	return hex.EncodeToString(sum[:8])
}

// String keeps the key out of logs.
func (k *Key) String() string { return "key " + k.ID() }

// Keys are what an operator gives at a start. Without a Current one nothing is sealed.
type Keys struct {
	Current *Key
	Old     *Key // the one before, when Current is new
}

// wrap encrypts a data key for the database of that name.
func (k *Key) wrap(database string, b *Box) []byte {
	return newBox(k.raw).Seal(b.key[:], "data key", database)
}

// unwrap opens what wrap made. It returns ErrNotSealed for another key's.
func (k *Key) unwrap(database string, wrapped []byte) (*Box, error) {
	raw, err := newBox(k.raw).Open(wrapped, "data key", database)
	if err != nil {
		return nil, err
	}
	if len(raw) != KeySize {
		return nil, fmt.Errorf("%w: the data key has %d bytes", ErrNotSealed, len(raw))
	}
	return newBox([KeySize]byte(raw)), nil
}
