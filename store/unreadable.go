package store

import (
	"context"
	"reflect"

	"go.uber.org/zap"

	"wapid/engine"
)

// lenient reads a document that may have been damaged, as a disk or a hand in the
// database can do it. Then the value is zero, and damage says why; the rest of
// the row can be used. Whoever scans with it decides what the row is worth.
type lenient struct {
	v      any // a pointer
	damage *error
}

// Scan implements sql.Scanner.
func (l lenient) Scan(src any) error {
	if *l.damage = (document{l.v}).Scan(src); *l.damage != nil {
		reflect.ValueOf(l.v).Elem().SetZero()
	}
	return nil
}

// unreadable tells the operator of a damaged row: what it is, and where to find
// it. What the row holds is not told. Readable fails from here on.
func (s *Store) unreadable(what string, damage error, where ...zap.Field) {
	s.damaged.Store(true)
	s.log.Error(what+" can't be read from the database", append(where, zap.NamedError("damage", damage))...)
}

// Readable fails with CodeStorage once a row could not be read, until the store is
// opened anew: the row costs nobody but its owner, but where one was damaged others
// may be, and somebody has to look.
func (s *Store) Readable(context.Context) error {
	if s.damaged.Load() {
		return engine.Errorf(engine.CodeStorage, FileName+" holds rows that can't be read: the log names them")
	}
	return nil
}
