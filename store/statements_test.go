package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"wapid/bulk"
	"wapid/engine"
)

// counted is a connector whose connections count the statements that they run.
type counted struct {
	dsn string
	n   atomic.Int64
}

func (c *counted) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (c *counted) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.Driver().Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &countedConn{conn.(*sqlite3.SQLiteConn), &c.n}, nil
}

type countedConn struct {
	*sqlite3.SQLiteConn
	n *atomic.Int64
}

func (c *countedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.n.Add(1)
	return c.SQLiteConn.ExecContext(ctx, query, args)
}

func (c *countedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.n.Add(1)
	return c.SQLiteConn.QueryContext(ctx, query, args)
}

// take returns how many statements there were since the last call.
func (c *counted) take() int64 { return c.n.Swap(0) }

// countStatements has a store write over connections that count. The database has
// one tenant with a webhook for what the WapiConnect document knows.
func countStatements(t *testing.T) (*Store, *counted) {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	_, _, err = s.EnsureDefaultTenant(context.Background(), "")
	if err == nil {
		_, err = s.PutEndpoint(context.Background(), DefaultTenant, "https://example.com", "secret")
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{dsn: "file:" + path + "?_foreign_keys=on&_txlock=immediate&_busy_timeout=10000"}
	before := s.write.db
	s.write.db = sql.OpenDB(c) // the writer looks at it once it has something to do
	s.write.db.SetMaxOpenConns(1)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	return s, c
}

// A message that is sent takes two statements before it leaves, two when the server
// has taken it, and two for each receipt, besides BEGIN and COMMIT. What a tenant's
// terms and webhooks are is not asked again, and neither what the message is.
func TestASendTakesFewStatements(t *testing.T) {
	s, c := countStatements(t)
	ctx, key := context.Background(), engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	at, who := time.Unix(1708243200, 0), engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}
	for i := range 3 {
		id := engine.MessageID(fmt.Sprint("M", i))
		var got []int64
		for _, step := range []func() error{
			func() error {
				_, err := s.ReserveMessage(ctx, engine.Reservation{Message: engine.LoggedMessage{Session: key, ID: id, Chat: who.Phone, Peer: who.Phone.Person(),
					Direction: engine.Outbound, Kind: engine.KindText, Text: "Hi", Status: engine.MessagePending, CreatedAt: at, StatusAt: at}})
				return err
			},
			func() error {
				return s.FinishMessage(ctx, key, id, engine.MessageOutcome{Status: engine.MessageSent, SentAt: at, Recipient: who})
			},
			func() error {
				return s.AdvanceMessages(ctx, key, engine.Receipt{Chat: who.LID, IDs: []engine.MessageID{id}, Status: engine.MessageDelivered, At: at})
			},
			func() error {
				return s.AdvanceMessages(ctx, key, engine.Receipt{Chat: who.LID, IDs: []engine.MessageID{id}, Status: engine.MessageRead, At: at})
			},
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
			got = append(got, c.take())
		}
		if want := []int64{2, 2, 2, 2}; i > 0 && !slices.Equal(got, want) {
			t.Errorf("message %d took %d statements, want %d", i, got, want)
		}
	}
}

// What standing remembers is forgotten with whatever may change it, and with a
// transaction that was rolled back.
func TestStandingIsForgotten(t *testing.T) {
	s, _ := countStatements(t)
	ctx, key := context.Background(), engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	n := 0
	reserve := func() error {
		n++
		_, err := s.ReserveMessage(ctx, engine.Reservation{Message: engine.LoggedMessage{Session: key, ID: engine.MessageID(fmt.Sprint("M", n)),
			Direction: engine.Outbound, Kind: engine.KindText, Status: engine.MessagePending, CreatedAt: time.Unix(1, 0)}})
		return err
	}
	deliveries := func() (n int) {
		t.Helper()
		data, err := engine.Canonical(engine.MessageStatusData{ID: "A"})
		if err == nil {
			err = s.AppendEvent(ctx, engine.Event{Session: key, Type: engine.EventMessageStatus, Data: data})
		}
		if err == nil {
			err = s.read.QueryRow(`SELECT count(*) FROM deliveries`).Scan(&n)
		}
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := reserve(); err != nil {
		t.Fatal(err)
	}
	if got := deliveries(); got != 0 {
		t.Errorf("%d deliveries of what nobody wants", got)
	}
	if _, err := s.PutEndpoint(ctx, DefaultTenant, "https://example.com", "secret", engine.EventMessageStatus); err != nil {
		t.Fatal(err)
	}
	if got := deliveries(); got != 1 {
		t.Errorf("%d deliveries of what is wanted now, want 1", got)
	}
	for _, suspended := range []bool{true, false} {
		if _, err := s.SuspendTenant(ctx, Origin{}, DefaultTenant, suspended); err != nil {
			t.Fatal(err)
		}
		want := engine.Code("")
		if suspended {
			want = engine.CodeTenantSuspended
		}
		if err := reserve(); engine.CodeOf(err) != want {
			t.Errorf("suspended %v: %v", suspended, err)
		}
	}

	// A write that looks at its own change, and fails.
	refusal := errors.New("no")
	err := s.record(ctx, func(tx *sql.Tx) error {
		s.standing.forget()
		if _, err := tx.Exec(`UPDATE tenants SET suspended_at = 1`); err != nil {
			return err
		}
		if t, err := s.termsOf(tx, DefaultTenant); err != nil || !t.suspended {
			return fmt.Errorf("it is %+v, %v", t, err)
		}
		return refusal
	})
	if !errors.Is(err, refusal) {
		t.Fatal(err)
	}
	if err := reserve(); err != nil {
		t.Errorf("after a suspension that did not happen: %v", err)
	}
}

// An item of a bulk job takes eight small statements beside those of its message, in one
// transaction with the end of the item before.
func TestAnItemTakesFewStatements(t *testing.T) {
	s, c := countStatements(t)
	key, madeAt := engine.SessionKey{Tenant: DefaultTenant, ID: "main"}, time.Unix(1708243200, 0)
	j := insertJob(t, s, key, madeAt, 4)
	look := bulk.Look{Session: key, MadeAt: madeAt, Now: madeAt}
	claim, err := s.ClaimItem(t.Context(), look)
	if err != nil || claim.Job.ID != j.ID {
		t.Fatalf("claimed %+v (%v)", claim, err)
	}
	look.Known = j.ID
	for i := range 2 {
		c.take()
		_, claim, err = s.FinishAndClaim(t.Context(), bulk.Ref{Job: j.ID, Index: i}, bulk.Outcome{Sent: true, SentAt: madeAt, At: madeAt, NextAt: madeAt}, look)
		if got := c.take(); err != nil || claim.Item.Index != i+1 || got != 8 {
			t.Errorf("item %d took %d statements, and %+v followed (%v)", i, got, claim.Item, err)
		}
	}
}
