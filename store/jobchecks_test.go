package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

func checksNumbers(j *bulk.Job) { j.CheckNumbers = true }

// mark writes down what was found of a claim's numbers; those in absent are nobody's.
func (w *jobWorld) mark(up bulk.LookUp, absent ...int) bulk.Status {
	w.Helper()
	var results []bulk.Checked
	for _, it := range up.Items {
		results = append(results, bulk.Checked{Index: it.Index, Absent: slices.Contains(absent, it.Index),
			Person: engine.Person{Phone: it.To, LID: engine.JID(fmt.Sprintf("7%d@lid", it.Index))}})
	}
	status, err := w.s.MarkChecked(w.Context(), up.Job, results, w.now)
	if err != nil {
		w.Fatal(err)
	}
	return status
}

func indexesOf(items []bulk.Item) (out []int) {
	for _, it := range items {
		out = append(out, it.Index)
	}
	return out
}

func TestNothingIsSentToWhomNobodyHasLookedUp(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(bulk.LookAhead+2, checksNumbers, "a", "b")
	c := w.claim("a")
	if c.Job.ID != "" || c.LookUp.Job != j.ID || len(c.LookUp.Items) != bulk.LookAhead || c.LookUp.Items[0].To != "4915000000000@s.whatsapp.net" {
		t.Fatalf("claimed %+v", c)
	}
	if w.mark(c.LookUp, 0, 2) != bulk.StatusRunning {
		t.Error("the job does not run")
	}
	w.takes("a", j, 1)
	w.takes("b", j, 3)
	// Enough has been looked up; at the end of it the rest is.
	ahead, err := w.s.ListUnchecked(t.Context(), j.ID)
	if err != nil || len(ahead) != 0 {
		t.Errorf("to be looked up are %v, %v", indexesOf(ahead), err)
	}
	for i := 4; i < bulk.LookAhead-bulk.LookAhead/2+1; i++ {
		w.takes("a", j, i)
		w.finish(j, i, "")
	}
	if ahead, err = w.s.ListUnchecked(t.Context(), j.ID); err != nil || fmt.Sprint(indexesOf(ahead)) != fmt.Sprint([]int{bulk.LookAhead, bulk.LookAhead + 1}) {
		t.Errorf("to be looked up are %v, %v", indexesOf(ahead), err)
	}
	// What was handed back is not looked up again, nor what a session has.
	w.release(j, 1, "a", false)
	w.release(j, 3, "b", true)
	w.takes("b", j, 3)
	w.takes("b", j, 1)
	items := w.items(j)
	if items[0].State != bulk.ItemFailed || items[0].ErrorCode != engine.CodeNotOnWhatsApp || items[2].State != bulk.ItemFailed {
		t.Errorf("the absent are %+v and %+v", items[0], items[2])
	}
	w.counts(j, bulk.StatusRunning, bulk.LookAhead-bulk.LookAhead/2-3, 2, 0)
	if again := w.mark(c.LookUp, 0, 1, 3); again != bulk.StatusRunning {
		t.Error(again)
	}
	w.counts(j, bulk.StatusRunning, bulk.LookAhead-bulk.LookAhead/2-3, 2, 0)
}

// The last number that nobody has ends the job, with its event.
func TestAJobEndsWithItsLastLookUp(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(2, checksNumbers, "a")
	up := w.claim("a").LookUp
	if status := w.mark(up, 0, 1); status != bulk.StatusCompleted {
		t.Errorf("the job is %s", status)
	}
	got := w.counts(j, bulk.StatusCompleted, 0, 2, 0)
	if got.StartedAt.IsZero() || got.FinishedAt.IsZero() {
		t.Errorf("the job is %+v", got)
	}
	n, err := w.s.CountEvents(t.Context(), j.Session, engine.EventBulkCompleted)
	if err != nil || n != 1 {
		t.Errorf("%d events, %v", n, err)
	}
	// Too late for one that was cancelled.
	j = w.job(1, checksNumbers, "a")
	up = w.claim("a").LookUp
	if _, err := w.s.CancelJob(t.Context(), DefaultTenant, j.ID, w.now); err != nil {
		t.Fatal(err)
	}
	if status := w.mark(up, 0); status != bulk.StatusFailed {
		t.Errorf("the cancelled job is %s", status)
	}
	w.counts(j, bulk.StatusFailed, 0, 0, 1)
}

