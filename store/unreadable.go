package store

import (
	"reflect"

	"go.uber.org/zap"
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
// it. What the row holds is not told.
func (s *Store) unreadable(what string, damage error, where ...zap.Field) {
	s.log.Error(what+" can't be read from the database", append(where, zap.NamedError("damage", damage))...)
}
