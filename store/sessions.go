package store

import (
	"context"
	"database/sql"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

const selectSession = `SELECT tenant_id, id, name, status, reason, until, intent, device, phone, lid,
	refused_version, reachout_locked, reachout_until, options, created_at, updated_at FROM sessions`

// ListAllSessions implements engine.Store.
func (s *Store) ListAllSessions(ctx context.Context) ([]engine.Session, error) {
	rows, err := s.read.QueryContext(ctx, selectSession+` ORDER BY created_at, tenant_id, id`)
	return collect(rows, err, s.scanSession)
}

// InsertSession implements engine.Store. It returns CodeInvalid if the session
// exists, CodeNotFound if its tenant does not or is being erased, and
// CodeSessionLimit, with limit and number, if the tenant has as many sessions as
// it may have.
func (s *Store) InsertSession(ctx context.Context, one engine.Session) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		t, err := liveTenant(tx, one.Key.Tenant)
		if err != nil {
			return err
		}
		options, err := s.sealDocument(kindOptions, string(one.Key.Tenant), string(one.Key.ID), document{&one.Options})
		if err != nil {
			return err
		}
		st := one.State
		n, err := changed(tx.Exec(`INSERT INTO sessions (tenant_id, id, name, status, reason, until, intent, device,
			phone, lid, refused_version, reachout_locked, reachout_until, options, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (tenant_id, id) DO NOTHING`,
			one.Key.Tenant, one.Key.ID, one.Name, st.Status, st.Reason, millis(st.Until), st.Intent, st.Identity.Device,
			st.Identity.Person.Phone, st.Identity.Person.LID, st.RefusedVersion, st.Reachout.Locked, millis(st.Reachout.Until),
			options, millis(one.CreatedAt), millis(one.UpdatedAt)))
		if err == nil && n == 0 {
			return engine.Errorf(engine.CodeInvalid, "the session exists already")
		}
		if err != nil {
			return err
		}
		if p := st.Identity.Person.Phone; p != "" { // one that was imported
			if err := s.linkPhone(tx, one.Key, p); err != nil {
				return err
			}
		}
		if t.MaxSessions == 0 {
			return nil
		}
		return checkSessionLimit(tx, t)
	})
}

// checkSessionLimit counts a tenant's sessions, the newest included.
func checkSessionLimit(tx *sql.Tx, t engine.Tenant) error {
	var have int
	if err := tx.QueryRow(`SELECT count(*) FROM sessions WHERE tenant_id = $1`, t.ID).Scan(&have); err != nil {
		return err
	}
	if have > t.MaxSessions {
		return &engine.Error{Code: engine.CodeSessionLimit, Message: "the account has as many sessions as it may have",
			Limit: t.MaxSessions, Used: have - 1}
	}
	return nil
}

// ConfigureSession implements engine.Store.
func (s *Store) ConfigureSession(ctx context.Context, key engine.SessionKey, name string, o engine.SessionOptions) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		options, err := s.sealDocument(kindOptions, string(key.Tenant), string(key.ID), document{&o})
		if err != nil {
			return err
		}
		n, err := changed(tx.Exec(`UPDATE sessions SET name = $1, options = $2, updated_at = $3 WHERE tenant_id = $4 AND id = $5`,
			name, options, millis(s.clock()), key.Tenant, key.ID))
		if err == nil && n == 0 {
			return errNoSession()
		}
		return err
	})
}

// SaveState implements engine.Store.
func (s *Store) SaveState(ctx context.Context, key engine.SessionKey, from, to engine.State, at time.Time, events ...engine.Event) error {
	return s.updateQueueing(ctx, func(tx *sql.Tx) (int64, error) {
		n, err := changed(tx.Exec(`UPDATE sessions SET status = $1, reason = $2, until = $3, intent = $4, device = $5,
			phone = $6, lid = $7, refused_version = $8, reachout_locked = $9, reachout_until = $10, updated_at = $11
			WHERE tenant_id = $12 AND id = $13 AND status = $14 AND intent = $15`,
			to.Status, to.Reason, millis(to.Until), to.Intent, to.Identity.Device,
			to.Identity.Person.Phone, to.Identity.Person.LID, to.RefusedVersion, to.Reachout.Locked, millis(to.Reachout.Until), millis(at),
			key.Tenant, key.ID, from.Status, from.Intent))
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, unexpectedState(tx, key, from)
		}
		if from.Identity.Device == "" && to.Identity.Device != "" {
			if err := closePairingLink(tx, key, at); err != nil {
				return 0, err
			}
		}
		if p := to.Identity.Person.Phone; p != "" && p != from.Identity.Person.Phone {
			if err := s.linkPhone(tx, key, p); err != nil {
				return 0, err
			}
		}
		var queued int64
		for _, e := range events {
			n, err := s.appendEvent(tx, e)
			if err != nil {
				return 0, err
			}
			queued += n
		}
		return queued, nil
	})
}

// unexpectedState says why no row had the state that was expected.
func unexpectedState(tx *sql.Tx, key engine.SessionKey, from engine.State) error {
	var status engine.Status
	var intent engine.Intent
	err := tx.QueryRow(`SELECT status, intent FROM sessions WHERE tenant_id = $1 AND id = $2`, key.Tenant, key.ID).
		Scan(&status, &intent)
	if isNoRows(err) {
		return errNoSession()
	}
	if err != nil {
		return err
	}
	return engine.Errorf(engine.CodeInternal, "the session is %s/%s, not %s/%s as expected", status, intent, from.Status, from.Intent)
}

// DeleteSession implements engine.Store.
func (s *Store) DeleteSession(ctx context.Context, key engine.SessionKey) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`DELETE FROM sessions WHERE tenant_id = $1 AND id = $2`, key.Tenant, key.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM publications WHERE tenant_id = $1 AND session_id = $2`, key.Tenant, key.ID); err != nil {
			return err
		}
		if err := forgetCloudNumber(tx, key); err != nil {
			return err
		}
		return forgetChats(tx, key)
	})
}

func errNoSession() error {
	return engine.Errorf(engine.CodeSessionNotFound, "there is no such session")
}

func (s *Store) scanSession(r row) (one engine.Session, err error) {
	var damage error
	st := &one.State
	var options sql.Scanner = lenient{&one.Options, &damage}
	if s.box != nil {
		options = sealedOptions{s.box, &one, options, &damage}
	}
	err = r.Scan(&one.Key.Tenant, &one.Key.ID, &one.Name, &st.Status, &st.Reason, instant{&st.Until}, &st.Intent,
		&st.Identity.Device, &st.Identity.Person.Phone, &st.Identity.Person.LID, &st.RefusedVersion,
		&st.Reachout.Locked, instant{&st.Reachout.Until}, options, instant{&one.CreatedAt}, instant{&one.UpdatedAt})
	if damage != nil {
		one.Unreadable = true
		s.unreadable("the options of a session", damage, zap.String("tenant", string(one.Key.Tenant)), zap.String("session", string(one.Key.ID)))
	}
	return one, err
}
