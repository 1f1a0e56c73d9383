package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// guardedStore stands between whatsmeow and one device's stores, so that a
// database that fails for a moment costs no message.
//
// whatsmeow answers a message that it could not decrypt with a retry receipt and
// an acknowledgement, whatever the cause, and gives up at the fifth time. It
// does neither if the error is context.Canceled: then the message stays with the
// network and comes again with the next connection. The same error keeps a retry
// receipt unacknowledged that could not be answered. So every failure of the
// database is reported as one that wraps context.Canceled. Where whatsmeow only
// logs an error and goes on (a sender key not stored, a session not moved to its
// LID), the failure is remembered and refuses the message that is being handled.
//
// whatsmeow handles the messages of one socket one after the other, and every
// socket has a guardedStore of its own.
type guardedStore struct {
	store.AllSessionSpecificStores
	lids store.LIDStore

	// failed is told of every failure of the database, so that the connection is
	// made anew. It must not block.
	failed func(error)
	purges purges

	secrets secrets                  // that are being stored
	trouble atomic.Bool              // the database failed since the last message began
	unsound atomic.Bool              // the database has failed
	hash    atomic.Pointer[[32]byte] // of the ciphertext that is being decrypted
}

var (
	_ store.AllSessionSpecificStores = (*guardedStore)(nil)
	_ store.LIDStore                 = guardedLIDs{}
)

// guard puts guardedStore in front of a device's stores, which must be set.
func guard(device *store.Device, failed func(error), p purges) (*guardedStore, error) {
	inner, ok := device.EventBuffer.(store.AllSessionSpecificStores)
	if !ok {
		return nil, fmt.Errorf("the device's event buffer is a %T, which is not its whole store", device.EventBuffer)
	}
	g := &guardedStore{AllSessionSpecificStores: inner, lids: device.LIDs, failed: failed, purges: p}
	device.SetAllStores(g)
	device.LIDs = guardedLIDs{g}
	device.Container = keptContainer{device.Container}
	return g, nil
}

// batching is a store whose writes of one send can be committed together.
type batching interface {
	sendBatch() *batch
	flush(*batch) error
	beginSecret(chat, sender types.JID, id types.MessageID, secret []byte) (finish func() error)
	catchUp()
}

// outgoing begins what belongs to one message that is to be sent: with the context
// it returns, the store commits everything of the message at once. settle does so with
// what is left, and must have succeeded before the message leaves; whoever sends calls
// end when the sending is over. For a store without batches nothing is left over.
func (g *guardedStore) outgoing(ctx context.Context) (_ context.Context, settle func() error, end func()) {
	if g == nil { // a device that is not linked: whatsmeow refuses to send
		return ctx, func() error { return nil }, func() {}
	}
	inner, ok := g.AllSessionSpecificStores.(batching)
	if !ok {
		return ctx, func() error { return nil }, func() {}
	}
	b := inner.sendBatch()
	return withBatch(ctx, b), func() error { return g.note(ctx, inner.flush(b)) }, b.end
}

// databaseError is a failure of the database that whatsmeow takes for a
// cancellation.
type databaseError struct{ cause error }

func (e *databaseError) Error() string   { return "device store: " + e.cause.Error() }
func (e *databaseError) Unwrap() []error { return []error{e.cause, context.Canceled} }

// isDatabaseError tells failures of the database from answers that it gives.
// A driver's error comes by value (sqlite3.Error) and as nothing but itself, so
// everything is a failure that is not known to be an answer: a missing row, a
// deleted device, a column of the wrong length, which would fail for ever.
func isDatabaseError(err error) bool {
	switch {
	case err == nil,
		errors.Is(err, sql.ErrNoRows),
		errors.Is(err, store.ErrDeviceDeleted),
		errors.Is(err, sqlstore.ErrInvalidLength):
		return false
	}
	return true
}

// note reports a store's error, if it is one of the database. A caller that gave
// up is no failure: whatsmeow acknowledges nothing once its context has ended.
func (g *guardedStore) note(ctx context.Context, err error) error {
	if !isDatabaseError(err) || ctx.Err() != nil {
		return err
	}
	var known *databaseError
	if errors.As(err, &known) { // of a call within a transaction, noted already
		return err
	}
	g.trouble.Store(true)
	g.unsound.Store(true)
	g.failed(err)
	return &databaseError{err}
}

// troubled tells whether the database has failed since the message at hand
// began, and forgets it.
func (g *guardedStore) troubled() bool { return g.trouble.Swap(false) }

// isAt tells whether the message at hand is that of a ciphertext. It is not, if whatsmeow
// has given up waiting for a message (after five minutes) and decrypts those behind it.
func (g *guardedStore) isAt(hash [32]byte) bool {
	last := g.hash.Load()
	return last != nil && *last == hash
}

// GetBufferedEvent is the first that a decryption asks for. Trouble from before
// it belongs to the same stanza: looking up the sender's LID comes earlier still.
func (g *guardedStore) GetBufferedEvent(ctx context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	if g.troubled() {
		return nil, &databaseError{errors.New("the sender's addresses could not be read")}
	}
	g.hash.Store(&hash)
	e, err := g.AllSessionSpecificStores.GetBufferedEvent(ctx, hash)
	return e, g.note(ctx, err)
}

// DoDecryptionTxn decrypts. The error of a transaction in which the database
// failed is one of the database, however much of it libsignal has passed on.
func (g *guardedStore) DoDecryptionTxn(ctx context.Context, fn func(context.Context) error) error {
	var inner error
	err := g.AllSessionSpecificStores.DoDecryptionTxn(ctx, func(ctx context.Context) error {
		inner = fn(ctx)
		return inner
	})
	switch {
	case err == nil:
		return nil
	case g.troubled():
		return &databaseError{err}
	case inner == nil: // the transaction could not begin or commit
		return g.note(ctx, err)
	case errors.Is(err, signalerror.ErrOldCounter):
		return g.lateDouble(ctx, err)
	}
	return err
}

