package store

import (
	"context"
	"database/sql"
	"slices"

	"wapid/engine"
)

// A message whose person is known under both addresses stands in the index of LIDs
// alone: another place for its phone number would be a page more to write for each.
// The table people says under which LIDs the messages of a number are to be found,
// in the transaction that logs the first of them.

// address is where one index has messages with a peer: whose address it is and, of a
// phone number, under which LID; "" for those that know no LID.
type address struct {
	peer  engine.JID
	under engine.JID
}

const (
	insertAcquaintance = `INSERT INTO people (tenant_id, phone, lid) VALUES ($1, $2, $3) ON CONFLICT (tenant_id, phone, lid) DO NOTHING`
	lidsOfPhone        = `SELECT lid FROM people WHERE tenant_id = $1 AND phone = $2 ORDER BY lid`
)

// acquaint notes a person whose addresses a message is about to bear.
func (s *Store) acquaint(tx *sql.Tx, tenant engine.TenantID, p engine.Person) error {
	key := pair{tenant, p}
	if p.Phone == "" || p.LID == "" || s.standing.acquainted[key] {
		return nil
	}
	if _, err := tx.Exec(insertAcquaintance, tenant, p.Phone, p.LID); err != nil {
		return err
	}
	learn(&s.standing.acquainted, key, true)
	return nil
}

// pair is a person of a tenant.
type pair struct {
	tenant engine.TenantID
	person engine.Person
}

// addresses are the places of the messages with a peer.
func addresses(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, peer engine.JID) ([]address, error) {
	all := []address{{peer: peer}}
	if peer.Server() != engine.ServerPhone {
		return all, nil
	}
	rows, err := tx.QueryContext(ctx, lidsOfPhone, tenant, peer)
	lids, err := collect(rows, err, scanText)
	for _, lid := range lids {
		all = append(all, address{peer, engine.JID(lid)})
	}
	return all, err
}

// newestWith finds when a tenant's newest message with both addresses was logged.
const newestWith = `SELECT created_at FROM messages WHERE tenant_id = $1 AND peer_lid = $2 AND peer_lid <> '' AND peer_phone = $3
	ORDER BY created_at DESC LIMIT 1`

// newestLID is the LID that stands beside a phone number in the newest message that has
// both, "" for none.
func newestLID(tx *sql.Tx, tenant engine.TenantID, phone engine.JID) (newest engine.JID, err error) {
	rows, err := tx.Query(lidsOfPhone, tenant, phone)
	lids, err := collect(rows, err, scanText)
	var last int64 = -1
	for _, lid := range lids {
		var at int64
		switch err := tx.QueryRow(newestWith, tenant, lid, phone).Scan(&at); {
		case isNoRows(err):
		case err != nil:
			return "", err
		case at > last:
			newest, last = engine.JID(lid), at
		}
	}
	return newest, err
}

// spread divides parts into what each index holds of them. They still have nothing in
// common: a message stands in one place.
func spread(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, parts []part) (all []part, err error) {
	for _, p := range parts {
		some := []part{{sessions: p.sessions, direction: p.direction}}
		for _, peer := range p.peers {
			places, err := addresses(ctx, tx, tenant, peer.peer)
			if err != nil {
				return nil, err
			}
			var more []part
			for _, one := range some {
				for _, at := range places {
					next := one
					next.peers = slices.Concat(one.peers, []address{at})
					more = append(more, next)
				}
			}
			some = more
		}
		all = append(all, some...)
	}
	return all, nil
}

const (
	selectAcquaintances = `SELECT phone, lid FROM people WHERE tenant_id = $1 AND (phone, lid) > ($2, $3) ORDER BY phone, lid LIMIT $4`
	forgetAcquaintance  = `DELETE FROM people WHERE tenant_id = $1 AND phone = $2 AND lid = $3 AND NOT EXISTS (
		SELECT 1 FROM messages WHERE tenant_id = $1 AND peer_lid = $3 AND peer_lid <> '' AND peer_phone = $2)`
)

// pruneAcquaintances forgets the people with whom a tenant has no message any more.
func (s *Store) pruneAcquaintances(ctx context.Context, tenant engine.TenantID) error {
	var last engine.Person
	_, err := s.pruneBatches(ctx, func(tx *sql.Tx, most int) (int64, bool, error) {
		rows, err := tx.Query(selectAcquaintances, tenant, last.Phone, last.LID, most)
		all, err := collect(rows, err, func(r row) (p engine.Person, err error) {
			err = r.Scan(&p.Phone, &p.LID)
			return p, err
		})
		if err != nil || len(all) == 0 {
			return 0, false, err
		}
		for _, p := range all {
			if _, err := tx.Exec(forgetAcquaintance, tenant, p.Phone, p.LID); err != nil {
				return 0, false, err
			}
		}
		last = all[len(all)-1]
		return 0, len(all) == most, nil
	})
	return err
}