// Groups, LIDs and those who have opted out need no look; and who turns out to be
// somebody who has opted out under the other address is skipped.
func TestLookingUpSparesAndRecognises(t *testing.T) {
	w := newJobWorld(t)
	first := someItems(4)
	first[0].To, first[1].To = "120363025246125486@g.us", "100200300@lid"
	j := bulk.Job{ID: bulk.NewJobID(time.Now()), Session: engine.SessionKey{Tenant: DefaultTenant, ID: "a"}, Status: bulk.StatusPending,
		CheckNumbers: true, Total: 4, CreatedAt: w.madeAt, Members: []bulk.Member{{Session: "a", MadeAt: w.madeAt, State: bulk.MemberActive}}}
	if _, _, err := w.s.InsertJob(t.Context(), j, first, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.AddOptOuts(t.Context(), DefaultTenant, []engine.JID{first[2].To, "73@lid"}); err != nil {
		t.Fatal(err)
	}
	up := w.claim("a").LookUp
	if fmt.Sprint(indexesOf(up.Items)) != "[3]" {
		t.Errorf("to be looked up are %v", indexesOf(up.Items))
	}
	w.mark(up)
	w.takes("a", j, 0)
	w.finish(j, 0, "")
	w.takes("a", j, 1)
	w.finish(j, 1, "")
	if c := w.claim("a"); c.Job.ID != "" || !slices.Contains(c.Ended, j.ID) {
		t.Errorf("claimed %+v", c)
	}
	w.counts(j, bulk.StatusCompleted, 2, 0, 2)
	for _, i := range []int{2, 3} {
		if it := w.items(j)[i]; it.State != bulk.ItemSkipped || it.ErrorCode != bulk.CodeOptedOut {
			t.Errorf("item %d is %+v", i, it)
		}
	}
}

// While a session may ask for no more numbers, its next job has its turn.
func TestOtherJobsPassOneThatLooksUp(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(2, checksNumbers, "a")
	next := w.job(1, nil, "a")
	if up := w.claim("a").LookUp; len(up.Items) != 2 {
		t.Fatalf("to be looked up are %+v", up)
	}
	until := w.now.Add(time.Minute)
	if err := w.s.HoldMember(t.Context(), j.ID, "a", bulk.Waiting{Reason: bulk.WaitRate, Until: until}); err != nil {
		t.Fatal(err)
	}
	if h := findJob(t, w.s, j).Holdup(w.now); h.Reason != bulk.WaitRate || !h.Until.Equal(until) {
		t.Errorf("it waits %+v", h)
	}
	w.takes("a", next, 0)
	w.finish(next, 0, "")
	if c := w.claim("a"); c.Job.ID != "" || len(c.LookUp.Items) != 0 || !c.NotBefore.Equal(until) {
		t.Errorf("claimed %+v", c)
	}
	w.now = until
	up := w.claim("a").LookUp
	if len(up.Items) != 2 {
		t.Errorf("then %+v", up)
	}
	if h := findJob(t, w.s, j).Holdup(w.now); h.Reason != bulk.WaitNone {
		t.Errorf("it still waits %+v", h)
	}
	w.mark(up)
	w.takes("a", j, 0)
}

// A long run of people who have opted out does not make one long transaction.
func TestManyAreSkippedInParts(t *testing.T) {
	w := newJobWorld(t)
	const n = 2*passedPerCommit + 1
	j := w.job(n, nil, "a")
	var everybody []engine.JID
	for _, it := range someItems(n) {
		everybody = append(everybody, it.To)
	}
	if _, err := w.s.AddOptOuts(t.Context(), DefaultTenant, everybody[:n-1]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if c := w.claim("a"); c.Job.ID != "" || !c.NotBefore.Equal(w.now) {
			t.Errorf("claimed %+v", c)
		}
	}
	w.takes("a", j, n-1)
	w.finish(j, n-1, "")
	w.counts(j, bulk.StatusCompleted, 1, 0, n-1)
}
