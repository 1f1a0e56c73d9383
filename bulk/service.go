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
	Session            engine.SessionKey
	SessionMadeAt      time.Time       // of the session's snapshot
	Message            engine.Outgoing // without ID and To; its file becomes the job's
	DelayMin, DelayMax time.Duration
	Items              []Item // of a Plan
	Claim              *engine.Claim
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
	j := Job{
		ID: NewJobID(now), Session: o.Session, SessionMadeAt: o.SessionMadeAt, Status: StatusPending,
		Message: o.Message, DelayMin: o.DelayMin, DelayMax: o.DelayMax, Total: len(o.Items), CreatedAt: now,
	}
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
	s.runner.Nudge(j.Session)
	return kept, nil
}

// Cancel ends a job that has not ended: of its items only the one that is being
// sent may still go out. It returns the job as it is then, or CodeNotFound.
func (s *Service) Cancel(ctx context.Context, tenant engine.TenantID, id JobID) (Job, error) {
	j, err := s.store.CancelJob(ctx, tenant, id, s.runner.o.Clock())
	if err != nil {
		return Job{}, err
	}
	s.runner.discard(j.ID)
	s.runner.hint(hint{j.Session, j.ID})
	return j, nil
}
