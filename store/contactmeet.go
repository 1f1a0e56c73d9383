package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"wapid/engine"
)

// mostPushName is how much of the name that a person chose is kept, in bytes: WhatsApp's
// apps allow 25 characters, and whoever sends something else may send anything.
const mostPushName = 200

// matchContacts are the contacts of a person, by either address: two at most, the older
// first. The terms with <> are what makes the partial indexes fit.
const matchContacts = selectContact + ` WHERE tenant_id = $1 AND phone = $2 AND phone <> ''
	UNION ` + selectContact + ` WHERE tenant_id = $1 AND lid = $3 AND lid <> '' ORDER BY created_at, id`

func (s *Store) matchingContacts(tx *sql.Tx, tenant engine.TenantID, who engine.Person) ([]Contact, error) {
	rows, err := tx.Query(matchContacts, tenant, who.Phone, who.LID)
	return collect(rows, err, s.scanContact)
}

// meet enters the sender of a new message into the contacts book, unless it is one of a
// group, and learns what it tells of somebody who is there. Of those who are known to
// be there as they are, nothing is asked.
func (s *Store) meet(tx *sql.Tx, m engine.LoggedMessage) (queued int64, err error) {
	who, tenant := m.Peer, m.Session.Tenant
	if m.Chat.IsGroup() || who == (engine.Person{}) {
		return 0, nil
	}
	name := shortened(m.PushName)
	key := pair{tenant, who}
	if known, ok := s.standing.met[key]; ok && (name == "" || name == known) {
		return 0, nil
	}
	found, err := s.matchingContacts(tx, tenant, who)
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		if who, err = completed(tx, tenant, who); err != nil {
			return 0, err
		}
		if who != m.Peer { // what the messages tell of this person may be in the book
			if found, err = s.matchingContacts(tx, tenant, who); err != nil {
				return 0, err
			}
		}
	}
	c, queued, err := s.settle(tx, tenant, found, who, name, m.Session.ID)
	if err == nil {
		s.standing.learnMet(tenant, m.Peer, c.PushName)
	}
	return queued, err
}

// learnMet remembers somebody who is in the contacts book.
func (k *standing) learnMet(tenant engine.TenantID, who engine.Person, pushName string) {
	learn(&k.met, pair{tenant, who}, pushName)
	if !k.booked[tenant] {
		learn(&k.booked, tenant, true)
	}
}

// introduce tells the contacts book that two addresses are one person's.
func (s *Store) introduce(tx *sql.Tx, tenant engine.TenantID, who engine.Person) (queued int64, err error) {
	if who.Phone == "" || who.LID == "" {
		return 0, nil
	}
	anybody, err := known(&s.standing.booked, tenant, func() (found bool, err error) {
		err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM contacts WHERE tenant_id = $1)`, tenant).Scan(&found)
		return found, err
	})
	if err != nil || !anybody {
		return 0, err
	}
	found, err := s.matchingContacts(tx, tenant, who)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	_, queued, err = s.settle(tx, tenant, found, who, "", "")
	return queued, err
}

// settle leaves one contact of a person, of those found under the addresses, and tells
// of it if it is new or has changed. Where two turn out to be one person, the older
// stays. A LID stays with its person; a number may go to somebody else, and then
// whoever had it before is left without.
func (s *Store) settle(tx *sql.Tx, tenant engine.TenantID, found []Contact, who engine.Person, pushName string, session engine.SessionID) (c Contact, queued int64, err error) {
	var own []Contact
	for _, f := range found {
		if who.LID != "" && f.Person.LID != "" && f.Person.LID != who.LID { // it has the number alone
			f.Person.Phone, f.UpdatedAt = "", s.clock()
			if err := s.saveContact(tx, tenant, f); err != nil {
				return c, 0, err
			}
			s.standing.met = nil
			continue
		}
		own = append(own, f)
	}
	if len(own) == 0 {
		c = Contact{Person: who, PushName: pushName}
		queued, err = s.insertContact(tx, tenant, &c, session)
		return c, queued, err
	}
	c = own[0]
	for _, other := range own[1:] {
		c.absorb(other)
		if _, err := tx.Exec(`DELETE FROM contacts`+whereContact, tenant, other.ID); err != nil {
			return c, 0, err
		}
	}
	if who.Phone != "" {
		c.Person.Phone = who.Phone
	}
	if who.LID != "" {
		c.Person.LID = who.LID
	}
	if pushName != "" {
		c.PushName = pushName
	}
	if len(own) == 1 && c.Person == own[0].Person && c.PushName == own[0].PushName {
		return c, 0, nil
	}
	c.UpdatedAt = s.clock().UTC().Truncate(time.Millisecond)
	if err := s.saveContact(tx, tenant, c); err != nil {
		return c, 0, err
	}
	queued, err = s.tellContact(tx, tenant, c, engine.ContactUpdated, session)
	return c, queued, err
}

// absorb takes over what another entry of the same person has and this one lacks.
func (c *Contact) absorb(other Contact) {
	if c.Name == "" {
		c.Name = other.Name
	}
	if c.PushName == "" {
		c.PushName = other.PushName
	}
	c.Tags = unique(slices.Concat(c.Tags, other.Tags))
	if len(other.Custom) > 0 {
		all := maps.Clone(other.Custom)
		maps.Copy(all, c.Custom)
		c.Custom = all
	}
	c.Entered = c.Entered || other.Entered
}

// shortened is as much of a name as is kept, in whole letters.
func shortened(name string) string {
	if len(name) <= mostPushName {
		return name
	}
	end := mostPushName
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

const (
	selectOldContacts = `SELECT id, phone, lid FROM contacts WHERE tenant_id = $1 AND id > $2 AND entered = 0 AND updated_at < $3 ORDER BY id LIMIT $4`
	// forgetContact leaves a person with whom there still is a message.
	forgetContact = `DELETE FROM contacts` + whereContact + `
		AND NOT EXISTS (SELECT 1 FROM messages WHERE tenant_id = $1 AND peer_lid = $3 AND peer_lid <> '')
		AND NOT EXISTS (SELECT 1 FROM messages WHERE tenant_id = $1 AND peer_phone = $4 AND peer_phone <> '' AND peer_lid = '')`
)

// pruneContacts forgets the people whom a tenant has not entered itself, and with whom it
// has no message any more.
func (s *Store) pruneContacts(ctx context.Context, tenant engine.TenantID, cutoff time.Time) (int64, error) {
	var last ContactID
	return s.pruneBatches(ctx, func(tx *sql.Tx, most int) (removed int64, more bool, err error) {
		rows, err := tx.Query(selectOldContacts, tenant, last, cutoff.UnixMilli(), most)
		all, err := collect(rows, err, func(r row) (c Contact, err error) {
			err = r.Scan(&c.ID, &c.Person.Phone, &c.Person.LID)
			return c, err
		})
		if err != nil || len(all) == 0 {
			return 0, false, err
		}
		for _, c := range all {
			n, err := changed(tx.Exec(forgetContact, tenant, c.ID, c.Person.LID, c.Person.Phone))
			if err != nil {
				return 0, false, err
			}
			removed += n
		}
		last = all[len(all)-1].ID
		return removed, len(all) == most, nil
	})
}
