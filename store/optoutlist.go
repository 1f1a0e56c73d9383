package store

import (
	"database/sql"

	"wapid/bulk"
	"wapid/engine"
)

// A person may stand on a tenant's list under a number, a LID, or both. The two
// are brought together when a message tells that they are one person's; where
// what is known contradicts it (a number has gone to somebody else), each address
// stays on the list by itself: whoever has opted out is never taken off by that.

// matchOptOuts are the entries of a person, by either address: two at most. The
// terms with <> are what makes the partial indexes fit.
const matchOptOuts = selectOptOut + ` WHERE tenant_id = $1 AND phone = $2 AND phone <> ''
	UNION ` + selectOptOut + ` WHERE tenant_id = $1 AND lid = $3 AND lid <> '' ORDER BY id`

func matchingOptOuts(q querier, tenant engine.TenantID, who engine.Person) ([]bulk.OptOut, error) {
	rows, err := q.Query(matchOptOuts, tenant, who.Phone, who.LID)
	return collect(rows, err, scanOptOut)
}

// hasOptedOut tells whether a bulk job must leave out an address.
func hasOptedOut(q querier, tenant engine.TenantID, to engine.JID) (bool, error) {
	who := to.Person()
	if who == (engine.Person{}) {
		return false, nil // groups and channels have no word in it
	}
	found, err := matchingOptOuts(q, tenant, who)
	return len(found) > 0, err
}

// contradicts tells whether an entry that shares an address with a person has
// another one beside it that is not the person's.
func contradicts(entry, who engine.Person) bool {
	return entry.Phone != "" && who.Phone != "" && entry.Phone != who.Phone ||
		entry.LID != "" && who.LID != "" && entry.LID != who.LID
}

