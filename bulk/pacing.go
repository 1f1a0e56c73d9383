package bulk

import (
	"errors"
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
	lookAtRate     = 30 * time.Second // where nobody said how long
	lookAtStorage  = 2 * time.Second
	lookAtQueue    = time.Second // the session had too much to do
)

// An item whose outcome is not known is tried so often under the same id, with
// growing pauses.
const (
	maxAttempts     = 5
	firstRetryPause = 2 * time.Second
	maxRetryPause   = time.Minute
)

// pause draws the time between two sends. random is in [0, 1).
func pause(low, high time.Duration, random float64) time.Duration {
	return low + time.Duration(random*float64(high-low))
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
	after   time.Duration
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
	case engine.CodeSessionNotFound, engine.CodeMediaGone:
		v.step = stepAbort
	default:
		v.step = stepFail
	}
	if v.step == stepHandBack {
		v.after = hinted(err, v.after, code)
	}
	return v
}

// hinted follows what the error says of the time to wait. A daily limit is looked
// at more often than that: it may be raised.
func hinted(err error, usual time.Duration, code engine.Code) time.Duration {
	e, ok := errors.AsType[*engine.Error](err)
	switch {
	case !ok || e.RetryAfter <= 0:
		return usual
	case code == engine.CodeSentLimit:
		return min(usual, e.RetryAfter)
	case code == engine.CodeRateLimited || code == engine.CodeReachoutTimelock:
		return min(e.RetryAfter, 24*time.Hour)
	}
	return usual
}
