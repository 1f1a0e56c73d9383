package httpapi

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/hub"
	"wapid/store"
)

// How many days statistics span at most, and unless the caller says.
const (
	mostHubDays    = 92
	defaultHubDays = 30
)

// hubAnalytics is GET /api/v1/analytics/messages.
func (s *Server) hubAnalytics(c *fiber.Ctx, p store.Principal) error {
	from, to, err := hubDays(c, time.Now())
	if err != nil {
		return err
	}
	leave, err := s.searches.enter(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	defer leave()
	counted, err := s.store.CountDays(c.UserContext(), p.Tenant, p.Sessions, from, to)
	if err != nil {
		return err
	}
	body := hub.Analytics{From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), Days: []hub.Day{}}
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		one := hub.Day{Date: day.Format(time.DateOnly)}
		for ; len(counted) > 0 && counted[0].Day.Equal(day); counted = counted[1:] {
			one.Add(counted[0].Direction, counted[0].Status, counted[0].N)
			body.Total.Add(counted[0].Direction, counted[0].Status, counted[0].N)
		}
		body.Days = append(body.Days, one)
	}
	return ok(c, body)
}

// hubDays reads the first and the last day that are wanted, each as its beginning. It
// returns CodeInvalid.
func hubDays(c *fiber.Ctx, now time.Time) (from, to time.Time, err error) {
	to = now.UTC()
	if raw, _ := queryValue(c, "to"); raw != "" {
		if to, err = hub.ParseTime("to", raw); err != nil {
			return from, to, err
		}
	}
	to = to.Truncate(24 * time.Hour)
	from = to.AddDate(0, 0, 1-defaultHubDays)
	if raw, _ := queryValue(c, "from"); raw != "" {
		if from, err = hub.ParseTime("from", raw); err != nil {
			return from, to, err
		}
	}
	from = from.Truncate(24 * time.Hour)
	if from.After(to) || to.Sub(from) >= mostHubDays*24*time.Hour {
		return from, to, engine.Errorf(engine.CodeInvalid, "from must not be after to, and they must not span more than %d days", mostHubDays)
	}
	return from, to, nil
}
