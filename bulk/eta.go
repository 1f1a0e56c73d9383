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
	end, ok := j.Schedule.after(begin, j.workload(each))
	return end.Sub(now), ok
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

// workload is how long a session takes for n items while nothing is closed.
func (j Job) workload(n int) time.Duration {
	mean := max((j.DelayMin+j.DelayMax)/2, quickest)
	if j.MaxPerHour == 0 || time.Duration(j.MaxPerHour)*mean >= time.Hour {
		return time.Duration(n) * mean
	}
	full := (n - 1) / j.MaxPerHour
	return time.Duration(full)*time.Hour + time.Duration(n-full*j.MaxPerHour)*mean
}

// after is when some work is done that begins at t and rests while no window is
// open. It is false if that is too far away to tell.
func (s Schedule) after(t time.Time, work time.Duration) (time.Time, bool) {
	for range mostOpenings {
		from, until := s.opening(t)
		if until.IsZero() {
			return from.Add(work), true
		}
		open := until.Sub(from)
		if work <= open {
			return from.Add(work), open > 0
		}
		work -= open
		t = until
	}
	return time.Time{}, false
}
