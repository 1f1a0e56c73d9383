package store

import (
	"context"
	"slices"
	"strings"

	"wapid/engine"
	"wapid/engine/template"
)

// TemplatePage says which of a tenant's templates are wanted. Empty members ask for
// nothing.
type TemplatePage struct {
	Name     string
	Language string
	Category template.Category
	Status   template.Status
	Text     string // stands in the name or in one of the components, in whatever case
	// After goes on behind a template of the page before, Before back to what stands
	// ahead of one. At most one of them is set.
	After, Before TemplateID
	Limit         int
}

// ListTemplates returns a tenant's templates, newest first, and whether there are more in
// the direction in which the page goes.
func (s *Store) ListTemplates(ctx context.Context, tenant engine.TenantID, p TemplatePage) (list []Template, more bool, err error) {
	query, args := p.query(tenant)
	rows, err := s.read.QueryContext(ctx, query, args...)
	if list, err = collect(rows, err, scanTemplate); err != nil {
		return nil, false, err
	}
	if more = len(list) > p.Limit; more {
		list = list[:p.Limit]
	}
	if p.Before != "" {
		slices.Reverse(list)
	}
	return list, more, nil
}

// CountTemplates is how many templates a tenant has that all pages like this one hold, each language counted.
func (s *Store) CountTemplates(ctx context.Context, tenant engine.TenantID, p TemplatePage) (n int, err error) {
	q := p.conditions(tenant)
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM templates`+q.where(), q.args...).Scan(&n)
	return n, storageError(err)
}

// conditions are which templates are listed, whatever the page.
func (p TemplatePage) conditions(tenant engine.TenantID) (q conditions) {
	q.add(`tenant_id = ?`, tenant)
	for _, c := range []struct{ column, value string }{
		{"name", p.Name}, {"language", p.Language}, {"category", string(p.Category)}, {"status", string(p.Status)},
	} {
		if c.value != "" {
			q.add(c.column+` = ?`, c.value)
		}
	}
	if p.Text != "" {
		pattern := "%" + escapeLike(p.Text) + "%"
		q.add(`(name LIKE ? ESCAPE '\' OR components LIKE ? ESCAPE '\')`, pattern, pattern)
	}
	return q
}

// query asks for one template more than the page holds.
func (p TemplatePage) query(tenant engine.TenantID) (string, []any) {
	q := p.conditions(tenant)
	order := ` ORDER BY id DESC`
	switch {
	case p.After != "":
		q.add(`id < ?`, p.After)
	case p.Before != "":
		q.add(`id > ?`, p.Before)
		order = ` ORDER BY id`
	}
	return selectTemplate + q.where() + order + ` LIMIT ` + q.bind(p.Limit+1), q.args
}

// escapeLike has a text stand for itself in a pattern of LIKE.
func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
