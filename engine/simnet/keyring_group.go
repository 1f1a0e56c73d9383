package simnet

import (
	"context"
	"fmt"

	signalgroups "go.mau.fi/libsignal/groups"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/whatsmeow/types"
)

// encryptGroup pads and encrypts a message once for all members of a group
// under the phone's sender key there, which is made at first use. The
// distribution message describes the key as it stood before this message: a
// device that accepts it can decrypt this one and all that follow. Only
// devices that have not had it before should be sent it, because accepting it
// again forgets the keys of messages that are still on their way.
func (k *keyring) encryptGroup(group, own types.JID, plaintext []byte) (distribution []byte, ct []byte, err error) {
	name := senderKeyName(group, own)
	builder := signalgroups.NewGroupSessionBuilder(&k.store, wireFormat())
	dist, err := builder.Create(context.Background(), name)
	if err != nil {
		return nil, nil, fmt.Errorf("make sender key: %w", err)
	}
	out, err := signalgroups.NewGroupCipher(builder, name, &k.store).Encrypt(context.Background(), pad(plaintext))
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt for a group: %w", err)
	}
	return dist.Serialize(), out.SignedSerialize(), nil
}

// distribution describes the phone's sender key as it stands now, for a device
// that lacks it. The key is made when there is none.
func (k *keyring) distribution(group, own types.JID) ([]byte, error) {
	dist, err := signalgroups.NewGroupSessionBuilder(&k.store, wireFormat()).Create(context.Background(), senderKeyName(group, own))
	if err != nil {
		return nil, fmt.Errorf("make sender key: %w", err)
	}
	return dist.Serialize(), nil
}

// acceptDistribution stores the sender key that a device uses in a group.
func (k *keyring) acceptDistribution(group, sender types.JID, distribution []byte) error {
	format := wireFormat()
	msg, err := protocol.NewSenderKeyDistributionMessageFromBytes(distribution, format.SenderKeyDistributionMessage)
	if err != nil {
		return fmt.Errorf("parse sender key distribution: %w", err)
	}
	builder := signalgroups.NewGroupSessionBuilder(&k.store, format)
	if err := builder.Process(context.Background(), senderKeyName(group, sender), msg); err != nil {
		return fmt.Errorf("accept sender key distribution: %w", err)
	}
	return nil
}

// decryptGroup opens a group ciphertext and strips its padding. The error wraps
// signalerror.ErrNoSenderKeyForUser when the sender's key never arrived, and
// ErrOldCounter when this ciphertext was decrypted before.
func (k *keyring) decryptGroup(group, sender types.JID, ct []byte) ([]byte, error) {
	format := wireFormat()
	msg, err := protocol.NewSenderKeyMessageFromBytes(ct, format.SenderKeyMessage)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", kindGroup, err)
	}
	builder := signalgroups.NewGroupSessionBuilder(&k.store, format)
	padded, err := signalgroups.NewGroupCipher(builder, senderKeyName(group, sender), &k.store).Decrypt(context.Background(), msg)
	if err != nil {
		return nil, fmt.Errorf("decrypt %s: %w", kindGroup, err)
	}
	return unpad(padded)
}

// forgetGroup drops a device's sender key. For the phone's own device this
// rotates the key: phones do so when a member leaves, so that the one who left
// cannot read on. For another device it provokes a retry.
func (k *keyring) forgetGroup(group, sender types.JID) {
	delete(k.store.senderKeys, senderKeyIndex(senderKeyName(group, sender)))
}

func senderKeyName(group, sender types.JID) *protocol.SenderKeyName {
	return protocol.NewSenderKeyName(group.String(), sender.SignalAddress())
}
