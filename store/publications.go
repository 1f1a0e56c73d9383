package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"strings"
	"time"

	"wapid/engine"
)

// MaxPublications is how many conversations a tenant may show to everybody.
const MaxPublications = 1000

// PublicationID is random: who does not know one finds nothing.
type PublicationID string

// Publication is a conversation that a tenant shows to everybody.
type Publication struct {
	ID        PublicationID
	Session   engine.SessionKey
	Chat      engine.JID // of a person or a group
	Title     string     // "" for none
	CreatedAt time.Time
}

const selectPublication = `SELECT id, tenant_id, session_id, chat, title, created_at FROM publications`

func scanPublication(r row) (p Publication, err error) {
	err = r.Scan(&p.ID, &p.Session.Tenant, &p.Session.ID, &p.Chat, &p.Title, instant{&p.CreatedAt})
	return p, err
}

// Publish shows a chat of a session to everybody, and says so in the audit log. One that
// is shown already keeps its id and gets the title. A person is the same under either address.
// It returns CodeSessionNotFound, and CodeInvalid for a tenant that shows MaxPublications.
func (s *Store) Publish(ctx context.Context, from Origin, key engine.SessionKey, chat engine.JID, title string) (p Publication, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		var sessions, have int
		if err := tx.QueryRow(`SELECT count(*) FROM sessions WHERE tenant_id = $1 AND id = $2`, key.Tenant, key.ID).Scan(&sessions); err != nil {
			return err
		}
		if sessions == 0 {
			return errNoSession()
		}
		if err := tx.QueryRow(`SELECT count(*) FROM publications WHERE tenant_id = $1`, key.Tenant).Scan(&have); err != nil {
			return err
		}
		if have >= MaxPublications {
			return engine.Errorf(engine.CodeInvalid, "an account may publish %d conversations: take some back first", MaxPublications)
		}
		who, err := completed(tx, key.Tenant, chat.Person())
		if err != nil {
			return err
		}
		if preferred := who.Preferred(); preferred != "" {
			chat = preferred
		}
		p, err = scanPublication(tx.QueryRow(`INSERT INTO publications (id, tenant_id, session_id, chat, title, created_at)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, session_id, chat) DO UPDATE SET title = excluded.title
			RETURNING id, tenant_id, session_id, chat, title, created_at`,
			strings.ToLower(rand.Text()), key.Tenant, key.ID, chat, title, millis(s.clock())))
		if err != nil {
			return err
		}
		return s.audit(tx, from, key.Tenant, ActionPublish, string(p.ID), nil)
	})
	return p, err
}

// Unpublish ends that a conversation is shown, and says so in the audit log. With
// sessions only one of theirs is found. It returns CodeNotFound.
func (s *Store) Unpublish(ctx context.Context, from Origin, tenant engine.TenantID, sessions []engine.SessionID, id PublicationID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		var q conditions
		q.add(`tenant_id = ?`, tenant)
		q.add(`id = ?`, id)
		among(&q, `session_id`, sessions)
		n, err := changed(tx.Exec(`DELETE FROM publications`+q.where(), q.args...))
		if err == nil && n == 0 {
			return orNotFound(sql.ErrNoRows, "published conversation")
		}
		if err != nil {
			return err
		}
		return s.audit(tx, from, tenant, ActionUnpublish, string(id), nil)
	})
}

// ListPublications returns what a tenant shows, newest first, with sessions only theirs.
func (s *Store) ListPublications(ctx context.Context, tenant engine.TenantID, sessions []engine.SessionID) ([]Publication, error) {
	var q conditions
	q.add(`tenant_id = ?`, tenant)
	among(&q, `session_id`, sessions)
	rows, err := s.read.QueryContext(ctx, selectPublication+q.where()+` ORDER BY created_at DESC, id`, q.args...)
	return collect(rows, err, scanPublication)
}

// FindPublication returns what is shown under an id, to whoever asks, or CodeNotFound:
// also while its tenant is suspended or being erased.
func (s *Store) FindPublication(ctx context.Context, id PublicationID) (Publication, error) {
	p, err := scanPublication(s.read.QueryRowContext(ctx, selectPublication+`
		WHERE id = $1 AND tenant_id IN (SELECT t.id FROM tenants t WHERE t.suspended_at IS NULL AND t.erasing_at IS NULL)`, id))
	return p, orNotFound(err, "published conversation")
}
