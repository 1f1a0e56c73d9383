package httpapi

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

type tenantUsage struct {
	TenantID engine.TenantID `json:"tenantId"`
	Sent     int             `json:"sent"`
}

// totalUsageResponse tells what every tenant has sent. Total counts all of them,
// those on other pages too.
type totalUsageResponse struct {
	From       string        `json:"from"`
	To         string        `json:"to"`
	Total      int           `json:"total"`
	Tenants    []tenantUsage `json:"tenants"`
	NextCursor string        `json:"nextCursor,omitempty"`
}

func (s *Server) adminKeyRoutes() []route {
	const one = "/api/admin/tenants/:tenantId"
	return []route{
		{method: http.MethodGet, path: one + "/api-keys", operator: s.listTenantKeys},
		{method: http.MethodPost, path: one + "/api-keys", operator: s.createTenantKey},
		{method: http.MethodDelete, path: one + "/api-keys/:keyId", operator: s.deleteTenantKey},
		{method: http.MethodPost, path: one + "/api-key/reset", operator: s.resetTenantKey},
		{method: http.MethodGet, path: one + "/usage", query: []string{"from", "to"}, operator: s.getTenantUsage},
		{method: http.MethodGet, path: "/api/admin/usage", query: []string{"from", "to", "limit", "cursor"}, operator: s.getTotalUsage},
	}
}

// listTenantKeys is GET /api/admin/tenants/{tenantId}/api-keys.
func (s *Server) listTenantKeys(c *fiber.Ctx, _ store.Origin) error {
	id, err := s.existingTenant(c)
	if err != nil {
		return err
	}
	return s.answerKeys(c, id)
}

// existingTenant is tenantID for reads that would answer emptily for a tenant
// that does not exist. It returns CodeNotFound for one.
func (s *Server) existingTenant(c *fiber.Ctx) (engine.TenantID, error) {
	id, err := tenantID(c)
	if err != nil {
		return "", err
	}
	_, err = s.store.FindTenant(c.UserContext(), id)
	return id, err
}

// createTenantKey is POST /api/admin/tenants/{tenantId}/api-keys.
func (s *Server) createTenantKey(c *fiber.Ctx, from store.Origin) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	return s.answerNewKey(c, from, id)
}

// deleteTenantKey is DELETE /api/admin/tenants/{tenantId}/api-keys/{keyId}.
func (s *Server) deleteTenantKey(c *fiber.Ctx, from store.Origin) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	if err := s.store.DeleteKey(c.UserContext(), from, id, store.KeyID(c.Params("keyId"))); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// resetTenantKey is POST /api/admin/tenants/{tenantId}/api-key/reset.
func (s *Server) resetTenantKey(c *fiber.Ctx, from store.Origin) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	return s.answerReset(c, from, id)
}

// getTenantUsage is GET /api/admin/tenants/{tenantId}/usage.
func (s *Server) getTenantUsage(c *fiber.Ctx, _ store.Origin) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	return s.answerUsage(c, id)
}

// getTotalUsage is GET /api/admin/usage: what each tenant has sent on the days
// of its own time zone, by tenant id. Those that sent nothing are left out.
func (s *Server) getTotalUsage(c *fiber.Ctx, _ store.Origin) error {
	size, err := queryPage(c)
	if err != nil {
		return err
	}
	first, last, err := queryDays(c, time.Now().UTC())
	if err != nil {
		return err
	}
	body := totalUsageResponse{From: first.Format(time.DateOnly), To: last.Format(time.DateOnly), Tenants: []tenantUsage{}}
	cursor, _ := queryValue(c, "cursor")
	list, total, err := s.store.SumUsage(c.UserContext(), body.From, body.To, engine.TenantID(cursor), size+1)
	if err != nil {
		return err
	}
	if len(list) > size {
		list = list[:size]
		body.NextCursor = string(list[size-1].Tenant)
	}
	body.Total = total
	for _, u := range list {
		body.Tenants = append(body.Tenants, tenantUsage{TenantID: u.Tenant, Sent: u.Sent})
	}
	return ok(c, body)
}
