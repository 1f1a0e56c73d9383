package whatsapp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/keys/message"
	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/libsignal/state/record"
	signaloptional "go.mau.fi/libsignal/util/optional"
	"go.mau.fi/whatsmeow/store"
)

// sessionDice makes sessions that differ in everything that may differ.
type sessionDice struct{ *rand.Rand }

func (d sessionDice) key() []byte { return d.text(33) }

func (d sessionDice) text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	return b
}

// maybe is a text, an empty one or none.
func (d sessionDice) maybe(n int) []byte {
	switch d.IntN(4) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	return d.text(n)
}

func (d sessionDice) number() uint32 { return d.Uint32() >> d.IntN(32) }

func (d sessionDice) chain() *record.ChainStructure {
	c := &record.ChainStructure{
		SenderRatchetKeyPublic: d.key(), SenderRatchetKeyPrivate: d.maybe(32),
		ChainKey: &chain.KeyStructure{Key: d.maybe(32), Index: d.number()},
	}
	if d.IntN(3) > 0 {
		c.MessageKeys = make([]*message.KeysStructure, d.IntN(4))
		for i := range c.MessageKeys {
			c.MessageKeys[i] = &message.KeysStructure{CipherKey: d.maybe(32), MacKey: d.maybe(32), IV: d.maybe(16), Index: d.number()}
		}
	}
	return c
}

func (d sessionDice) state() *record.StateStructure {
	s := &record.StateStructure{
		LocalIdentityPublic: d.key(), LocalRegistrationID: d.number(), NeedsRefresh: d.IntN(2) > 0,
		PreviousCounter: d.number(), RemoteIdentityPublic: d.key(), RemoteRegistrationID: d.number(),
		RootKey: d.maybe(32), SenderBaseKey: d.key(), SenderChain: d.chain(), SessionVersion: int(d.Int32()) >> d.IntN(32),
	}
	if d.IntN(3) > 0 {
		s.ReceiverChains = make([]*record.ChainStructure, d.IntN(6))
		for i := range s.ReceiverChains {
			s.ReceiverChains[i] = d.chain()
		}
	}
	if d.IntN(2) > 0 {
		s.PendingKeyExchange = &record.PendingKeyExchangeStructure{Sequence: d.number()}
		for _, key := range pendingKeys(s.PendingKeyExchange) {
			*key = d.maybe(32)
		}
	}
	if d.IntN(2) > 0 {
		s.PendingPreKey = &record.PendingPreKeyStructure{SignedPreKeyID: d.number(), BaseKey: d.key()}
		if d.IntN(2) > 0 {
			s.PendingPreKey.PreKeyID = &signaloptional.Uint32{Value: d.number(), IsEmpty: d.IntN(2) > 0}
		}
	}
	return s
}

func (d sessionDice) session() *record.SessionStructure {
	s := &record.SessionStructure{SessionState: d.state()}
	if d.IntN(3) > 0 {
		s.PreviousStates = make([]*record.StateStructure, d.IntN(41))
		for i := range s.PreviousStates {
			s.PreviousStates[i] = d.state()
		}
	}
	return s
}

// usualSessionRow is the JSON of a session as two phones have it in the middle of a
// conversation: a sender chain and five receiver chains.
func usualSessionRow() []byte {
	d := sessionDice{rand.New(rand.NewPCG(1, 2))}
	c := func(private []byte) *record.ChainStructure {
		return &record.ChainStructure{
			SenderRatchetKeyPublic: d.key(), SenderRatchetKeyPrivate: private,
			ChainKey: &chain.KeyStructure{Key: d.text(32), Index: 3}, MessageKeys: []*message.KeysStructure{},
		}
	}
	s := &record.SessionStructure{PreviousStates: []*record.StateStructure{}, SessionState: &record.StateStructure{
		LocalIdentityPublic: d.key(), LocalRegistrationID: d.Uint32(), PreviousCounter: 2,
		RemoteIdentityPublic: d.key(), RemoteRegistrationID: d.Uint32(), RootKey: d.text(32), SenderBaseKey: d.key(),
		ReceiverChains: []*record.ChainStructure{c(nil), c(nil), c(nil), c(nil), c(nil)}, SenderChain: c(d.text(32)), SessionVersion: 3,
	}}
	return new(serialize.JSONSessionSerializer).Serialize(s)
}

// TestSessionCodecRoundTrip: what is read from the new form is what is read from
// JSON, to the difference between none and empty.
func TestSessionCodecRoundTrip(t *testing.T) {
	var (
		codec sessionCodec
		json  serialize.JSONSessionSerializer
		dice  = sessionDice{rand.New(rand.NewPCG(7, 11))}
	)
	for range 300 {
		old := json.Serialize(dice.session())
		want, err := json.Deserialize(old)
		if err != nil {
			t.Fatal(err)
		}
		read, err := codec.Deserialize(old)
		if err != nil {
			t.Fatal("an old row: ", err)
		}
		row := codec.Serialize(read)
		if row[0] == old[0] || len(row) >= len(old) {
			t.Fatalf("%d bytes of JSON became %d, which begin with %q", len(old), len(row), row[0])
		}
		got, err := codec.Deserialize(row)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %s\nwant %s", json.Serialize(got), old)
		}
		clear(row)
		if !reflect.DeepEqual(got, want) {
			t.Fatal("a session shares memory with the row that it was read from")
		}
	}
}

