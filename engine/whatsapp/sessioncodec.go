package whatsapp

import (
	"bytes"
	"errors"
	"fmt"

	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/keys/message"
	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/libsignal/state/record"
	signaloptional "go.mau.fi/libsignal/util/optional"
)

// sessionCodec writes Signal sessions, which libsignal writes as JSON: every message
// reads and writes one for each device that it goes to or comes from, and JSON made
// that a twelfth of what a send costs. It reads both forms, so that a device store
// which whatsmeow has written is read as it is, and rewritten row by row.
//
// The form is one byte for its version, then the fields in the order of libsignal's
// structures. Numbers are varints. A text of bytes and a list are preceded by their
// length plus one; zero stands for none, which JSON tells from an empty one too.
// What may be missing is preceded by a byte, 1 or 0.
type sessionCodec struct {
	json serialize.JSONSessionSerializer
}

var _ record.SessionSerializer = (*sessionCodec)(nil)

// sessionVersion is the first byte of the form. JSON begins with another one.
const sessionVersion = 1

// usualSession is the length up to which a session is written without growing.
const usualSession = 2048

// errNoSession is the answer to bytes that are no Signal session.
var errNoSession = errors.New("not a Signal session")

// Serialize implements record.SessionSerializer, for what libsignal makes of a session
// that can be used: it has a sender chain, and every chain has a key.
func (c *sessionCodec) Serialize(s *record.SessionStructure) []byte {
	var room [usualSession]byte
	// The copy has no spare room: it may stay in memory for long.
	return bytes.Clone(appendSession(append(room[:0], sessionVersion), s))
}

// Deserialize implements record.SessionSerializer. It refuses what lacks a field that
// libsignal relies on, in either form. The result shares no memory with the row.
func (c *sessionCodec) Deserialize(row []byte) (*record.SessionStructure, error) {
	var (
		s   *record.SessionStructure
		err error
	)
	if len(row) > 0 && row[0] == sessionVersion {
		s, err = readSession(row[1:])
	} else {
		s, err = c.json.Deserialize(row)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSession, err)
	}
	if !usable(s) {
		return nil, fmt.Errorf("%w: a field is missing", errNoSession)
	}
	return s, nil
}

// usable tells whether libsignal can make a session of what was read. It would end
// the goroutine over a key or a chain that is missing.
func usable(s *record.SessionStructure) bool {
	for _, state := range s.PreviousStates {
		if !usableState(state) {
			return false
		}
	}
	return usableState(s.SessionState)
}

func usableState(s *record.StateStructure) bool {
	if s == nil || len(s.LocalIdentityPublic) == 0 || len(s.RemoteIdentityPublic) == 0 || len(s.SenderBaseKey) == 0 ||
		s.PendingPreKey != nil && len(s.PendingPreKey.BaseKey) == 0 {
		return false
	}
	for _, chain := range s.ReceiverChains {
		if !usableChain(chain) {
			return false
		}
	}
	return usableChain(s.SenderChain)
}

func usableChain(c *record.ChainStructure) bool {
	if c == nil || len(c.SenderRatchetKeyPublic) == 0 || c.ChainKey == nil {
		return false
	}
	for _, keys := range c.MessageKeys {
		if keys == nil {
			return false
		}
	}
	return true
}

func appendSession(b []byte, s *record.SessionStructure) []byte {
	b = appendState(b, s.SessionState)
	b = appendCount(b, len(s.PreviousStates), s.PreviousStates == nil)
	for _, state := range s.PreviousStates {
		b = appendState(b, state)
	}
	return b
}

func appendState(b []byte, s *record.StateStructure) []byte {
	b = appendBytes(b, s.LocalIdentityPublic)
	b = appendNumber(b, s.LocalRegistrationID)
	b = appendBool(b, s.NeedsRefresh)
	b = appendBool(b, s.PendingKeyExchange != nil)
	if p := s.PendingKeyExchange; p != nil {
		b = appendNumber(b, p.Sequence)
		for _, key := range pendingKeys(p) {
			b = appendBytes(b, *key)
		}
	}
	b = appendBool(b, s.PendingPreKey != nil)
	if p := s.PendingPreKey; p != nil {
		b = appendBool(b, p.PreKeyID != nil)
		if p.PreKeyID != nil {
			b = appendNumber(b, p.PreKeyID.Value)
			b = appendBool(b, p.PreKeyID.IsEmpty)
		}
		b = appendNumber(b, p.SignedPreKeyID)
		b = appendBytes(b, p.BaseKey)
	}
	b = appendNumber(b, s.PreviousCounter)
	b = appendCount(b, len(s.ReceiverChains), s.ReceiverChains == nil)
	for _, chain := range s.ReceiverChains {
		b = appendChain(b, chain)
	}
	b = appendBytes(b, s.RemoteIdentityPublic)
	b = appendNumber(b, s.RemoteRegistrationID)
	b = appendBytes(b, s.RootKey)
	b = appendBytes(b, s.SenderBaseKey)
	b = appendChain(b, s.SenderChain)
	return appendInt(b, s.SessionVersion)
}

