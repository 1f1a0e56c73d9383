package httpapi

import (
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// How many entries a page of a list has, unless the query says.
const (
	defaultPage = 50
	maxPage     = 200
	// longestTenantSearch is how long a searched text may be, in characters.
	longestTenantSearch = 100
)

// Where a tenant stands.
const (
	tenantActive    = "active"
	tenantSuspended = "suspended"
	tenantErasing   = "erasing"
)

// tenantResponse is a tenant as the operator sees it. A limit that is null is none.
type tenantResponse struct {
	Success       bool            `json:"success,omitempty"` // of a change
	TenantID      engine.TenantID `json:"tenantId"`
	APIKey        string          `json:"apiKey,omitempty"` // of a tenant just created, this once
	Name          string          `json:"name"`
	Status        string          `json:"status"`
	DailyLimit    *int            `json:"dailyLimit"`
	MaxSessions   *int            `json:"maxSessions"`
	RateLimit     *int            `json:"rateLimit"` // null for the daemon's default
	TimeZone      string          `json:"timeZone"`
	RetentionDays *int            `json:"retentionDays"`
	SuspendedAt   string          `json:"suspendedAt,omitempty"`
	Sessions      *int            `json:"sessions,omitempty"` // how many there are; of one tenant only
	Usage         *usedDay        `json:"usage,omitempty"`    // today; of one tenant only
	CreatedAt     string          `json:"createdAt"`
	UpdatedAt     string          `json:"updatedAt"`
}

type tenantListResponse struct {
	Tenants    []tenantResponse `json:"tenants"`
	Total      int              `json:"total"`
	NextCursor string           `json:"nextCursor,omitempty"` // absent on the last page
}

type erasureResponse struct {
	Success  bool            `json:"success"`
	TenantID engine.TenantID `json:"tenantId"`
	Status   string          `json:"status"`
}

func (s *Server) adminRoutes() []route {
	const tenants, one = "/api/admin/tenants", "/api/admin/tenants/:tenantId"
	return []route{
		{method: http.MethodPost, path: tenants, operator: s.createTenant},
		{method: http.MethodGet, path: tenants, query: []string{"q", "limit", "cursor"}, operator: s.listTenants},
		{method: http.MethodGet, path: one, operator: s.getTenant},
		{method: http.MethodPatch, path: one, operator: s.patchTenant},
		{method: http.MethodDelete, path: one, operator: s.deleteTenant},
		{method: http.MethodPost, path: one + "/suspend", operator: s.suspendTenant},
		{method: http.MethodPost, path: one + "/resume", operator: s.resumeTenant},
	}
}

// createTenant is POST /api/admin/tenants: the tenant, its main key and its
// webhook, all or nothing.
func (s *Server) createTenant(c *fiber.Ctx, from store.Origin) error {
	var req createTenantRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	n, err := req.parse()
	if err != nil {
		return err
	}
	if n.WebhookURL != "" {
		if n.WebhookURL, err = s.checkWebhook(n.WebhookURL, n.WebhookSecret); err != nil {
			return err
		}
	}
	t, plain, err := s.store.CreateTenant(c.UserContext(), from, n)
	if err != nil {
		return err
	}
	body := describeTenant(t)
	body.Success, body.APIKey = true, plain
	return answer(c, http.StatusCreated, body)
}

// listTenants is GET /api/admin/tenants, by id.
func (s *Server) listTenants(c *fiber.Ctx, _ store.Origin) error {
	size, err := queryPage(c)
	if err != nil {
		return err
	}
	cursor, _ := queryValue(c, "cursor")
	text, _ := queryValue(c, "q")
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > longestTenantSearch {
		return engine.Errorf(engine.CodeInvalid, "q must be a text of at most %d characters", longestTenantSearch)
	}
	list, err := s.store.PageTenants(c.UserContext(), text, engine.TenantID(cursor), size+1)
	if err != nil {
		return err
	}
	body := tenantListResponse{Tenants: []tenantResponse{}}
	if body.Total, err = s.store.CountTenants(c.UserContext(), text); err != nil {
		return err
	}
	if len(list) > size {
		list = list[:size]
		body.NextCursor = string(list[size-1].ID)
	}
	for _, t := range list {
		body.Tenants = append(body.Tenants, describeTenant(t))
	}
	return ok(c, body)
}

// queryPage reads how many entries a page is to have. It returns CodeInvalid.
func queryPage(c *fiber.Ctx) (int, error) {
	raw, given := queryValue(c, "limit")
	if !given {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < 1 || n > maxPage {
		return 0, engine.Errorf(engine.CodeInvalid, "limit must be a number from 1 to %d", maxPage)
	}
	return n, nil
}

// getTenant is GET /api/admin/tenants/{tenantId}.
func (s *Server) getTenant(c *fiber.Ctx, _ store.Origin) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	t, err := s.store.FindTenant(c.UserContext(), id)
	if err != nil {
		return err
	}
	today, err := s.store.FindUsage(c.UserContext(), id)
	if err != nil {
		return err
	}
	body := describeTenant(t)
	sessions := len(s.engine.List(id))
	body.Sessions, body.Usage = &sessions, &usedDay{Day: today.Day, Sent: today.Sent, Limit: limit(t.DailyLimit)}
	return ok(c, body)
}

// patchTenant is PATCH /api/admin/tenants/{tenantId}.
func (s *Server) patchTenant(c *fiber.Ctx, from store.Origin) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	var req patchTenantRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	change, err := req.parse()
	if err != nil {
		return err
	}
	t, err := s.store.ChangeTenant(c.UserContext(), from, id, change)
	if err != nil {
		return err
	}
	return answerTenant(c, t)
}

