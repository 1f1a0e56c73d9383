package simnet

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"google.golang.org/protobuf/proto"
)

// The collections of app state (source: whatsmeow appstate).
const (
	criticalBlock      = "critical_block"
	criticalUnblockLow = "critical_unblock_low"
	regularHigh        = "regular_high"
	regular            = "regular"
	regularLow         = "regular_low"
)

var (
	// errBadPatch says that a patch does not verify under the account's key.
	errBadPatch = errors.New("app state patch that does not verify")
	// errUnknownKey says that a patch was made under a key that the phone does
	// not have. Companions make none, they use the phone's.
	errUnknownKey = errors.New("app state patch under an unknown key")
)

// macSize is the length of every MAC in app state.
const macSize = 32

// appState is a phone's side of the settings that all devices of an account
// share. The server stores encrypted patches; only the account's devices have
// the key, which the phone makes and hands to each companion. Not safe for
// concurrent use: the phone's lock guards it.
type appState struct {
	KeyID       []byte                `json:"keyId"`   // 6 bytes: device index, then epoch.
	KeyData     []byte                `json:"keyData"` // 32 bytes.
	KeyMade     int64                 `json:"keyMade"` // Unix milliseconds.
	RawID       uint32                `json:"rawId"`   // Names the device list that the key was made for.
	Collections map[string]*hashState `json:"collections,omitempty"`
}

// hashState is what all devices must agree on about one collection: how many
// patches it has had and a homomorphic hash over the values that stand.
type hashState struct {
	Version uint64            `json:"version"`
	Hash    []byte            `json:"hash"`             // 128 bytes.
	Values  map[string][]byte `json:"values,omitempty"` // Value MAC by hex of the index MAC.
}

// appChange is one setting that a companion changed.
type appChange struct {
	removed bool
	index   []string
	value   *waSyncAction.SyncActionValue
}

// newAppState makes the account's key. rawID is the one of its device list.
func newAppState(rawID uint32, at time.Time) *appState {
	key := make([]byte, 32+4)
	_, _ = rand.Read(key) // crypto/rand never returns an error since Go 1.24.
	return &appState{KeyID: append([]byte{0, 0}, key[32:]...), KeyData: key[:32], KeyMade: at.UnixMilli(), RawID: rawID}
}

// keyShare hands the key to companions. known lists the key indexes of the
// account's devices, the phone's 0 among them.
func (a *appState) keyShare(known []uint32) *waE2E.Message {
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum(),
		AppStateSyncKeyShare: &waE2E.AppStateSyncKeyShare{Keys: []*waE2E.AppStateSyncKey{{
			KeyID: &waE2E.AppStateSyncKeyId{KeyID: a.KeyID},
			KeyData: &waE2E.AppStateSyncKeyData{
				KeyData: a.KeyData,
				Fingerprint: &waE2E.AppStateSyncKeyFingerprint{
					RawID: proto.Uint32(a.RawID), CurrentIndex: proto.Uint32(0), DeviceIndexes: known,
				},
				Timestamp: proto.Int64(a.KeyMade),
			},
		}}},
	}}
}

