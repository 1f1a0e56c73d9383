package bound

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// memory is what one device keeps, in maps: a device store that costs next to
// nothing. Everything in it is plain data, so that a fleet can be written to a
// file and read again. All methods may be called from any goroutine; none of
// them fails.
type memory struct {
	mu sync.Mutex
	memoryState
}

// memoryState is all that a device remembers. A nil map is an empty one.
type memoryState struct {
	Identities  map[string][32]byte // by Signal address
	Sessions    map[string][]byte   // by Signal address
	PreKeys     map[uint32][32]byte // private keys by id
	LastPreKey  uint32
	Uploaded    uint32 // ids up to here are with the server
	SenderKeys  map[[2]string][]byte
	SyncKeys    map[string]store.AppStateSyncKey
	AppState    map[string]appStateVersion
	MACs        map[[2]string][]byte // by collection and index MAC
	Contacts    map[types.JID]types.ContactInfo
	Settings    map[types.JID]types.LocalChatSettings
	Secrets     map[secretKey][]byte
	Tokens      map[types.JID]store.PrivacyToken
	Salt        []byte
	Outgoing    map[outgoingKey]outgoingEvent
	PlainEvents map[[32]byte]store.BufferedEvent
}

type appStateVersion struct {
	Version uint64
	Hash    [128]byte
}

type secretKey struct {
	Chat, Sender types.JID
	ID           types.MessageID
}

type outgoingKey struct {
	Chat types.JID
	ID   types.MessageID
}

type outgoingEvent struct {
	Format    string
	Plaintext []byte
}

var _ store.AllSessionSpecificStores = (*memory)(nil)

// put writes into a map that is made at its first use: most devices never fill
// most of them.
func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = make(map[K]V)
	}
	(*m)[key] = value
}

func (m *memory) PutIdentity(_ context.Context, address string, key [32]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	put(&m.Identities, address, key)
	return nil
}

func (m *memory) DeleteAllIdentities(_ context.Context, phone string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.Identities, func(address string, _ [32]byte) bool { return strings.HasPrefix(address, phone+":") })
	return nil
}

func (m *memory) DeleteIdentity(_ context.Context, address string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.Identities, address)
	return nil
}

func (m *memory) IsTrustedIdentity(_ context.Context, address string, key [32]byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.Identities[address]
	return !ok || known == key, nil
}

func (m *memory) GetSession(_ context.Context, address string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Sessions[address], nil
}

func (m *memory) HasSession(_ context.Context, address string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.Sessions[address]
	return ok, nil
}

func (m *memory) GetManySessions(_ context.Context, addresses []string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := make(map[string][]byte, len(addresses))
	for _, address := range addresses {
		found[address] = m.Sessions[address]
	}
	return found, nil
}

func (m *memory) PutSession(_ context.Context, address string, session []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	put(&m.Sessions, address, session)
	return nil
}

func (m *memory) PutManySessions(_ context.Context, sessions map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for address, session := range sessions {
		put(&m.Sessions, address, session)
	}
	return nil
}

func (m *memory) DeleteAllSessions(_ context.Context, phone string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.Sessions, func(address string, _ []byte) bool { return strings.HasPrefix(address, phone+":") })
	return nil
}

func (m *memory) DeleteSession(_ context.Context, address string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.Sessions, address)
	return nil
}

// MigratePNToLID moves what is kept under a phone number to its LID.
func (m *memory) MigratePNToLID(_ context.Context, pn, lid types.JID) error {
	from, to := pn.SignalAddressUser()+":", lid.SignalAddressUser()+":"
	m.mu.Lock()
	defer m.mu.Unlock()
	rename(m.Sessions, from, to)
	rename(m.Identities, from, to)
	for key, value := range m.SenderKeys {
		if rest, ok := strings.CutPrefix(key[1], from); ok {
			delete(m.SenderKeys, key)
			m.SenderKeys[[2]string{key[0], to + rest}] = value
		}
	}
	return nil
}

// rename moves the entries of one prefix to another.
func rename[V any](m map[string]V, from, to string) {
	for key, value := range m {
		if rest, ok := strings.CutPrefix(key, from); ok {
			delete(m, key)
			m[to+rest] = value
		}
	}
}

func (m *memory) GetOrGenPreKeys(_ context.Context, count uint32) ([]*keys.PreKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*keys.PreKey, 0, count)
	for id := m.Uploaded + 1; id <= m.LastPreKey && uint32(len(list)) < count; id++ {
		if priv, ok := m.PreKeys[id]; ok {
			list = append(list, preKey(id, priv))
		}
	}
	for uint32(len(list)) < count {
		list = append(list, m.newPreKey())
	}
	return list, nil
}

