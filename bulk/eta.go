package bulk

import "time"

const (
	// quickest is how fast one send is taken to follow another at best, for estimates.
	quickest = 200 * time.Millisecond
	// mostOpenings bounds how many windows an estimate looks ahead.
	mostOpenings = 1000
)

// ETA estimates how long a job still takes: from what is left, the mean pause, the
// limit by the hour, the windows, and how many sessions can send. It is false where
// that can't be known: a job that has ended, is paused, stands behind another one,
// or waits for something without a date.
func (j Job) ETA(now time.Time) (time.Duration, bool) {
	if j.Status.Ended() {
		return 0, false
	}
	begin, ok := j.goesOnAt(now)
	senders := j.senders(now)
	if !ok || senders == 0 {
		return 0, false
	}
	each := (j.Left() + senders - 1) / senders // of the session that has most to do
	if each == 0 {
		return 0, true
	}
	last, ok := j.lastSend(begin, each)
	return last.Add(quickest).Sub(now), ok
}

// goesOnAt is when the job is going to send.
func (j Job) goesOnAt(now time.Time) (time.Time, bool) {
	switch w := j.Holdup(now); w.Reason {
	case WaitNone:
		return now, j.Status == StatusRunning
	case WaitRetry:
		return now, true
	case WaitStart, WaitWindow, WaitPerHour, WaitTimelock, WaitRate:
		return w.Until, !w.Until.IsZero()
	}
	return now, false
}

// senders is how many sessions share what is left of the work.
func (j Job) senders(now time.Time) (n int) {
	for _, m := range j.Members {
		switch w := m.Holdup(now); w.Reason {
		case WaitNone, WaitRetry, WaitPerHour:
		case WaitTimelock, WaitRate:
			if w.Until.IsZero() {
				continue
			}
		default:
			continue
		}
		if m.State == MemberActive {
			n++
		}
	}
	return n
}

// lastSend is when a session sends the last of n items if it sends the first as soon
// as it may from t on. It is false if that is too far away to tell.
func (j Job) lastSend(t time.Time, n int) (time.Time, bool) {
	for range mostOpenings {
		from, until := j.Schedule.opening(t)
		if until.IsZero() {
			return from.Add(j.span(n)), true
		}
		fit := j.room(until.Sub(from))
		if n <= fit {
			return from.Add(j.span(n)), true
		}
		// The pause behind the last one goes on while the window is closed.
		n -= fit
		t = from.Add(j.span(fit + 1))
		if t.Before(until) {
			t = until
		}
	}
	return time.Time{}, false
}

// pace is how far apart a session's sends are, and how many of them at most there
// are in an hour; 0 if the pauses alone keep the limit.
func (j Job) pace() (mean time.Duration, perHour int) {
	mean = max((j.DelayMin+j.DelayMax)/2, quickest)
	if time.Duration(j.MaxPerHour)*mean < time.Hour {
		perHour = j.MaxPerHour
	}
	return mean, perHour
}

// span is the time from the first of n sends of a session to the last.
func (j Job) span(n int) time.Duration {
	mean, perHour := j.pace()
	if perHour == 0 {
		return time.Duration(n-1) * mean
	}
	return time.Duration((n-1)/perHour)*time.Hour + time.Duration((n-1)%perHour)*mean
}

// room is how many sends of a session begin within a time.
func (j Job) room(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	mean, perHour := j.pace()
	begin := func(d time.Duration) int { return int((d + mean - 1) / mean) }
	if perHour == 0 {
		return begin(d)
	}
	return int(d/time.Hour)*perHour + min(perHour, begin(d%time.Hour))
}
