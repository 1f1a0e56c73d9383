package bulk

import (
	"context"
	"time"

	"wapid/engine"
)

// Line is a session that has jobs to do.
type Line struct {
	Session engine.SessionKey
}

// Ref names an item.
type Ref struct {
	Job   JobID
	Index int
}

// Look is a session that looks for something to send.
type Look struct {
	Session engine.SessionKey
	// MadeAt is when the session was made, which tells it from a later one of its name.
	MadeAt time.Time
	// Known is the job that it claimed from last: its message is not read again.
	Known JobID
	// From is where the session is prepared to go on in the job Known: of its items that
	// are anybody's, those before From come last.
	From int
	Now  time.Time
}

// Claim is what ClaimItem found.
type Claim struct {
	// Job is whose item was claimed; its ID is empty if none was. Message is left out
	// if the caller knows it already, and Members always.
	Job  Job
	Item Item
	// Due is when the item was due: the pauses are counted from there.
	Due time.Time
	// Idle is true if the session has no job to do at all.
	Idle bool
	// NotBefore is when it is worth to look again if nothing was claimed; zero if that
	// is not known. Waiting says of a wait that is not written down yet.
	NotBefore time.Time
	Waiting   Wait
	// LookUp are numbers that must be looked up before anything can be claimed.
	LookUp LookUp
	// Ended are jobs that came to their end on the way: there was nothing left to do.
	Ended []JobID
}

// Outcome is what became of an item.
type Outcome struct {
	Sent   bool
	SentAt time.Time   // of an item that was sent: the network's clock
	Code   engine.Code // of one that failed
	At     time.Time
	NextAt time.Time // before when the job's next item must not be sent over the session
}

// Release hands an item back.
type Release struct {
	Session engine.SessionID // that gives it back
	Waiting
	NextAt time.Time // before when the session does not go on with the job; zero leaves it as it was
	Tried  bool      // it counts as an attempt
	// Unsure says that the try may have gone through: the item stays its session's.
	// Otherwise it is anybody's again, unless an earlier try was unsure.
	Unsure bool
	At     time.Time
}

// Store is what the runner needs remembered. Every method commits before it
// returns nil. What ends a job tells so with EventBulkCompleted in the same
// transaction. Errors are *engine.Error with CodeStorage unless a method says otherwise.
type Store interface {
	// InsertJob adds a job with its members and items. Nobody sees any of it before
	// all of it is there. With a claim that another job stands for already, that job
	// is returned, nothing is added, and replayed is true; it returns CodeConflict if
	// the claim was made for another request.
	InsertJob(ctx context.Context, j Job, items []Item, claim *engine.Claim) (kept Job, replayed bool, err error)
	// FindClaimedJob returns the job that a claim stands for, CodeNotFound if there
	// is none, and CodeConflict if the claim was made for another request.
	FindClaimedJob(ctx context.Context, key engine.SessionKey, claim engine.Claim) (Job, error)
	// CancelJob fails a job that has not ended with CodeCancelled, and returns it as
	// it is then. It returns CodeNotFound.
	CancelJob(ctx context.Context, tenant engine.TenantID, id JobID, at time.Time) (Job, error)
	// PauseJob holds a job up, or lets it go on, and returns it as it is then. One
	// that is so already stays as it is. It returns CodeNotFound and CodeEnded.
	PauseJob(ctx context.Context, tenant engine.TenantID, id JobID, paused bool, at time.Time) (Job, error)

	// RecoverJobs takes up what the last process left: items in sending go back to
	// their sessions, and jobs whose insertion was cut short are removed. It is called
	// once, before jobs are inserted or claimed.
	RecoverJobs(ctx context.Context, at time.Time) (handedBack int, err error)
	// ListLines returns every session that has a job to do.
	ListLines(ctx context.Context) ([]Line, error)
	// ClaimItem moves the next item of the first of a session's jobs that may go on
	// from pending to sending: first one that is the session's already, then one that
	// is anybody's. Items whose recipient has opted out are skipped on the way, or settled
	// if they may have been sent. Of jobs that were made for another session of that name,
	// the session is dropped with CodeSessionNotFound.
	ClaimItem(ctx context.Context, look Look) (Claim, error)
	// FinishItem ends an item in sending and counts it in its job, which is
	// completed by the last one. A failure of an item that the log does not know the
	// outcome of, as an earlier try may have gone through, is one of CodeSendOutcomeUnknown. It returns CodeInternal if the item is not in sending.
	FinishItem(ctx context.Context, ref Ref, o Outcome) (Status, error)
	// FinishAndClaim is FinishItem and then ClaimItem, both or neither.
	FinishAndClaim(ctx context.Context, ref Ref, o Outcome, look Look) (Status, Claim, error)
	// ReleaseItem moves an item back from sending to pending. One that is not in
	// sending is left alone.
	ReleaseItem(ctx context.Context, ref Ref, r Release) error
	// ListComing returns the next items of a job that are anybody's, from an index on and
	// at most limit, with nothing but Index and To, and how many sessions send for it.
	// Those are left out who have opted out or whose numbers are still to be looked up.
	ListComing(ctx context.Context, id JobID, from, limit int) (items []Item, sessions int, err error)
	// ListUnchecked returns the next items of a job that checks numbers whose numbers
	// have not been looked up, none while enough of those before them have been.
	ListUnchecked(ctx context.Context, id JobID) ([]Item, error)
	// MarkChecked writes down what is known of the numbers of pending items: those that
	// nobody has fail with CodeNotOnWhatsApp. The last one completes the job.
	MarkChecked(ctx context.Context, id JobID, results []Checked, at time.Time) (Status, error)
	// HoldMember says why a session does not go on with one of its jobs.
	HoldMember(ctx context.Context, id JobID, session engine.SessionID, w Waiting) error
	// HoldSession says why a session does not go on with any of its jobs, but for those
	// that wait for something with a date.
	HoldSession(ctx context.Context, key engine.SessionKey, w Waiting) error
	// DropSession takes a session that is gone for good out of its jobs. What it may
	// have sent already ends with CodeSendOutcomeUnknown, what it has certainly not
	// sent is anybody's. Jobs that have no other session fail with code, those that have
	// nothing left are completed; both are returned.
	DropSession(ctx context.Context, key engine.SessionKey, code engine.Code, at time.Time) ([]JobID, error)
	// AbortJob fails one job that has not ended.
	AbortJob(ctx context.Context, id JobID, code engine.Code, at time.Time) error
	// JobUnfinished tells whether a job exists and has not ended. One that is being
	// inserted counts as unfinished.
	JobUnfinished(ctx context.Context, id JobID) (bool, error)
}
