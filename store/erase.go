package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// eraseBatch is how many rows of a table one transaction removes, so that the
// erasure of a large tenant does not hold up the others' writes.
const eraseBatch = 500

// ownTable is a table whose rows belong to tenants. from is where their tenant_id
// is found, the table itself if it is empty.
type ownTable struct{ name, key, from string }

// ownTables lists every table with a tenant_id but the audit log, and those with
// many rows to one of these; tables that others refer to come behind them. What hangs below one of them by a foreign key
// with ON DELETE CASCADE need not be here. A test compares this with the schema.
func ownTables() []ownTable {
	return []ownTable{
		{name: "web_sessions", key: "id"},
		{name: "login_links", key: "hash"},
		{name: "accounts", key: "id"},
		{name: "api_keys", key: "id"},
		{name: "deliveries", key: "id"},
		{name: "endpoints", key: "id"},
		{name: "events", key: "id"},
		{name: "message_tallies", key: "tenant_id"}, // before what it counts, so that nothing is counted down one by one
		{name: "message_counts", key: "tenant_id, session_id, day, direction, status, kind"},
		{name: "messages", key: "seq"},
		{name: "people", key: "tenant_id, phone, lid"}, // behind the messages that are found by them
		{name: "outbox", key: "seq"},
		{name: "job_items", key: "job, position", from: "job_items JOIN jobs ON jobs.number = job_items.job"},
		{name: "job_sessions", key: "job, session_id"},
		{name: "jobs", key: "number"},
		{name: "opt_outs", key: "id"},
		{name: "usage", key: "tenant_id, day"},
		{name: "activity", key: "tenant_id, session_id, hour"},
		{name: "traces", key: "tenant_id, session_id, id"},
		{name: "idempotency", key: "tenant_id, key"},
		{name: "chats", key: "tenant_id, session_id, chat"},
		{name: "uploads", key: "tenant_id, session_id, kind, plain, sha256"},
		{name: "graph_objects", key: "id"},
		{name: "apps", key: "tenant_id"},
		{name: "templates", key: "id"},
		{name: "media_files", key: "id"},
		{name: "onprem_numbers", key: "tenant_id, phone"},
		{name: "choices", key: "tenant_id, session_id, message_id"},
		{name: "contacts", key: "id"},
		{name: "publications", key: "id"},
		{name: "cloud_numbers", key: "tenant_id, session_id"},
		{name: "cloud_messages", key: "tenant_id, session_id, id"},
		{name: "sessions", key: "tenant_id, id"},
	}
}

// BeginErasure marks a tenant as being erased: its keys end, nothing is sent for
// it, and no deliveries are begun. From here on there is no way back, also after
// a restart. Twice is once. It returns CodeNotFound, and CodeInvalid for the
// default tenant, which every start would make again.
func (s *Store) BeginErasure(ctx context.Context, from Origin, id engine.TenantID) (t engine.Tenant, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if t, err = findTenant(tx, id); err != nil || t.Erasing() {
			return err
		}
		if id == DefaultTenant {
			return engine.Errorf(engine.CodeInvalid, "the default tenant can't be deleted")
		}
		t.ErasingAt = s.clock()
		if !t.Suspended() {
			t.SuspendedAt = t.ErasingAt
		}
		for _, do := range []struct {
			query string
			args  []any
		}{
			{`UPDATE tenants SET erasing_at = $1, suspended_at = $2, updated_at = $1 WHERE id = $3`,
				[]any{millis(t.ErasingAt), millis(t.SuspendedAt), id}},
			{`DELETE FROM api_keys WHERE tenant_id = $1`, []any{id}},
			{`DELETE FROM web_sessions WHERE tenant_id = $1`, []any{id}},
			{`DELETE FROM login_links WHERE tenant_id = $1`, []any{id}},
			{`DELETE FROM accounts WHERE tenant_id = $1`, []any{id}},
			{`UPDATE endpoints SET enabled = 0 WHERE tenant_id = $1`, []any{id}},
		} {
			if _, err := tx.Exec(do.query, do.args...); err != nil {
				return err
			}
		}
		return s.audit(tx, from, id, ActionTenantDelete, string(id), nil)
	})
	return t, err
}

// ListErasing returns the tenants whose erasure has begun, the first one first.
func (s *Store) ListErasing(ctx context.Context) ([]engine.Tenant, error) {
	rows, err := s.read.QueryContext(ctx, selectTenant+` WHERE erasing_at IS NOT NULL ORDER BY erasing_at, id`)
	return collect(rows, err, scanTenant)
}

// EraseTenant removes every row of a tenant whose erasure has begun, and last
// the tenant itself. The caller has removed its sessions before. An error, or
// the end of ctx, leaves some rows for the next call. It returns nil if the
// tenant is gone already and CodeInternal if its erasure has not begun.
func (s *Store) EraseTenant(ctx context.Context, id engine.TenantID) error {
	for {
		done, err := s.eraseSome(ctx, id)
		if err != nil || done {
			return err
		}
	}
}

// eraseSome is one transaction of an erasure. The one that finds little enough
// to remove it all takes the tenant along, so that nothing is left behind that
// was written meanwhile.
func (s *Store) eraseSome(ctx context.Context, id engine.TenantID) (done bool, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		var erasing time.Time
		err := tx.QueryRow(`SELECT erasing_at FROM tenants WHERE id = $1`, id).Scan(instant{&erasing})
		switch {
		case isNoRows(err):
			done = true
			return nil
		case err != nil:
			return err
		case erasing.IsZero():
			return engine.Errorf(engine.CodeInternal, "the erasure of the tenant has not begun")
		}
		for _, table := range ownTables() {
			n, err := changed(tx.Exec(table.eraseQuery(), id, eraseBatch))
			if err != nil || n == eraseBatch {
				return err
			}
		}
		if _, err := tx.Exec(`DELETE FROM tenants WHERE id = $1`, id); err != nil {
			return err
		}
		s.people.forget()
		done = true
		return s.audit(tx, Origin{By: ActorOperator}, id, ActionTenantErased, string(id), nil)
	})
	return done && err == nil, err
}

// eraseQuery removes up to $2 rows of the tenant $1.
func (t ownTable) eraseQuery() string {
	return fmt.Sprintf(`DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[3]s WHERE tenant_id = $1 LIMIT $2)`,
		t.name, t.key, cmp.Or(t.from, t.name))
}

// ListSessionKeys returns the sessions that a tenant has, also those that are
// being removed.
func (s *Store) ListSessionKeys(ctx context.Context, id engine.TenantID) ([]engine.SessionKey, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id FROM sessions WHERE tenant_id = $1 ORDER BY id`, id)
	return collect(rows, err, func(r row) (engine.SessionKey, error) {
		key := engine.SessionKey{Tenant: id}
		err := r.Scan(&key.ID)
		return key, err
	})
}

// ListJobIDs returns all of a tenant's bulk jobs.
func (s *Store) ListJobIDs(ctx context.Context, id engine.TenantID) ([]bulk.JobID, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id FROM jobs WHERE tenant_id = $1`, id)
	return collect(rows, err, func(r row) (job bulk.JobID, err error) {
		err = r.Scan(&job)
		return job, err
	})
}
