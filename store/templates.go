package store

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
	"wapid/engine/template"
)

// MaxTemplates is how many templates a tenant may have, each language counted: as many
// as Meta lets a verified business have.
const MaxTemplates = 6000

// TemplateID is a ULID: ids grow in the order in which templates were made.
type TemplateID string

// Template is a message template of a tenant.
type Template struct {
	ID     TemplateID
	Tenant engine.TenantID
	template.Template
	CreatedAt time.Time
	UpdatedAt time.Time
}

// What EventTemplate says of a template's status and of the reason.
const (
	templateDeleted  = "DELETED"
	reasonCreated    = "created"
	reasonEdited     = "edited"
	reasonWasDeleted = "deleted"
)

// InsertTemplate adds a template that template.Check has returned, and tells of it.
// fresh is false if the tenant has one of the name in the language: that one is returned
// then, and nothing has changed. It returns CodeNotFound if the tenant is gone or being
// erased, and CodeInvalid if it has MaxTemplates.
func (s *Store) InsertTemplate(ctx context.Context, tenant engine.TenantID, t template.Template) (made Template, fresh bool, err error) {
	err = s.updateQueueing(ctx, func(tx *sql.Tx) (int64, error) {
		if _, err := liveTenant(tx, tenant); err != nil {
			return 0, err
		}
		made, err = scanTemplate(tx.QueryRow(selectTemplate+` WHERE tenant_id = $1 AND name = $2 AND language = $3`, tenant, t.Name, t.Language))
		if !isNoRows(err) {
			return 0, err
		}
		var have int
		if err := tx.QueryRow(countTemplates, tenant).Scan(&have); err != nil {
			return 0, err
		}
		if have >= MaxTemplates {
			return 0, engine.Errorf(engine.CodeInvalid, "an account may have %d message templates: delete some first", MaxTemplates)
		}
		now := s.clock()
		made = Template{ID: TemplateID(ulid.Make().String()), Tenant: tenant, Template: t, CreatedAt: now, UpdatedAt: now}
		_, err = tx.Exec(`INSERT INTO templates (id, tenant_id, name, language, category, parameter_format, status, components, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
			made.ID, tenant, t.Name, t.Language, t.Category, t.ParameterFormat, t.Status, document{&t.Components}, millis(now))
		if err != nil {
			return 0, err
		}
		fresh = true
		return s.tellTemplate(tx, made, string(made.Status), reasonCreated)
	})
	if err != nil {
		return Template{}, false, err
	}
	return made, fresh, nil
}

// UpdateTemplate replaces one of a tenant's templates by what edit makes of it, but for
// its name and language, and tells of it. edit runs on the writer's goroutine and does
// nothing but that. It returns CodeNotFound, and the errors of edit.
func (s *Store) UpdateTemplate(ctx context.Context, tenant engine.TenantID, id TemplateID, edit func(template.Template) (template.Template, error)) (Template, error) {
	var t Template
	var refused error
	err := s.updateQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		if t, err = scanTemplate(tx.QueryRow(selectTemplate+` WHERE id = $1 AND tenant_id = $2`, id, tenant)); err != nil {
			return 0, orNotFound(err, "template")
		}
		name, language := t.Name, t.Language
		if t.Template, refused = edit(t.Template); refused != nil {
			return 0, refused
		}
		t.Name, t.Language, t.UpdatedAt = name, language, s.clock()
		_, err = tx.Exec(`UPDATE templates SET category = $1, parameter_format = $2, status = $3, components = $4, updated_at = $5 WHERE id = $6`,
			t.Category, t.ParameterFormat, t.Status, document{&t.Components}, millis(t.UpdatedAt), id)
		if err != nil {
			return 0, err
		}
		return s.tellTemplate(tx, t, string(t.Status), reasonEdited)
	})
	if refused != nil {
		return Template{}, refused // in its own words
	}
	if err != nil {
		return Template{}, err
	}
	return t, nil
}

// DeleteTemplates deletes a tenant's templates of a name, in all languages, or with an
// id that one alone, and tells of each. It returns CodeNotFound if there is none; with
// both, if the one is not of that name.
func (s *Store) DeleteTemplates(ctx context.Context, tenant engine.TenantID, name string, id TemplateID) error {
	var q conditions
	q.add(`tenant_id = ?`, tenant)
	if name != "" || id == "" {
		q.add(`name = ?`, name)
	}
	if id != "" {
		q.add(`id = ?`, id)
	}
	return s.updateQueueing(ctx, func(tx *sql.Tx) (int64, error) {
		rows, err := tx.Query(selectTemplate+q.where(), q.args...)
		found, err := collect(rows, err, scanTemplate)
		if err == nil && len(found) == 0 {
			err = orNotFound(sql.ErrNoRows, "template")
		}
		var queued int64
		for _, t := range found {
			if err != nil {
				break
			}
			var n int64
			n, err = s.deleteTemplate(tx, t)
			queued += n
		}
		return queued, err
	})
}

// deleteTemplate deletes a template and the id by which Meta's API knows it.
func (s *Store) deleteTemplate(tx *sql.Tx, t Template) (queued int64, err error) {
	if _, err := tx.Exec(`DELETE FROM templates WHERE id = $1`, t.ID); err != nil {
		return 0, err
	}
	if queued, err = s.tellTemplate(tx, t, templateDeleted, reasonWasDeleted); err != nil {
		return 0, err
	}
	return queued, forgetGraphObject(tx, t.Tenant, GraphTemplate, string(t.ID))
}

// tellTemplate tells of a template with both its ids: the one of Meta's API is gone with
// the template, and who is told of that later still needs it.
func (s *Store) tellTemplate(tx *sql.Tx, t Template, status, reason string) (queued int64, err error) {
	graphID, err := s.graphID(tx, t.Tenant, GraphTemplate, string(t.ID))
	if err != nil {
		return 0, err
	}
	data, err := engine.Canonical(engine.TemplateData{ID: string(t.ID), Name: t.Name, Language: t.Language,
		Category: string(t.Category), Status: status, Reason: reason, GraphID: strconv.FormatInt(graphID, 10)})
	if err != nil {
		return 0, err
	}
	return s.appendEvent(tx, engine.Event{Session: engine.SessionKey{Tenant: t.Tenant}, Type: engine.EventTemplate, Data: data})
}

// FindTemplate returns CodeNotFound for a template that is not there or is another tenant's.
func (s *Store) FindTemplate(ctx context.Context, tenant engine.TenantID, id TemplateID) (Template, error) {
	t, err := scanTemplate(s.read.QueryRowContext(ctx, selectTemplate+` WHERE id = $1 AND tenant_id = $2`, id, tenant))
	return t, orNotFound(err, "template")
}

// FindTemplateNamed returns a tenant's template of a name in a language, which is to be
// the very one: en is not en_US. Without a language it is the oldest of the name. It
// returns CodeNotFound.
func (s *Store) FindTemplateNamed(ctx context.Context, tenant engine.TenantID, name, language string) (Template, error) {
	t, err := scanTemplate(s.read.QueryRowContext(ctx, templateNamed, tenant, name, language))
	return t, orNotFound(err, "template")
}

const (
	templateColumns = `id, tenant_id, name, language, category, parameter_format, status, components, created_at, updated_at`
	selectTemplate  = `SELECT ` + templateColumns + ` FROM templates`
	countTemplates  = `SELECT count(*) FROM templates WHERE tenant_id = $1`
	templateNamed   = selectTemplate + ` WHERE tenant_id = $1 AND name = $2 AND ($3 = '' OR language = $3) ORDER BY created_at, id LIMIT 1`
)

func scanTemplate(r row) (t Template, err error) {
	err = r.Scan(&t.ID, &t.Tenant, &t.Name, &t.Language, &t.Category, &t.ParameterFormat, &t.Status, document{&t.Components},
		instant{&t.CreatedAt}, instant{&t.UpdatedAt})
	return t, err
}
