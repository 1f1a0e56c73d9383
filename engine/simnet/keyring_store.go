package simnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.mau.fi/libsignal/ecc"
	grouprecord "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/state/store"
	"go.mau.fi/whatsmeow/util/keys"
)

// errNotSupported answers the parts of libsignal's store interfaces that its
// ciphers never call.
var errNotSupported = errors.New("not supported by the simulated phone's key store")

var _ store.SignalProtocol = (*signalStore)(nil)

// signalStore keeps a keyring's state in memory for libsignal. Sessions and
// sender keys are kept as libsignal's plain structures and turned into live
// records on every load: a decryption that fails half way has then changed
// only its own copy. The structures themselves are never written to.
type signalStore struct {
	own        *ownKeys
	preKeys    map[uint32]*keys.PreKey
	sessions   map[string]*record.SessionStructure
	senderKeys map[string]*grouprecord.SenderKeyStructure
}

func (s *signalStore) putPreKey(key *keys.PreKey) {
	if s.preKeys == nil {
		s.preKeys = make(map[uint32]*keys.PreKey)
	}
	s.preKeys[key.KeyID] = key
}

// GetIdentityKeyPair implements libsignal's identity store.
func (s *signalStore) GetIdentityKeyPair() *identity.KeyPair {
	return identity.NewKeyPair(
		identity.NewKey(ecc.NewDjbECPublicKey(*s.own.identity.Pub)),
		ecc.NewDjbECPrivateKey(*s.own.identity.Priv))
}

// GetLocalRegistrationID implements libsignal's identity store.
func (s *signalStore) GetLocalRegistrationID() uint32 { return s.own.registration }

// SaveIdentity has nothing to keep, because every identity is trusted.
func (s *signalStore) SaveIdentity(context.Context, *protocol.SignalAddress, *identity.Key) error {
	return nil
}

// IsTrustedIdentity trusts any identity: see keyring.
func (s *signalStore) IsTrustedIdentity(context.Context, *protocol.SignalAddress, *identity.Key) (bool, error) {
	return true, nil
}

// LoadPreKey returns nil for an id that was never minted or is used up.
func (s *signalStore) LoadPreKey(_ context.Context, id uint32) (*record.PreKey, error) {
	key := s.preKeys[id]
	if key == nil {
		return nil, nil
	}
	return record.NewPreKey(id, pairOf(&key.KeyPair), nil), nil
}

// RemovePreKey drops a one-time prekey after its use.
func (s *signalStore) RemovePreKey(_ context.Context, id uint32) error {
	delete(s.preKeys, id)
	return nil
}

// StorePreKey is not supported: prekeys are minted by keyring.bundle.
func (s *signalStore) StorePreKey(context.Context, uint32, *record.PreKey) error {
	return errNotSupported
}

// ContainsPreKey implements libsignal's prekey store.
func (s *signalStore) ContainsPreKey(_ context.Context, id uint32) (bool, error) {
	return s.preKeys[id] != nil, nil
}

// LoadSession returns a copy that its caller may change, fresh if none exists.
func (s *signalStore) LoadSession(_ context.Context, address *protocol.SignalAddress) (*record.Session, error) {
	format := wireFormat()
	kept := s.sessions[address.String()]
	if kept == nil {
		return record.NewSession(format.Session, format.State), nil
	}
	return record.NewSessionFromStructure(kept, format.Session, format.State)
}

// StoreSession implements libsignal's session store.
func (s *signalStore) StoreSession(_ context.Context, address *protocol.SignalAddress, session *record.Session) error {
	if s.sessions == nil {
		s.sessions = make(map[string]*record.SessionStructure)
	}
	s.sessions[address.String()] = session.Structure()
	return nil
}

// ContainsSession implements libsignal's session store.
func (s *signalStore) ContainsSession(_ context.Context, address *protocol.SignalAddress) (bool, error) {
	return s.sessions[address.String()] != nil, nil
}

// DeleteSession implements libsignal's session store.
func (s *signalStore) DeleteSession(_ context.Context, address *protocol.SignalAddress) error {
	delete(s.sessions, address.String())
	return nil
}

// GetSubDeviceSessions is not supported.
func (s *signalStore) GetSubDeviceSessions(context.Context, string) ([]uint32, error) {
	return nil, errNotSupported
}

// DeleteAllSessions is not supported.
func (s *signalStore) DeleteAllSessions(context.Context) error { return errNotSupported }

// LoadSignedPreKey knows one signed prekey: a phone's never rotates here.
func (s *signalStore) LoadSignedPreKey(_ context.Context, id uint32) (*record.SignedPreKey, error) {
	key := s.own.signed
	if id != key.KeyID {
		return nil, nil
	}
	return record.NewSignedPreKey(id, 0, pairOf(&key.KeyPair), *key.Signature, nil), nil
}

// ContainsSignedPreKey implements libsignal's signed prekey store.
func (s *signalStore) ContainsSignedPreKey(_ context.Context, id uint32) (bool, error) {
	return id == s.own.signed.KeyID, nil
}

