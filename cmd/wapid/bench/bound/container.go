package bound

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// container makes devices whose keys live in memory. The pairs of LIDs and
// phone numbers are common to all of them, as in whatsmeow's own store.
type container struct {
	lids lidPairs
}

var _ store.DeviceContainer = (*container)(nil)

func newContainer() *container {
	return &container{lids: lidPairs{byLID: make(map[string]string), byNumber: make(map[string]string)}}
}

// newDevice is one that is not linked yet.
func (c *container) newDevice() *store.Device {
	var raw [36]byte
	_, _ = rand.Read(raw[:]) // crypto/rand never returns an error since Go 1.24.
	device := &store.Device{
		Log: waLog.Noop, Container: c,
		NoiseKey: keys.NewKeyPair(), IdentityKey: keys.NewKeyPair(),
		RegistrationID: binary.BigEndian.Uint32(raw[32:]), AdvSecretKey: raw[:32],
	}
	device.SignedPreKey = device.IdentityKey.CreateSignedPreKey(1)
	return device
}

// PutDevice gives a device that has just been linked its store; the device
// itself is all there is to keep.
func (c *container) PutDevice(_ context.Context, device *store.Device) error {
	if !device.Initialized {
		c.adopt(device, &memory{})
	}
	return nil
}

func (c *container) adopt(device *store.Device, m *memory) {
	device.SetAllStores(m)
	device.Log, device.LIDs, device.Container, device.Initialized = waLog.Noop, &c.lids, c, true
}

func (c *container) DeleteDevice(context.Context, *store.Device) error { return nil }

// lidPairs maps the two addresses of people to each other.
type lidPairs struct {
	mu              sync.RWMutex
	byLID, byNumber map[string]string // users
}

var _ store.LIDStore = (*lidPairs)(nil)

func (l *lidPairs) PutLIDMapping(_ context.Context, lid, pn types.JID) error {
	if lid.Server != types.HiddenUserServer || pn.Server != types.DefaultUserServer {
		return fmt.Errorf("%s and %s are not a LID and a phone number", lid.Server, pn.Server)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byLID[lid.User], l.byNumber[pn.User] = pn.User, lid.User
	return nil
}

func (l *lidPairs) PutManyLIDMappings(ctx context.Context, pairs []store.LIDMapping) error {
	for _, pair := range pairs {
		if pair.LID.Server != types.HiddenUserServer || pair.PN.Server != types.DefaultUserServer {
			continue
		}
		if err := l.PutLIDMapping(ctx, pair.LID, pair.PN); err != nil {
			return err
		}
	}
	return nil
}

func (l *lidPairs) GetPNForLID(_ context.Context, lid types.JID) (types.JID, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return counterpart(l.byLID, lid, types.DefaultUserServer), nil
}

func (l *lidPairs) GetLIDForPN(_ context.Context, pn types.JID) (types.JID, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return counterpart(l.byNumber, pn, types.HiddenUserServer), nil
}

func (l *lidPairs) GetManyLIDsForPNs(_ context.Context, pns []types.JID) (map[types.JID]types.JID, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	found := make(map[types.JID]types.JID, len(pns))
	for _, pn := range pns {
		if lid := counterpart(l.byNumber, pn, types.HiddenUserServer); !lid.IsEmpty() {
			found[pn] = lid
		}
	}
	return found, nil
}

// counterpart is the other address of a device, empty when it is not known.
func counterpart(pairs map[string]string, jid types.JID, server string) types.JID {
	user, ok := pairs[jid.User]
	if !ok {
		return types.EmptyJID
	}
	return types.JID{User: user, Device: jid.Device, Server: server}
}

// fill takes over phone numbers by LID.
func (l *lidPairs) fill(byLID map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for lid, number := range byLID {
		l.byLID[lid], l.byNumber[number] = number, lid
	}
}
