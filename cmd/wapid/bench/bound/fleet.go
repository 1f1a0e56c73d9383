// Package bound is what the daemon is held against: raw whatsmeow clients in one
// process, without HTTP, log, queue or webhooks, their keys in memory (or, for
// the comparison of memory, in whatsmeow's own SQLite store). It is a process of
// its own that the harness drives with one JSON value a line.
package bound

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	_ "github.com/mattn/go-sqlite3" // the driver of a fleet in SQLite
	signallog "go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"golang.org/x/sync/errgroup"
)

const (
	// pairing is how many clients are linked at a time.
	pairing = 16
	// connecting is how many connect at a time after a start.
	connecting = 128
)

// fleet is all clients of the process.
type fleet struct {
	network *network
	file    string              // where a fleet in memory is written to
	memory  *container          // nil for a fleet in SQLite
	sql     *sqlstore.Container // nil for a fleet in memory
	clients []*client
	inbound inbound

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when a client has logged in
}

// This keeps libsignal from printing to the standard output, which belongs to the
// answers. libsignal reads its logger unguarded, so it has to be told before any
// client runs.
var _ = func() bool {
	var quiet signallog.Loggable = silent{}
	signallog.Setup(&quiet)
	return true
}()

type silent struct{}

func (silent) Debug(_, _ string)   {}
func (silent) Info(_, _ string)    {}
func (silent) Warning(_, _ string) {}
func (silent) Error(_, _ string)   {}
func (silent) Configure(string)    {}

// openFleet opens the device store in dir: with inSQL whatsmeow's own in one
// SQLite file, else one in memory, which is read from a file if save has written
// one. Nothing is connected yet.
func openFleet(ctx context.Context, networkFile, dir string, inSQL bool) (*fleet, error) {
	n, err := openNetwork(networkFile)
	if err != nil {
		return nil, err
	}
	f := &fleet{network: n, changed: make(chan struct{}), file: filepath.Join(dir, "bound.gob")}
	if inSQL {
		// What a careful program would choose: one connection, write-ahead log.
		dsn := "file:" + filepath.Join(dir, "bound.db") + "?_foreign_keys=on&_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=10000&_txlock=immediate"
		if f.sql, err = sqlstore.New(ctx, "sqlite3", dsn, nil); err != nil {
			return nil, err
		}
		devices, err := f.sql.GetAllDevices(ctx)
		if err != nil {
			return nil, errors.Join(err, f.sql.Close())
		}
		for _, device := range devices {
			f.clients = append(f.clients, f.newClient(device))
		}
		return f, nil
	}
	f.memory = newContainer()
	return f, f.load()
}

func (f *fleet) newDevice() *store.Device {
	if f.sql != nil {
		return f.sql.NewDevice()
	}
	return f.memory.newDevice()
}

// grow links further clients until there are so many; number names the phone of
// each.
func (f *fleet) grow(ctx context.Context, size int, number func(i int) string) error {
	have := len(f.clients)
	if size <= have {
		return nil
	}
	f.clients = append(f.clients, make([]*client, size-have)...)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pairing)
	for i := have; i < size; i++ {
		group.Go(func() error {
			c := f.newClient(f.newDevice())
			if err := c.link(ctx, number(i)); err != nil {
				return fmt.Errorf("client %d: %w", i, err)
			}
			f.clients[i] = c
			return nil
		})
	}
	return group.Wait()
}

// connect logs all clients in.
func (f *fleet) connect(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(connecting)
	for _, c := range f.clients {
		group.Go(c.Connect)
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return f.await(ctx, f.allUp)
}

// storm cuts all sockets and waits until every client is logged in again. It
// relies on whatsmeow's own reconnection.
func (f *fleet) storm(ctx context.Context) error {
	for _, c := range f.clients {
		c.up.Store(false)
	}
	if err := f.control(ctx, "/faults", map[string]string{"kind": "close"}); err != nil {
		return err
	}
	return f.await(ctx, f.allUp)
}

func (f *fleet) allUp() bool {
	for _, c := range f.clients {
		if !c.up.Load() {
			return false
		}
	}
	return true
}

// announce wakes those who await.
func (f *fleet) announce() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// await waits until holds does; it looks whenever a client has logged in.
func (f *fleet) await(ctx context.Context, holds func() bool) error {
	for {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fleet) disconnect() {
	var group sync.WaitGroup
	for _, c := range f.clients {
		if c != nil {
			group.Go(c.Disconnect)
		}
	}
	group.Wait()
}

// close ends all connections and gives back what openFleet took.
func (f *fleet) close() error {
	f.disconnect()
	f.network.close()
	if f.sql != nil {
		return f.sql.Close()
	}
	return nil
}

// saved is a fleet in memory as it lies in a file.
type saved struct {
	Devices  []store.Device // without their stores
	Memories []*memoryState
	LIDs     map[string]string // phone numbers by LID
}

// save ends all connections and writes the fleet's keys to its file. What handlers
// that are still running would change is held until it is written. Names of the
// accounts are left out: nothing is sent with them.
func (f *fleet) save() error {
	f.disconnect()
	if f.memory == nil {
		return nil // SQLite has it all.
	}
	f.memory.lids.mu.Lock()
	defer f.memory.lids.mu.Unlock()
	s := saved{LIDs: f.memory.lids.byLID}
	for _, c := range f.clients {
		m, ok := c.Store.Sessions.(*memory)
		if !ok {
			return errors.New("a client is not linked any more")
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		s.Devices = append(s.Devices, store.Device{
			NoiseKey: c.Store.NoiseKey, IdentityKey: c.Store.IdentityKey, SignedPreKey: c.Store.SignedPreKey,
			RegistrationID: c.Store.RegistrationID, AdvSecretKey: c.Store.AdvSecretKey,
			ID: c.Store.ID, LID: c.Store.LID, Account: c.Store.Account, Platform: c.Store.Platform,
		})
		s.Memories = append(s.Memories, &m.memoryState)
	}
	file, err := os.Create(f.file)
	if err != nil {
		return err
	}
	return errors.Join(gob.NewEncoder(file).Encode(s), file.Close())
}

func (f *fleet) load() error {
	file, err := os.Open(f.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	var s saved
	if err = gob.NewDecoder(file).Decode(&s); err != nil {
		return fmt.Errorf("%s: %w", f.file, err)
	}
	f.memory.lids.fill(s.LIDs)
	for i := range s.Devices {
		device := &s.Devices[i]
		f.memory.adopt(device, &memory{memoryState: *s.Memories[i]})
		f.clients = append(f.clients, f.newClient(device))
	}
	return nil
}