func appendChain(b []byte, c *record.ChainStructure) []byte {
	b = appendBytes(b, c.SenderRatchetKeyPublic)
	b = appendBytes(b, c.SenderRatchetKeyPrivate)
	b = appendBytes(b, c.ChainKey.Key)
	b = appendNumber(b, c.ChainKey.Index)
	b = appendCount(b, len(c.MessageKeys), c.MessageKeys == nil)
	for _, keys := range c.MessageKeys {
		b = appendBytes(b, keys.CipherKey)
		b = appendBytes(b, keys.MacKey)
		b = appendBytes(b, keys.IV)
		b = appendNumber(b, keys.Index)
	}
	return b
}

// pendingKeys are the keys of an exchange, in the order in which they are written.
func pendingKeys(p *record.PendingKeyExchangeStructure) [6]*[]byte {
	return [6]*[]byte{
		&p.LocalBaseKeyPublic, &p.LocalBaseKeyPrivate, &p.LocalRatchetKeyPublic,
		&p.LocalRatchetKeyPrivate, &p.LocalIdentityKeyPublic, &p.LocalIdentityKeyPrivate,
	}
}

// The shortest forms of what lists hold, which bound how many there can be.
const (
	shortestState = 17
	shortestChain = 5
	shortestKeys  = 4
)

func readSession(row []byte) (*record.SessionStructure, error) {
	// One copy serves all keys, whose slices have no room to grow into each other.
	r := &rowReader{left: bytes.Clone(row)}
	s := &record.SessionStructure{SessionState: r.state()}
	if n, some := r.count(shortestState); some {
		s.PreviousStates = make([]*record.StateStructure, n)
		for i := range s.PreviousStates {
			s.PreviousStates[i] = r.state()
		}
	}
	return s, r.end()
}

func (r *rowReader) state() *record.StateStructure {
	s := &record.StateStructure{
		LocalIdentityPublic: r.bytes(),
		LocalRegistrationID: r.number(),
		NeedsRefresh:        r.bool(),
	}
	if r.bool() {
		s.PendingKeyExchange = &record.PendingKeyExchangeStructure{Sequence: r.number()}
		for _, key := range pendingKeys(s.PendingKeyExchange) {
			*key = r.bytes()
		}
	}
	if r.bool() {
		s.PendingPreKey = new(record.PendingPreKeyStructure)
		if r.bool() {
			s.PendingPreKey.PreKeyID = &signaloptional.Uint32{Value: r.number(), IsEmpty: r.bool()}
		}
		s.PendingPreKey.SignedPreKeyID = r.number()
		s.PendingPreKey.BaseKey = r.bytes()
	}
	s.PreviousCounter = r.number()
	if n, some := r.count(shortestChain); some {
		s.ReceiverChains = make([]*record.ChainStructure, n)
		for i := range s.ReceiverChains {
			s.ReceiverChains[i] = r.chain()
		}
	}
	s.RemoteIdentityPublic = r.bytes()
	s.RemoteRegistrationID = r.number()
	s.RootKey = r.bytes()
	s.SenderBaseKey = r.bytes()
	s.SenderChain = r.chain()
	s.SessionVersion = r.int()
	return s
}

func (r *rowReader) chain() *record.ChainStructure {
	c := &record.ChainStructure{
		SenderRatchetKeyPublic:  r.bytes(),
		SenderRatchetKeyPrivate: r.bytes(),
		ChainKey:                &chain.KeyStructure{Key: r.bytes(), Index: r.number()},
	}
	if n, some := r.count(shortestKeys); some {
		c.MessageKeys = make([]*message.KeysStructure, n)
		all := make([]message.KeysStructure, n)
		for i := range all {
			all[i] = message.KeysStructure{CipherKey: r.bytes(), MacKey: r.bytes(), IV: r.bytes(), Index: r.number()}
			c.MessageKeys[i] = &all[i]
		}
	}
	return c
}
