package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"math/big"

	"wapid/engine"
)

// GraphKind says what a graph id stands for.
type GraphKind string

// What has graph ids. An app and a waba (a WhatsApp business account) are one to a
// tenant and have no ref.
const (
	GraphApp      GraphKind = "app"
	GraphWABA     GraphKind = "waba"
	GraphPhone    GraphKind = "phone"    // ref: the digits of the linked number
	GraphTemplate GraphKind = "template" // ref: the template's own id
	GraphMedia    GraphKind = "media"    // ref: "file:<id>" or "message:<session>/<direction>/<id>/<origin>"
)

// GraphObject is what a graph id stands for.
type GraphObject struct {
	ID   int64
	Kind GraphKind
	Ref  string
	// Session is the one that was linked last to a phone; it may be gone. "" for any
	// other kind.
	Session engine.SessionID
}

// Graph ids have fifteen digits and no zero before them: programs that read them as
// numbers of JavaScript keep them (they are below 2^53), and nobody can guess another's.
const (
	lowestGraphID = 100_000_000_000_000
	graphIDs      = 900_000_000_000_000
	graphTries    = 20 // ids that are drawn before something else must be wrong
)

const (
	selectGraphID     = `SELECT id FROM graph_objects WHERE tenant_id = $1 AND kind = $2 AND ref = $3`
	selectGraphObject = `SELECT id, kind, ref, session_id FROM graph_objects WHERE id = $1 AND tenant_id = $2`
)

// GraphID returns the id of one of a tenant's things, and gives it one where it has
// none: only that costs a write. It returns CodeNotFound if there is no such tenant.
func (s *Store) GraphID(ctx context.Context, tenant engine.TenantID, kind GraphKind, ref string) (id int64, err error) {
	err = s.read.QueryRowContext(ctx, selectGraphID, tenant, kind, ref).Scan(&id)
	if !isNoRows(err) {
		return id, storageError(err)
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		id, err = s.graphID(tx, tenant, kind, ref)
		return err
	})
	return id, err
}

// FindGraphObject returns what an id of a tenant stands for, or CodeNotFound, also for
// another tenant's.
func (s *Store) FindGraphObject(ctx context.Context, tenant engine.TenantID, id int64) (o GraphObject, err error) {
	err = s.read.QueryRowContext(ctx, selectGraphObject, id, tenant).Scan(&o.ID, &o.Kind, &o.Ref, &o.Session)
	return o, orNotFound(err, "object")
}

// FindGraphIDs returns the ids that a tenant's things of one kind have, by their refs.
func (s *Store) FindGraphIDs(ctx context.Context, tenant engine.TenantID, kind GraphKind) (map[string]int64, error) {
	ids := make(map[string]int64)
	rows, err := s.read.QueryContext(ctx, `SELECT id, ref FROM graph_objects WHERE tenant_id = $1 AND kind = $2`, tenant, kind)
	_, err = collect(rows, err, func(r row) (none struct{}, err error) {
		var id int64
		var ref string
		err = r.Scan(&id, &ref)
		ids[ref] = id
		return none, err
	})
	return ids, err
}

// graphID is GraphID in the transaction of something else. Writers run one at a time,
// so what is not found is nobody's until it is inserted.
func (s *Store) graphID(tx *sql.Tx, tenant engine.TenantID, kind GraphKind, ref string) (id int64, err error) {
	err = tx.QueryRow(selectGraphID, tenant, kind, ref).Scan(&id)
	if !isNoRows(err) {
		return id, err
	}
	for range graphTries {
		n, err := rand.Int(rand.Reader, big.NewInt(graphIDs))
		if err != nil {
			return 0, engine.WrapError(engine.CodeInternal, err, "there are no random numbers")
		}
		id = lowestGraphID + n.Int64()
		taken, err := insertGraphObject(tx, s.clock().UnixMilli(), GraphObject{ID: id, Kind: kind, Ref: ref}, tenant)
		if err != nil || !taken {
			return id, err
		}
	}
	return 0, engine.Errorf(engine.CodeInternal, "no free id was found in %d tries", graphTries)
}

// insertGraphObject says whether the id was another's already; then nothing is changed.
func insertGraphObject(tx *sql.Tx, now int64, o GraphObject, tenant engine.TenantID) (taken bool, err error) {
	n, err := changed(tx.Exec(`INSERT INTO graph_objects (id, kind, tenant_id, ref, session_id, created_at)
		VALUES ($1, $2, $3, $4, '', $5) ON CONFLICT (id) DO NOTHING`, o.ID, o.Kind, tenant, o.Ref, now))
	return n == 0, err
}

// forgetGraphObject removes the id of something that is no more, in the transaction
// that removes it. Nothing gets that id again, but by a chance of one to 10^15.
func forgetGraphObject(tx *sql.Tx, tenant engine.TenantID, kind GraphKind, ref string) error {
	_, err := tx.Exec(`DELETE FROM graph_objects WHERE tenant_id = $1 AND kind = $2 AND ref = $3`, tenant, kind, ref)
	return err
}
