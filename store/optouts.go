package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"go.uber.org/zap"

	"wapid/bulk"
	"wapid/engine"
)

// optOutsPerCommit bounds how long the other writers wait while a long list of
// opt-outs goes in, and how many addresses one query asks for.
const optOutsPerCommit = 500

// OptOutPage says which of a tenant's opt-outs are wanted.
type OptOutPage struct {
	Phone  string // digits that the number begins with; "" for all
	Before int64  // only those with a lesser id; 0 begins at the newest
	Limit  int
}

// ListOptOuts returns a tenant's opt-outs, newest first.
func (s *Store) ListOptOuts(ctx context.Context, tenant engine.TenantID, p OptOutPage) ([]bulk.OptOut, error) {
	var q conditions
	q.add(`tenant_id = ?`, tenant)
	if p.Phone != "" {
		// An address is its digits with "@…" behind, and ":" follows the digits.
		q.add(`phone >= ? AND phone < ?`, p.Phone, p.Phone+":")
	}
	if p.Before > 0 {
		q.add(`id < ?`, p.Before)
	}
	rows, err := s.read.QueryContext(ctx, selectOptOut+q.where()+` ORDER BY id DESC LIMIT `+q.bind(p.Limit), q.args...)
	return collect(rows, err, scanOptOut)
}

// FindOptOut returns the opt-out of a person by either address, or CodeNotFound.
func (s *Store) FindOptOut(ctx context.Context, tenant engine.TenantID, who engine.JID) (bulk.OptOut, error) {
	person := who.Person()
	o, err := scanOptOut(s.read.QueryRowContext(ctx, matchOptOuts, tenant, person.Phone, person.LID))
	return o, orNotFound(err, "opt-out")
}

// FindOptedOut tells which of the addresses are those of people who have opted out.
func (s *Store) FindOptedOut(ctx context.Context, tenant engine.TenantID, addresses []engine.JID) (map[engine.JID]bool, error) {
	found := make(map[engine.JID]bool)
	for _, column := range []struct{ name, server string }{{"phone", engine.ServerPhone}, {"lid", engine.ServerLID}} {
		var batch []engine.JID
		for i, a := range addresses {
			if a.Server() == column.server {
				batch = append(batch, a)
			}
			if len(batch) < optOutsPerCommit && i < len(addresses)-1 || len(batch) == 0 {
				continue
			}
			var q conditions
			q.add(`tenant_id = ?`, tenant)
			q.add(column.name + ` <> ''`) // for the partial index
			among(&q, column.name, batch)
			rows, err := s.read.QueryContext(ctx, `SELECT `+column.name+` FROM opt_outs`+q.where(), q.args...)
			list, err := collect(rows, err, func(r row) (a engine.JID, err error) {
				err = r.Scan(&a)
				return a, err
			})
			if err != nil {
				return nil, err
			}
			for _, a := range list {
				found[a] = true
			}
			batch = batch[:0]
		}
	}
	return found, nil
}

// AddOptOuts puts people on a tenant's list, each by an address, tells of those
// that are new there, and returns how many these are. A long list is written in
// parts: after an error some may be there already, and it can be given again.
func (s *Store) AddOptOuts(ctx context.Context, tenant engine.TenantID, addresses []engine.JID) (added int, err error) {
	for len(addresses) > 0 {
		part := addresses[:min(len(addresses), optOutsPerCommit)]
		addresses = addresses[len(part):]
		fresh := 0
		err := s.updateQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
			for _, a := range part {
				person, err := completed(tx, tenant, a.Person())
				if err != nil {
					return 0, err
				}
				o := bulk.OptOut{Person: person, Source: bulk.OptOutByAPI, At: s.clock()}
				n, isNew, err := s.optOut(tx, tenant, o)
				if err != nil {
					return 0, err
				}
				queued += n
				if isNew {
					fresh++
				}
			}
			return queued, nil
		})
		if err != nil {
			return added, err
		}
		added += fresh
	}
	return added, nil
}

