package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"wapid/engine"
	"wapid/store/seal"
	"wapid/webhooks"
)

// What is sealed when the operator has given a key: what webhooks are signed with and
// sent along, also by a tenant's app, what sessions are configured with, as that may hold
// a proxy's password, and the credentials of the official API.
// Each value is bound to its kind, its tenant and its row. Keys of tenants are hashes.
const (
	kindWebhook       = "webhook secret"
	kindFormerWebhook = "former webhook secret"
	kindHeaders       = "webhook headers"
	kindOptions       = "session options"
	kindAppSecret     = "app secret"
	kindAppToken      = "app verify token"
	kindCloudToken    = "cloud access token"
	kindCloudSecret   = "cloud app secret"
)

// SealPlan says how the daemon's own database is encrypted.
func SealPlan() seal.Plan {
	all := []string{
		`UPDATE endpoints SET secret = retext(secret, 'webhook secret', tenant_id, id), old_secret = retext(old_secret, 'former webhook secret', tenant_id, id),
			headers = retext(headers, 'webhook headers', tenant_id, id)`,
		`UPDATE sessions SET options = retext(options, 'session options', tenant_id, id)`,
		`UPDATE apps SET secret = retext(secret, 'app secret', tenant_id, 'app'), verify_token = retext(verify_token, 'app verify token', tenant_id, 'app')`,
		`UPDATE cloud_numbers SET access_token = retext(access_token, 'cloud access token', tenant_id, session_id),
			app_secret = retext(app_secret, 'cloud app secret', tenant_id, session_id)`,
	}
	return seal.Plan{Database: FileName, Table: "sealing", Seal: all, Reseal: all, Unseal: all}
}

// InspectSeal reads whether the database of a data directory is encrypted.
func InspectSeal(ctx context.Context, dir string) (seal.State, error) {
	return seal.Inspect(ctx, filepath.Join(dir, FileName), SealPlan())
}

// Reseal changes the encryption of a database that nobody has open. warn is told of what
// could not be wiped. It returns a *seal.Refusal if the keys don't fit, or CodeStorage.
func Reseal(ctx context.Context, dir string, keys seal.Keys, change seal.Change, warn func(error)) error {
	db, err := openPool(filepath.Join(dir, FileName), 1, url.Values{"_txlock": {"immediate"}, "_journal_mode": {"WAL"}, "_synchronous": {"FULL"}})
	if err != nil {
		return storageError(err)
	}
	_, err = seal.Settle(ctx, db, SealPlan(), keys, change, warn)
	return errors.Join(sealError(err), db.Close())
}

// sealError passes a refusal on, and makes everything else CodeStorage.
func sealError(err error) error {
	if _, ok := errors.AsType[*seal.Refusal](err); ok {
		return err
	}
	return storageError(err)
}

// errSecret says that what an endpoint signs with can't be opened.
var errSecret = errors.New("a secret was not sealed for this row")

func (s *Store) sealText(kind, tenant, id, value string) string {
	return s.box.SealText(value, kind, tenant, id)
}

// sealDocument is a document as it is stored in a sealed column.
func (s *Store) sealDocument(kind, tenant, id string, d document) (any, error) {
	if s.box == nil {
		return d, nil
	}
	raw, err := d.Value()
	if err != nil {
		return nil, err
	}
	return s.sealText(kind, tenant, id, raw.(string)), nil
}

// unsealed scans a sealed column into another scanner. failed is told of a value that
// can't be opened; nothing is scanned then.
func (s *Store) unsealed(kind, tenant, id string, into sql.Scanner, failed func(error)) sql.Scanner {
	if s.box == nil {
		return into
	}
	return openedColumn{s.box, []string{kind, tenant, id}, into, failed}
}

type openedColumn struct {
	box    *seal.Box
	place  []string
	into   sql.Scanner
	failed func(error)
}

// Scan implements sql.Scanner.
func (c openedColumn) Scan(src any) error {
	sealed, ok := src.(string)
	if !ok {
		return fmt.Errorf("a sealed text is a %T", src)
	}
	plain, err := c.box.OpenText(sealed, c.place...)
	if err != nil {
		c.failed(err)
		return nil
	}
	return c.into.Scan(plain)
}

// sealedField scans a sealed column of an endpoint whose names are scanned already. One
// that can't be opened makes the endpoint unreadable, and costs nobody else anything.
type sealedField struct {
	box      *seal.Box
	kind     string
	endpoint *webhooks.Endpoint
	into     sql.Scanner
}

// Scan implements sql.Scanner.
func (f sealedField) Scan(src any) error {
	e := f.endpoint
	return openedColumn{f.box, []string{f.kind, string(e.Tenant), string(e.ID)}, f.into, func(error) { e.Unreadable = true }}.Scan(src)
}

// sealedOptions scans the options of a session whose names are scanned already.
type sealedOptions struct {
	box     *seal.Box
	session *engine.Session
	into    sql.Scanner
	damage  *error
}

// Scan implements sql.Scanner.
func (o sealedOptions) Scan(src any) error {
	key := o.session.Key
	return openedColumn{o.box, []string{kindOptions, string(key.Tenant), string(key.ID)}, o.into, func(err error) { *o.damage = err }}.Scan(src)
}

// text scans a text.
type text struct{ s *string }

// Scan implements sql.Scanner.
func (t text) Scan(src any) error {
	value, ok := src.(string)
	if !ok {
		return fmt.Errorf("a stored text is a %T", src)
	}
	*t.s = value
	return nil
}
