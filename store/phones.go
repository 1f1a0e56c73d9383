package store

import (
	"context"
	"database/sql"

	"wapid/engine"
)

// A phone's id belongs to the number, not to the session: it stays when the session is
// logged out and linked again, also under another session id, and a session that is
// linked to another number has another id.

const (
	selectPhoneSession = `SELECT id FROM sessions WHERE tenant_id = $1 AND phone = $2 AND phone <> ''
		ORDER BY id = $3 DESC, created_at DESC, id LIMIT 1`
	selectFormerPhone = `SELECT id, kind, ref, session_id FROM graph_objects WHERE tenant_id = $1 AND kind = 'phone' AND session_id = $2
		ORDER BY created_at DESC LIMIT 1`
)

// PhoneObject returns the id of the number that a session is linked to, or, once it is
// not linked any more, was linked to last. It returns CodeNotFound for a session that
// never was linked, or whose number another session has taken over.
func (s *Store) PhoneObject(ctx context.Context, key engine.SessionKey) (o GraphObject, err error) {
	var phone engine.JID
	err = s.read.QueryRowContext(ctx, `SELECT phone FROM sessions WHERE tenant_id = $1 AND id = $2`, key.Tenant, key.ID).Scan(&phone)
	if err != nil && !isNoRows(err) {
		return o, storageError(err)
	}
	if phone == "" {
		err = s.read.QueryRowContext(ctx, selectFormerPhone, key.Tenant, key.ID).Scan(&o.ID, &o.Kind, &o.Ref, &o.Session)
		return o, orNotFound(err, "phone number")
	}
	o = GraphObject{Kind: GraphPhone, Ref: phone.User(), Session: key.ID}
	o.ID, err = s.GraphID(ctx, key.Tenant, GraphPhone, o.Ref)
	return o, err
}

// FindPhoneSession returns the session of a phone: the one that is linked to its
// number, of several the one that was linked last, and without any the one that was
// linked before. That may have been removed: nothing says that it exists.
func (s *Store) FindPhoneSession(ctx context.Context, tenant engine.TenantID, o GraphObject) (engine.SessionKey, error) {
	key := engine.SessionKey{Tenant: tenant, ID: o.Session}
	err := s.read.QueryRowContext(ctx, selectPhoneSession, tenant, o.Ref+"@"+engine.ServerPhone, o.Session).Scan(&key.ID)
	if err != nil && !isNoRows(err) {
		return key, storageError(err)
	}
	return key, nil
}

// linkPhone gives the number that a session has just been linked to its id, and notes
// that it is this session's.
func (s *Store) linkPhone(tx *sql.Tx, key engine.SessionKey, phone engine.JID) error {
	id, err := s.graphID(tx, key.Tenant, GraphPhone, phone.User())
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE graph_objects SET session_id = $1 WHERE id = $2`, key.ID, id)
	return err
}