// TestSessionCodecHasAllFields fails once libsignal's structures have fields that the
// form does not have.
func TestSessionCodecHasAllFields(t *testing.T) {
	for kind, want := range map[reflect.Type]int{
		reflect.TypeFor[record.SessionStructure]():            2,
		reflect.TypeFor[record.StateStructure]():              13,
		reflect.TypeFor[record.ChainStructure]():              4,
		reflect.TypeFor[chain.KeyStructure]():                 2,
		reflect.TypeFor[message.KeysStructure]():              4,
		reflect.TypeFor[record.PendingPreKeyStructure]():      3,
		reflect.TypeFor[record.PendingKeyExchangeStructure](): 7,
		reflect.TypeFor[signaloptional.Uint32]():              2,
	} {
		if got := kind.NumField(); got != want {
			t.Errorf("%v has %d fields, not %d", kind, got, want)
		}
	}
}

// TestSessionCodecRefuses: no row that is cut, lengthened or changed ends the process.
func TestSessionCodecRefuses(t *testing.T) {
	var codec sessionCodec
	dice := sessionDice{rand.New(rand.NewPCG(3, 4))}
	s := dice.session()
	s.PreviousStates = []*record.StateStructure{dice.state()}
	row := codec.Serialize(s)
	for n := range row {
		if _, err := codec.Deserialize(row[:n]); !errors.Is(err, errNoSession) {
			t.Fatalf("cut after %d of %d bytes: %v", n, len(row), err)
		}
	}
	for name, row := range map[string][]byte{
		"more behind it":       append(bytes.Clone(row), 0),
		"nothing":              nil,
		"another version":      append([]byte{sessionVersion + 1}, row[1:]...),
		"empty JSON":           []byte("{}"),
		"no session":           []byte("null"),
		"a state of nothing":   []byte(`{"SessionState":{},"PreviousStates":[]}`),
		"an endless list":      {sessionVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"a state without keys": append([]byte{sessionVersion}, make([]byte, shortestState+1)...),
	} {
		if s, err := codec.Deserialize(row); !errors.Is(err, errNoSession) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// TestSessionCodecIsUsed: clients of a network write sessions in the new form.
func TestSessionCodecIsUsed(t *testing.T) {
	n, err := Open(t.Context(), Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	dice := sessionDice{rand.New(rand.NewPCG(5, 6))}
	structure := dice.session()
	structure.PreviousStates = nil
	structure.SessionState = validState(structure.SessionState)
	serializer := store.SignalProtobufSerializer
	s, err := record.NewSessionFromStructure(structure, serializer.Session, serializer.State)
	if err != nil {
		t.Fatal(err)
	}
	if row := s.Serialize(); row[0] != sessionVersion {
		t.Errorf("a session was written as %q…", row[:10])
	}
}

// validState gives a state's public keys the type that keys have.
func validState(s *record.StateStructure) *record.StateStructure {
	public := []*[]byte{&s.LocalIdentityPublic, &s.RemoteIdentityPublic, &s.SenderBaseKey, &s.SenderChain.SenderRatchetKeyPublic}
	for _, c := range s.ReceiverChains {
		public = append(public, &c.SenderRatchetKeyPublic)
	}
	if s.PendingPreKey != nil {
		public = append(public, &s.PendingPreKey.BaseKey)
	}
	for _, key := range public {
		(*key)[0] = 5 // ecc.DjbType
	}
	return s
}

// FuzzSessionCodec: whatever a row holds, it is refused, or it makes a session that
// is written and read again as it was.
func FuzzSessionCodec(f *testing.F) {
	var codec sessionCodec
	dice := sessionDice{rand.New(rand.NewPCG(8, 9))}
	for range 4 {
		s := dice.session()
		s.PreviousStates = nil
		f.Add(codec.Serialize(s))
		f.Add(codec.Serialize(&record.SessionStructure{SessionState: validState(s.SessionState)}))
		f.Add(codec.json.Serialize(s))
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		s, err := codec.Deserialize(row)
		if err != nil {
			return
		}
		again, err := codec.Deserialize(codec.Serialize(s))
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%v: %+v became %+v", err, s, again)
		}
		serializer := serialize.NewProtoBufSerializer()
		// It may be refused for its keys, but not in a panic.
		if session, err := record.NewSessionFromStructure(s, &codec, serializer.State); err == nil {
			session.Serialize()
		}
	})
}

// BenchmarkSessionRow reads and writes a session, as each device that a message goes
// to or comes from costs.
func BenchmarkSessionRow(b *testing.B) {
	old := usualSessionRow()
	for name, codec := range map[string]record.SessionSerializer{"json": new(serialize.JSONSessionSerializer), "compact": new(sessionCodec)} {
		b.Run(name, func(b *testing.B) {
			row := old
			if s, err := codec.Deserialize(old); err == nil {
				row = codec.Serialize(s)
			}
			b.ReportAllocs()
			for b.Loop() {
				s, err := codec.Deserialize(row)
				if err != nil {
					b.Fatal(err)
				}
				codec.Serialize(s)
			}
			b.ReportMetric(float64(len(row)), "bytes/row")
		})
	}
}