// RemoveOptOut takes a person off a tenant's list, by either address, and tells
// of it. It returns CodeNotFound if nobody stands there under it.
func (s *Store) RemoveOptOut(ctx context.Context, tenant engine.TenantID, who engine.JID) error {
	return s.updateQueueing(ctx, func(tx *sql.Tx) (int64, error) {
		o := bulk.OptOut{Source: bulk.OptOutByAPI, At: s.clock()}
		found, err := matchingOptOuts(tx, tenant, who.Person())
		if err != nil {
			return 0, err
		}
		if len(found) == 0 {
			return 0, engine.Errorf(engine.CodeNotFound, "there is no such opt-out")
		}
		o.Person = found[0].Person
		queued, _, err := s.optIn(tx, tenant, o)
		return queued, err
	})
}

// OptOutWords returns the words that a tenant's contacts opt out by. It returns
// CodeNotFound if there is no such tenant.
func (s *Store) OptOutWords(_ context.Context, tenant engine.TenantID) (bulk.OptOutWords, error) {
	return s.optOutWords(s.read, tenant)
}

// SetOptOutWords replaces them. It returns CodeNotFound if there is no such tenant.
func (s *Store) SetOptOutWords(ctx context.Context, tenant engine.TenantID, w bulk.OptOutWords) error {
	raw, err := json.Marshal(w)
	if err != nil {
		return engine.WrapError(engine.CodeInternal, err, "the words can't be encoded")
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`UPDATE tenants SET opt_out_words = $1 WHERE id = $2`, string(raw), tenant))
		if err == nil && n == 0 {
			err = orNotFound(sql.ErrNoRows, "tenant")
		}
		return err
	})
}

const selectOptOutWords = `SELECT opt_out_words FROM tenants WHERE id = $1`

// optOutWords reads a tenant's words. The usual ones stand as no text, and in for
// words that are damaged: nobody's messages wait for that, and nobody's wish is lost.
func (s *Store) optOutWords(q querier, tenant engine.TenantID) (w bulk.OptOutWords, err error) {
	var text string
	if err := q.QueryRow(selectOptOutWords, tenant).Scan(&text); err != nil {
		return w, orNotFound(err, "tenant")
	}
	if text == "" {
		return bulk.DefaultOptOutWords(), nil
	}
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		s.unreadable("a tenant's words for opting out", err, zap.String("tenant", string(tenant)))
		return bulk.DefaultOptOutWords(), nil
	}
	return w, nil
}

const optOutColumns = `id, phone, lid, source, word, session_id, message_id, created_at`

const selectOptOut = `SELECT ` + optOutColumns + ` FROM opt_outs`

func scanOptOut(r row) (o bulk.OptOut, err error) {
	err = r.Scan(&o.ID, &o.Person.Phone, &o.Person.LID, &o.Source, &o.Word, &o.Session, &o.MessageID, instant{&o.At})
	return o, err
}

// phoneOfLID finds the number by one of the newest messages of a LID; how many are
// looked at is bounded.
const phoneOfLID = `SELECT peer_phone FROM (SELECT peer_phone FROM messages WHERE tenant_id = $1 AND peer_lid = $2 AND peer_lid <> ''
	ORDER BY created_at DESC LIMIT 20) WHERE peer_phone <> '' LIMIT 1`

// completed is a person with the address that is missing, where one of the
// tenant's messages tells it: the newest that has both.
func completed(tx *sql.Tx, tenant engine.TenantID, p engine.Person) (engine.Person, error) {
	var err error
	switch {
	case p.LID == "" && p.Phone != "":
		p.LID, err = newestLID(tx, tenant, p.Phone)
	case p.Phone == "" && p.LID != "":
		err = tx.QueryRow(phoneOfLID, tenant, p.LID).Scan(&p.Phone)
	}
	if isNoRows(err) {
		err = nil
	}
	return p, err
}
