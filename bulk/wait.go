package bulk

import "time"

// Wait says why a job that is pending or running does not go on just now.
type Wait string

const (
	WaitNone Wait = ""

	// These are the job's own; other jobs of its sessions go on.
	WaitPaused  Wait = "paused"
	WaitStart   Wait = "scheduled"     // its time to begin has not come
	WaitWindow  Wait = "outside_hours" // none of its windows is open
	WaitPerHour Wait = "hourly_limit"  // the session has sent as many as the job lets it in an hour

	// These are the session's.
	WaitSession   Wait = "session_not_ready"
	WaitLimit     Wait = "daily_limit"
	WaitSuspended Wait = "suspended"
	WaitTimelock  Wait = "reachout_timelock"
	WaitRate      Wait = "rate_limited"
	WaitStorage   Wait = "storage_unavailable"
	WaitRetry     Wait = "retrying" // an item's outcome is not known; it is sent again under the same id
)

// Waiting is a wait and until when it lasts.
type Waiting struct {
	Reason Wait
	Until  time.Time // zero if that is not known
}

// Gate says why nothing of the job may be sent at a time for a reason of the job's
// own, or returns the zero value. zone is that of the windows.
func (j Job) Gate(now time.Time) Waiting {
	switch {
	case j.Paused():
		return Waiting{Reason: WaitPaused}
	case now.Before(j.Schedule.StartAt):
		return Waiting{WaitStart, j.Schedule.StartAt}
	}
	if open := j.Schedule.NextOpen(now); open.After(now) {
		return Waiting{WaitWindow, open}
	}
	return Waiting{}
}

// Holdup says why a job does not go on at a time: for a reason of its own, or
// because none of its sessions can send. Of several sessions that wait, the one
// that goes on first is told of.
func (j Job) Holdup(now time.Time) Waiting {
	if j.Status.Ended() {
		return Waiting{}
	}
	if gate := j.Gate(now); gate.Reason != WaitNone {
		return gate
	}
	var first Waiting
	for _, m := range j.Members {
		switch w := m.Holdup(now); {
		case m.State != MemberActive:
		case w.Reason == WaitNone:
			return w
		case first.Reason == WaitNone, first.Until.IsZero() && !w.Until.IsZero(),
			!w.Until.IsZero() && w.Until.Before(first.Until):
			first = w
		}
	}
	return first
}

// Holdup says why a session does not send for its job at a time. A time that has
// passed is no reason any more where only the time matters.
func (m Member) Holdup(now time.Time) Waiting {
	if m.Reason == WaitPerHour && !now.Before(m.Until) {
		return Waiting{}
	}
	return m.Waiting
}

// Believable bounds how far off a session's next item of the job can be. A time
// beyond was set before the clock went back, and is none to wait for.
func (j Job) Believable(m Member) time.Duration {
	if m.Reason == WaitRate || m.Reason == WaitTimelock {
		return longestAsked + time.Hour
	}
	return j.DelayMax + 2*maxRetryPause
}