// set writes the patch that sets one value. The patch has no version: the
// server gives it one. commit must be called once the server took it, and not
// if it answered that somebody else was first; apply comes then before another
// try.
func (a *appState) set(collection string, index []string, format int32, value *waSyncAction.SyncActionValue, at time.Time) (patch []byte, commit func(), err error) {
	keys, err := a.keys()
	if err != nil {
		return nil, nil, err
	}
	value = proto.CloneOf(value)
	value.Timestamp = proto.Int64(at.UnixMilli())
	rawIndex, err := json.Marshal(index)
	if err != nil {
		return nil, nil, fmt.Errorf("encode app state index: %w", err)
	}
	plain, err := proto.Marshal(&waSyncAction.SyncActionData{
		Index: rawIndex, Value: value, Padding: []byte{}, Version: proto.Int32(format),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("encode app state value: %w", err)
	}
	sealed, err := cbcutil.Encrypt(keys.value, nil, plain) // A nil IV makes one and puts it in front.
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt app state value: %w", err)
	}
	operation := waServerSync.SyncdMutation_SET
	mutation := &waServerSync.SyncdMutation{
		Operation: operation.Enum(),
		Record: &waServerSync.SyncdRecord{
			Index: &waServerSync.SyncdIndex{Blob: tagOf(sha256.New, keys.index, rawIndex)},
			Value: &waServerSync.SyncdValue{Blob: append(sealed, keys.valueTag(operation, a.KeyID, sealed)...)},
			KeyID: &waServerSync.KeyId{ID: a.KeyID},
		},
	}
	next := a.collection(collection).after([]*waServerSync.SyncdMutation{mutation})
	out := &waServerSync.SyncdPatch{
		Mutations:   []*waServerSync.SyncdMutation{mutation},
		SnapshotMAC: keys.snapshotTag(next, collection),
		KeyID:       &waServerSync.KeyId{ID: a.KeyID},
	}
	out.PatchMAC = keys.patchTag(out, next.Version, collection)
	if patch, err = proto.Marshal(out); err != nil {
		return nil, nil, fmt.Errorf("encode app state patch: %w", err)
	}
	return patch, func() { a.keep(collection, next) }, nil
}

// apply takes over a patch that a companion made. Errors wrap errBadPatch or
// errUnknownKey and leave the state as it was.
func (a *appState) apply(collection string, version uint64, patch []byte) ([]appChange, error) {
	var in waServerSync.SyncdPatch
	if err := proto.Unmarshal(patch, &in); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadPatch, err)
	}
	if string(in.GetKeyID().GetID()) != string(a.KeyID) {
		return nil, errUnknownKey
	}
	keys, err := a.keys()
	if err != nil {
		return nil, err
	}
	before := a.collection(collection)
	if version != before.Version+1 {
		return nil, fmt.Errorf("%w: version %d after %d", errBadPatch, version, before.Version)
	}
	var changes []appChange
	for _, mutation := range in.GetMutations() {
		change, err := keys.open(a.KeyID, mutation)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	next := before.after(in.GetMutations())
	if !hmac.Equal(in.GetSnapshotMAC(), keys.snapshotTag(next, collection)) {
		return nil, fmt.Errorf("%w: hash over the collection", errBadPatch)
	}
	if !hmac.Equal(in.GetPatchMAC(), keys.patchTag(&in, version, collection)) {
		return nil, fmt.Errorf("%w: MAC", errBadPatch)
	}
	a.keep(collection, next)
	return changes, nil
}

func (a *appState) collection(name string) *hashState {
	if state := a.Collections[name]; state != nil {
		return state
	}
	return &hashState{Hash: make([]byte, 128)}
}

func (a *appState) keep(name string, state *hashState) {
	if a.Collections == nil {
		a.Collections = make(map[string]*hashState)
	}
	a.Collections[name] = state
}

// after is the state once a patch has been applied. The hash adds what each
// value MAC expands to and subtracts what stood under the same index before.
func (h *hashState) after(mutations []*waServerSync.SyncdMutation) *hashState {
	next := &hashState{Version: h.Version + 1, Hash: append([]byte(nil), h.Hash...), Values: maps.Clone(h.Values)}
	if next.Values == nil {
		next.Values = make(map[string][]byte)
	}
	for _, mutation := range mutations {
		index := hex.EncodeToString(mutation.GetRecord().GetIndex().GetBlob())
		if old := next.Values[index]; old != nil {
			next.mix(old, func(x, y uint16) uint16 { return x - y })
			delete(next.Values, index)
		}
		if mutation.GetOperation() == waServerSync.SyncdMutation_SET {
			tag := valueTagIn(mutation)
			next.mix(tag, func(x, y uint16) uint16 { return x + y })
			next.Values[index] = tag
		}
	}
	return next
}

