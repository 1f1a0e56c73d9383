package httpapi

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"wapid/engine"
	"wapid/store"
)

// DefaultHubRate is how many requests an hour each key may make of WhatsApp Hub's API,
// as its documentation promises.
const DefaultHubRate = 1000

// hourly limits requests by key: a bucket holds those of an hour, and fills evenly. It
// is safe for concurrent use, and its memory is bounded.
type hourly struct {
	limit int
	keys  *lru.Cache[store.KeyID, *rate.Limiter]
}

func newHourly(limit int) *hourly {
	if limit <= 0 {
		limit = DefaultHubRate
	}
	return &hourly{limit: limit, keys: newLRU[store.KeyID, *rate.Limiter](keysTracked)}
}

// take takes one request of a key, tells the caller how many are left in the headers
// that the documentation names, and returns CodeRateLimited if there was none.
func (h *hourly) take(c *fiber.Ctx, p store.Principal, now time.Time) error {
	bucket, known := h.keys.Get(p.Bucket())
	if !known {
		bucket = rate.NewLimiter(rate.Limit(float64(h.limit)/time.Hour.Seconds()), h.limit)
		if first, raced, _ := h.keys.PeekOrAdd(p.Bucket(), bucket); raced {
			bucket = first
		}
	}
	passed := bucket.AllowN(now, 1)
	tokens := max(0, bucket.TokensAt(now))
	each := time.Hour.Seconds() / float64(h.limit)
	c.Set(headerRateLimit, strconv.Itoa(h.limit))
	c.Set(headerRateRemaining, strconv.Itoa(int(tokens)))
	c.Set(headerRateReset, strconv.FormatInt(now.Unix()+int64(math.Ceil((float64(h.limit)-tokens)*each)), 10))
	c.Response().Header.Del(headerRatePolicy) // those are the daemon's own limit
	c.Response().Header.Del(headerRateState)
	if passed {
		return nil
	}
	return &engine.Error{Code: engine.CodeRateLimited, Message: "too many requests: " + strconv.Itoa(h.limit) + " an hour are allowed",
		RetryAfter: max(time.Second, seconds((1-tokens)*each))}
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
