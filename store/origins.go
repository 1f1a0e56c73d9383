package store

import (
	"context"
	"database/sql"
	"slices"

	"wapid/engine"
	"wapid/webhooks"
)

// nearest leaves of the endpoints that take an event those that get it: of those that
// were set through Meta's Graph API only the one that is nearest to the event's number.
// It asks the database nothing where there is none of a number.
func (s *Store) nearest(tx *sql.Tx, key engine.SessionKey, takers []taker) ([]taker, error) {
	var origins []webhooks.Origin
	ofPhones, ofAny := false, false
	for _, t := range takers {
		ofAny = ofAny || t.origin != webhooks.OriginNone
		ofPhones = ofPhones || t.origin.Phone() != ""
	}
	if !ofAny {
		return takers, nil
	}
	var phone string
	if ofPhones && key.ID != "" {
		var err error
		if phone, err = s.phoneOf(tx, key); err != nil {
			return nil, err
		}
	}
	for _, t := range takers {
		origins = append(origins, t.origin)
	}
	gets := webhooks.Nearest(phone, origins)
	var left []taker
	for i, t := range takers {
		if gets[i] {
			left = append(left, t)
		}
	}
	return left, nil
}

const selectSessionPhone = `SELECT phone FROM sessions WHERE tenant_id = $1 AND id = $2`

// phoneOf is the number of a session as digits, "" if it has none.
func (s *Store) phoneOf(tx *sql.Tx, key engine.SessionKey) (string, error) {
	return known(&s.standing.phones, key, func() (string, error) {
		var phone engine.JID
		err := tx.QueryRow(selectSessionPhone, key.Tenant, key.ID).Scan(&phone)
		if isNoRows(err) {
			return "", nil
		}
		return phone.User(), err
	})
}

// sessionsOfOrigin narrows an endpoint of a number to the sessions that have it now.
// none says that there is no such session.
func (s *Store) sessionsOfOrigin(ctx context.Context, e *webhooks.Endpoint) (none bool, err error) {
	phone := e.Origin.Phone()
	if phone == "" {
		return false, nil
	}
	rows, err := s.read.QueryContext(ctx, `SELECT id FROM sessions WHERE tenant_id = $1 AND phone = $2 AND phone <> ''`, e.Tenant, phone+"@"+engine.ServerPhone)
	all, err := collect(rows, err, func(r row) (id engine.SessionID, err error) {
		err = r.Scan(&id)
		return id, err
	})
	if err != nil {
		return false, err
	}
	e.Sessions = slices.DeleteFunc(all, func(id engine.SessionID) bool { return !e.Covers(id) })
	return len(e.Sessions) == 0, nil
}
