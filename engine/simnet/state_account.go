package simnet

import (
	"fmt"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// savedAccount is an account in the state file. Other accounts are named by
// their numbers.
type savedAccount struct {
	Number      string                 `json:"number"`
	LID         string                 `json:"lid"`
	LastDevice  uint16                 `json:"lastDevice,omitempty"`
	LastIndex   uint32                 `json:"lastIndex,omitempty"`
	PushName    string                 `json:"pushName,omitempty"`
	About       string                 `json:"about,omitempty"`
	Picture     *profilePicture        `json:"picture,omitempty"`
	Business    *Business              `json:"business,omitempty"`
	Met         []string               `json:"met,omitempty"`
	Issued      map[string][]byte      `json:"issued,omitempty"`
	Settings    *settings              `json:"settings,omitempty"`
	Collections map[string]*collection `json:"collections,omitempty"`
	Devices     []savedDevice          `json:"devices,omitempty"`
	Phone       *savedPhone            `json:"phone,omitempty"`
}

type savedDevice struct {
	ID       uint16       `json:"id"`
	Noise    []byte       `json:"noise"`
	KeyIndex uint32       `json:"keyIndex"`
	Linked   time.Time    `json:"linked"`
	Identity []byte       `json:"identity"`
	Register uint32       `json:"registration"`
	Signed   savedKey     `json:"signed"`
	PreKeys  []savedKey   `json:"prekeys,omitempty"`
	Asked    bool         `json:"asked,omitempty"`
	Welcomed bool         `json:"welcomed,omitempty"`
	Props    []byte       `json:"props,omitempty"`
	Queue    []savedEntry `json:"queue,omitempty"`
}

type savedKey struct {
	ID  uint32 `json:"id"`
	Pub []byte `json:"pub"`
	Sig []byte `json:"sig,omitempty"`
}

type savedEntry struct {
	Stanza []byte    `json:"stanza"`
	Queued time.Time `json:"queued"`
}

func saveKey(key publicKey) savedKey {
	saved := savedKey{ID: key.id, Pub: append([]byte(nil), key.pub[:]...)}
	if key.sig != [64]byte{} {
		saved.Sig = append([]byte(nil), key.sig[:]...)
	}
	return saved
}

func (saved savedKey) key() (publicKey, error) {
	key := publicKey{id: saved.ID}
	if len(saved.Pub) != 32 || len(saved.Sig) != 0 && len(saved.Sig) != 64 {
		return key, errDamagedState
	}
	copy(key.pub[:], saved.Pub)
	copy(key.sig[:], saved.Sig)
	return key, nil
}

func packStanza(node *waBinary.Node) ([]byte, error) {
	raw, err := waBinary.Marshal(*node)
	if err != nil {
		return nil, fmt.Errorf("encode stanza: %w", err)
	}
	return raw, nil
}

func unpackStanza(raw []byte) (*waBinary.Node, error) {
	if len(raw) == 0 {
		return nil, errDamagedState
	}
	unpacked, err := waBinary.Unpack(raw)
	if err != nil {
		return nil, fmt.Errorf("decode stanza: %w", err)
	}
	node, err := waBinary.Unmarshal(unpacked)
	if err != nil {
		return nil, fmt.Errorf("decode stanza: %w", err)
	}
	return node, nil
}

func (a *account) save() (savedAccount, error) {
	a.mu.Lock()
	saved := savedAccount{
		Number: a.number, LID: a.lid, LastDevice: a.lastDevice, LastIndex: a.lastIndex,
		PushName: a.pushName, About: a.about, Picture: a.picture, Business: a.business.copied(),
	}
	if a.settings != nil {
		copied := settings{Blocked: append([]string(nil), a.settings.Blocked...), Privacy: make(map[string]string)}
		for name, value := range a.settings.Privacy {
			copied.Privacy[name] = value
		}
		saved.Settings = &copied
	}
	for other := range a.met {
		saved.Met = append(saved.Met, other.number)
	}
	if len(a.issued) > 0 {
		saved.Issued = make(map[string][]byte, len(a.issued))
	}
	for other, token := range a.issued {
		saved.Issued[other.number] = token
	}
	if len(a.collections) > 0 {
		saved.Collections = make(map[string]*collection, len(a.collections))
	}
	for name, c := range a.collections {
		saved.Collections[name] = &collection{Patches: append([][]byte(nil), c.Patches...)}
	}
	phone := a.phone
	a.mu.Unlock()

	for _, dev := range a.linked() {
		device, err := dev.save()
		if err != nil {
			return saved, err
		}
		saved.Devices = append(saved.Devices, device)
	}
	if phone != nil {
		state, err := phone.save()
		if err != nil {
			return saved, err
		}
		saved.Phone = state
	}
	return saved, nil
}

func (d *device) save() (savedDevice, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	saved := savedDevice{
		ID: d.id, Noise: append([]byte(nil), d.noise[:]...), KeyIndex: d.keyIndex, Linked: d.linked,
		Identity: append([]byte(nil), d.identity[:]...), Register: d.register, Signed: saveKey(d.signed),
		Asked: d.asked, Welcomed: d.welcomed, Props: d.props,
	}
	for _, key := range d.prekeys {
		saved.PreKeys = append(saved.PreKeys, saveKey(key))
	}
	for _, e := range d.queue {
		raw, err := packStanza(e.node)
		if err != nil {
			return saved, err
		}
		saved.Queue = append(saved.Queue, savedEntry{raw, e.queued})
	}
	return saved, nil
}

// restoreAccount fills an account that is in the directory already.
func (s *Server) restoreAccount(saved savedAccount) error {
	acct := s.directory.byNumber[saved.Number]
	acct.lastDevice, acct.lastIndex = saved.LastDevice, saved.LastIndex
	acct.pushName, acct.about, acct.picture, acct.business = saved.PushName, saved.About, saved.Picture, saved.Business
	acct.settings, acct.collections = saved.Settings, saved.Collections
	for _, number := range saved.Met {
		if other := s.directory.byNumber[number]; other != nil {
			acct.meet(other)
		}
	}
	for number, token := range saved.Issued {
		if other := s.directory.byNumber[number]; other != nil {
			if acct.issued == nil {
				acct.issued = make(map[*account][]byte)
			}
			acct.issued[other] = token
		}
	}
	for _, state := range saved.Devices {
		dev, err := state.device(acct)
		if err != nil {
			return err
		}
		acct.attach(dev)
	}
	if saved.Phone != nil {
		return s.phoneOf(acct).restore(saved.Phone)
	}
	return nil
}

func (saved savedDevice) device(acct *account) (*device, error) {
	if len(saved.Noise) != 32 || len(saved.Identity) != 32 {
		return nil, errDamagedState
	}
	dev := &device{
		account: acct, id: saved.ID, noise: [32]byte(saved.Noise), keyIndex: saved.KeyIndex, linked: saved.Linked,
		identity: [32]byte(saved.Identity), register: saved.Register,
		asked: saved.Asked, welcomed: saved.Welcomed, props: saved.Props,
	}
	var err error
	if dev.signed, err = saved.Signed.key(); err != nil {
		return nil, err
	}
	for _, one := range saved.PreKeys {
		key, err := one.key()
		if err != nil {
			return nil, err
		}
		dev.prekeys = append(dev.prekeys, key)
	}
	for _, one := range saved.Queue {
		node, err := unpackStanza(one.Stanza)
		if err != nil {
			return nil, err
		}
		dev.queue = append(dev.queue, &entry{
			node: node, class: node.Tag, id: attrText(node, "id"), queued: one.Queued,
		})
	}
	return dev, nil
}
