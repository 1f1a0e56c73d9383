package whatsapp

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
)

// statement is a change of the device store.
type statement struct {
	query string
	args  []driver.NamedValue
}

// write makes a statement. The arguments are what the driver takes: strings, bytes,
// int64, bool and nil.
func write(query string, args ...driver.Value) statement {
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return statement{query, named}
}

// batch is what one send or one decryption changes in a device's store. It is
// committed as a whole, or not at all; until then only those see it that have its
// context.
type batch struct {
	device string
	turn   bool // its owner has the device's turn until it has ended

	mu         sync.Mutex
	statements []statement
	rows       map[row]any // as they will be; nil for one that is deleted
	sent       string      // the id of the message that is sent with it, if any
	ended      bool
}

// errEnded says that something was to be written for a message whose sending is over.
var errEnded = errors.New("the sending of the message is over")

type batchKey struct{}

// withBatch has what is written in the context wait for the batch.
func withBatch(ctx context.Context, b *batch) context.Context {
	return context.WithValue(ctx, batchKey{}, b)
}

// batchIn finds the batch of a context that belongs to a device, or nil.
func batchIn(ctx context.Context, device string) *batch {
	b, _ := ctx.Value(batchKey{}).(*batch)
	if b == nil || b.device != device {
		return nil
	}
	return b
}

// put adds a change of a row. It is not ok once the batch has ended.
func (b *batch) put(r row, value any, s statement) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	if b.rows == nil {
		b.rows = make(map[row]any, 4)
	}
	b.rows[r] = value
	b.statements = append(b.statements, s)
	return true
}

// add adds a change of what is not kept in memory. It is not ok once the batch has ended.
func (b *batch) add(s statement) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	b.statements = append(b.statements, s)
	return true
}

// addSent adds the message that is to be sent. It is not ok once the batch has ended.
func (b *batch) addSent(id string, s statement) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	b.sent = id
	b.statements = append(b.statements, s)
	return true
}

// get returns a row as the batch has changed it.
func (b *batch) get(r row) (value any, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	value, ok = b.rows[r]
	return value, ok
}

// take moves what is to be committed into a batch of its own.
func (b *batch) take() *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := &batch{device: b.device, statements: b.statements, rows: b.rows, sent: b.sent}
	b.statements, b.rows, b.sent = nil, nil, ""
	return taken
}

// end drops what was not committed, and takes no more.
func (b *batch) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.statements, b.rows, b.sent = nil, nil, ""
}
