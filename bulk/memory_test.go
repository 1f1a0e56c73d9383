package bulk

import (
	"context"
	"slices"
	"sync"
	"time"

	"wapid/engine"
)

// memory is a Store without a database. What SQL does is proved in package store.
type memory struct {
	mu     sync.Mutex
	jobs   []*memoryJob
	fail   error // of every write, while set
	holds  int   // calls of HoldSession
	listed int   // calls of ListComing
}

type memoryJob struct {
	Job
	items     []Item
	unsure    map[int]bool
	checked   map[int]bool
	suspended bool
}

func (j *memoryJob) member(id engine.SessionID) *Member {
	for i := range j.Members {
		if m := &j.Members[i]; m.Session == id && m.State == MemberActive && !j.Status.Ended() {
			return m
		}
	}
	return nil
}

func (j *memoryJob) copied() Job {
	c := j.Job
	c.Members = slices.Clone(j.Members)
	return c
}

func (m *memory) InsertJob(_ context.Context, j Job, items []Item, _ *engine.Claim) (Job, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return Job{}, false, m.fail
	}
	kept := &memoryJob{Job: j, items: items, unsure: map[int]bool{}, checked: map[int]bool{}}
	kept.Members = slices.Clone(j.Members)
	m.jobs = append(m.jobs, kept)
	return j, false, nil
}

func (m *memory) FindClaimedJob(context.Context, engine.SessionKey, engine.Claim) (Job, error) {
	return Job{}, errNoJob()
}

func (m *memory) CancelJob(_ context.Context, _ engine.TenantID, id JobID, at time.Time) (Job, error) {
	err := m.AbortJob(context.Background(), id, CodeCancelled, at)
	return m.job(id), err
}

func (m *memory) PauseJob(_ context.Context, _ engine.TenantID, id JobID, paused bool, at time.Time) (Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.find(id)
	if j.PausedAt = (time.Time{}); paused {
		j.PausedAt = at
	}
	return j.copied(), m.fail
}

func (m *memory) RecoverJobs(_ context.Context, _ time.Time) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		for i := range j.items {
			if j.items[i].State == ItemSending {
				j.items[i].State, j.unsure[i] = ItemPending, true
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
		for _, member := range j.Members {
			if j.member(member.Session) != nil {
				lines = append(lines, Line{engine.SessionKey{Tenant: j.Session.Tenant, ID: member.Session}})
			}
		}
	}
	return lines, m.fail
}

func (m *memory) ClaimItem(_ context.Context, look Look) (Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.claimNext(look)
}

// claimNext needs mu.
func (m *memory) claimNext(look Look) (Claim, error) {
	key, known, now := look.Session, look.Known, look.Now
	if m.fail != nil {
		return Claim{}, m.fail
	}
	c := Claim{Idle: true}
	for _, j := range m.jobs {
		member := j.member(key.ID)
		if member == nil {
			continue
		}
		c.Idle = false
		if j.suspended {
			c.Waiting = WaitSuspended
			return c, nil
		}
		gate := j.Gate(now)
		if gate.Reason == WaitNone && member.NextAt.After(now) {
			gate = Waiting{WaitNone, member.NextAt}
		} else if gate.Reason == WaitNone {
			from := 0
			if known == j.ID {
				from = look.From
			}
			i := j.take(key.ID, from)
			if i >= 0 && j.CheckNumbers && j.items[i].Session == "" && !j.checked[i] {
				if member.Reason == WaitRate && member.Until.After(now) {
					c.NotBefore = member.Until
					continue
				}
				member.Waiting = Waiting{}
				return Claim{LookUp: LookUp{j.ID, j.unchecked()}}, nil
			}
			if i >= 0 {
				return j.claim(i, member, known, now), nil
			}
			gate.Until = now.Add(2 * time.Second)
		}
		if until := gate.Until; !until.IsZero() && (c.NotBefore.IsZero() || until.Before(c.NotBefore)) {
			c.NotBefore = until
		}
		if gate.Reason == WaitNone {
			return c, nil
		}
	}
	return c, nil
}

