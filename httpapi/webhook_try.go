package httpapi

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// How long a test waits for its first try, and how often it looks. A receiver has
// longer than that: then the answer says that the try is still under way.
const (
	testPatience = 10 * time.Second
	testInterval = 50 * time.Millisecond
)

// testText is what a test tells.
const testText = "This is a test of your webhook."

// testResponse tells of a test. The delivery is as far as it has come.
type testResponse struct {
	Success  bool           `json:"success"`
	EventID  engine.EventID `json:"eventId"`
	Delivery firstTry       `json:"delivery"`
}

type firstTry struct {
	State      webhooks.DeliveryState `json:"state"`
	Status     int                    `json:"status,omitempty"` // of the receiver's answer
	DurationMs *int64                 `json:"durationMs,omitempty"`
	Error      string                 `json:"error,omitempty"` // why there was no answer
	Body       string                 `json:"body,omitempty"`  // of the answer, as far as it is kept
}

// testWebhook is POST /api/account/webhook/test: an event of type test goes the
// way of every other, and is delivered again later if it can't be now.
func (s *Server) testWebhook(c *fiber.Ctx, p store.Principal) error {
	e, err := s.store.FindEndpoint(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	return s.answerTest(c, e)
}

// answerTest sends a test to an endpoint and answers how that went.
func (s *Server) answerTest(c *fiber.Ctx, e webhooks.Endpoint) error {
	data, err := engine.Canonical(engine.TestData{Message: testText})
	if err != nil {
		return err
	}
	id, err := s.store.AppendTest(c.UserContext(), e.Tenant, e.ID, data)
	if err != nil {
		return err
	}
	try, err := s.awaitFirstTry(c.UserContext(), e.Tenant, id)
	if err != nil {
		return err
	}
	return ok(c, testResponse{Success: true, EventID: id, Delivery: try})
}

// awaitFirstTry waits until an event's delivery has been tried once, for
// testPatience at most.
func (s *Server) awaitFirstTry(ctx context.Context, tenant engine.TenantID, id engine.EventID) (try firstTry, err error) {
	timeout := time.NewTimer(testPatience)
	defer timeout.Stop()
	tick := time.NewTicker(testInterval)
	defer tick.Stop()
	for {
		state, first, err := s.store.FindFirstTry(ctx, tenant, id)
		if err != nil {
			return try, err
		}
		try.State = state
		if !first.At.IsZero() {
			ms := first.Duration.Milliseconds()
			try.Status, try.DurationMs, try.Error, try.Body = first.Status, &ms, first.Error, first.Body
			return try, nil
		}
		select {
		case <-tick.C:
		case <-timeout.C:
			return try, nil
		case <-ctx.Done():
			return try, nil
		}
	}
}
