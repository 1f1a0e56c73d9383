package httpapi

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// Days of usage that one request may ask for, and gets unless it says.
const (
	maxUsageDays     = 366
	defaultUsageDays = 30
)

// accountResponse is what a tenant may know of itself. A limit that is null is none.
type accountResponse struct {
	Success       bool            `json:"success,omitempty"` // of a change
	TenantID      engine.TenantID `json:"tenantId"`
	Name          string          `json:"name"`
	DailyLimit    *int            `json:"dailyLimit"`
	MaxSessions   *int            `json:"maxSessions"`
	RateLimit     int             `json:"rateLimit"` // requests a minute for each key
	TimeZone      string          `json:"timeZone"`
	RetentionDays *int            `json:"retentionDays"`
	Sessions      int             `json:"sessions"` // how many there are
	Usage         usedDay         `json:"usage"`    // today
	Key           presentKey      `json:"key"`
	CreatedAt     string          `json:"createdAt"`
}

// presentKey is the key that the request came with.
type presentKey struct {
	KeyID    store.KeyID        `json:"keyId"`
	Scope    store.Scope        `json:"scope"`
	Sessions []engine.SessionID `json:"sessions,omitempty"`
}

type usedDay struct {
	Day   string `json:"day"` // YYYY-MM-DD in the tenant's time zone
	Sent  int    `json:"sent"`
	Limit *int   `json:"limit"` // the present one
}

type usageResponse struct {
	TenantID engine.TenantID `json:"tenantId"`
	TimeZone string          `json:"timeZone"`
	From     string          `json:"from"`
	To       string          `json:"to"`
	Total    int             `json:"total"`
	Days     []usedDay       `json:"days"`
}

// patchAccountRequest holds what a tenant may change itself. The time zone is
// not among it: the day of the daily limit ends by it.
type patchAccountRequest struct {
	Name *string `json:"name"`
}

func (s *Server) accountRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/account", scope: store.ScopeRead, tenant: s.getAccount},
		{method: http.MethodPatch, path: "/api/account", scope: store.ScopeManage, tenant: s.patchAccount},
		{method: http.MethodGet, path: "/api/account/usage", query: []string{"from", "to"}, scope: store.ScopeRead, tenant: s.getUsage},
	}
}

// getAccount is GET /api/account.
func (s *Server) getAccount(c *fiber.Ctx, p store.Principal) error {
	body, err := s.describeAccount(c, p)
	if err != nil {
		return err
	}
	return ok(c, body)
}

// patchAccount is PATCH /api/account.
func (s *Server) patchAccount(c *fiber.Ctx, p store.Principal) error {
	var req patchAccountRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if req.Name == nil {
		return errNothingToChange()
	}
	name, err := engine.ParseTenantName(*req.Name)
	if err != nil {
		return err
	}
	if _, err := s.store.ChangeTenant(c.UserContext(), by(c, p), p.Tenant, store.TenantChange{Name: &name}); err != nil {
		return err
	}
	body, err := s.describeAccount(c, p)
	if err != nil {
		return err
	}
	body.Success = true
	return ok(c, body)
}

func errNothingToChange() error {
	return engine.Errorf(engine.CodeInvalid, "the body names nothing to change")
}

func (s *Server) describeAccount(c *fiber.Ctx, p store.Principal) (accountResponse, error) {
	t, err := s.store.FindTenant(c.UserContext(), p.Tenant)
	if err != nil {
		return accountResponse{}, err
	}
	today, err := s.store.FindUsage(c.UserContext(), p.Tenant)
	if err != nil {
		return accountResponse{}, err
	}
	rate := t.RateLimit
	if rate == 0 {
		rate = s.rates.standard
	}
	return accountResponse{
		TenantID: t.ID, Name: t.Name, DailyLimit: limit(t.DailyLimit), MaxSessions: limit(t.MaxSessions), RateLimit: rate,
		TimeZone: t.TimeZone, RetentionDays: limit(t.RetentionDays), Sessions: len(s.engine.List(t.ID)),
		Usage:     usedDay{Day: today.Day, Sent: today.Sent, Limit: limit(t.DailyLimit)},
		Key:       presentKey{KeyID: p.Key, Scope: p.Scope, Sessions: p.Sessions},
		CreatedAt: isoMillis(t.CreatedAt),
	}, nil
}

// limit is null for none.
func limit(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

// getUsage is GET /api/account/usage.
func (s *Server) getUsage(c *fiber.Ctx, p store.Principal) error {
	return s.answerUsage(c, p.Tenant)
}

// answerUsage answers with every day that the query asks for, also those on
// which nothing was sent.
func (s *Server) answerUsage(c *fiber.Ctx, tenant engine.TenantID) error {
	t, err := s.store.FindTenant(c.UserContext(), tenant)
	if err != nil {
		return err
	}
	from, to, err := queryDays(c, time.Now().In(t.Location()))
	if err != nil {
		return err
	}
	used, err := s.store.ListUsage(c.UserContext(), tenant, from.Format(time.DateOnly), to.Format(time.DateOnly))
	if err != nil {
		return err
	}
	sent := make(map[string]int, len(used))
	body := usageResponse{TenantID: t.ID, TimeZone: t.TimeZone, From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), Days: []usedDay{}}
	for _, u := range used {
		sent[u.Day] = u.Sent
		body.Total += u.Sent
	}
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		name := day.Format(time.DateOnly)
		body.Days = append(body.Days, usedDay{Day: name, Sent: sent[name], Limit: limit(t.DailyLimit)})
	}
	return ok(c, body)
}

// queryDays reads from and to: days as YYYY-MM-DD, both included, the last
// defaultUsageDays until now unless they are given. It returns CodeInvalid.
func queryDays(c *fiber.Ctx, now time.Time) (from, to time.Time, err error) {
	y, m, d := now.Date()
	if to, err = queryDay(c, "to", time.Date(y, m, d, 0, 0, 0, 0, time.UTC)); err != nil {
		return from, to, err
	}
	if from, err = queryDay(c, "from", to.AddDate(0, 0, 1-defaultUsageDays)); err != nil {
		return from, to, err
	}
	switch days := int(to.Sub(from)/(24*time.Hour)) + 1; {
	case to.Before(from):
		err = engine.Errorf(engine.CodeInvalid, "from must not be after to")
	case days > maxUsageDays:
		err = engine.Errorf(engine.CodeInvalid, "from and to must not span more than %d days", maxUsageDays)
	}
	return from, to, err
}

func queryDay(c *fiber.Ctx, name string, absent time.Time) (time.Time, error) {
	raw, given := queryValue(c, name)
	if !given {
		return absent, nil
	}
	day, err := time.Parse(time.DateOnly, raw)
	if err != nil || day.Year() < 1970 {
		return time.Time{}, engine.Errorf(engine.CodeInvalid, "%s must be a day such as 2026-03-08", name)
	}
	return day, nil
}