// newPreKey makes one more. The caller holds mu.
func (m *memory) newPreKey() *keys.PreKey {
	m.LastPreKey++
	key := keys.NewPreKey(m.LastPreKey)
	put(&m.PreKeys, m.LastPreKey, *key.Priv)
	return key
}

func preKey(id uint32, priv [32]byte) *keys.PreKey {
	return &keys.PreKey{KeyPair: *keys.NewKeyPairFromPrivateKey(priv), KeyID: id}
}

func (m *memory) GenOnePreKey(context.Context) (*keys.PreKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := m.newPreKey()
	m.Uploaded = max(m.Uploaded, key.KeyID)
	return key, nil
}

func (m *memory) GetPreKey(_ context.Context, id uint32) (*keys.PreKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	priv, ok := m.PreKeys[id]
	if !ok {
		return nil, nil
	}
	return preKey(id, priv), nil
}

func (m *memory) RemovePreKey(_ context.Context, id uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.PreKeys, id)
	return nil
}

func (m *memory) MarkPreKeysAsUploaded(_ context.Context, upTo uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Uploaded = max(m.Uploaded, upTo)
	return nil
}

func (m *memory) UploadedPreKeyCount(context.Context) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	count := 0
	for id := range m.PreKeys {
		if id <= m.Uploaded {
			count++
		}
	}
	return count, nil
}

func (m *memory) PutSenderKey(_ context.Context, group, user string, session []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	put(&m.SenderKeys, [2]string{group, user}, session)
	return nil
}

func (m *memory) GetSenderKey(_ context.Context, group, user string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.SenderKeys[[2]string{group, user}], nil
}

func (m *memory) PutAppStateSyncKey(_ context.Context, id []byte, key store.AppStateSyncKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.SyncKeys[string(id)]; !ok || key.Timestamp > known.Timestamp {
		put(&m.SyncKeys, string(id), key)
	}
	return nil
}

func (m *memory) GetAppStateSyncKey(_ context.Context, id []byte) (*store.AppStateSyncKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, ok := m.SyncKeys[string(id)]
	if !ok {
		return nil, nil
	}
	return &key, nil
}

func (m *memory) GetLatestAppStateSyncKeyID(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var latest []byte
	newest := int64(-1)
	for id, key := range m.SyncKeys {
		if key.Timestamp > newest {
			latest, newest = []byte(id), key.Timestamp
		}
	}
	return latest, nil
}

func (m *memory) GetAllAppStateSyncKeys(context.Context) ([]*store.AppStateSyncKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*store.AppStateSyncKey
	for _, key := range m.SyncKeys {
		list = append(list, &key)
	}
	slices.SortFunc(list, func(a, b *store.AppStateSyncKey) int { return int(b.Timestamp - a.Timestamp) })
	return list, nil
}

func (m *memory) PutAppStateVersion(_ context.Context, name string, version uint64, hash [128]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	put(&m.AppState, name, appStateVersion{version, hash})
	return nil
}

func (m *memory) GetAppStateVersion(_ context.Context, name string) (uint64, [128]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.AppState[name]
	return v.Version, v.Hash, nil
}

func (m *memory) DeleteAppStateVersion(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.AppState, name)
	maps.DeleteFunc(m.MACs, func(key [2]string, _ []byte) bool { return key[0] == name })
	return nil
}

func (m *memory) PutAppStateMutationMACs(_ context.Context, name string, _ uint64, mutations []store.AppStateMutationMAC) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mutation := range mutations {
		put(&m.MACs, [2]string{name, string(mutation.IndexMAC)}, bytes.Clone(mutation.ValueMAC))
	}
	return nil
}

func (m *memory) DeleteAppStateMutationMACs(_ context.Context, name string, indexMACs [][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mac := range indexMACs {
		delete(m.MACs, [2]string{name, string(mac)})
	}
	return nil
}

func (m *memory) GetAppStateMutationMAC(_ context.Context, name string, indexMAC []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.MACs[[2]string{name, string(indexMAC)}], nil
}

func (m *memory) GetBufferedEvent(_ context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	event, ok := m.PlainEvents[hash]
	if !ok {
		return nil, nil
	}
	return &event, nil
}

func (m *memory) PutBufferedEvent(_ context.Context, hash [32]byte, plaintext []byte, server time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	put(&m.PlainEvents, hash, store.BufferedEvent{Plaintext: plaintext, InsertTime: time.Now(), ServerTime: server})
	return nil
}

func (m *memory) DoDecryptionTxn(ctx context.Context, fn func(context.Context) error) error {
	return fn(ctx)
}

func (m *memory) ClearBufferedEventPlaintext(_ context.Context, hash [32]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if event, ok := m.PlainEvents[hash]; ok {
		event.Plaintext = nil
		m.PlainEvents[hash] = event
	}
	return nil
}

func (m *memory) DeleteOldBufferedHashes(context.Context) error { return nil }
