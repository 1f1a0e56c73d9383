package bulk

import (
	"context"
	"sync"
	"time"

	"wapid/engine"
)

// memory is a Store without a database. What SQL does is proved in package store.
type memory struct {
	mu    sync.Mutex
	jobs  []*memoryJob
	fail  error // of every write, while set
	holds int   // calls of HoldJob
}

type memoryJob struct {
	Job
	items     []Item
	suspended bool
}

func (m *memory) InsertJob(_ context.Context, j Job, items []Item, _ *engine.Claim) (Job, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return Job{}, false, m.fail
	}
	m.jobs = append(m.jobs, &memoryJob{Job: j, items: items})
	return j, false, nil
}

func (m *memory) FindClaimedJob(context.Context, engine.SessionKey, engine.Claim) (Job, error) {
	return Job{}, errNoJob()
}

func (m *memory) CancelJob(_ context.Context, _ engine.TenantID, id JobID, at time.Time) (Job, error) {
	err := m.AbortJob(context.Background(), id, CodeCancelled, at)
	return m.job(id), err
}

func (m *memory) RecoverJobs(context.Context) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		for i := range j.items {
			if j.items[i].State == ItemSending {
				j.items[i].State = ItemPending
				n++
			}
		}
	}
	return n, m.fail
}

func (m *memory) ListLines(context.Context) (lines []Line, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		if !j.Status.Ended() {
			lines = append(lines, Line{j.Session, j.NextAt})
		}
	}
	return lines, m.fail
}

func (m *memory) ClaimItem(_ context.Context, key engine.SessionKey, _ time.Time, known JobID, now time.Time) (Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return Claim{}, m.fail
	}
	for _, j := range m.jobs {
		if j.Session != key || j.Status.Ended() {
			continue
		}
		if j.suspended {
			return Claim{Job: j.Job, Waiting: WaitSuspended}, nil
		}
		for i := range j.items {
			if j.items[i].State != ItemPending {
				continue
			}
			j.items[i].State = ItemSending
			j.Status, j.Waiting = StatusRunning, WaitNone
			if j.StartedAt.IsZero() {
				j.StartedAt = now
			}
			c := Claim{Job: j.Job, Item: j.items[i]}
			if j.ID == known {
				c.Job.Message = engine.Outgoing{}
			}
			return c, nil
		}
	}
	return Claim{}, nil
}

func (m *memory) FinishItem(_ context.Context, ref Ref, o Outcome) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return "", m.fail
	}
	j := m.find(ref.Job)
	it := &j.items[ref.Index]
	if it.State != ItemSending {
		return "", engine.Errorf(engine.CodeInternal, "not in sending")
	}
	it.State, it.ErrorCode, it.SentAt = ItemSent, o.Code, o.SentAt
	if o.Sent {
		j.Succeeded++
	} else {
		it.State = ItemFailed
		j.Failed++
	}
	j.NextAt = o.NextAt
	if j.Status == StatusRunning && j.Processed() == j.Total {
		j.Status, j.FinishedAt = StatusCompleted, o.At
	}
	return j.Status, nil
}

func (m *memory) ReleaseItem(_ context.Context, ref Ref, r Release) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	j := m.find(ref.Job)
	if it := &j.items[ref.Index]; it.State == ItemSending {
		it.State = ItemPending
		if r.Tried {
			it.Attempts++
		}
	}
	j.Waiting, j.NextAt = r.Waiting, r.NextAt
	return nil
}

func (m *memory) HoldJob(_ context.Context, key engine.SessionKey, w Wait) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holds++
	for _, j := range m.jobs {
		if j.Session == key && !j.Status.Ended() {
			j.Waiting = w
			break
		}
	}
	return m.fail
}

func (m *memory) AbortJobs(_ context.Context, key engine.SessionKey, code engine.Code, at time.Time) (ended []JobID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		if j.Session == key && !j.Status.Ended() {
			j.Status, j.ErrorCode, j.FinishedAt, j.Waiting = StatusFailed, code, at, WaitNone
			ended = append(ended, j.ID)
		}
	}
	return ended, m.fail
}

func (m *memory) AbortJob(_ context.Context, id JobID, code engine.Code, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.find(id); !j.Status.Ended() {
		j.Status, j.ErrorCode, j.FinishedAt, j.Waiting = StatusFailed, code, at, WaitNone
	}
	return m.fail
}

func (m *memory) JobUnfinished(_ context.Context, id JobID) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.find(id)
	return j != nil && !j.Status.Ended(), nil
}

// find needs mu.
func (m *memory) find(id JobID) *memoryJob {
	for _, j := range m.jobs {
		if j.ID == id {
			return j
		}
	}
	return nil
}

func (m *memory) job(id JobID) Job {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(id).Job
}

func (m *memory) items(id JobID) []Item {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Item(nil), m.find(id).items...)
}

func (m *memory) change(fn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fn()
}