// lateDouble looks at a message that the ratchet has already seen. whatsmeow
// acknowledges such a message. But if the socket before this one decrypted it
// and has not yet had it committed, that would lose it: it must come again, and
// will then be found in the buffer.
func (g *guardedStore) lateDouble(ctx context.Context, old error) error {
	hash := g.hash.Load()
	if hash == nil {
		return old
	}
	e, err := g.AllSessionSpecificStores.GetBufferedEvent(ctx, *hash)
	if err != nil {
		return g.note(ctx, err)
	}
	if e == nil || e.Plaintext == nil {
		return old
	}
	err = fmt.Errorf("decrypted by the connection before this one: %w", old)
	g.failed(err)
	return &databaseError{err}
}

func (g *guardedStore) PutBufferedEvent(ctx context.Context, hash [32]byte, plaintext []byte, at time.Time) error {
	return g.note(ctx, g.AllSessionSpecificStores.PutBufferedEvent(ctx, hash, plaintext, at))
}

// GetOutgoingEvent finds the message that a retry receipt asks for. That there
// is none (sql.ErrNoRows) is an answer: the receipt is acknowledged then.
func (g *guardedStore) GetOutgoingEvent(ctx context.Context, chat, alt types.JID, id types.MessageID) (string, []byte, error) {
	format, body, err := g.AllSessionSpecificStores.GetOutgoingEvent(ctx, chat, alt, id)
	return format, body, g.note(ctx, err)
}

func (g *guardedStore) AddOutgoingEvent(ctx context.Context, chat types.JID, id types.MessageID, format string, body []byte) error {
	return g.note(ctx, g.AllSessionSpecificStores.AddOutgoingEvent(ctx, chat, id, format, body))
}

func (g *guardedStore) DeleteOldOutgoingEvents(ctx context.Context) error {
	if !g.purges.outgoing.due() {
		return nil
	}
	return g.note(ctx, g.AllSessionSpecificStores.DeleteOldOutgoingEvents(ctx))
}

func (g *guardedStore) DeleteOldBufferedHashes(ctx context.Context) error {
	if !g.purges.hashes.due() {
		return nil
	}
	return g.AllSessionSpecificStores.DeleteOldBufferedHashes(ctx)
}

// The Signal stores, which a decryption and the answer to a retry receipt use.

func (g *guardedStore) PutIdentity(ctx context.Context, address string, key [32]byte) error {
	return g.note(ctx, g.AllSessionSpecificStores.PutIdentity(ctx, address, key))
}

func (g *guardedStore) DeleteIdentity(ctx context.Context, address string) error {
	return g.note(ctx, g.AllSessionSpecificStores.DeleteIdentity(ctx, address))
}

func (g *guardedStore) IsTrustedIdentity(ctx context.Context, address string, key [32]byte) (bool, error) {
	ok, err := g.AllSessionSpecificStores.IsTrustedIdentity(ctx, address, key)
	return ok, g.note(ctx, err)
}

func (g *guardedStore) GetSession(ctx context.Context, address string) ([]byte, error) {
	s, err := g.AllSessionSpecificStores.GetSession(ctx, address)
	return s, g.note(ctx, err)
}

func (g *guardedStore) HasSession(ctx context.Context, address string) (bool, error) {
	ok, err := g.AllSessionSpecificStores.HasSession(ctx, address)
	return ok, g.note(ctx, err)
}

func (g *guardedStore) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	s, err := g.AllSessionSpecificStores.GetManySessions(ctx, addresses)
	return s, g.note(ctx, err)
}

func (g *guardedStore) PutSession(ctx context.Context, address string, session []byte) error {
	return g.note(ctx, g.AllSessionSpecificStores.PutSession(ctx, address, session))
}

func (g *guardedStore) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	return g.note(ctx, g.AllSessionSpecificStores.PutManySessions(ctx, sessions))
}

func (g *guardedStore) DeleteSession(ctx context.Context, address string) error {
	return g.note(ctx, g.AllSessionSpecificStores.DeleteSession(ctx, address))
}

func (g *guardedStore) MigratePNToLID(ctx context.Context, pn, lid types.JID) error {
	return g.note(ctx, g.AllSessionSpecificStores.MigratePNToLID(ctx, pn, lid))
}

func (g *guardedStore) GenOnePreKey(ctx context.Context) (*keys.PreKey, error) {
	k, err := g.AllSessionSpecificStores.GenOnePreKey(ctx)
	return k, g.note(ctx, err)
}

func (g *guardedStore) GetPreKey(ctx context.Context, id uint32) (*keys.PreKey, error) {
	k, err := g.AllSessionSpecificStores.GetPreKey(ctx, id)
	return k, g.note(ctx, err)
}

func (g *guardedStore) RemovePreKey(ctx context.Context, id uint32) error {
	return g.note(ctx, g.AllSessionSpecificStores.RemovePreKey(ctx, id))
}

func (g *guardedStore) PutSenderKey(ctx context.Context, group, user string, session []byte) error {
	return g.note(ctx, g.AllSessionSpecificStores.PutSenderKey(ctx, group, user, session))
}

func (g *guardedStore) GetSenderKey(ctx context.Context, group, user string) ([]byte, error) {
	k, err := g.AllSessionSpecificStores.GetSenderKey(ctx, group, user)
	return k, g.note(ctx, err)
}
