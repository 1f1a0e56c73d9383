package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrNotSealed is the answer to bytes that the box has not sealed for the place at
// which they were found: another key's, another row's, changed ones or plain ones.
var ErrNotSealed = errors.New("the value was not sealed with this key for this place")

// format is the first byte of what is sealed. Then follow four bytes that name the data
// key, the nonce and the ciphertext with its tag.
const (
	format    = 1
	nameSize  = 4
	headSize  = 1 + nameSize + chacha20poly1305.NonceSizeX
	boxGrowth = headSize + chacha20poly1305.Overhead
)

// usualPlace is how long the name of a place mostly is, in bytes.
const usualPlace = 160

// Box seals the values of one database by XChaCha20-Poly1305, whose nonces are long
// enough to be drawn at random for as long as a daemon lives. A nil Box leaves
// everything as it is: that is a database that is not encrypted. It is safe for
// concurrent use.
type Box struct {
	key  [KeySize]byte
	name [nameSize]byte
	aead cipher.AEAD
}

func newBox(key [KeySize]byte) *Box {
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil { // of a key of another length
		panic(err)
	}
	sum := sha256.Sum256(append([]byte("wapid data key\x00"), key[:]...))
	return &Box{key: key, name: [nameSize]byte(sum[:]), aead: aead}
}

// randomBox makes a box with a new data key.
func randomBox() *Box { return newBox(NewKey().raw) }

// Seal encrypts a value for its place: the table or kind first, then what names the row.
// Nil stays nil.
func (b *Box) Seal(value []byte, place ...string) []byte {
	if b == nil || value == nil {
		return value
	}
	sealed := make([]byte, headSize, boxGrowth+len(value))
	sealed[0] = format
	copy(sealed[1:], b.name[:])
	nonce := sealed[1+nameSize : headSize]
	rand.Read(nonce)
	var room [usualPlace]byte
	return b.aead.Seal(sealed, nonce, value, appendPlace(room[:0], place))
}

// Open decrypts what Seal has made for the same place. It returns ErrNotSealed.
func (b *Box) Open(sealed []byte, place ...string) ([]byte, error) {
	if b == nil || sealed == nil {
		return sealed, nil
	}
	if len(sealed) < boxGrowth || sealed[0] != format || [nameSize]byte(sealed[1:]) != b.name {
		return nil, ErrNotSealed
	}
	var room [usualPlace]byte
	value, err := b.aead.Open(make([]byte, 0, len(sealed)-boxGrowth), sealed[1+nameSize:headSize], sealed[headSize:], appendPlace(room[:0], place))
	if err != nil {
		return nil, ErrNotSealed
	}
	return value, nil
}

// SealText is Seal for a column of text. The empty text stays as it is, so that what is
// not set can be told.
func (b *Box) SealText(value string, place ...string) string {
	if b == nil || value == "" {
		return value
	}
	return base64.RawStdEncoding.EncodeToString(b.Seal([]byte(value), place...))
}

// OpenText is Open for what SealText has made.
func (b *Box) OpenText(sealed string, place ...string) (string, error) {
	if b == nil || sealed == "" {
		return sealed, nil
	}
	raw, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return "", ErrNotSealed
	}
	value, err := b.Open(raw, place...)
	return string(value), err
}

// appendPlace writes the parts of a place so that no two places look the same.
func appendPlace(to []byte, place []string) []byte {
	for _, part := range place {
		to = append(binary.AppendUvarint(to, uint64(len(part))), part...)
	}
	return to
}
