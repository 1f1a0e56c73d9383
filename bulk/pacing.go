package bulk

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"time"

	"wapid/engine"
)

// Delays between two sends of a job.
const (
	DefaultDelayMin = 2 * time.Second
	DefaultDelayMax = 5 * time.Second
	MaxDelay        = time.Hour
)

// How long a job waits before it looks again at what holds it up.
const (
	lookAtSession  = time.Second      // is it ready? A look costs no query
	lookAtAccount  = 10 * time.Second // is the tenant still suspended?
	lookAtLimit    = time.Minute      // the day may end, or the operator raise the limit
	lookAtTimelock = 10 * time.Minute // where the network did not say until when
	pastTimelock   = 2 * time.Second  // WhatsApp tells its end in whole seconds
	lookAtRate     = 30 * time.Second // where nobody said how long
	lookAtStorage  = 2 * time.Second
	lookAtQueue    = time.Second      // the session had too much to do
	lookAtLine     = 30 * time.Second // is the session gone while its line waits? A look costs no query
)

// An item whose outcome is not known is tried so often under the same id, with
// growing pauses.
const (
	maxAttempts     = 5
	firstRetryPause = 2 * time.Second
	maxRetryPause   = time.Minute
)

// longestAsked bounds the wait that WhatsApp may ask for before the next look.
const longestAsked = 24 * time.Hour

// delayAfter is the pause behind an item: always the same for the same item, so
// that a restart changes nothing, and spread evenly from low to high.
func delayAfter(id JobID, index int, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	h := fnv.New64a()
	h.Write([]byte(id)) // never fails
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(index)))
	x := h.Sum64() // whose neighbours are alike: mix it
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return low + time.Duration(float64(x>>11)/(1<<53)*float64(high-low+1))
}

// nextDue is when the item behind one is due that was due at a time and ended now.
// The pause counts from when it was due, so that the time that sends take does not
// add up; but not after falling behind by more than a pause: nothing is made up for.
func nextDue(due, now time.Time, delay time.Duration) time.Time {
	if behind := now.Sub(due); behind < 0 || behind > delay {
		due = now
	}
	return due.Add(delay)
}

// retryPause is how long an item that was tried attempts times waits for the next try.
func retryPause(attempts int) time.Duration {
	wait := firstRetryPause
	for range attempts - 1 {
		if wait *= 2; wait >= maxRetryPause {
			return maxRetryPause
		}
	}
	return wait
}

// step is what follows a try.
type step int

const (
	stepSent     step = iota
	stepFail          // the item has failed, the job goes on
	stepRetry         // the outcome is not known: once more under the same id
	stepHandBack      // nothing was sent, and the item will be, later
	stepAbort         // the job can't go on
)

// verdict says what follows a try, and when.
type verdict struct {
	step    step
	code    engine.Code
	waiting Wait
	after   time.Duration // when to look again
	lasts   time.Duration // how long what holds it up lasts; 0 if that is not known
}

// MayHaveLeft tells whether a message that failed with a code may have reached
// WhatsApp all the same.
func MayHaveLeft(code engine.Code) bool {
	switch code {
	case engine.CodeSendOutcomeUnknown, engine.CodeUndeliverable, engine.CodeSendRejected:
		return true
	}
	return false
}

// judge decides by the error of a try. attempts counts those before this one
// whose outcome is not known. What is not listed fails the item alone.
func judge(err error, attempts int) verdict {
	code := engine.CodeOf(err)
	v := verdict{code: code}
	switch code {
	case "":
		v.step = stepSent
	case engine.CodeSendOutcomeUnknown, engine.CodeUndeliverable:
		v.step = stepFail
		if attempts+1 < maxAttempts {
			v.step, v.waiting, v.after = stepRetry, WaitRetry, retryPause(attempts+1)
			v.lasts = v.after
		}
	case engine.CodeSessionNotReady:
		v.step, v.waiting, v.after = stepHandBack, WaitSession, lookAtSession
	case engine.CodeSessionBusy:
		v.step, v.after = stepHandBack, lookAtQueue
	case engine.CodeSentLimit:
		v.step, v.waiting, v.after = stepHandBack, WaitLimit, lookAtLimit
	case engine.CodeTenantSuspended:
		v.step, v.waiting, v.after = stepHandBack, WaitSuspended, lookAtAccount
	case engine.CodeReachoutTimelock:
		v.step, v.waiting, v.after = stepHandBack, WaitTimelock, lookAtTimelock
	case engine.CodeRateLimited:
		v.step, v.waiting, v.after = stepHandBack, WaitRate, lookAtRate
	case engine.CodeStorage:
		v.step, v.waiting, v.after = stepHandBack, WaitStorage, lookAtStorage
	case engine.CodeStopping:
		v.step, v.after = stepHandBack, lookAtSession
	case engine.CodeSessionNotFound: // the next look takes the session out of its jobs
		v.step = stepHandBack
	case engine.CodeMediaGone:
		v.step = stepAbort
	default:
		v.step = stepFail
	}
	if v.step == stepHandBack {
		v.after, v.lasts = hinted(err, v.after, code)
	}
	return v
}

// hinted follows what the error says of the time to wait. A daily limit is looked
// at more often than that: it may be raised.
func hinted(err error, usual time.Duration, code engine.Code) (after, lasts time.Duration) {
	e, ok := errors.AsType[*engine.Error](err)
	switch {
	case !ok || e.RetryAfter <= 0:
		return usual, 0
	case code == engine.CodeSentLimit:
		return min(usual, e.RetryAfter), e.RetryAfter
	case code == engine.CodeReachoutTimelock:
		return min(e.RetryAfter+pastTimelock, longestAsked), e.RetryAfter
	case code == engine.CodeRateLimited:
		return min(e.RetryAfter, longestAsked), e.RetryAfter
	}
	return usual, 0
}