// LoadSignedPreKeys is not supported.
func (s *signalStore) LoadSignedPreKeys(context.Context) ([]*record.SignedPreKey, error) {
	return nil, errNotSupported
}

// StoreSignedPreKey is not supported.
func (s *signalStore) StoreSignedPreKey(context.Context, uint32, *record.SignedPreKey) error {
	return errNotSupported
}

// RemoveSignedPreKey is not supported.
func (s *signalStore) RemoveSignedPreKey(context.Context, uint32) error { return errNotSupported }

// StoreSenderKey implements libsignal's sender key store.
func (s *signalStore) StoreSenderKey(_ context.Context, name *protocol.SenderKeyName, key *grouprecord.SenderKey) error {
	if s.senderKeys == nil {
		s.senderKeys = make(map[string]*grouprecord.SenderKeyStructure)
	}
	s.senderKeys[senderKeyIndex(name)] = key.Structure()
	return nil
}

// LoadSenderKey returns a copy that its caller may change, empty if none exists.
func (s *signalStore) LoadSenderKey(_ context.Context, name *protocol.SenderKeyName) (*grouprecord.SenderKey, error) {
	format := wireFormat()
	kept := s.senderKeys[senderKeyIndex(name)]
	if kept == nil {
		return grouprecord.NewSenderKey(format.SenderKeyRecord, format.SenderKeyState), nil
	}
	return grouprecord.NewSenderKeyFromStruct(kept, format.SenderKeyRecord, format.SenderKeyState)
}

func senderKeyIndex(name *protocol.SenderKeyName) string {
	return name.GroupID() + "\x00" + name.Sender().String()
}

func pairOf(key *keys.KeyPair) *ecc.ECKeyPair {
	return ecc.NewECKeyPair(ecc.NewDjbECPublicKey(*key.Pub), ecc.NewDjbECPrivateKey(*key.Priv))
}

// keyringState is a keyring as it stands in the network's state file. Public
// keys are computed again from the private ones.
type keyringState struct {
	Registration uint32                                     `json:"registration,omitempty"`
	Identity     []byte                                     `json:"identity,omitempty"`
	SignedID     uint32                                     `json:"signedId,omitempty"`
	Signed       []byte                                     `json:"signed,omitempty"`
	Signature    []byte                                     `json:"signature,omitempty"`
	NextID       uint32                                     `json:"nextId,omitempty"`
	PreKeys      map[uint32][]byte                          `json:"preKeys,omitempty"`
	Sessions     map[string]*record.SessionStructure        `json:"sessions,omitempty"`
	SenderKeys   map[string]*grouprecord.SenderKeyStructure `json:"senderKeys,omitempty"`
}

// MarshalBinary writes the whole keyring as JSON; a keyring without keys is
// "{}". It contains private keys.
func (k *keyring) MarshalBinary() ([]byte, error) {
	state := keyringState{NextID: k.nextID, Sessions: k.store.sessions, SenderKeys: k.store.senderKeys}
	if k.own != nil {
		state.Registration = k.own.registration
		state.Identity = k.own.identity.Priv[:]
		state.SignedID = k.own.signed.KeyID
		state.Signed = k.own.signed.Priv[:]
		state.Signature = k.own.signed.Signature[:]
	}
	if len(k.store.preKeys) > 0 {
		state.PreKeys = make(map[uint32][]byte, len(k.store.preKeys))
		for id, key := range k.store.preKeys {
			state.PreKeys[id] = key.Priv[:]
		}
	}
	return json.Marshal(state)
}

// UnmarshalBinary replaces the keyring by what MarshalBinary wrote. It fails
// on damaged data and then leaves the keyring unchanged.
func (k *keyring) UnmarshalBinary(data []byte) error {
	var state keyringState
	if err := json.Unmarshal(data, &state); err != nil {
		return fmt.Errorf("read keyring: %w", err)
	}
	read := keyring{nextID: state.NextID}
	read.store.sessions, read.store.senderKeys = state.Sessions, state.SenderKeys
	if state.Identity != nil {
		if len(state.Identity) != 32 || len(state.Signed) != 32 || len(state.Signature) != 64 {
			return errors.New("read keyring: key of the wrong length")
		}
		signature := [64]byte(state.Signature)
		read.own = &ownKeys{
			registration: state.Registration,
			identity:     keys.NewKeyPairFromPrivateKey([32]byte(state.Identity)),
			signed: &keys.PreKey{
				KeyPair:   *keys.NewKeyPairFromPrivateKey([32]byte(state.Signed)),
				KeyID:     state.SignedID,
				Signature: &signature,
			},
		}
		read.store.own = read.own
	}
	for id, priv := range state.PreKeys {
		if len(priv) != 32 {
			return errors.New("read keyring: prekey of the wrong length")
		}
		read.store.putPreKey(&keys.PreKey{KeyPair: *keys.NewKeyPairFromPrivateKey([32]byte(priv)), KeyID: id})
	}
	*k = read
	return nil
}
