package store

import (
	"database/sql"
	"time"

	"wapid/engine"
)

// mostStanding bounds how many entries of a kind are remembered.
const mostStanding = 1 << 14

// standing is what the writer remembers of tables that hardly ever change, and of the
// newest messages that were sent, so that not every message asks them again. It is used on the writer's goroutine only, by
// transactions through record; every other write, and whatever is rolled back, makes
// it forget all. The zero value remembers nothing.
type standing struct {
	tenants map[engine.TenantID]terms
	wanted  map[wish]bool
	// listed tells tenants on whose list of opt-outs anybody stands.
	listed map[engine.TenantID]bool
	// outgoing are messages as they stand in the log.
	outgoing map[sent]outgoing
	// acquainted are people of whom the table knows already.
	acquainted map[pair]bool
	// counted is up to when messages were counted by day, in unix milliseconds.
	counted map[engine.TenantID]int64
}

// terms are what a tenant may send by.
type terms struct {
	limit     int // messages a day; 0 for any number
	zone      *time.Location
	suspended bool
}

// wish is a type of event that a tenant's endpoints may want.
type wish struct {
	tenant engine.TenantID
	event  engine.EventType
}

func (k *standing) forget() { *k = standing{} }

// learn remembers an entry of one of standing's maps.
func learn[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil || len(*m) >= mostStanding {
		*m = make(map[K]V)
	}
	(*m)[key] = value
}

// termsOf returns CodeNotFound if there is no such tenant.
func (s *Store) termsOf(tx *sql.Tx, tenant engine.TenantID) (terms, error) {
	if t, known := s.standing.tenants[tenant]; known {
		return t, nil
	}
	t, err := s.findTerms(tx, tenant)
	if err == nil {
		learn(&s.standing.tenants, tenant, t)
	}
	return t, err
}

// isWanted tells whether any of a tenant's endpoints takes events of a type, be it of
// some sessions only.
func (s *Store) isWanted(tx *sql.Tx, tenant engine.TenantID, t engine.EventType) (bool, error) {
	key := wish{tenant, t}
	if known, ok := s.standing.wanted[key]; ok {
		return known, nil
	}
	byDefault, pattern := wanted(t)
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM endpoints e WHERE `+wantsType, tenant, byDefault, pattern).Scan(&n)
	if err != nil {
		return false, err
	}
	learn(&s.standing.wanted, key, n > 0)
	return n > 0, nil
}

// isListed tells whether anybody stands on a tenant's list of opt-outs.
func (s *Store) isListed(tx *sql.Tx, tenant engine.TenantID) (found bool, err error) {
	if known, ok := s.standing.listed[tenant]; ok {
		return known, nil
	}
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM opt_outs WHERE tenant_id = $1)`, tenant).Scan(&found)
	if err == nil {
		learn(&s.standing.listed, tenant, found)
	}
	return found, err
}