// optOut puts a person on the list. One who is there already, under either
// address, stays there, is known better from then on, and is not new.
func (s *Store) optOut(tx *sql.Tx, tenant engine.TenantID, o bulk.OptOut) (queued int64, isNew bool, err error) {
	if o.Person == (engine.Person{}) {
		return 0, false, nil
	}
	found, err := matchingOptOuts(tx, tenant, o.Person)
	if err != nil {
		return 0, false, err
	}
	if err := takeAddresses(tx, found, o.Person); err != nil {
		return 0, false, err
	}
	for _, f := range found {
		if !contradicts(f.Person, o.Person) {
			return 0, false, mergeOptOuts(tx, found, o.Person)
		}
	}
	s.standing.forget() // there may be nobody yet
	_, err = tx.Exec(`INSERT INTO opt_outs (tenant_id, phone, lid, source, word, session_id, message_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tenant, o.Person.Phone, o.Person.LID, o.Source, o.Word, o.Session, o.MessageID, millis(o.At))
	if err != nil || len(found) > 0 {
		return 0, false, err
	}
	queued, err = s.tellOptOut(tx, tenant, o, true)
	return queued, true, err
}

// optIn takes a person off the list. An address that stands there with another
// one that is not the person's leaves that one behind. changed is false for
// somebody who was not on the list.
func (s *Store) optIn(tx *sql.Tx, tenant engine.TenantID, o bulk.OptOut) (queued int64, removed bool, err error) {
	found, err := matchingOptOuts(tx, tenant, o.Person)
	if err != nil || len(found) == 0 {
		return 0, false, err
	}
	if err := takeAddresses(tx, found, o.Person); err != nil {
		return 0, false, err
	}
	for _, f := range found {
		if contradicts(f.Person, o.Person) {
			continue
		}
		if _, err := tx.Exec(`DELETE FROM opt_outs WHERE id = $1`, f.ID); err != nil {
			return 0, false, err
		}
	}
	queued, err = s.tellOptOut(tx, tenant, o, false)
	return queued, true, err
}

// takeAddresses takes a person's addresses out of entries that have another
// address beside them. Each of those keeps the other one.
func takeAddresses(tx *sql.Tx, entries []bulk.OptOut, who engine.Person) error {
	for _, e := range entries {
		if !contradicts(e.Person, who) {
			continue
		}
		_, err := tx.Exec(`UPDATE opt_outs SET phone = CASE WHEN phone = $1 THEN '' ELSE phone END,
			lid = CASE WHEN lid = $2 THEN '' ELSE lid END WHERE id = $3`, who.Phone, who.LID, e.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// mergeOptOuts makes one entry, the oldest, of those that are about one person.
func mergeOptOuts(tx *sql.Tx, entries []bulk.OptOut, who engine.Person) error {
	var kept *bulk.OptOut
	for i, e := range entries {
		switch {
		case contradicts(e.Person, who):
		case kept == nil:
			kept = &entries[i]
		default:
			if _, err := tx.Exec(`DELETE FROM opt_outs WHERE id = $1`, e.ID); err != nil {
				return err
			}
		}
	}
	if kept == nil {
		return nil
	}
	_, err := tx.Exec(`UPDATE opt_outs SET phone = CASE WHEN $1 = '' THEN phone ELSE $1 END,
		lid = CASE WHEN $2 = '' THEN lid ELSE $2 END WHERE id = $3`, who.Phone, who.LID, kept.ID)
	return err
}

// learnPerson completes what the list knows of a person whose two addresses a
// message tells. It changes nothing where that would contradict an entry.
func (s *Store) learnPerson(tx *sql.Tx, tenant engine.TenantID, who engine.Person) error {
	if who.Phone == "" || who.LID == "" {
		return nil
	}
	if anybody, err := s.isListed(tx, tenant); err != nil || !anybody {
		return err
	}
	found, err := matchingOptOuts(tx, tenant, who)
	if err != nil || len(found) == 0 || found[0].Person == who {
		return err
	}
	for _, f := range found {
		if contradicts(f.Person, who) {
			return nil
		}
	}
	return mergeOptOuts(tx, found, who)
}

// heed does what the sender of a new message wants, if its whole text is one of
// the tenant's words, and learns who the sender is.
func (s *Store) heed(tx *sql.Tx, m engine.LoggedMessage) (queued int64, err error) {
	if m.Chat.IsGroup() {
		return 0, nil
	}
	tenant := m.Session.Tenant
	if err := s.learnPerson(tx, tenant, m.Peer); err != nil {
		return 0, err
	}
	if m.Kind != engine.KindText && m.Kind != engine.KindEdit {
		return 0, nil
	}
	words, err := s.wordsOf(tx, tenant)
	if err != nil {
		return 0, err
	}
	word, out, heeded := words.Heed(m.Text)
	if !heeded {
		return 0, nil
	}
	o := bulk.OptOut{Person: m.Peer, Source: bulk.OptOutByMessage, Word: word, Session: m.Session.ID, MessageID: m.ID, At: s.clock()}
	if o.Person, err = completed(tx, tenant, m.Peer); err != nil {
		return 0, err
	}
	if out {
		queued, _, err = s.optOut(tx, tenant, o)
	} else {
		queued, _, err = s.optIn(tx, tenant, o)
	}
	return queued, err
}

// tellOptOut appends the event of a change of the list.
func (s *Store) tellOptOut(tx *sql.Tx, tenant engine.TenantID, o bulk.OptOut, out bool) (queued int64, err error) {
	data, err := engine.Canonical(engine.OptOutData{
		Phone: o.Person.Phone.User(), LID: o.Person.LID, OptedOut: out, Word: o.Word, MessageID: o.MessageID,
		Source: string(o.Source), At: o.At.UnixMilli(),
	})
	if err != nil {
		return 0, err
	}
	return s.appendEvent(tx, engine.Event{
		Session: engine.SessionKey{Tenant: tenant, ID: o.Session}, Type: engine.EventOptOut, At: o.At, Data: data,
	})
}
