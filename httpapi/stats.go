package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// What one request for statistics may ask for, and gets unless it says.
const (
	maxStats     = store.ActivityDays * 24 * time.Hour
	defaultStats = 24 * time.Hour
	maxStatsStep = 24 // hours
)

// statsResponse is what happened from one time to before another, by intervals of so
// many hours.
type statsResponse struct {
	From      int64           `json:"from"` // unix milliseconds, as are all times here
	To        int64           `json:"to"`
	Step      int             `json:"step"` // hours
	Total     happenings      `json:"total"`
	Intervals []statsInterval `json:"intervals"` // all of them, oldest first
}

// statsInterval is what happened in the step that begins at a time.
type statsInterval struct {
	At int64 `json:"at"`
	happenings
}

// happenings is what happened in some time. Of what did not happen, no time is known.
type happenings struct {
	Sent         int        `json:"sent"`
	Received     int        `json:"received"`
	Failed       int        `json:"failed"`
	Unknown      int        `json:"unknown"`
	Refused      int        `json:"refused"`
	FailedTries  int        `json:"failedTries"`
	SendTime     *durations `json:"sendTime"`
	ReceiptTime  *durations `json:"receiptTime"`
	DeliveryTime *durations `json:"deliveryTime"`
}

// durations tell how long something took, in milliseconds.
type durations struct {
	Count int   `json:"count"`
	P50   int64 `json:"p50"`
	P90   int64 `json:"p90"`
	P99   int64 `json:"p99"`
}

// hours finds the hours of a span in which anything happened.
type hours func(ctx context.Context, from, to time.Time) ([]store.ActivityHour, error)

func (s *Server) statsRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/account/stats", query: []string{"from", "to", "step", "sessionId"}, scope: store.ScopeRead, tenant: s.getStats},
		{method: http.MethodGet, path: "/api/admin/stats", query: []string{"from", "to", "step", "tenantId"}, operator: s.getAllStats},
		{method: http.MethodGet, path: "/api/admin/overview", operator: s.getOverview},
	}
}

// getStats is GET /api/account/stats. A key that is limited to sessions is told of
// these together.
func (s *Server) getStats(c *fiber.Ctx, p store.Principal) error {
	sessions, err := querySessions(c, p)
	if err != nil {
		return err
	}
	return s.answerStats(c, func(ctx context.Context, from, to time.Time) ([]store.ActivityHour, error) {
		return s.store.ListActivity(ctx, p.Tenant, sessions, from, to)
	})
}

// getAllStats is GET /api/admin/stats: of all tenants together, or of one.
func (s *Server) getAllStats(c *fiber.Ctx, _ store.Origin) error {
	raw, given := queryValue(c, "tenantId")
	if !given {
		return s.answerStats(c, s.store.ListAllActivity)
	}
	id, err := engine.ParseTenantID(raw)
	if err != nil {
		return err
	}
	if _, err := s.store.FindTenant(c.UserContext(), id); err != nil {
		return err
	}
	return s.answerStats(c, func(ctx context.Context, from, to time.Time) ([]store.ActivityHour, error) {
		return s.store.ListActivity(ctx, id, nil, from, to)
	})
}

func (s *Server) answerStats(c *fiber.Ctx, find hours) error {
	from, to, step, err := queryStats(c, time.Now())
	if err != nil {
		return err
	}
	found, err := find(c.UserContext(), from, to)
	if err != nil {
		return err
	}
	return ok(c, summarize(found, from, to, step))
}

// queryStats reads a span, which begins with an hour of UTC, and how many hours an
// interval has. It returns CodeInvalid.
func queryStats(c *fiber.Ctx, now time.Time) (from, to time.Time, step int, err error) {
	if to, err = queryTime(c, "to"); err != nil {
		return from, to, 0, err
	}
	if to.IsZero() {
		to = now
	}
	if from, err = queryTime(c, "from"); err != nil {
		return from, to, 0, err
	}
	if from.IsZero() {
		from = to.Add(-defaultStats)
	}
	if step, err = queryWithin(c, "step", 1, 1, maxStatsStep); err != nil {
		return from, to, 0, err
	}
	switch span := to.Sub(from); {
	case span <= 0:
		err = engine.Errorf(engine.CodeInvalid, "from must be before to")
	case span > maxStats:
		err = engine.Errorf(engine.CodeInvalid, "from and to must not span more than %d days", store.ActivityDays)
	}
	return from.UTC().Truncate(time.Hour), to.UTC(), step, err
}

// summarize adds hours up by intervals, and in all.
func summarize(found []store.ActivityHour, from, to time.Time, step int) statsResponse {
	body := statsResponse{From: from.UnixMilli(), To: to.UnixMilli(), Step: step, Intervals: []statsInterval{}}
	var total store.Activity
	for at := from; at.Before(to); at = at.Add(time.Duration(step) * time.Hour) {
		end := at.Add(time.Duration(step) * time.Hour)
		var sum store.Activity
		for len(found) > 0 && found[0].At.Before(end) {
			sum.Merge(&found[0].Activity)
			found = found[1:]
		}
		total.Merge(&sum)
		body.Intervals = append(body.Intervals, statsInterval{At: at.UnixMilli(), happenings: describeActivity(&sum)})
	}
	body.Total = describeActivity(&total)
	return body
}

func describeActivity(a *store.Activity) happenings {
	return happenings{
		Sent: a.Sent, Received: a.Received, Failed: a.Failed, Unknown: a.Unknown, Refused: a.Refused, FailedTries: a.FailedTries,
		SendTime: describeDurations(&a.SendTimes), ReceiptTime: describeDurations(&a.ReceiptTimes), DeliveryTime: describeDurations(&a.DeliveryTimes),
	}
}

// describeDurations is null for none.
func describeDurations(d *store.Durations) *durations {
	n := d.Count()
	if n == 0 {
		return nil
	}
	return &durations{Count: n, P50: d.Quantile(0.5).Milliseconds(), P90: d.Quantile(0.9).Milliseconds(), P99: d.Quantile(0.99).Milliseconds()}
}
