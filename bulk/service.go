package bulk

import (
	"context"
	"errors"
	"os"
	"time"

	"wapid/engine"
)

// Order is what a tenant wants sent to many.
type Order struct {
	Tenant             engine.TenantID
	Sessions           []Over          // that send, the first one first; at least one
	Message            engine.Outgoing // without ID and To; its file becomes the job's
	DelayMin, DelayMax time.Duration
	MaxPerHour         int
	Schedule           Schedule
	CheckNumbers       bool
	Items              []Item // of a Plan: pending, or skipped already
	Invalid            int    // entries that became no items
	Claim              *engine.Claim
}

// Over is a session that sends, as its snapshot shows it.
type Over struct {
	Session engine.SessionID
	MadeAt  time.Time
}

// Service takes orders and hands them to the runner.
type Service struct {
	store  Store
	runner *Runner
	newID  func() engine.MessageID
}

// NewService makes a service. newID makes the items' message ids.
func NewService(store Store, runner *Runner, newID func() engine.MessageID) *Service {
	return &Service{store: store, runner: runner, newID: newID}
}

// Find returns the job that a claim stands for already, CodeNotFound if there is
// none, and CodeConflict if the claim was made for another request.
func (s *Service) Find(ctx context.Context, key engine.SessionKey, claim engine.Claim) (Job, error) {
	return s.store.FindClaimedJob(ctx, key, claim)
}

// Start makes a job of an order; what was promised is durable when it returns. If
// the order's claim stands for a job already, that one is returned. The file of
// the message is the service's from here on, also after an error. It returns
// CodeConflict and CodeStorage.
func (s *Service) Start(ctx context.Context, o Order) (Job, error) {
	now := s.runner.o.Clock()
	j := o.job(now)
	for i := range o.Items {
		o.Items[i].MessageID = s.newID()
	}
	if a := o.Message.Attachment; a != nil && a.Path != "" {
		path, err := s.runner.keep(j.ID, a.Path)
		if err != nil {
			err = errors.Join(err, os.Remove(a.Path))
			return Job{}, engine.WrapError(engine.CodeStorage, err, "the file can't be kept")
		}
		kept := *a
		kept.Path = path
		j.Message.Attachment = &kept
	}
	kept, _, err := s.store.InsertJob(ctx, j, o.Items, o.Claim)
	if err != nil || kept.ID != j.ID {
		s.runner.discard(j.ID)
		return kept, err
	}
	s.runner.hintAll(kept, false)
	return kept, nil
}

// job is the job that an order asks for.
func (o Order) job(now time.Time) Job {
	j := Job{
		ID: NewJobID(now), Session: engine.SessionKey{Tenant: o.Tenant, ID: o.Sessions[0].Session}, Status: StatusPending,
		Message: o.Message, DelayMin: o.DelayMin, DelayMax: o.DelayMax, MaxPerHour: o.MaxPerHour, Schedule: o.Schedule,
		CheckNumbers: o.CheckNumbers, Total: len(o.Items), Invalid: o.Invalid, CreatedAt: now,
	}
	for _, over := range o.Sessions {
		j.Members = append(j.Members, Member{Session: over.Session, MadeAt: over.MadeAt, State: MemberActive})
	}
	for _, it := range o.Items {
		if it.State == ItemSkipped {
			j.Skipped++
		}
	}
	return j
}

// Cancel ends a job that has not ended: of its items only the one that is being
// sent may still go out. It returns the job as it is then, or CodeNotFound.
func (s *Service) Cancel(ctx context.Context, tenant engine.TenantID, id JobID) (Job, error) {
	j, err := s.store.CancelJob(ctx, tenant, id, s.runner.o.Clock())
	if err != nil {
		return Job{}, err
	}
	s.runner.discard(j.ID)
	s.runner.hintAll(j, true)
	return j, nil
}

// Pause holds a job up until Resume, also over restarts; what is being sent still
// goes out. Twice is once. It returns the job as it is then, CodeNotFound, or
// CodeEnded.
func (s *Service) Pause(ctx context.Context, tenant engine.TenantID, id JobID) (Job, error) {
	return s.pause(ctx, tenant, id, true)
}

// Resume lets a paused job go on. One that is not paused stays as it is. It returns
// the job as it is then, CodeNotFound, or CodeEnded.
func (s *Service) Resume(ctx context.Context, tenant engine.TenantID, id JobID) (Job, error) {
	return s.pause(ctx, tenant, id, false)
}

func (s *Service) pause(ctx context.Context, tenant engine.TenantID, id JobID, paused bool) (Job, error) {
	j, err := s.store.PauseJob(ctx, tenant, id, paused, s.runner.o.Clock())
	if err == nil {
		s.runner.hintAll(j, true)
	}
	return j, err
}