// take finds the next item for a session, its own ones first, then those from an index
// on, or -1.
func (j *memoryJob) take(id engine.SessionID, from int) int {
	for _, c := range []struct {
		owner engine.SessionID
		from  int
	}{{id, 0}, {"", from}, {"", 0}} {
		for i, it := range j.items {
			if i >= c.from && it.State == ItemPending && it.Session == c.owner {
				return i
			}
		}
	}
	return -1
}

func (m *memory) ListComing(_ context.Context, id JobID, from, limit int) (items []Item, sessions int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listed++
	j := m.find(id)
	for i, it := range j.items {
		if i >= from && it.State == ItemPending && it.Session == "" && (j.checked[i] || !j.CheckNumbers) && len(items) < limit {
			items = append(items, it)
		}
	}
	for _, member := range j.Members {
		if member.State == MemberActive {
			sessions++
		}
	}
	return items, sessions, m.fail
}

func (j *memoryJob) claim(i int, member *Member, known JobID, now time.Time) Claim {
	it := &j.items[i]
	it.State, it.Session = ItemSending, member.Session
	j.Status, member.Waiting = StatusRunning, Waiting{}
	if j.StartedAt.IsZero() {
		j.StartedAt = now
	}
	c := Claim{Job: j.Job, Item: *it, Due: member.NextAt}
	c.Job.Members = nil
	if j.ID == known {
		c.Job.Message = engine.Outgoing{}
	}
	return c
}

func (m *memory) FinishItem(_ context.Context, ref Ref, o Outcome) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.finish(ref, o)
}

func (m *memory) FinishAndClaim(_ context.Context, ref Ref, o Outcome, look Look) (Status, Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	status, err := m.finish(ref, o)
	if err != nil {
		return "", Claim{}, err
	}
	next, err := m.claimNext(look)
	return status, next, err
}

// finish needs mu.
func (m *memory) finish(ref Ref, o Outcome) (Status, error) {
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
	if member := j.member(it.Session); member != nil {
		member.NextAt = o.NextAt
	}
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
	it := &j.items[ref.Index]
	if it.State != ItemSending {
		return nil
	}
	it.State = ItemPending
	if r.Tried {
		it.Attempts++
	}
	if j.unsure[ref.Index] = j.unsure[ref.Index] || r.Unsure; !j.unsure[ref.Index] {
		it.Session = ""
	}
	if member := j.member(r.Session); member != nil {
		member.Waiting, member.NextAt = r.Waiting, r.NextAt
	}
	return nil
}

func (m *memory) HoldSession(_ context.Context, key engine.SessionKey, w Waiting) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holds++
	for _, j := range m.jobs {
		if member := j.member(key.ID); member != nil {
			member.Waiting = w
		}
	}
	return m.fail
}

func (m *memory) DropSession(_ context.Context, key engine.SessionKey, code engine.Code, at time.Time) (ended []JobID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		member := j.member(key.ID)
		if member == nil {
			continue
		}
		member.State, member.ErrorCode = MemberDropped, code
		for i := range j.items {
			if it := &j.items[i]; it.State == ItemPending && it.Session == key.ID {
				it.State, it.ErrorCode = ItemFailed, engine.CodeSendOutcomeUnknown
				j.Failed++
			}
		}
		left := 0
		for _, other := range j.Members {
			if other.State == MemberActive {
				left++
			}
		}
		if left == 0 {
			j.Status, j.ErrorCode, j.FinishedAt = StatusFailed, code, at
			ended = append(ended, j.ID)
		}
	}
	return ended, m.fail
}

func (m *memory) AbortJob(_ context.Context, id JobID, code engine.Code, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.find(id); !j.Status.Ended() {
		j.Status, j.ErrorCode, j.FinishedAt = StatusFailed, code, at
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
	return m.find(id).copied()
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