// mix combines the hash with a value MAC, 64 little-endian numbers at a time
// that wrap around (source: whatsmeow appstate/lthash).
func (h *hashState) mix(valueTag []byte, combine func(x, y uint16) uint16) {
	expanded, err := hkdf.Key(sha256.New, valueTag, nil, "WhatsApp Patch Integrity", len(h.Hash))
	if err != nil {
		return // Only a length beyond 255 hashes fails; ours is fixed at 128 bytes.
	}
	for i := 0; i < len(h.Hash); i += 2 {
		sum := combine(binary.LittleEndian.Uint16(h.Hash[i:]), binary.LittleEndian.Uint16(expanded[i:]))
		binary.LittleEndian.PutUint16(h.Hash[i:], sum)
	}
}

// appKeys are the five keys that derive from an app state key.
type appKeys struct{ index, value, valueMAC, snapshot, patch []byte }

func (a *appState) keys() (appKeys, error) {
	all, err := hkdf.Key(sha256.New, a.KeyData, nil, "WhatsApp Mutation Keys", 160)
	if err != nil {
		return appKeys{}, fmt.Errorf("derive app state keys: %w", err)
	}
	return appKeys{all[:32], all[32:64], all[64:96], all[96:128], all[128:]}, nil
}

// open verifies and decrypts one mutation; the error wraps errBadPatch.
func (k appKeys) open(keyID []byte, mutation *waServerSync.SyncdMutation) (appChange, error) {
	blob := mutation.GetRecord().GetValue().GetBlob()
	if len(blob) < 16+16+macSize || (len(blob)-macSize)%16 != 0 {
		return appChange{}, fmt.Errorf("%w: value of %d bytes", errBadPatch, len(blob))
	}
	sealed := append([]byte(nil), blob[:len(blob)-macSize]...)
	if !hmac.Equal(valueTagIn(mutation), k.valueTag(mutation.GetOperation(), keyID, sealed)) {
		return appChange{}, fmt.Errorf("%w: value MAC", errBadPatch)
	}
	plain, err := cbcutil.Decrypt(k.value, sealed[:16], sealed[16:])
	if err != nil {
		return appChange{}, fmt.Errorf("%w: %w", errBadPatch, err)
	}
	var data waSyncAction.SyncActionData
	if err := proto.Unmarshal(plain, &data); err != nil {
		return appChange{}, fmt.Errorf("%w: %w", errBadPatch, err)
	}
	if !hmac.Equal(mutation.GetRecord().GetIndex().GetBlob(), tagOf(sha256.New, k.index, data.GetIndex())) {
		return appChange{}, fmt.Errorf("%w: index MAC", errBadPatch)
	}
	change := appChange{removed: mutation.GetOperation() == waServerSync.SyncdMutation_REMOVE, value: data.GetValue()}
	if err := json.Unmarshal(data.GetIndex(), &change.index); err != nil {
		return appChange{}, fmt.Errorf("%w: %w", errBadPatch, err)
	}
	return change, nil
}

func (k appKeys) valueTag(operation waServerSync.SyncdMutation_SyncdOperation, keyID, sealed []byte) []byte {
	length := binary.BigEndian.AppendUint64(nil, uint64(len(keyID)+1))
	return tagOf(sha512.New, k.valueMAC, []byte{byte(operation) + 1}, keyID, sealed, length)[:macSize]
}

func (k appKeys) snapshotTag(state *hashState, collection string) []byte {
	return tagOf(sha256.New, k.snapshot, state.Hash, binary.BigEndian.AppendUint64(nil, state.Version), []byte(collection))
}

func (k appKeys) patchTag(patch *waServerSync.SyncdPatch, version uint64, collection string) []byte {
	parts := [][]byte{patch.GetSnapshotMAC()}
	for _, mutation := range patch.GetMutations() {
		parts = append(parts, valueTagIn(mutation))
	}
	parts = append(parts, binary.BigEndian.AppendUint64(nil, version), []byte(collection))
	return tagOf(sha256.New, k.patch, parts...)
}

// valueTagIn is the MAC that ends a mutation's value, empty when it is too short.
func valueTagIn(mutation *waServerSync.SyncdMutation) []byte {
	blob := mutation.GetRecord().GetValue().GetBlob()
	return blob[max(0, len(blob)-macSize):]
}

func tagOf(algorithm func() hash.Hash, key []byte, parts ...[]byte) []byte {
	mac := hmac.New(algorithm, key)
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}