// suspendTenant is POST /api/admin/tenants/{tenantId}/suspend.
func (s *Server) suspendTenant(c *fiber.Ctx, from store.Origin) error {
	return s.answerSuspension(c, from, true)
}

// resumeTenant is POST /api/admin/tenants/{tenantId}/resume.
func (s *Server) resumeTenant(c *fiber.Ctx, from store.Origin) error {
	return s.answerSuspension(c, from, false)
}

func (s *Server) answerSuspension(c *fiber.Ctx, from store.Origin, suspended bool) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	t, err := s.store.SuspendTenant(c.UserContext(), from, id, suspended)
	if err != nil {
		return err
	}
	return answerTenant(c, t)
}

// deleteTenant is DELETE /api/admin/tenants/{tenantId}. It answers once the
// erasure can't be lost any more; what is left of it goes on behind the answer.
func (s *Server) deleteTenant(c *fiber.Ctx, from store.Origin) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	t, err := s.store.BeginErasure(c.UserContext(), from, id)
	if err != nil {
		return err
	}
	s.erase()
	return answer(c, http.StatusAccepted, erasureResponse{Success: true, TenantID: t.ID, Status: tenantErasing})
}

// tenantID reads the tenant that the path names. It returns CodeInvalid.
func tenantID(c *fiber.Ctx) (engine.TenantID, error) {
	return engine.ParseTenantID(c.Params("tenantId"))
}

func answerTenant(c *fiber.Ctx, t engine.Tenant) error {
	body := describeTenant(t)
	body.Success = true
	return ok(c, body)
}

func describeTenant(t engine.Tenant) tenantResponse {
	status := tenantActive
	switch {
	case t.Erasing():
		status = tenantErasing
	case t.Suspended():
		status = tenantSuspended
	}
	return tenantResponse{
		TenantID: t.ID, Name: t.Name, Status: status,
		DailyLimit: limit(t.DailyLimit), MaxSessions: limit(t.MaxSessions), RateLimit: limit(t.RateLimit),
		TimeZone: t.TimeZone, RetentionDays: limit(t.RetentionDays),
		SuspendedAt: isoTime(t.SuspendedAt), CreatedAt: isoMillis(t.CreatedAt), UpdatedAt: isoMillis(t.UpdatedAt),
	}
}
