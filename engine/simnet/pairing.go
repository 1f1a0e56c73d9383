package simnet

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"
)

// refCount is how many QR codes a companion may show (source: whatsmeow's
// qrchan.go, which waits 60 s for the first and 20 s for the five others).
const refCount = 6

var (
	// ErrNoCompanion says that nobody shows this QR code or waits for this code.
	ErrNoCompanion = errors.New("no companion is waiting for this")
	// ErrCompanionGone says that the companion left before it was linked.
	ErrCompanionGone = errors.New("the companion disconnected during linking")
)

// companion is a client that wants to be linked.
type companion struct {
	stream   *stream
	noise    [32]byte
	identity [32]byte
	register uint32
	signed   publicKey
	props    []byte

	mu      sync.Mutex
	refs    []string
	hello   *codeHello                     // set when it asked for a pairing code
	waiting map[string]chan *waBinary.Node // what the phone's side waits for
}

// codeHello is a companion's request to be linked by pairing code.
type codeHello struct {
	account *account
	ref     string
	wrapped []byte
}

// newCompanion checks the registration: lengths and formats are the protocol's.
func newCompanion(st *stream, data *waWa6.ClientPayload_DevicePairingRegistrationData) (*companion, error) {
	if data == nil {
		return nil, errors.New("neither a login nor pairing data")
	}
	if len(data.GetERegid()) != 4 || len(data.GetEIdent()) != 32 || len(data.GetESkeyID()) != 3 ||
		len(data.GetESkeyVal()) != 32 || len(data.GetESkeySig()) != 64 {
		return nil, errors.New("pairing data with a key of the wrong length")
	}
	if keyType := data.GetEKeytype(); len(keyType) != 1 || keyType[0] != 5 {
		return nil, errors.New("pairing data with an unknown key type")
	}
	if len(data.GetBuildHash()) != 16 || len(data.GetDeviceProps()) == 0 {
		return nil, errors.New("pairing data without build hash or device properties")
	}
	comp := &companion{
		stream: st, noise: st.static,
		identity: [32]byte(data.GetEIdent()),
		register: bigEndian(data.GetERegid()),
		signed: publicKey{
			id: bigEndian(data.GetESkeyID()), pub: [32]byte(data.GetESkeyVal()), sig: [64]byte(data.GetESkeySig()),
		},
		props:   data.GetDeviceProps(),
		waiting: make(map[string]chan *waBinary.Node),
	}
	return comp, nil
}

// expect registers interest in the companion's next stanza of a kind. The
// caller must call the returned function when it no longer waits.
func (c *companion) expect(kind string) (<-chan *waBinary.Node, func()) {
	ch := make(chan *waBinary.Node, 1)
	c.mu.Lock()
	c.waiting[kind] = ch
	c.mu.Unlock()
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.waiting[kind] == ch {
			delete(c.waiting, kind)
		}
	}
}

// offer hands a stanza to whoever waits for its kind.
func (c *companion) offer(kind string, node *waBinary.Node) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.waiting[kind]
	delete(c.waiting, kind)
	if ch == nil {
		return false
	}
	ch <- node
	return true
}

// receive waits for a stanza that was expected before.
func (c *companion) receive(ctx context.Context, ch <-chan *waBinary.Node) (*waBinary.Node, error) {
	select {
	case node := <-ch:
		return node, nil
	case <-c.stream.ctx.Done():
		return nil, ErrCompanionGone
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pairings finds companions by what they show.
type pairings struct {
	mu    sync.Mutex
	byRef map[string]*companion
	codes map[*account]*companion // the newest that asked for a code
}

func newPairings() *pairings {
	return &pairings{byRef: make(map[string]*companion), codes: make(map[*account]*companion)}
}

// open makes the refs of a companion.
func (p *pairings) open(comp *companion) []string {
	refs := make([]string, refCount)
	for i := range refs {
		refs[i] = newRef()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ref := range refs {
		p.byRef[ref] = comp
	}
	comp.refs = refs
	return refs
}

// addRef makes one more ref, which companions ask for when a passkey is needed.
func (p *pairings) addRef(comp *companion) string {
	ref := newRef()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byRef[ref] = comp
	comp.refs = append(comp.refs, ref)
	return ref
}

func (p *pairings) find(ref string) *companion {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byRef[ref]
}

func (p *pairings) waitForCode(comp *companion, hello *codeHello) {
	comp.mu.Lock()
	comp.hello = hello
	comp.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[hello.account] = comp
}

func (p *pairings) findCode(acct *account) (*companion, *codeHello) {
	p.mu.Lock()
	comp := p.codes[acct]
	p.mu.Unlock()
	if comp == nil {
		return nil, nil
	}
	comp.mu.Lock()
	defer comp.mu.Unlock()
	return comp, comp.hello
}

// drop forgets a companion that was linked or left.
func (p *pairings) drop(comp *companion) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ref := range comp.refs {
		delete(p.byRef, ref)
	}
	for acct, waiting := range p.codes {
		if waiting == comp {
			delete(p.codes, acct)
		}
	}
}

// newRef makes a reference in the form of the real ones: "2@" and base64.
func newRef() string {
	raw := make([]byte, 60)
	_, _ = rand.Read(raw) // crypto/rand never returns an error since Go 1.24.
	return "2@" + base64.StdEncoding.EncodeToString(raw)
}

// link completes the linking of a companion: issued is wrapped for it, it
// countersigns, and only then does the device exist. verify checks the answer.
func (s *Server) link(ctx context.Context, comp *companion, acct *account, id uint16, index uint32,
	identity [32]byte, sealed []byte, verify func(answer []byte) error) (*device, error) {
	dev := &device{
		account: acct, id: id, keyIndex: index, linked: s.clock(),
		noise: comp.noise, identity: identity, register: comp.register, signed: comp.signed, props: comp.props,
	}
	request := s.nextID("success")
	answers, stop := comp.expect("iq " + request)
	defer stop()
	comp.stream.send(&waBinary.Node{
		Tag: "iq",
		Attrs: waBinary.Attrs{
			"from": types.ServerJID, "type": "set", "id": request, "xmlns": "md", "t": unixText(s.clock()),
		},
		Content: []waBinary.Node{{Tag: "pair-success", Content: []waBinary.Node{
			{Tag: "device-identity", Content: sealed},
			{Tag: "device", Attrs: waBinary.Attrs{
				"jid": dev.jid(types.DefaultUserServer), "lid": dev.jid(types.HiddenUserServer),
			}},
			{Tag: "platform", Attrs: waBinary.Attrs{"name": "android"}},
		}}},
	})
	answer, err := comp.receive(ctx, answers)
	if err != nil {
		return nil, err
	}
	if attrText(answer, "type") != "result" {
		return nil, errors.New("the companion refused the link")
	}
	if err = verify(childContent(answer, "pair-device-sign", "device-identity")); err != nil {
		comp.stream.abort()
		return nil, fmt.Errorf("companion's signature: %w", err)
	}
	acct.attach(dev)
	s.pairings.drop(comp)
	s.saver.touch()
	comp.stream.finish(streamRestart())
	s.announceDevices(acct, dev, "add")
	return dev, nil
}
