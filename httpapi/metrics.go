package httpapi

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"wapid/engine"
	"wapid/store"
)

// Answered is a request that was answered. An answer that is streamed counts from its
// beginning.
type Answered struct {
	// Route is the path as the table of routes has it, such as
	// /api/whatsapp/session/:id/send; RouteNone if there is no such path, or the
	// request was refused before its path was looked at.
	Route  string
	Method string // HTTP's own, or OTHER
	Status int
	Took   time.Duration // to the end of the handler
}

// RouteNone is the route of requests that have none.
const RouteNone = "none"

// answered tells whoever counts requests of one.
func (s *Server) answered(c *fiber.Ctx, route string, began time.Time) {
	if s.told == nil {
		return
	}
	a := Answered{Route: route, Method: c.Method(), Status: c.Response().StatusCode(), Took: time.Since(began)}
	if a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed {
		if route == "/" { // what was reached is only what wraps every handler
			a.Route = RouteNone
		}
	}
	if !knownMethod(a.Method) {
		a.Method = "OTHER"
	}
	s.told(a)
}

// Streams counts the event streams that are open.
func (s *Server) Streams() int { return s.streams.count() }

func (st *streams) count() (n int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, open := range st.open {
		n += open
	}
	return n
}

func (s *Server) metricsRoutes() []route {
	return []route{{method: http.MethodGet, path: "/metrics", bearer: true, operator: s.getMetrics}}
}

// getMetrics is GET /metrics. The key may come as a bearer token, because that is what
// Prometheus can be told to send.
func (s *Server) getMetrics(c *fiber.Ctx, _ store.Origin) error {
	if s.metrics == nil {
		return engine.Errorf(engine.CodeNotFound, "there is no such path")
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	// fasthttp's own context of a request is written to, without a lock, when the
	// server shuts down; whoever waits for its end would read it just then.
	return adaptor.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.metrics.ServeHTTP(w, r.WithContext(s.base))
	}))(c)
}
