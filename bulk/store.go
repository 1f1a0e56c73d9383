package bulk

import (
	"context"
	"time"

	"wapid/engine"
)

// Line is a session that has jobs to do.
type Line struct {
	Session engine.SessionKey
	NextAt  time.Time // of its first job
}

// Ref names an item.
type Ref struct {
	Job   JobID
	Index int
}

// Claim is what ClaimItem found.
type Claim struct {
	// Job is the first job in line; its ID is empty if the line has ended. Message
	// is left out if the caller knows it already.
	Job Job
	// Item was claimed, unless the job is Waiting.
	Item Item
	// Waiting says why nothing was claimed: WaitSuspended, or WaitNone.
	Waiting Wait
}

// Outcome is what became of an item.
type Outcome struct {
	Sent   bool
	SentAt time.Time   // of an item that was sent: the network's clock
	Code   engine.Code // of one that failed
	At     time.Time
	NextAt time.Time // before when the job's next item must not be sent
}

// Release hands an item back.
type Release struct {
	Waiting Wait
	NextAt  time.Time
	Tried   bool // it counts as an attempt
}

// Store is what the runner needs remembered. Every method commits before it
// returns nil. Errors are *engine.Error with CodeStorage unless a method says otherwise.
type Store interface {
	// InsertJob adds a job with its items. Nobody sees any of it before all of it
	// is there. With a claim that another job stands for already, that job is
	// returned, nothing is added, and replayed is true; it returns CodeConflict if
	// the claim was made for another request.
	InsertJob(ctx context.Context, j Job, items []Item, claim *engine.Claim) (kept Job, replayed bool, err error)
	// FindClaimedJob returns the job that a claim stands for, CodeNotFound if there
	// is none, and CodeConflict if the claim was made for another request.
	FindClaimedJob(ctx context.Context, key engine.SessionKey, claim engine.Claim) (Job, error)
	// CancelJob fails a job that has not ended with CodeCancelled, and returns it as
	// it is then. It returns CodeNotFound.
	CancelJob(ctx context.Context, tenant engine.TenantID, id JobID, at time.Time) (Job, error)

	// RecoverJobs takes up what the last process left: items in sending are handed
	// back, and jobs whose insertion was cut short are removed. It is called once,
	// before jobs are inserted or claimed.
	RecoverJobs(ctx context.Context) (handedBack int, err error)
	// ListLines returns every session that has a job to do.
	ListLines(ctx context.Context) ([]Line, error)
	// ClaimItem moves the next item of a session's first job from pending to
	// sending. Jobs that were made for another session of that name, which is known
	// by when it was made, are failed with CodeSessionNotFound. The message of the
	// job called known is not read again.
	ClaimItem(ctx context.Context, key engine.SessionKey, madeAt time.Time, known JobID, now time.Time) (Claim, error)
	// FinishItem ends an item in sending and counts it in its job, which is
	// completed by the last one. It returns CodeInternal if the item is not in sending.
	FinishItem(ctx context.Context, ref Ref, o Outcome) (Status, error)
	// ReleaseItem moves an item back from sending to pending. One that is not in
	// sending is left alone.
	ReleaseItem(ctx context.Context, ref Ref, r Release) error
	// HoldJob says why a session's first job does not go on.
	HoldJob(ctx context.Context, key engine.SessionKey, waiting Wait) error
	// AbortJobs fails all unfinished jobs of a session and says which those were.
	AbortJobs(ctx context.Context, key engine.SessionKey, code engine.Code, at time.Time) ([]JobID, error)
	// AbortJob fails one job that has not ended.
	AbortJob(ctx context.Context, id JobID, code engine.Code, at time.Time) error
	// JobUnfinished tells whether a job exists and has not ended. One that is being
	// inserted counts as unfinished.
	JobUnfinished(ctx context.Context, id JobID) (bool, error)
}
