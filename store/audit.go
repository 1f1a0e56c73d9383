package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
)

// Actor is who did something: one of the constants, a key by KeyActor, or somebody who
// is logged in with a browser by Principal.Actor.
type Actor string

const (
	ActorOperator Actor = "operator" // with the admin key
	ActorShell    Actor = "shell"    // with the running daemon's own key, from its machine
	ActorVisitor  Actor = "visitor"  // who signed up
)

// KeyActor is a tenant that acted with one of its keys.
func KeyActor(id KeyID) Actor { return Actor("key:" + id) }

// Origin is where a change comes from.
type Origin struct {
	By      Actor
	Request string       // the request's id
	Web     WebSessionID // "" unless it came from a browser
}

// Action is what was done, as the audit log has it.
type Action string

// Every action that the audit log knows.
const (
	ActionTenantCreate  Action = "tenant.create"
	ActionTenantUpdate  Action = "tenant.update"
	ActionTenantSuspend Action = "tenant.suspend"
	ActionTenantResume  Action = "tenant.resume"
	ActionTenantDelete  Action = "tenant.delete" // the erasure began
	ActionTenantErased  Action = "tenant.erased" // nothing is left
	ActionKeyCreate     Action = "key.create"
	ActionKeyDelete     Action = "key.delete"
	ActionKeyReset      Action = "key.reset"
	ActionLoginLink     Action = "login.link"    // a link that logs in once
	ActionSignUp        Action = "tenant.signup" // somebody made it for themselves
	ActionPasswordReset Action = "password.reset"

	ActionAppRotate Action = "app.rotate" // new secrets of the tenant's app

	ActionSessionExport  Action = "session.export" // the device may be used elsewhere from here on
	ActionSessionImport  Action = "session.import"
	ActionSessionReclaim Action = "session.reclaim"

	ActionPublish   Action = "conversation.publish" // it is shown to everybody; the target is its public id
	ActionUnpublish Action = "conversation.unpublish"

	ActionLogLevel Action = "log.level" // of the daemon; the target is the logger, "" for all
)

// Actions lists them all.
func Actions() []Action {
	return []Action{
		ActionTenantCreate, ActionTenantUpdate, ActionTenantSuspend, ActionTenantResume, ActionTenantDelete,
		ActionTenantErased, ActionKeyCreate, ActionKeyDelete, ActionKeyReset,
		ActionLoginLink, ActionSignUp, ActionPasswordReset, ActionAppRotate,
		ActionSessionExport, ActionSessionImport, ActionSessionReclaim,
		ActionPublish, ActionUnpublish,
		ActionLogLevel,
	}
}

// AuditEntry is one line of the audit log. It outlives the tenant that it tells of.
type AuditEntry struct {
	ID      string // grows with time
	At      time.Time
	By      Actor
	Tenant  engine.TenantID
	Action  Action
	Target  string // the key or the tenant that was touched
	Request string
	Details json.RawMessage // an object without secrets
}

// AuditFilter chooses lines of the audit log; the zero value takes all.
type AuditFilter struct {
	Tenant engine.TenantID
	Action Action
	Before string // the id of a line: only older ones
	Limit  int
}

// ListAudit returns lines of the audit log, newest first.
func (s *Store) ListAudit(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	query, args := `SELECT id, at, actor, tenant_id, action, target, request_id, details FROM audit WHERE id < $1`, []any{cmp.Or(f.Before, "~")}
	for _, c := range []struct{ column, value string }{{"tenant_id", string(f.Tenant)}, {"action", string(f.Action)}} {
		if c.value != "" {
			args = append(args, c.value)
			query += fmt.Sprintf(" AND %s = $%d", c.column, len(args))
		}
	}
	args = append(args, f.Limit)
	rows, err := s.read.QueryContext(ctx, query+fmt.Sprintf(" ORDER BY id DESC LIMIT $%d", len(args)), args...)
	return collect(rows, err, func(r row) (e AuditEntry, err error) {
		var details string
		err = r.Scan(&e.ID, instant{&e.At}, &e.By, &e.Tenant, &e.Action, &e.Target, &e.Request, &details)
		e.Details = json.RawMessage(details)
		return e, err
	})
}

// NoteMoved writes down that a session was exported, imported or reclaimed. It
// returns CodeStorage.
func (s *Store) NoteMoved(ctx context.Context, from Origin, key engine.SessionKey, action Action) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		return s.audit(tx, from, key.Tenant, action, string(key.ID), nil)
	})
}

// Audit writes a line about what was done to the daemon itself, and to no tenant.
// details is encoded as JSON and holds no secret.
func (s *Store) Audit(ctx context.Context, from Origin, action Action, target string, details any) error {
	return s.update(ctx, func(tx *sql.Tx) error { return s.audit(tx, from, "", action, target, details) })
}

// audit writes a line in the transaction of what it tells of. details is encoded
// as JSON, nil as an empty object; the caller sees to it that it holds no secret.
func (s *Store) audit(tx *sql.Tx, from Origin, tenant engine.TenantID, action Action, target string, details any) error {
	if details == nil {
		details = struct{}{}
	}
	raw, err := json.Marshal(details)
	if err != nil {
		return engine.WrapError(engine.CodeInternal, err, "an audit entry can't be encoded")
	}
	now := s.clock()
	id, err := nextAuditID(tx, now)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO audit (id, at, actor, tenant_id, action, target, request_id, details)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, id, millis(now), from.By, tenant, action, target, from.Request, string(raw))
	return err
}

// nextAuditID makes an id behind all that there are, also when the clock went
// back: readers page by it. Writers run one at a time.
func nextAuditID(tx *sql.Tx, now time.Time) (string, error) {
	var last sql.NullString
	if err := tx.QueryRow(`SELECT max(id) FROM audit`).Scan(&last); err != nil {
		return "", err
	}
	id := ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy())
	before, err := ulid.ParseStrict(last.String)
	if err == nil && id.Compare(before) <= 0 {
		if err := id.SetTime(before.Time() + 1); err != nil {
			return "", engine.WrapError(engine.CodeInternal, err, "the clock is beyond what an id can hold")
		}
	}
	return id.String(), nil
}
