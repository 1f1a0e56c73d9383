package simnet

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/util/optional"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// The types that a ciphertext can have in its stanza: one to one, the first
// messages of a session carry the key agreement along and the later ones do
// not; in a group all devices get the same under the sender key.
const (
	kindPreKey  = "pkmsg"
	kindRatchet = "msg"
	kindGroup   = "skmsg"
)

// maxPadding is the largest number of padding bytes that a phone appends to a
// plaintext. Each of them holds the number of padding bytes, so that 1 is the
// smallest (source: Baileys' writeRandomPadMax16; whatsmeow never draws 16).
const maxPadding = 16

// errPadding says that a decrypted message does not end in valid padding,
// which no client produces: the plaintext was never padded or is damaged.
var errPadding = errors.New("plaintext without valid padding")

// keyring is one virtual phone's Signal state: its own keys, its sessions with
// other devices and the sender keys of its groups. A new one holds no keys at
// all: they are made at first use, so that a network of 100,000 numbers costs
// nothing until a number is spoken to. It is not safe for concurrent use: the
// phone that owns it guards it with its own lock.
//
// Peers are addressed by the Signal address of the JID that the caller passes.
// The caller decides on one form (LID where known), because a session under
// the phone number is another session than one under the LID.
//
// A peer whose identity key changes is trusted, as WhatsApp's phones do: they
// show a notice and go on.
type keyring struct {
	own    *ownKeys
	store  signalStore
	nextID uint32
}

// ownKeys are the long-lived keys of a phone.
type ownKeys struct {
	registration uint32
	identity     *keys.KeyPair
	signed       *keys.PreKey
}

// publicKey is the public half of a prekey as it travels in a bundle. The
// signature is only meaningful for a signed prekey.
type publicKey struct {
	id  uint32
	pub [32]byte
	sig [64]byte
}

// bundle is what a device publishes so that others can open a session with it
// while it is offline. oneTime is nil when the device has none left.
type bundle struct {
	registration uint32
	identity     [32]byte
	signed       publicKey
	oneTime      *publicKey
}

func newKeyring() *keyring { return &keyring{} }

// keys returns the phone's own keys and makes them when it has none yet.
func (k *keyring) keys() *ownKeys {
	if k.own == nil {
		pair := keys.NewKeyPair()
		k.own = &ownKeys{
			registration: randomRegistration(),
			identity:     pair,
			signed:       pair.CreateSignedPreKey(1),
		}
		k.store.own = k.own
	}
	return k.own
}

// randomRegistration draws a registration id. Signal keeps it within 1..16380.
func randomRegistration() uint32 {
	var raw [4]byte
	_, _ = rand.Read(raw[:]) // crypto/rand never returns an error since Go 1.24.
	return binary.BigEndian.Uint32(raw[:])%16380 + 1
}

// identity returns the phone's long-lived key pair.
func (k *keyring) identity() *keys.KeyPair { return k.keys().identity }

// identityPub returns the public half of the phone's identity.
func (k *keyring) identityPub() [32]byte { return *k.keys().identity.Pub }

// bundle returns a prekey bundle with a freshly minted one-time prekey. The
// private half is kept until a message uses it.
func (k *keyring) bundle() bundle {
	own := k.keys()
	k.nextID = k.nextID%(1<<24-2) + 1 // Three bytes on the wire, and 2^24-1 means "none" to libsignal.
	fresh := keys.NewPreKey(k.nextID)
	k.store.putPreKey(fresh)
	return bundle{
		registration: own.registration,
		identity:     *own.identity.Pub,
		signed:       publicKey{id: own.signed.KeyID, pub: *own.signed.Pub, sig: *own.signed.Signature},
		oneTime:      &publicKey{id: fresh.KeyID, pub: *fresh.Pub},
	}
}

// hasSession says whether encrypt can be called for the peer without accept.
func (k *keyring) hasSession(peer types.JID) bool {
	return k.store.sessions[peer.SignalAddress().String()] != nil
}

