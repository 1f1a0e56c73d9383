package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/whatsmeow/store"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// brokenStore answers with a buffered event that is given.
type brokenStore struct {
	store.NoopStore
	buffered *store.BufferedEvent
}

func (b *brokenStore) GetBufferedEvent(context.Context, [32]byte) (*store.BufferedEvent, error) {
	return b.buffered, nil
}

func (b *brokenStore) DoDecryptionTxn(ctx context.Context, fn func(context.Context) error) error {
	return fn(ctx)
}

func TestGuardTurnsDatabaseErrorsIntoCancellations(t *testing.T) {
	locked := sqlite3.Error{Code: sqlite3.ErrLocked}
	buffered := &store.BufferedEvent{Plaintext: []byte("x")}
	for name, c := range map[string]struct {
		store    error // of any call of the store within the decryption
		swallow  bool  // libsignal drops the error's chain
		decrypt  error // of the decryption itself
		buffered *store.BufferedEvent
		ctxEnded bool
		canceled bool // whatsmeow sends neither receipt nor acknowledgement
		reported bool // the connection is made anew
	}{
		"all well":                      {},
		"locked":                        {store: locked, canceled: true, reported: true},
		"locked, hidden by libsignal":   {store: locked, swallow: true, canceled: true, reported: true},
		"closed":                        {store: sql.ErrConnDone, canceled: true, reported: true},
		"not found":                     {store: sql.ErrNoRows},
		"deleted device":                {store: store.ErrDeviceDeleted},
		"given up":                      {store: context.Canceled, ctxEnded: true, canceled: true},
		"wrong key":                     {decrypt: errors.New("mismatching MAC")},
		"seen before":                   {decrypt: fmt.Errorf("x: %w", signalerror.ErrOldCounter)},
		"seen before and not committed": {decrypt: fmt.Errorf("x: %w", signalerror.ErrOldCounter), buffered: buffered, canceled: true, reported: true},
	} {
		t.Run(name, func(t *testing.T) {
			reports := 0
			device := &store.Device{LIDs: &store.NoopStore{}}
			device.SetAllStores(&brokenStore{NoopStore: store.NoopStore{Error: c.store}, buffered: c.buffered})
			g, err := guard(device, func(error) { reports++ }, purges{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := g.GetBufferedEvent(ctx, [32]byte{1}); err != nil {
				t.Fatal(err)
			}
			if c.ctxEnded {
				cancel()
			}
			err = device.EventBuffer.DoDecryptionTxn(ctx, func(ctx context.Context) error {
				if err := device.Sessions.PutSession(ctx, "peer", nil); err != nil {
					if c.swallow {
						return errors.New("no valid sessions")
					}
					return fmt.Errorf("storing: %w", err)
				}
				return c.decrypt
			})
			if got := errors.Is(err, context.Canceled); got != c.canceled {
				t.Errorf("error %v: cancellation %v, want %v", err, got, c.canceled)
			}
			if (reports > 0) != c.reported {
				t.Errorf("reported %d times, want some: %v", reports, c.reported)
			}
			if c.store != nil && !c.swallow && !errors.Is(err, c.store) {
				t.Errorf("error %v hides its cause", err)
			}
			if g.troubled() {
				t.Error("trouble is left over for the next message")
			}
		})
	}
}

func TestGuardRefusesTheMessageBehindAFailedLookup(t *testing.T) {
	device := &store.Device{LIDs: &store.NoopStore{Error: sqlite3.Error{Code: sqlite3.ErrBusy}}}
	device.SetAllStores(&brokenStore{})
	g, err := guard(device, func(error) {}, purges{})
	if err != nil {
		t.Fatal(err)
	}
	// whatsmeow logs this one and goes on to decrypt under the wrong address.
	if _, err := device.LIDs.GetLIDForPN(t.Context(), parseJID(t, "49170@s.whatsapp.net")); err == nil {
		t.Fatal("no error")
	}
	if _, err := g.GetBufferedEvent(t.Context(), [32]byte{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("the message is decrypted all the same: %v", err)
	}
	if _, err := g.GetBufferedEvent(t.Context(), [32]byte{2}); err != nil {
		t.Errorf("the next message suffers too: %v", err)
	}
}

func TestThrottle(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	th := &throttle{every: time.Hour, clock: func() time.Time { return now }}
	var got []bool
	for _, step := range []time.Duration{0, 0, 59 * time.Minute, time.Minute, 0} {
		now = now.Add(step)
		got = append(got, th.due())
	}
	if want := []bool{true, false, false, true, false}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("due at %v, want %v", got, want)
	}
}

// broken makes the database of a network fail: begin and end are SQL.
type broken struct{ name, begin, end string }

// TestDatabaseFailureLosesNoMessage breaks the device store, for real, in every
// place that decrypting a message touches.
func TestDatabaseFailureLosesNoMessage(t *testing.T) {
	trigger := func(table, when string) (string, string) {
		return fmt.Sprintf("CREATE TRIGGER boom BEFORE %s ON %s BEGIN SELECT RAISE(FAIL, 'disk on fire'); END", when, table), "DROP TRIGGER boom"
	}
	gone := func(table string) (string, string) {
		return fmt.Sprintf("ALTER TABLE %s RENAME TO away", table), fmt.Sprintf("ALTER TABLE away RENAME TO %s", table)
	}
	make := func(name string, sql func(string, string) (string, string), table, when string) broken {
		begin, end := sql(table, when)
		return broken{name, begin, end}
	}
	without := func(table, _ string) (string, string) { return gone(table) }
	sim := simulate(t)
	for _, b := range []broken{
		make("sessions not written", trigger, "whatsmeow_sessions", "UPDATE"),
		make("sessions not read", without, "whatsmeow_sessions", ""),
		make("buffer not written", trigger, "whatsmeow_event_buffer", "INSERT"),
		make("buffer not read", without, "whatsmeow_event_buffer", ""),
		make("identities not read", without, "whatsmeow_identity_keys", ""),
		make("secrets not written", trigger, "whatsmeow_message_secrets", "INSERT"),
		make("prekeys not deleted", trigger, "whatsmeow_pre_keys", "DELETE"),
		make("prekeys not read", without, "whatsmeow_pre_keys", ""),
	} {
		t.Run(b.name, func(t *testing.T) {
			n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
			s, id := enginetest.Link(t, n, p, "a")
			if b.name[:7] != "prekeys" { // a session that exists uses no prekey
				msg, err := peer.SendText(t.Context(), p.Person().Phone, "hello")
				if err != nil {
					t.Fatal(err)
				}
				s.AwaitMessage(t, msg)
			}
			breakStore(t, n, b.begin)
			msg, err := peer.SendText(t.Context(), p.Person().Phone, "through the fire")
			if err != nil {
				t.Fatal(err)
			}
			wantDrop(t, s, engine.DropNetwork)
			if p.Acknowledged(id.Device, msg) {
				t.Error("acknowledged, and lost")
			}
			breakStore(t, n, b.end)
			s.ComeBack(t)
			if got := s.AwaitMessage(t, msg); got.Text != "through the fire" {
				t.Errorf("received %+v", got)
			}
			s.Until(t, "the acknowledgement", func() bool { return p.Acknowledged(id.Device, msg) })
			for _, m := range peer.Sent() {
				if m.Retries > 0 {
					t.Errorf("the sender was asked again %d times for a message that was only our own trouble", m.Retries)
				}
			}
		})
	}
}

func breakStore(t *testing.T, n *Network, statement string) {
	t.Helper()
	if _, err := n.devices.db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	n.devices.memory.forgetAll() // as if others had been written to since
}

// TestRetryReceiptIsAnsweredLater: what was sent can be asked for again after a
// restart, and a database that fails then does not lose the request.
func TestRetryReceiptIsAnsweredLater(t *testing.T) {
	sim := simulate(t)
	p, peer := sim.phone(), sim.phone()
	dir := t.TempDir()
	n := sim.open(t, func(o *Options) { o.DataDir = dir })
	s, id := enginetest.Link(t, n, p, "a")
	msg, err := sendText(t, n, s, peer.Person().Phone, "say again")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := peer.AwaitText(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	s.End(t)

	// Another process, as it were.
	n = sim.open(t, func(o *Options) { o.DataDir = dir })
	s = enginetest.NewSession("a")
	if s.Conn, err = n.Open(t.Context(), engine.Line{Session: s.Key}, id.Device, s.Handler()); err != nil {
		t.Fatal(err)
	}
	defer s.End(t)
	breakStore(t, n, "ALTER TABLE wapid_sent RENAME TO away")
	if err := peer.RequestRetry(t.Context(), string(msg)); err != nil {
		t.Fatal(err)
	}
	s.ComeBack(t)
	wantDrop(t, s, engine.DropNetwork)
	breakStore(t, n, "ALTER TABLE away RENAME TO wapid_sent")
	s.ComeBack(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := peer.Await(ctx, func(r simnet.Received) bool {
		return r.ID == string(msg) && r.Copies >= 2 && r.Text == "say again"
	}); err != nil {
		t.Errorf("the retry receipt was not answered: %v", err)
	}
}

// TestPanicInTheSessionLosesNoMessage: whatsmeow takes a panic for success.
func TestPanicInTheSessionLosesNoMessage(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, id := enginetest.Link(t, n, p, "a")
	var panicked atomic.Bool
	s.Refuse(func(engine.Incoming) error {
		if panicked.CompareAndSwap(false, true) {
			panic("49170123456 broke it")
		}
		return nil
	})
	msg, err := peer.SendText(t.Context(), p.Person().Phone, "careful")
	if err != nil {
		t.Fatal(err)
	}
	wantDrop(t, s, engine.DropNetwork)
	if p.Acknowledged(id.Device, msg) {
		t.Error("acknowledged, and lost")
	}
	s.ComeBack(t)
	s.AwaitMessage(t, msg)
}

// TestUndecryptableMessageIsAskedForAgain: a lost Signal session is mended
// between the devices, without a word to the tenant.
func TestUndecryptableMessageIsAskedForAgain(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	if _, err := sendText(t, n, s, peer.Person().Phone, "hello"); err != nil {
		t.Fatal(err)
	}
	first, err := peer.SendText(t.Context(), p.Person().Phone, "hello yourself")
	if err != nil {
		t.Fatal(err)
	}
	s.AwaitMessage(t, first)
	breakStore(t, n, "DELETE FROM whatsmeow_sessions WHERE their_id LIKE '"+peer.LID().User+"%'")
	msg, err := peer.SendText(t.Context(), p.Person().Phone, "can you read this?")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.AwaitMessage(t, msg); got.Text != "can you read this?" {
		t.Errorf("received %+v", got)
	}
	if n.Undecryptable() == 0 {
		t.Error("not counted")
	}
	wantSilence(t, s)
}
