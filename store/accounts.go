package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
)

// How long the links live that mails bring, and how many of an address may wait at a
// time; the oldest ends.
const (
	RegistrationLife = 24 * time.Hour
	ResetLife        = time.Hour
	mostMailed       = 3
)

// accountID names somebody who has signed up.
type accountID string

// Account is somebody who has signed up, and logs in with a password. Its tenant is
// theirs alone.
type Account struct {
	id       accountID
	Password string // its hash
}

// Registration is a wish to sign up. Its fields were checked.
type Registration struct {
	Email    string // in lower case
	Name     string // of the tenant to be
	Password string // its hash
}

// Register keeps a registration until the address is shown to be whose it says, and
// returns the token that shows it, once; or "" if the address has an account already.
func (s *Store) Register(ctx context.Context, r Registration) (token string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		known, err := hasAccount(tx, r.Email)
		if err != nil || known {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM registrations WHERE email = $1 AND hash NOT IN
			(SELECT hash FROM registrations WHERE email = $1 ORDER BY created_at DESC, hash LIMIT $2)`, r.Email, mostMailed-1); err != nil {
			return err
		}
		now := s.clock()
		token = newToken()
		_, err = tx.Exec(`INSERT INTO registrations (hash, email, name, password, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			hashKey(token), r.Email, r.Name, r.Password, millis(now), millis(now.Add(RegistrationLife)))
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// NewAccount is what the link of a registration makes: a tenant with its main key,
// whose plain text is not stored, and the login of the browser that opened the link.
type NewAccount struct {
	Login  WebSession
	Token  string // of the login
	APIKey string
}

// FindRegistration returns what a token stands for, with the hash of the password. It
// returns CodeNotFound for one that was used, has expired or never was.
func (s *Store) FindRegistration(ctx context.Context, token string) (r Registration, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT email, name, password FROM registrations WHERE hash = $1 AND expires_at > $2`,
		hashKey(token), millis(s.clock())).Scan(&r.Email, &r.Name, &r.Password)
	if err != nil {
		return Registration{}, orNotFound(err, "registration")
	}
	return r, nil
}

// SignUp uses a registration up: it makes the tenant, its key and its account, and logs
// the browser in, all or nothing. It returns CodeNotFound for a token that was used, has
// expired or never was, also if the address has got an account meanwhile.
func (s *Store) SignUp(ctx context.Context, request, token string) (n NewAccount, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		var r Registration
		now := s.clock()
		err := tx.QueryRow(`DELETE FROM registrations WHERE hash = $1 AND expires_at > $2 RETURNING email, name, password`,
			hashKey(token), millis(now)).Scan(&r.Email, &r.Name, &r.Password)
		if err != nil {
			return orNotFound(err, "registration")
		}
		tenant := engine.Tenant{ID: engine.NewTenantID(r.Name), Name: r.Name, CreatedAt: now}
		fresh, err := insertTenant(tx, tenant)
		if err == nil && !fresh {
			err = errTenantExists() // the id is drawn by chance: the next try has another
		}
		if err != nil {
			return err
		}
		if _, n.APIKey, err = s.issueKey(tx, Key{Tenant: tenant.ID, KeyGrant: firstKey(), Main: true}); err != nil {
			return err
		}
		id := accountID(ulid.Make().String())
		if _, err := tx.Exec(`INSERT INTO accounts (id, tenant_id, email, password, created_at, password_at) VALUES ($1, $2, $3, $4, $5, $5)`,
			id, tenant.ID, r.Email, r.Password, millis(now)); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM registrations WHERE email = $1`, r.Email); err != nil { // of the same address
			return err
		}
		if n.Login, n.Token, err = s.insertWebSession(tx, webGrant{tenant: tenant.ID, account: id}); err != nil {
			return err
		}
		return s.audit(tx, Origin{By: ActorVisitor, Request: request}, tenant.ID, ActionSignUp, string(tenant.ID), nil)
	})
	if err != nil {
		return NewAccount{}, err
	}
	return n, nil
}

// FindAccount returns the account of an address in lower case, or CodeNotFound.
func (s *Store) FindAccount(ctx context.Context, email string) (a Account, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT id, password FROM accounts WHERE email = $1`, email).Scan(&a.id, &a.Password)
	return a, orNotFound(err, "account")
}

// OpenAccountSession logs a browser in with an account whose password the caller has
// compared. It returns CodeUnauthorized if the account has another one since, or is
// gone, and CodeTenantSuspended.
func (s *Store) OpenAccountSession(ctx context.Context, a Account) (w WebSession, token string, err error) {
	return s.openWebSession(ctx, func(tx *sql.Tx) (webGrant, error) {
		g := webGrant{account: a.id}
		err := tx.QueryRow(`SELECT tenant_id FROM accounts WHERE id = $1 AND password = $2`, a.id, a.Password).Scan(&g.tenant)
		if isNoRows(err) {
			return g, errLoggedOut()
		}
		if err != nil {
			return g, err
		}
		return g, admitted(tx, g.tenant)
	})
}

// admitted returns CodeTenantSuspended for a tenant that is.
func admitted(tx *sql.Tx, tenant engine.TenantID) error {
	t, err := findTenant(tx, tenant)
	if err == nil && t.Suspended() {
		err = engine.Errorf(engine.CodeTenantSuspended, "the operator has suspended this account")
	}
	return err
}

// IssuePasswordReset makes a token by which the account of an address gets another
// password, once, or returns "" if there is no such account.
func (s *Store) IssuePasswordReset(ctx context.Context, email string) (token string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		var id accountID
		err := tx.QueryRow(`SELECT id FROM accounts WHERE email = $1`, email).Scan(&id)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM password_resets WHERE account_id = $1 AND hash NOT IN
			(SELECT hash FROM password_resets WHERE account_id = $1 ORDER BY created_at DESC, hash LIMIT $2)`, id, mostMailed-1); err != nil {
			return err
		}
		now := s.clock()
		token = newToken()
		_, err = tx.Exec(`INSERT INTO password_resets (hash, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
			hashKey(token), id, millis(now), millis(now.Add(ResetLife)))
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// ResetPassword uses a token up: the account has another password, whose hash is given,
// and everybody who is logged in by the old one is logged out. It returns CodeNotFound
// for a token that was used, has expired or never was.
func (s *Store) ResetPassword(ctx context.Context, request, token, password string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		var id accountID
		var tenant engine.TenantID
		now := s.clock()
		err := tx.QueryRow(`DELETE FROM password_resets WHERE hash = $1 AND expires_at > $2 RETURNING account_id`,
			hashKey(token), millis(now)).Scan(&id)
		if err != nil {
			return orNotFound(err, "password reset")
		}
		err = tx.QueryRow(`UPDATE accounts SET password = $1, password_at = $2 WHERE id = $3 RETURNING tenant_id`,
			password, millis(now), id).Scan(&tenant)
		if err != nil {
			return orNotFound(err, "account")
		}
		for _, query := range []string{`DELETE FROM password_resets WHERE account_id = $1`, `DELETE FROM web_sessions WHERE account_id = $1`} {
			if _, err := tx.Exec(query, id); err != nil {
				return err
			}
		}
		return s.audit(tx, Origin{By: ActorVisitor, Request: request}, tenant, ActionPasswordReset, string(tenant), nil)
	})
}

func hasAccount(tx *sql.Tx, email string) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM accounts WHERE email = $1`, email).Scan(&n)
	return n > 0, err
}