// accept opens a session with a peer from its published bundle. An existing
// session is archived and still decrypts what was sent under it. It fails when
// the signature of the signed prekey is not the identity's.
func (k *keyring) accept(peer types.JID, b bundle) error {
	k.keys()
	var oneTimeID = optional.NewEmptyUint32()
	var oneTime ecc.ECPublicKeyable
	if b.oneTime != nil {
		oneTimeID = optional.NewOptionalUint32(b.oneTime.id)
		oneTime = ecc.NewDjbECPublicKey(b.oneTime.pub)
	}
	remote := prekey.NewBundle(b.registration, uint32(peer.Device), oneTimeID, b.signed.id,
		oneTime, ecc.NewDjbECPublicKey(b.signed.pub), b.signed.sig,
		identity.NewKey(ecc.NewDjbECPublicKey(b.identity)))
	if err := k.builder(peer).ProcessBundle(context.Background(), remote); err != nil {
		return fmt.Errorf("accept prekey bundle: %w", err)
	}
	return nil
}

// encrypt pads and encrypts a message for a peer with whom a session exists.
// kind is kindPreKey until the peer has answered, then kindRatchet.
func (k *keyring) encrypt(peer types.JID, plaintext []byte) (kind string, ct []byte, err error) {
	k.keys()
	cipher := session.NewCipher(k.builder(peer), peer.SignalAddress())
	out, err := cipher.Encrypt(context.Background(), pad(plaintext))
	if err != nil {
		return "", nil, fmt.Errorf("encrypt for a device: %w", err)
	}
	if out.Type() == protocol.PREKEY_TYPE {
		return kindPreKey, out.Serialize(), nil
	}
	return kindRatchet, out.Serialize(), nil
}

// decrypt opens a one-to-one ciphertext and strips its padding. Errors wrap
// libsignal's (signalerror.ErrOldCounter for a ciphertext seen before,
// ErrNoSessionForUser, ErrNoValidSessions, ErrNoOneTimeKeyFound) or errPadding;
// a failed decryption leaves the session as it was.
func (k *keyring) decrypt(peer types.JID, kind string, ct []byte) ([]byte, error) {
	k.keys()
	cipher := session.NewCipher(k.builder(peer), peer.SignalAddress())
	format := wireFormat()
	var padded []byte
	switch kind {
	case kindPreKey:
		msg, err := protocol.NewPreKeySignalMessageFromBytes(ct, format.PreKeySignalMessage, format.SignalMessage)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", kind, err)
		}
		if padded, err = cipher.DecryptMessage(context.Background(), msg); err != nil {
			return nil, fmt.Errorf("decrypt %s: %w", kind, err)
		}
	case kindRatchet:
		msg, err := protocol.NewSignalMessageFromBytes(ct, format.SignalMessage)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", kind, err)
		}
		if padded, err = cipher.Decrypt(context.Background(), msg); err != nil {
			return nil, fmt.Errorf("decrypt %s: %w", kind, err)
		}
	default:
		return nil, fmt.Errorf("decrypt: unknown kind %q", kind)
	}
	return unpad(padded)
}

// forget drops the session with a peer. What the peer then sends cannot be
// decrypted, which is how a phone comes to ask for a retry.
func (k *keyring) forget(peer types.JID) {
	delete(k.store.sessions, peer.SignalAddress().String())
}

func (k *keyring) builder(peer types.JID) *session.Builder {
	return session.NewBuilderFromSignal(&k.store, peer.SignalAddress(), wireFormat())
}

// wireFormat returns the encoding of Signal messages that WhatsApp uses.
func wireFormat() *serialize.Serializer { return serialize.NewProtoBufSerializer() }

// pad appends between 1 and maxPadding bytes, each holding their number.
func pad(plaintext []byte) []byte {
	var n [1]byte
	_, _ = rand.Read(n[:]) // crypto/rand never returns an error since Go 1.24.
	count := n[0]%maxPadding + 1
	return append(slices.Clone(plaintext), bytes.Repeat([]byte{count}, int(count))...)
}

// unpad removes what pad appended; it fails with errPadding.
func unpad(padded []byte) ([]byte, error) {
	if len(padded) == 0 {
		return nil, errPadding
	}
	count := int(padded[len(padded)-1])
	if count == 0 || count > maxPadding || count > len(padded) {
		return nil, errPadding
	}
	cut := len(padded) - count
	if !bytes.Equal(padded[cut:], bytes.Repeat([]byte{byte(count)}, count)) {
		return nil, errPadding
	}
	return padded[:cut], nil
}
