package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/oklog/ulid/v2"

	"wapid/engine"
	"wapid/store"
)

type auditEntry struct {
	ID        string          `json:"id"`
	At        string          `json:"at"`
	Actor     store.Actor     `json:"actor"`
	TenantID  engine.TenantID `json:"tenantId"`
	Action    store.Action    `json:"action"`
	Target    string          `json:"target"`
	RequestID string          `json:"requestId"`
	Details   json.RawMessage `json:"details"`
}

type auditResponse struct {
	Entries    []auditEntry `json:"entries"`
	NextCursor string       `json:"nextCursor,omitempty"` // absent on the last page
}

func (s *Server) adminAuditRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/admin/audit", query: []string{"tenantId", "action", "limit", "cursor"}, operator: s.listAudit},
	}
}

// listAudit is GET /api/admin/audit, newest first. Tenants that are gone can be
// asked for as well.
func (s *Server) listAudit(c *fiber.Ctx, _ store.Origin) error {
	f, err := auditFilter(c)
	if err != nil {
		return err
	}
	size := f.Limit
	f.Limit++
	entries, err := s.store.ListAudit(c.UserContext(), f)
	if err != nil {
		return err
	}
	body := auditResponse{Entries: []auditEntry{}}
	if len(entries) > size {
		entries = entries[:size]
		body.NextCursor = entries[size-1].ID
	}
	for _, e := range entries {
		body.Entries = append(body.Entries, auditEntry{
			ID: e.ID, At: isoMillis(e.At), Actor: e.By, TenantID: e.Tenant, Action: e.Action,
			Target: e.Target, RequestID: e.Request, Details: e.Details,
		})
	}
	return ok(c, body)
}

// auditFilter reads the query. It returns CodeInvalid.
func auditFilter(c *fiber.Ctx) (f store.AuditFilter, err error) {
	if f.Limit, err = queryPage(c); err != nil {
		return f, err
	}
	if raw, given := queryValue(c, "tenantId"); given {
		if f.Tenant, err = engine.ParseTenantID(raw); err != nil {
			return f, err
		}
	}
	if raw, given := queryValue(c, "action"); given {
		if f.Action = store.Action(raw); !slices.Contains(store.Actions(), f.Action) {
			return f, engine.Errorf(engine.CodeInvalid, "there is no such action")
		}
	}
	if raw, given := queryValue(c, "cursor"); given {
		if _, err := ulid.ParseStrict(raw); err != nil {
			return f, engine.Errorf(engine.CodeInvalid, "cursor must be the nextCursor of an earlier answer")
		}
		f.Before = raw
	}
	return f, nil
}
