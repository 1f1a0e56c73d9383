package bulk

import (
	"testing"
	"time"

	"wapid/engine"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := engine.ParseTimeZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func window(t *testing.T, from, to string, days ...string) Window {
	t.Helper()
	w, err := ParseWindow(days, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestNextOpen(t *testing.T) {
	day, night := window(t, "09:00", "20:00"), window(t, "22:00", "06:00")
	for name, c := range map[string]struct {
		windows  []Window
		zone     string
		at, want string // RFC 3339; want "" for at once
	}{
		"always":         {nil, "", "2026-03-08T03:00:00Z", ""},
		"open":           {[]Window{day}, "UTC", "2026-03-08T12:00:00Z", ""},
		"just open":      {[]Window{day}, "UTC", "2026-03-08T09:00:00Z", ""},
		"just closed":    {[]Window{day}, "UTC", "2026-03-08T20:00:00Z", "2026-03-09T09:00:00Z"},
		"early":          {[]Window{day}, "UTC", "2026-03-08T08:59:59Z", "2026-03-08T09:00:00Z"},
		"half-hour zone": {[]Window{day}, "Asia/Kolkata", "2026-03-08T15:00:00Z", "2026-03-09T09:00:00+05:30"},
		"other date":     {[]Window{day}, "Asia/Tokyo", "2026-03-08T22:00:00Z", "2026-03-09T09:00:00+09:00"},

		"over midnight, evening": {[]Window{night}, "UTC", "2026-03-08T23:00:00Z", ""},
		"over midnight, morning": {[]Window{night}, "UTC", "2026-03-08T05:59:00Z", ""},
		"over midnight, closed":  {[]Window{night}, "UTC", "2026-03-08T06:00:00Z", "2026-03-08T22:00:00Z"},
		"a Friday's night":       {[]Window{window(t, "22:00", "06:00", "fri")}, "UTC", "2026-03-07T03:00:00Z", ""}, // Saturday
		"no Saturday's night":    {[]Window{window(t, "22:00", "06:00", "fri")}, "UTC", "2026-03-07T22:30:00Z", "2026-03-13T22:00:00Z"},

		"weekend":       {[]Window{window(t, "09:00", "20:00", "mon", "TUE")}, "UTC", "2026-03-07T12:00:00Z", "2026-03-09T09:00:00Z"},
		"once a week":   {[]Window{window(t, "09:00", "10:00", "sun")}, "UTC", "2026-03-08T10:00:00Z", "2026-03-15T09:00:00Z"},
		"first of two":  {[]Window{window(t, "15:00", "16:00"), window(t, "11:00", "12:00")}, "UTC", "2026-03-08T10:00:00Z", "2026-03-08T11:00:00Z"},
		"second of two": {[]Window{window(t, "15:00", "16:00"), window(t, "11:00", "12:00")}, "UTC", "2026-03-08T13:00:00Z", "2026-03-08T15:00:00Z"},
		"end of day":    {[]Window{window(t, "00:00", "24:00", "mon")}, "UTC", "2026-03-09T23:59:59Z", ""},
		"day over":      {[]Window{window(t, "00:00", "24:00", "mon")}, "UTC", "2026-03-10T00:00:00Z", "2026-03-16T00:00:00Z"},

		// Berlin's clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 to 02:00 on 25 October.
		"before the change":            {[]Window{day}, "Europe/Berlin", "2026-03-28T20:00:00Z", "2026-03-29T09:00:00+02:00"},
		"opens in the missing hour":    {[]Window{window(t, "02:30", "04:00")}, "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00"},
		"ends in the missing hour":     {[]Window{window(t, "01:00", "02:30")}, "Europe/Berlin", "2026-03-29T00:59:00Z", ""},
		"ended in the missing hour":    {[]Window{window(t, "01:00", "02:30")}, "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T01:00:00+02:00"},
		"lies in the missing hour":     {[]Window{window(t, "02:10", "02:50")}, "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-30T02:10:00+02:00"},
		"over the missing hour":        {[]Window{window(t, "22:00", "06:00")}, "Europe/Berlin", "2026-03-29T03:59:00Z", ""},
		"over the missing hour, ended": {[]Window{window(t, "22:00", "06:00")}, "Europe/Berlin", "2026-03-29T04:00:00Z", "2026-03-29T22:00:00+02:00"},
		"opens in the double hour":     {[]Window{window(t, "02:30", "04:00")}, "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:30:00+02:00"},
		"its second half hour":         {[]Window{window(t, "02:30", "04:00")}, "Europe/Berlin", "2026-10-25T01:10:00Z", ""},
		"over the double hour":         {[]Window{window(t, "22:00", "06:00")}, "Europe/Berlin", "2026-10-25T04:59:00Z", ""},
		"over the double hour, ended":  {[]Window{window(t, "22:00", "06:00")}, "Europe/Berlin", "2026-10-25T05:00:00Z", "2026-10-25T22:00:00+01:00"},
		"after the change":             {[]Window{day}, "Europe/Berlin", "2026-10-25T06:00:00Z", "2026-10-25T09:00:00+01:00"},
		// In Santiago midnight itself is left out: the 6th of September 2026 begins at 01:00.
		"the day begins late": {[]Window{window(t, "00:00", "08:00")}, "America/Santiago", "2026-09-06T03:00:00Z", "2026-09-06T01:00:00-03:00"},
		// Samoa left out a whole day, Friday the 30th of December 2011.
		"a day is missing": {[]Window{window(t, "09:00", "10:00", "fri")}, "Pacific/Apia", "2011-12-29T22:00:00Z", "2012-01-06T09:00:00+14:00"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		want := at
		if c.want != "" {
			if want, err = time.Parse(time.RFC3339, c.want); err != nil {
				t.Fatal(err)
			}
		}
		s := Schedule{Windows: c.windows}
		if c.zone != "" {
			s.Zone = zone(t, c.zone)
		}
		if got := s.NextOpen(at); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", name, got.Format(time.RFC3339), c.want)
		}
	}
}

// Whatever the zone does, what is said to be open is within the hours on the wall,
// and nothing open is left out.
func TestWindowsFollowTheWall(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"} {
		s := Schedule{Zone: zone(t, name), Windows: []Window{window(t, "09:15", "20:45"), window(t, "23:00", "01:00", "sat")}}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for ; at.Year() == 2026; at = at.Add(15 * time.Minute) {
			local := at.In(s.Zone)
			minute := local.Hour()*60 + local.Minute()
			open := minute >= 9*60+15 && minute < 20*60+45 ||
				local.Weekday() == time.Saturday && minute >= 23*60 || local.Weekday() == time.Sunday && minute < 60
			if got := s.NextOpen(at).Equal(at); got != open {
				t.Fatalf("%s at %s: open is %v", name, local, got)
			}
		}
	}
}

func TestParseWindow(t *testing.T) {
	for _, bad := range [][3]string{
		{"", "9:00", "20:00"}, {"", "09:00", "24:01"}, {"", "24:00", "09:00"}, {"", "09:00", "09:00"}, {"", "", "20:00"}, {"", "09:00", ""},
		{"monday", "09:00", "20:00"}, {"", "09:00:00", "20:00"}, {"", "09:60", "20:00"}, {"", "-1:00", "20:00"},
	} {
		var days []string
		if bad[0] != "" {
			days = []string{bad[0]}
		}
		if w, err := ParseWindow(days, bad[1], bad[2]); engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%v is taken as %+v, %v", bad, w, err)
		}
	}
	if w := window(t, "00:00", "24:00", "mon", "Mon"); w.From != 0 || w.To != 1440 || len(w.Days) != 1 {
		t.Errorf("a whole Monday is %+v", w)
	}
}

func TestETA(t *testing.T) {
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC) // a Monday
	member := Member{Session: "a", State: MemberActive}
	running := Job{Status: StatusRunning, Total: 101, Succeeded: 1, DelayMin: 2 * time.Second, DelayMax: 4 * time.Second, Members: []Member{member}}
	for name, c := range map[string]struct {
		change func(*Job)
		want   time.Duration // negative for not known
	}{
		"running":      {func(*Job) {}, 99*3*time.Second + quickest},
		"two sessions": {func(j *Job) { j.Members = append(j.Members, Member{State: MemberActive}) }, 49*3*time.Second + quickest},
		"one dropped":  {func(j *Job) { j.Members = append(j.Members, Member{State: MemberDropped}) }, 99*3*time.Second + quickest},
		"one is away": {func(j *Job) {
			j.Members = append(j.Members, Member{State: MemberActive, Waiting: Waiting{Reason: WaitSession}})
		}, 99*3*time.Second + quickest},
		"by the hour":  {func(j *Job) { j.MaxPerHour = 40 }, 2*time.Hour + 19*3*time.Second + quickest},
		"a high limit": {func(j *Job) { j.MaxPerHour = 5000 }, 99*3*time.Second + quickest},
		"no pauses":    {func(j *Job) { j.DelayMin, j.DelayMax = 0, 0 }, 100 * quickest},
		"scheduled": {func(j *Job) {
			j.Status, j.Succeeded, j.Total, j.Schedule.StartAt = StatusPending, 0, 100, now.Add(time.Hour)
		}, time.Hour + 99*3*time.Second + quickest},
		"windows": {func(j *Job) { j.Schedule.Windows = []Window{window(t, "11:00", "12:01")} },
			23*time.Hour + 79*3*time.Second + quickest},
		"pauses longer than the window": {func(j *Job) {
			j.Total, j.DelayMin, j.DelayMax, j.Schedule.Windows = 3, time.Hour, time.Hour, []Window{window(t, "11:00", "12:01")}
		}, 23*time.Hour + quickest},
		"a window and a limit": {func(j *Job) {
			j.Total, j.MaxPerHour, j.Schedule.Windows = 22, 10, []Window{window(t, "11:00", "12:01")}
		}, 24*time.Hour + quickest},
		"one":      {func(j *Job) { j.Total, j.DelayMin, j.DelayMax = 2, time.Hour, time.Hour }, quickest},
		"timelock": {func(j *Job) { j.Members[0].Waiting = Waiting{WaitTimelock, now.Add(time.Hour)} }, time.Hour + 99*3*time.Second + quickest},
		"all done": {func(j *Job) { j.Skipped = 100 }, 0},

		"in line":      {func(j *Job) { j.Status = StatusPending }, -1},
		"paused":       {func(j *Job) { j.PausedAt = now }, -1},
		"away":         {func(j *Job) { j.Members[0].Waiting = Waiting{Reason: WaitSession} }, -1},
		"limit":        {func(j *Job) { j.Members[0].Waiting = Waiting{WaitLimit, now.Add(time.Hour)} }, -1},
		"ended":        {func(j *Job) { j.Status = StatusCompleted }, -1},
		"never open":   {func(j *Job) { j.Total, j.Schedule.Windows = 1<<30, []Window{window(t, "09:00", "09:01", "mon")} }, -1},
		"unknown lock": {func(j *Job) { j.Members[0].Waiting = Waiting{Reason: WaitTimelock} }, -1},
	} {
		j := running
		j.Members = []Member{member}
		c.change(&j)
		got, known := j.ETA(now)
		if known != (c.want >= 0) || known && got != c.want {
			t.Errorf("%s: %v, %v, want %v", name, got, known, c.want)
		}
	}
}
