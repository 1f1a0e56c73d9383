package store

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// jobStore is a store with one tenant and one session to send over.
func jobStore(t *testing.T) (*Store, engine.SessionKey, time.Time) {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), FileName), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := s.EnsureDefaultTenant(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return s, engine.SessionKey{Tenant: DefaultTenant, ID: "main"}, time.UnixMilli(1708243200123).UTC()
}

func someItems(n int) []bulk.Item {
	items := make([]bulk.Item, n)
	for i := range items {
		items[i] = bulk.Item{Index: i, To: engine.JID(fmt.Sprintf("4915%09d@s.whatsapp.net", i)), State: bulk.ItemPending,
			MessageID: engine.MessageID(fmt.Sprintf("3EB0%d", i)), Fields: map[string]string{"name": fmt.Sprint(i)}}
	}
	return items
}

func insertJob(t *testing.T, s *Store, key engine.SessionKey, madeAt time.Time, n int) bulk.Job {
	t.Helper()
	j := bulk.Job{ID: bulk.NewJobID(time.Now()), Session: key, Members: []bulk.Member{{Session: key.ID, MadeAt: madeAt, State: bulk.MemberActive}}, Status: bulk.StatusPending, Total: n,
		Message:  engine.Outgoing{Kind: engine.KindText, Text: "Hi {{name}}"},
		DelayMin: 1500 * time.Millisecond, DelayMax: 2 * time.Second, CreatedAt: madeAt}
	if _, replayed, err := s.InsertJob(t.Context(), j, someItems(n), nil); err != nil || replayed {
		t.Fatal(replayed, err)
	}
	return j
}

