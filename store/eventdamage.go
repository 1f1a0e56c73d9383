package store

import (
	"encoding/json"
	"errors"

	"go.uber.org/zap"

	"wapid/engine"
)

// unreadableData stands in for the data of an event that are damaged: as JSON they
// would spoil the whole page that they stand on, for every reader.
const unreadableData = `{"unreadable":true}`

var errNoJSON = errors.New("it is no JSON")

// readable replaces the data of an event that are damaged.
func (s *Store) readable(e *engine.Event) {
	if json.Valid(e.Data) {
		return
	}
	s.unreadable("the data of an event", errNoJSON, zap.String("tenant", string(e.Session.Tenant)), zap.String("event", string(e.ID)))
	e.Data = []byte(unreadableData)
}
