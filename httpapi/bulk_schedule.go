package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

// lateStart is how long ago a start may lie: clocks differ. A time further back is
// a mistake, such as seconds where milliseconds are meant.
const lateStart = 5 * time.Minute

// scheduleBulk reads when a job may send. It returns CodeInvalid.
func (s *Server) scheduleBulk(ctx context.Context, p store.Principal, r bulkRequest) (when bulk.Schedule, err error) {
	if when.StartAt, err = r.startAt(time.Now()); err != nil {
		return when, err
	}
	if len(r.Windows) == 0 {
		if r.TimeZone != "" {
			return when, engine.Errorf(engine.CodeInvalid, "timeZone goes with windows")
		}
		return when, nil
	}
	if len(r.Windows) > bulk.MaxWindows {
		return when, engine.Errorf(engine.CodeInvalid, "windows must not have more than %d entries", bulk.MaxWindows)
	}
	for i, given := range r.Windows {
		w, err := bulk.ParseWindow(given.Days, given.From, given.To)
		if err != nil {
			return when, engine.Errorf(engine.CodeInvalid, "windows[%d]: %s", i, explain(err).Message)
		}
		when.Windows = append(when.Windows, w)
	}
	if r.TimeZone != "" {
		when.Zone, err = engine.ParseTimeZone(r.TimeZone)
		return when, err
	}
	tenant, err := s.store.FindTenant(ctx, p.Tenant)
	when.Zone = tenant.Location()
	return when, err
}

// startAt reads when a job is to begin, zero for at once. Whether that has passed is
// looked at later. It returns CodeInvalid.
func (r bulkRequest) startAt(now time.Time) (at time.Time, err error) {
	if len(r.StartAt) == 0 || bytes.Equal(r.StartAt, []byte("null")) {
		return at, nil
	}
	var text string
	if json.Unmarshal(r.StartAt, &text) == nil {
		at, err = time.Parse(time.RFC3339, text)
	} else {
		var ms int64
		ms, err = strconv.ParseInt(string(r.StartAt), 10, 64)
		at = time.UnixMilli(ms)
	}
	switch {
	case err != nil:
		return at, engine.Errorf(engine.CodeInvalid, "startAt must be a time as 2026-03-08T10:30:00Z, or unix milliseconds")
	case at.Before(time.Unix(0, 0)): // among them the zero time, which would mean at once from here on
		return at, errPastStart()
	case at.After(now.Add(bulk.MaxStartIn)):
		return at, engine.Errorf(engine.CodeInvalid, "startAt must be within a year")
	}
	return at.UTC().Truncate(time.Millisecond), nil
}

func errPastStart() error {
	return engine.Errorf(engine.CodeInvalid, "startAt must not be in the past")
}

// perHour reads how many a session may send in an hour, 0 for any number. It
// returns CodeInvalid.
func (r bulkRequest) perHour() (int, error) {
	if r.MaxPerHour == nil {
		return 0, nil
	}
	if *r.MaxPerHour < 1 || *r.MaxPerHour > bulk.MaxPerHour {
		return 0, engine.Errorf(engine.CodeInvalid, "maxPerHour must be from 1 to %d", bulk.MaxPerHour)
	}
	return *r.MaxPerHour, nil
}