func findJob(t *testing.T, s *Store, j bulk.Job) bulk.Job {
	t.Helper()
	found, err := s.FindJob(t.Context(), j.Session.Tenant, j.ID)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func claim(t *testing.T, s *Store, key engine.SessionKey, madeAt time.Time, known bulk.JobID) bulk.Claim {
	t.Helper()
	c, err := s.ClaimItem(t.Context(), bulk.Look{Session: key, MadeAt: madeAt, Known: known, Now: madeAt.Add(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestJobLife(t *testing.T) {
	s, key, madeAt := jobStore(t)
	ctx := t.Context()
	j := insertJob(t, s, key, madeAt, 3)
	want := j
	want.Message = engine.Outgoing{}
	if got := findJob(t, s, j); !reflect.DeepEqual(got, want) {
		t.Errorf("stored\n%+v, want\n%+v", got, want)
	}
	c := claim(t, s, key, madeAt, "")
	if c.Job.ID != j.ID || c.Job.Message.Text != "Hi {{name}}" || c.Job.DelayMin != j.DelayMin || c.Item.Index != 0 ||
		c.Item.Fields["name"] != "0" || c.Item.MessageID != "3EB00" || c.Item.To != "4915000000000@s.whatsapp.net" {
		t.Errorf("claimed %+v", c)
	}
	sentAt, at := time.Unix(1708243201, 0).UTC(), madeAt.Add(2*time.Second)
	status, err := s.FinishItem(ctx, bulk.Ref{Job: j.ID, Index: 0}, bulk.Outcome{Sent: true, SentAt: sentAt, At: at, NextAt: madeAt})
	if err != nil || status != bulk.StatusRunning {
		t.Error(status, err)
	}
	if _, err := s.FinishItem(ctx, bulk.Ref{Job: j.ID, Index: 0}, bulk.Outcome{Sent: true, At: at}); engine.CodeOf(err) != engine.CodeInternal {
		t.Errorf("finishing twice: %v", err)
	}
	if c = claim(t, s, key, madeAt, j.ID); c.Item.Index != 1 || c.Job.Message.Text != "" {
		t.Errorf("claimed %+v", c)
	}
	// Handed back and tried, it is claimed again, before the third.
	if err := s.ReleaseItem(ctx, bulk.Ref{Job: j.ID, Index: 1}, bulk.Release{Session: key.ID, Waiting: bulk.Waiting{Reason: bulk.WaitRetry}, NextAt: madeAt, At: at, Tried: true, Unsure: true}); err != nil {
		t.Error(err)
	}
	if got := findJob(t, s, j); got.Members[0].Reason != bulk.WaitRetry || !got.Members[0].NextAt.Equal(madeAt) || got.Succeeded != 1 || !got.StartedAt.Equal(madeAt.Add(time.Second)) {
		t.Errorf("the job is %+v", got)
	}
	if c = claim(t, s, key, madeAt, j.ID); c.Item.Index != 1 || c.Item.Attempts != 1 {
		t.Errorf("claimed %+v", c)
	}
	if _, err := s.FinishItem(ctx, bulk.Ref{Job: j.ID, Index: 1}, bulk.Outcome{Code: engine.CodeNotOnWhatsApp, At: at}); err != nil {
		t.Error(err)
	}
	claim(t, s, key, madeAt, j.ID)
	if status, err = s.FinishItem(ctx, bulk.Ref{Job: j.ID, Index: 2}, bulk.Outcome{Sent: true, SentAt: sentAt, At: at}); err != nil || status != bulk.StatusCompleted {
		t.Error(status, err)
	}
	if got := findJob(t, s, j); got.Succeeded != 2 || got.Failed != 1 || !got.FinishedAt.Equal(at) || got.Members[0].Reason != "" {
		t.Errorf("the job is %+v", got)
	}
	if c = claim(t, s, key, madeAt, ""); c.Job.ID != "" {
		t.Errorf("claimed %+v of a completed job", c)
	}
	items, total, err := s.ListItems(ctx, key.Tenant, j.ID, ItemPage{States: []bulk.ItemState{bulk.ItemSent}, Limit: 1, Offset: 1})
	if err != nil || total != 2 || len(items) != 1 || items[0].Index != 2 || !items[0].SentAt.Equal(sentAt) {
		t.Errorf("items %+v of %d, %v", items, total, err)
	}
	if items, total, _ := s.ListItems(ctx, "other", j.ID, ItemPage{Limit: 9}); total != 0 || len(items) != 0 {
		t.Errorf("another tenant sees %v", items)
	}
}

// A pause that was set before the clock went back is not waited out for the hours
// that it seems to have grown to, unless the network has asked for such a wait.
func TestPausesFromBeforeTheClockWentBack(t *testing.T) {
	s, key, madeAt := jobStore(t)
	j := insertJob(t, s, key, madeAt, 3)
	now := madeAt.Add(time.Second)
	ahead := now.Add(5 * time.Hour)
	if c := claim(t, s, key, madeAt, ""); c.Job.ID != j.ID || c.Item.Index != 0 {
		t.Fatalf("claimed %+v", c)
	}
	if _, err := s.FinishItem(t.Context(), bulk.Ref{Job: j.ID, Index: 0}, bulk.Outcome{Sent: true, At: ahead, SentAt: ahead, NextAt: ahead.Add(j.DelayMax)}); err != nil {
		t.Fatal(err)
	}
	if c := claim(t, s, key, madeAt, ""); c.Job.ID != j.ID || c.Item.Index != 1 {
		t.Fatalf("after the clock went back: %+v", c)
	}
	back := bulk.Release{Session: key.ID, Waiting: bulk.Waiting{Reason: bulk.WaitTimelock}, NextAt: ahead, At: now}
	if err := s.ReleaseItem(t.Context(), bulk.Ref{Job: j.ID, Index: 1}, back); err != nil {
		t.Fatal(err)
	}
	if c := claim(t, s, key, madeAt, ""); c.Job.ID != "" || !c.NotBefore.Equal(ahead) {
		t.Errorf("restricted by the network: %+v", c)
	}
}

func TestJobsStandInLine(t *testing.T) {
	s, key, madeAt := jobStore(t)
	first, second := insertJob(t, s, key, madeAt, 1), insertJob(t, s, key, madeAt, 1)
	other := insertJob(t, s, engine.SessionKey{Tenant: key.Tenant, ID: "other"}, madeAt, 1)
	lines, err := s.ListLines(t.Context())
	if err != nil || len(lines) != 2 || lines[0].Session != key || lines[1].Session != other.Session {
		t.Errorf("lines are %v, %v", lines, err)
	}
	if c := claim(t, s, key, madeAt, ""); c.Job.ID != first.ID {
		t.Errorf("claimed of %s", c.Job.ID)
	}
	if err := s.HoldSession(t.Context(), key, bulk.Waiting{Reason: bulk.WaitSession}); err != nil {
		t.Error(err)
	}
	if a, b := findJob(t, s, first), findJob(t, s, second); a.Holdup(madeAt).Reason != bulk.WaitSession || b.Holdup(madeAt).Reason != bulk.WaitSession {
		t.Errorf("they wait for %q and %q", a.Holdup(madeAt), b.Holdup(madeAt))
	}
	// Cancelled while an item is being sent: that one still counts.
	if j, err := s.CancelJob(t.Context(), key.Tenant, first.ID, madeAt); err != nil || j.Status != bulk.StatusFailed || j.ErrorCode != bulk.CodeCancelled {
		t.Errorf("cancelled: %+v, %v", j, err)
	}
	if status, err := s.FinishItem(t.Context(), bulk.Ref{Job: first.ID}, bulk.Outcome{Sent: true, At: madeAt}); err != nil || status != bulk.StatusFailed {
		t.Error(status, err)
	}
	if j := findJob(t, s, first); j.Succeeded != 1 {
		t.Errorf("the job is %+v", j)
	}
	if c := claim(t, s, key, madeAt, ""); c.Job.ID != second.ID {
		t.Errorf("claimed of %s", c.Job.ID)
	}
	if _, err := s.CancelJob(t.Context(), "other", second.ID, madeAt); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("another tenant cancels: %v", err)
	}
	if ended, err := s.DropSession(t.Context(), key, engine.CodeSessionNotFound, madeAt); err != nil || !reflect.DeepEqual(ended, []bulk.JobID{second.ID}) {
		t.Error(ended, err)
	}
	if j := findJob(t, s, other); j.Status != bulk.StatusPending {
		t.Errorf("another session's job is %s", j.Status)
	}
}

// A session that was removed and made anew does not go on with the jobs of the old one.
func TestJobsBelongToTheirSession(t *testing.T) {
	s, key, madeAt := jobStore(t)
	old := insertJob(t, s, key, madeAt, 1)
	later := madeAt.Add(time.Hour)
	fresh := insertJob(t, s, key, later, 1)
	if c := claim(t, s, key, later, ""); c.Job.ID != fresh.ID {
		t.Errorf("claimed of %+v", c.Job)
	}
	if j := findJob(t, s, old); j.Status != bulk.StatusFailed || j.ErrorCode != engine.CodeSessionNotFound {
		t.Errorf("the old job is %+v", j)
	}
}

func TestJobsOfSuspendedTenantsAreNotClaimed(t *testing.T) {
	s, key, madeAt := jobStore(t)
	insertJob(t, s, key, madeAt, 1)
	suspend := func(at any) {
		t.Helper()
		if _, err := s.write.db.Exec(`UPDATE tenants SET suspended_at = $1`, at); err != nil {
			t.Fatal(err)
		}
	}
	suspend(1)
	if c := claim(t, s, key, madeAt, ""); c.Job.ID != "" || c.Idle || c.Waiting != bulk.WaitSuspended {
		t.Errorf("claimed %+v", c)
	}
	suspend(nil)
	if c := claim(t, s, key, madeAt, ""); c.Waiting != bulk.WaitNone || c.Item.MessageID == "" {
		t.Errorf("claimed %+v", c)
	}
}

func TestRecoverJobs(t *testing.T) {
	s, key, madeAt := jobStore(t)
	j := insertJob(t, s, key, madeAt, 2)
	claim(t, s, key, madeAt, "")
	half := bulk.Job{ID: bulk.NewJobID(time.Now()), Session: key, Members: []bulk.Member{{Session: key.ID}}, Total: 1, CreatedAt: madeAt}
	number, err := s.prepareJob(t.Context(), half)
	if err != nil {
		t.Fatal(err)
	}
	for _, see := range []func() error{
		func() error { _, err := s.FindJob(t.Context(), key.Tenant, half.ID); return err },
		func() error { _, err := s.CancelJob(t.Context(), key.Tenant, half.ID, madeAt); return err },
	} {
		if err := see(); engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("a job that is not complete: %v", err)
		}
	}
	if list, err := s.ListJobs(t.Context(), key.Tenant, JobPage{Limit: 9}); err != nil || len(list) != 1 {
		t.Errorf("listed %v, %v", list, err)
	}
	if n, err := s.RecoverJobs(t.Context(), madeAt); err != nil || n != 1 {
		t.Error(n, err)
	}
	if c := claim(t, s, key, madeAt, ""); c.Job.ID != j.ID || c.Item.Index != 0 || c.Item.Attempts != 0 {
		t.Errorf("claimed %+v", c)
	}
	if _, err := s.activateJob(t.Context(), number, half, nil); engine.CodeOf(err) != engine.CodeInternal {
		t.Errorf("a job that was recovered away: %v", err)
	}
}

func TestIdempotentJobs(t *testing.T) {
	s, key, madeAt := jobStore(t)
	order := func(c engine.Claim) (bulk.Job, bool, error) {
		return s.InsertJob(context.Background(), bulk.Job{ID: bulk.NewJobID(time.Now()), Session: key, Members: []bulk.Member{{Session: key.ID}}, Total: 5000,
			Status: bulk.StatusPending, CreatedAt: madeAt}, someItems(5000), &c)
	}
	c := engine.Claim{Key: "k", Fingerprint: [32]byte{1}}
	if _, err := s.FindClaimedJob(t.Context(), key, c); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("before: %v", err)
	}
	var ids [4]bulk.JobID
	var fresh int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			j, replayed, err := order(c)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if !replayed {
				fresh++
			}
			ids[i] = j.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Errorf("ids are %v", ids)
		}
	}
	var jobs, items int
	if err := s.read.QueryRow(`SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM job_items)`).Scan(&jobs, &items); err != nil {
		t.Fatal(err)
	}
	if fresh != 1 || jobs != 1 || items != 5000 {
		t.Errorf("%d jobs were made; %d with %d items are there", fresh, jobs, items)
	}
	if j, err := s.FindClaimedJob(t.Context(), key, c); err != nil || j.ID != ids[0] {
		t.Error(j, err)
	}
	c.Fingerprint[0] = 2
	if _, _, err := order(c); engine.CodeOf(err) != engine.CodeConflict {
		t.Errorf("another request under the same key: %v", err)
	}
	if _, err := s.FindClaimedJob(t.Context(), key, c); engine.CodeOf(err) != engine.CodeConflict {
		t.Errorf("another request under the same key: %v", err)
	}
}

