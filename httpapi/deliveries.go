package httpapi

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// How many deliveries one page holds.
const (
	deliveryPage     = 50
	mostDeliveryPage = 200
)

// deliveryResponse tells of an event on its way to an endpoint.
type deliveryResponse struct {
	DeliveryID webhooks.DeliveryID    `json:"deliveryId"`
	EventID    engine.EventID         `json:"eventId"`
	Event      engine.EventType       `json:"event"`
	SessionID  engine.SessionID       `json:"sessionId"`
	State      webhooks.DeliveryState `json:"state"`
	Tries      int                    `json:"tries"`
	NextTryAt  string                 `json:"nextTryAt,omitempty"` // of one that failed and is tried again
	LastTry    *tryResponse           `json:"lastTry,omitempty"`
	CreatedAt  string                 `json:"createdAt"`
	FinishedAt string                 `json:"finishedAt,omitempty"` // delivered, or given up
}

type tryResponse struct {
	At         string `json:"at"`
	Status     int    `json:"status,omitempty"` // of the receiver's answer
	DurationMs int64  `json:"durationMs"`
	Error      string `json:"error,omitempty"` // why there was no answer
	Body       string `json:"body,omitempty"`  // of the answer, as far as it is kept
}

type deliveryListResponse struct {
	Deliveries []deliveryResponse  `json:"deliveries"`
	NextBefore webhooks.DeliveryID `json:"nextBefore,omitempty"` // where the next page begins, absent on the last
}

type deliveryDetailResponse struct {
	deliveryResponse
	Attempts []tryResponse `json:"attempts"`
}

type redeliverResponse struct {
	Success bool           `json:"success"`
	Queued  int            `json:"queued"`
	More    bool           `json:"more,omitempty"`
	Next    engine.EventID `json:"next,omitempty"`
}

func (s *Server) deliveryRoutes() []route {
	const path = endpointPath + "/deliveries"
	return []route{
		{method: http.MethodGet, path: path, scope: store.ScopeRead, tenant: s.listDeliveries,
			query: []string{"state", "sessionId", "type", "before", "limit"}},
		{method: http.MethodGet, path: path + "/:deliveryId", scope: store.ScopeRead, tenant: s.getDelivery},
		{method: http.MethodPost, path: endpointPath + "/redeliver", scope: store.ScopeManage, tenant: s.redeliver},
	}
}

// listDeliveries is GET /api/account/webhooks/{webhookId}/deliveries.
func (s *Server) listDeliveries(c *fiber.Ctx, p store.Principal) error {
	filter, limit, err := deliveryFilter(c, p)
	if err != nil {
		return err
	}
	e, err := s.findEndpoint(c, p)
	if err != nil {
		return err
	}
	// A filter that matches little reads far; a tenant waits for its own searches.
	leave, err := s.searches.enter(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	defer leave()
	list, before, err := s.store.PageDeliveries(c.UserContext(), p.Tenant, e.ID, filter, limit)
	if err != nil {
		return err
	}
	body := deliveryListResponse{Deliveries: []deliveryResponse{}, NextBefore: before}
	for _, d := range list {
		body.Deliveries = append(body.Deliveries, describeDelivery(d))
	}
	return ok(c, body)
}

// deliveryFilter reads which deliveries are wanted. It returns CodeInvalid.
func deliveryFilter(c *fiber.Ctx, p store.Principal) (f store.DeliveryFilter, limit int, err error) {
	f.State, err = queryWord(c, "state", webhooks.DeliveryPending, webhooks.DeliverySending, webhooks.DeliveryDelivered, webhooks.DeliveryDead)
	if err != nil {
		return f, 0, err
	}
	if f.Type, err = queryWord(c, "type", webhooks.Types()...); err != nil {
		return f, 0, err
	}
	if f.Sessions, err = querySessions(c, p); err != nil {
		return f, 0, err
	}
	before, err := queryNumber(c, "before", 0, 1, math.MaxInt64)
	if err != nil {
		return f, 0, err
	}
	f.Before = webhooks.DeliveryID(before)
	limit, err = queryNumber(c, "limit", deliveryPage, 1, mostDeliveryPage)
	return f, limit, err
}

// getDelivery is GET /api/account/webhooks/{webhookId}/deliveries/{deliveryId}.
func (s *Server) getDelivery(c *fiber.Ctx, p store.Principal) error {
	e, err := s.findEndpoint(c, p)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.Params("deliveryId"), 10, 64)
	if err != nil {
		return errNoDelivery()
	}
	d, err := s.store.FindDelivery(c.UserContext(), p.Tenant, e.ID, webhooks.DeliveryID(id))
	if err != nil {
		return err
	}
	if p.Sessions != nil && !p.Reaches(d.Session.ID) {
		return errNoDelivery()
	}
	attempts, err := s.store.ListAttempts(c.UserContext(), p.Tenant, d.ID)
	if err != nil {
		return err
	}
	body := deliveryDetailResponse{deliveryResponse: describeDelivery(d), Attempts: []tryResponse{}}
	for _, a := range attempts {
		body.Attempts = append(body.Attempts, describeTry(a))
	}
	return ok(c, body)
}

func errNoDelivery() error {
	return engine.Errorf(engine.CodeNotFound, "there is no such delivery")
}

func describeDelivery(d store.LoggedDelivery) deliveryResponse {
	r := deliveryResponse{
		DeliveryID: d.ID, EventID: d.Event, Event: d.Type, SessionID: d.Session.ID, State: d.State, Tries: d.Tries,
		CreatedAt: isoMillis(d.CreatedAt), FinishedAt: isoTime(d.FinishedAt),
	}
	if d.State == webhooks.DeliveryPending && d.Attempts > 0 && d.NextAt.UnixMilli() > 0 {
		r.NextTryAt = isoTime(d.NextAt)
	}
	if d.Tries > 0 {
		last := describeTry(d.Last)
		r.LastTry = &last
	}
	return r
}

func describeTry(a webhooks.Attempt) tryResponse {
	return tryResponse{At: isoMillis(a.At), Status: a.Status, DurationMs: a.Duration.Milliseconds(), Error: a.Error, Body: a.Body}
}

// redeliver is POST /api/account/webhooks/{webhookId}/redeliver.
func (s *Server) redeliver(c *fiber.Ctx, p store.Principal) error {
	var req redeliverRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	wanted, err := req.redelivery()
	if err != nil {
		return err
	}
	leave, err := s.enterRedelivery(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	defer leave()
	done, err := s.store.Redeliver(c.UserContext(), p.Tenant, endpointID(c), wanted, time.Now().Add(redeliverTime))
	if err != nil {
		return err
	}
	return ok(c, redeliverResponse{Success: true, Queued: done.Queued, More: done.More, Next: done.Next})
}

// enterRedelivery waits for a tenant's other redeliveries. It returns CodeRateLimited.
func (s *Server) enterRedelivery(ctx context.Context, t engine.TenantID) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, s.againPatience)
	defer cancel()
	leave, err = s.again.enter(ctx, t)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &engine.Error{Code: engine.CodeRateLimited, Message: "another redelivery is under way; nothing was done", RetryAfter: redeliverTime}
	}
	return leave, err
}
