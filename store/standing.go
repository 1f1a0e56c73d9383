package store

import (
	"database/sql"
	"time"

	"wapid/bulk"
	"wapid/engine"
	"wapid/webhooks"
)

// mostStanding bounds how many entries of a kind are remembered.
const mostStanding = 1 << 14

// standing is what the writer remembers of tables that hardly ever change, and of the
// newest messages that were sent, so that not every message asks them again. It is used on the writer's goroutine only, by
// transactions through record; every other write, and whatever is rolled back, makes
// it forget all. The zero value remembers nothing.
type standing struct {
	tenants map[engine.TenantID]terms
	takers  map[wish][]taker
	// phones are the numbers of sessions, of tenants whose endpoints are of numbers.
	phones map[engine.SessionKey]string
	words  map[engine.TenantID]bulk.OptOutWords
	// listed tells tenants on whose list of opt-outs anybody stands.
	listed map[engine.TenantID]bool
	// asking tells sessions that may have open questions, unasked chats of these in
	// which there is none.
	asking  map[engine.SessionKey]bool
	unasked map[place]bool
	// outgoing are messages as they stand in the log.
	outgoing map[sent]outgoing
	// acquainted are people of whom the table knows already.
	acquainted map[pair]bool
	// met are the names that people chose who are in the contacts book, as they are.
	met map[pair]string
	// booked tells tenants in whose contacts book anybody is.
	booked map[engine.TenantID]bool
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

// known returns an entry of one of standing's maps, which find looks up and known learns
// if it is missing.
func known[K comparable, V any](m *map[K]V, key K, find func() (V, error)) (V, error) {
	if value, ok := (*m)[key]; ok {
		return value, nil
	}
	value, err := find()
	if err == nil {
		learn(m, key, value)
	}
	return value, err
}

// termsOf returns CodeNotFound if there is no such tenant.
func (s *Store) termsOf(tx *sql.Tx, tenant engine.TenantID) (terms, error) {
	return known(&s.standing.tenants, tenant, func() (terms, error) { return s.findTerms(tx, tenant) })
}

// taker is an endpoint that wants a type of event.
type taker struct {
	endpoint webhooks.EndpointID
	sessions []engine.SessionID // only of these; none for all
	origin   webhooks.Origin
}

const selectTakers = `SELECT e.id, e.sessions, e.origin FROM endpoints e WHERE ` + wantsType

// takersOf finds those of a tenant's endpoints that take events of a type, be it of some
// sessions only.
func (s *Store) takersOf(tx *sql.Tx, tenant engine.TenantID, t engine.EventType) ([]taker, error) {
	return known(&s.standing.takers, wish{tenant, t}, func() ([]taker, error) {
		byDefault, pattern := wanted(t)
		rows, err := tx.Query(selectTakers, tenant, byDefault, pattern)
		return collect(rows, err, func(r row) (t taker, err error) {
			err = r.Scan(&t.endpoint, sessionList{&t.sessions}, &t.origin)
			return t, err
		})
	})
}

// wordsOf are the words by which people opt out of a tenant's bulk messages.
func (s *Store) wordsOf(tx *sql.Tx, tenant engine.TenantID) (bulk.OptOutWords, error) {
	return known(&s.standing.words, tenant, func() (bulk.OptOutWords, error) { return s.optOutWords(tx, tenant) })
}

// isListed tells whether anybody stands on a tenant's list of opt-outs.
func (s *Store) isListed(tx *sql.Tx, tenant engine.TenantID) (bool, error) {
	return known(&s.standing.listed, tenant, func() (found bool, err error) {
		err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM opt_outs WHERE tenant_id = $1)`, tenant).Scan(&found)
		return found, err
	})
}
