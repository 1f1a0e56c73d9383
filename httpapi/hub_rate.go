package httpapi

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	lru "github.com/hashicorp/golang-lru/v2"

	"wapid/engine"
	"wapid/store"
)

// DefaultHubRate is how many requests an hour each key may make of WhatsApp Hub's API,
// as its documentation promises.
const DefaultHubRate = 1000

// hourly limits requests by key: so many in an hour, which begins with the first of
// them. It is safe for concurrent use, and its memory is bounded.
type hourly struct {
	limit int
	mu    sync.Mutex // guards the hours, which the list hands out by pointer
	keys  *lru.Cache[store.KeyID, *hour]
}

// hour is what a key has asked for since its hour began.
type hour struct {
	began time.Time
	used  int
}

func newHourly(limit int) *hourly {
	if limit <= 0 {
		limit = DefaultHubRate
	}
	return &hourly{limit: limit, keys: newLRU[store.KeyID, *hour](keysTracked)}
}

// take takes one request of a key, tells the caller how many are left in the headers
// that the documentation names, and returns CodeRateLimited if there was none.
func (h *hourly) take(c *fiber.Ctx, p store.Principal, now time.Time) error {
	passed, left, ends := h.count(p.Bucket(), now)
	c.Set(headerRateLimit, strconv.Itoa(h.limit))
	c.Set(headerRateRemaining, strconv.Itoa(left))
	c.Set(headerRateReset, strconv.FormatInt(ends.Unix(), 10))
	c.Response().Header.Del(headerRatePolicy) // those are the daemon's own limit
	c.Response().Header.Del(headerRateState)
	if passed {
		return nil
	}
	return &engine.Error{Code: engine.CodeRateLimited, Message: "too many requests: " + strconv.Itoa(h.limit) + " an hour are allowed",
		RetryAfter: max(time.Second, ends.Sub(now))}
}

// count counts a request of a key, and says how many are left until when.
func (h *hourly) count(key store.KeyID, now time.Time) (passed bool, left int, ends time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	current, known := h.keys.Get(key)
	if !known || now.Sub(current.began) >= time.Hour {
		current = &hour{began: now}
		h.keys.Add(key, current)
	}
	if passed = current.used < h.limit; passed {
		current.used++
	}
	return passed, h.limit - current.used, current.began.Add(time.Hour)
}

// hub is a route of WhatsApp Hub's API, with that API's own rate.
func (s *Server) hub(method, path string, scope store.Scope, handle func(*fiber.Ctx, store.Principal) error) route {
	return route{method: method, path: "/api/v1/" + path, scope: scope, tenant: func(c *fiber.Ctx, p store.Principal) error {
		if err := s.hubRate.take(c, p, time.Now()); err != nil {
			return err
		}
		return handle(c, p)
	}}
}

func (s *Server) hubRoutes() []route {
	return []route{
		s.hub(http.MethodPost, "messages/send", store.ScopeSend, s.hubSend),
		s.hub(http.MethodGet, "messages/history", store.ScopeRead, s.hubHistory),
		s.hub(http.MethodPut, "messages/:messageId", store.ScopeSend, s.hubChange),
		s.hub(http.MethodPost, "templates/create", store.ScopeManage, s.hubCreateTemplate),
		s.hub(http.MethodGet, "templates/list", store.ScopeRead, s.hubListTemplates),
		s.hub(http.MethodPut, "templates/:templateId", store.ScopeManage, s.hubChangeTemplate),
		s.hub(http.MethodDelete, "templates/:templateId", store.ScopeManage, s.hubDeleteTemplate),
		s.hub(http.MethodPost, "contacts/create", store.ScopeManage, s.hubCreateContact),
		s.hub(http.MethodGet, "contacts/list", store.ScopeRead, s.hubListContacts),
		s.hub(http.MethodGet, "contacts/:contactId", store.ScopeRead, s.hubGetContact),
		s.hub(http.MethodPut, "contacts/:contactId", store.ScopeManage, s.hubChangeContact),
		s.hub(http.MethodDelete, "contacts/:contactId", store.ScopeManage, s.hubDeleteContact),
		s.hub(http.MethodGet, "analytics/messages", store.ScopeRead, s.hubAnalytics),
	}
}