func TestListJobsPages(t *testing.T) {
	s, key, madeAt := jobStore(t)
	var ids []bulk.JobID
	for range 5 {
		ids = append([]bulk.JobID{insertJob(t, s, key, madeAt, 1).ID}, ids...)
	}
	other := insertJob(t, s, engine.SessionKey{Tenant: key.Tenant, ID: "other"}, madeAt, 1)
	page := func(p JobPage) (got []bulk.JobID) {
		t.Helper()
		list, err := s.ListJobs(t.Context(), key.Tenant, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range list {
			got = append(got, j.ID)
		}
		return got
	}
	if got := page(JobPage{Limit: 2}); !reflect.DeepEqual(got, []bulk.JobID{other.ID, ids[0]}) {
		t.Errorf("the first page is %v", got)
	}
	mine := []engine.SessionID{"main"}
	if got := page(JobPage{Limit: 9, Before: ids[2], Within: mine}); !reflect.DeepEqual(got, ids[3:]) {
		t.Errorf("behind the third: %v", got)
	}
	if got := page(JobPage{Limit: 9, Within: []engine.SessionID{}}); got != nil {
		t.Errorf("a key without sessions sees %v", got)
	}
	if got := page(JobPage{Limit: 9, Before: "65f1a2b3c4d5e6f7a8b9c0d1"}); got != nil {
		t.Errorf("behind an unknown job: %v", got)
	}
}

func TestOldJobsArePruned(t *testing.T) {
	s, key, madeAt := jobStore(t)
	old, later, running := insertJob(t, s, key, madeAt, 1200), insertJob(t, s, key, madeAt, 2), insertJob(t, s, key, madeAt, 2)
	for j, at := range map[bulk.JobID]time.Time{old.ID: madeAt, later.ID: madeAt.Add(time.Hour)} {
		if err := s.AbortJob(t.Context(), j, bulk.CodeCancelled, at); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.pruneJobs(t.Context(), "other", madeAt.Add(time.Minute)); n != 0 || err != nil {
		t.Errorf("another tenant's retention removed %d, %v", n, err)
	}
	if n, err := s.pruneJobs(t.Context(), key.Tenant, madeAt.Add(time.Minute)); n != 1201 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	if _, err := s.FindJob(t.Context(), key.Tenant, old.ID); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("the old job: %v", err)
	}
	for _, j := range []bulk.Job{later, running} {
		if _, total, err := s.ListItems(t.Context(), key.Tenant, j.ID, ItemPage{Limit: 1}); total != 2 || err != nil {
			t.Errorf("%d items are left of a job, %v", total, err)
		}
	}
}

// A hundred thousand recipients go in within seconds, and others can write meanwhile.
func TestLargeJob(t *testing.T) {
	s, key, madeAt := jobStore(t)
	items := someItems(bulk.MaxRecipients)
	done := make(chan error, 1)
	start := time.Now()
	go func() {
		_, _, err := s.InsertJob(context.Background(), bulk.Job{ID: bulk.NewJobID(time.Now()), Session: key, Total: len(items),
			Status: bulk.StatusPending, Members: []bulk.Member{{Session: key.ID, MadeAt: madeAt}}, CreatedAt: madeAt}, items, nil)
		done <- err
	}()
	var longest time.Duration
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
			begun := time.Now()
			if err := s.HoldSession(context.Background(), key, bulk.Waiting{Reason: bulk.WaitSession}); err != nil {
				t.Fatal(err)
			}
			longest = max(longest, time.Since(begun))
		}
	}
	t.Logf("%d items in %v; another write waited %v at most", len(items), time.Since(start), longest)
	if c := claim(t, s, key, madeAt, ""); c.Item.Index != 0 {
		t.Errorf("claimed %+v", c)
	}
}
