package bulk

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"wapid/engine"
)

// MaxWindows is how many windows a job may have.
const MaxWindows = 21

// minutesADay is how many minutes an ordinary day has: 24:00 is the end of a day.
const minutesADay = 24 * 60

// Schedule is when a job may send.
type Schedule struct {
	StartAt time.Time      // zero for at once
	Windows []Window       // empty for always
	Zone    *time.Location // of the windows; nil is UTC
}

// Window is a time of the day at which sending is allowed.
type Window struct {
	Days []time.Weekday `json:"days,omitempty"` // on which it opens; empty for every day
	// From and To are minutes of the day. A window whose end is before its
	// beginning lasts over midnight.
	From int `json:"from"`
	To   int `json:"to"`
}

// ParseWindow reads a window: names of days such as "mon", and times such as
// "09:00"; the end may be "24:00". It returns CodeInvalid.
func ParseWindow(days []string, from, to string) (Window, error) {
	var w Window
	for _, name := range days {
		day := slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, strings.ToLower(name))
		if day < 0 {
			return w, engine.Errorf(engine.CodeInvalid, "days of a window must be mon, tue, wed, thu, fri, sat or sun")
		}
		if !slices.Contains(w.Days, time.Weekday(day)) {
			w.Days = append(w.Days, time.Weekday(day))
		}
	}
	var okFrom, okTo bool
	w.From, okFrom = parseClock(from)
	w.To, okTo = parseClock(to)
	switch {
	case !okFrom || w.From == minutesADay:
		return w, engine.Errorf(engine.CodeInvalid, "from of a window must be a time of the day such as 09:00")
	case !okTo:
		return w, engine.Errorf(engine.CodeInvalid, "to of a window must be a time of the day such as 20:00, or 24:00")
	case w.From == w.To:
		return w, engine.Errorf(engine.CodeInvalid, "a window must not end when it begins; a whole day is from 00:00 to 24:00")
	}
	return w, nil
}

func parseClock(s string) (minutes int, ok bool) {
	if s == "24:00" {
		return minutesADay, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == len("15:04")
}

// NextOpen is the first moment from t on at which a window is open: t itself if
// one is. Without windows it always is. Windows follow the clocks on the wall: on
// the day on which they go forward a window in the hour that is left out does not
// open, and one that lasts over it is an hour shorter.
func (s Schedule) NextOpen(t time.Time) time.Time {
	open, _ := s.opening(t)
	return open
}

// opening is when a window is open from t on, and until when that one stays so. The
// end is zero without windows, and the beginning is far away if none ever opens.
func (s Schedule) opening(t time.Time) (from, until time.Time) {
	if len(s.Windows) == 0 {
		return t, time.Time{}
	}
	local := t.In(s.location())
	y, m, d := local.Date()
	// A window of yesterday may still be open. That of a day may be left out by the
	// clocks, but not twice in a row: two weeks show one of every weekday.
	for day := -1; day <= 14; day++ {
		date := time.Date(y, m, d+day, 12, 0, 0, 0, time.UTC)
		from, until := s.openingOf(date, t, local.Location())
		if !until.IsZero() {
			return from, until
		}
	}
	return t.Add(MaxStartIn), t.Add(MaxStartIn)
}

// openingOf is the first opening after t of the windows that open on a date.
func (s Schedule) openingOf(date, t time.Time, zone *time.Location) (from, until time.Time) {
	for _, w := range s.Windows {
		if len(w.Days) > 0 && !slices.Contains(w.Days, date.Weekday()) {
			continue
		}
		last := w.To
		if w.To < w.From {
			last += minutesADay
		}
		begin, end := onTheWall(date, w.From, zone), onTheWall(date, last, zone)
		if begin.Before(t) {
			begin = t
		}
		if end.After(begin) && (until.IsZero() || cmp.Or(begin.Compare(from), -end.Compare(until)) < 0) {
			from, until = begin, end
		}
	}
	return from, until
}

// onTheWall is when the clocks of a zone show a minute of a date, which may be one
// of the next day. A time that they leave out is when they go forward; of one that
// they show twice it is the first.
func onTheWall(date time.Time, minute int, zone *time.Location) time.Time {
	y, m, d := date.Date()
	want := time.Date(y, m, d, 0, minute, 0, 0, time.UTC)
	t := time.Date(y, m, d, 0, minute, 0, 0, zone)
	begin, end := t.ZoneBounds()
	switch shown := wall(t); {
	case shown.After(want): // left out, and put behind the change
		return begin
	case shown.Before(want): // left out, and put before the change
		return end
	}
	if !begin.IsZero() {
		// Shown twice if the zone before has it too.
		_, now := t.Zone()
		_, before := begin.Add(-time.Second).Zone()
		if first := t.Add(time.Duration(now-before) * time.Second); first.Before(begin) && wall(first).Equal(want) {
			return first
		}
	}
	return t
}

// wall is what the clocks show at t, as if they showed it in UTC.
func wall(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), 0, 0, time.UTC)
}

func (s Schedule) location() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}
