package store

import (
	"fmt"
	"testing"

	"wapid/bulk"
	"wapid/engine"
)

// Who is looked up ahead: whose turn comes, and who may be written to.
func TestComingItems(t *testing.T) {
	w := newJobWorld(t)
	coming := func(j bulk.Job, from, limit int, sessions int, want ...int) {
		t.Helper()
		items, n, err := w.s.ListComing(t.Context(), j.ID, from, limit)
		if err != nil || n != sessions || fmt.Sprint(indexesOf(items)) != fmt.Sprint(want) {
			t.Errorf("from %d at most %d come %v of %d sessions (%v), want %v of %d", from, limit, indexesOf(items), n, err, want, sessions)
		}
	}
	j := w.job(8, nil, "a", "b")
	coming(j, 0, 5, 0) // it has not begun
	w.takes("a", j, 0)
	w.takes("b", j, 1)
	w.release(j, 1, "b", true) // it is b's now
	w.optOut(j, 3)
	coming(j, 0, 4, 2, 2, 4, 5)
	coming(j, 5, 2, 2, 5, 6)
	if items, _, _ := w.s.ListComing(t.Context(), j.ID, 2, 1); len(items) != 1 || items[0].To != w.items(j)[2].To {
		t.Errorf("comes %+v", items)
	}
	w.drop("b", engine.CodeSessionNotFound)
	coming(j, 6, 9, 1, 6, 7)
	if _, err := w.s.PauseJob(t.Context(), DefaultTenant, j.ID, true, w.now); err != nil {
		t.Fatal(err)
	}
	coming(j, 0, 5, 0)
	coming(bulk.Job{ID: "65f1a2b3c4d5e6f7a8b9c0d1"}, 0, 5, 0)

	checks := w.job(3, checksNumbers, "c")
	c := w.claim("c")
	c.LookUp.Items = c.LookUp.Items[:2]
	w.mark(c.LookUp)
	w.takes("c", checks, 0)
	coming(checks, 0, 5, 1, 1)
}

// A session takes its own part first, and then whatever is left; what it must try again
// comes before both. The end of an item and the next claim are one.
func TestAPartIsTakenFirst(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(6, nil, "a", "b")
	look := bulk.Look{Session: engine.SessionKey{Tenant: DefaultTenant, ID: "a"}, MadeAt: w.madeAt, Known: j.ID, From: 4, Now: w.now}
	c, err := w.s.ClaimItem(t.Context(), look)
	if err != nil || c.Item.Index != 4 {
		t.Fatalf("claimed %+v (%v)", c.Item, err)
	}
	sent := bulk.Outcome{Sent: true, SentAt: w.now, At: w.now, NextAt: w.now}
	for i, want := range []int{5, 0, 1} {
		ref := bulk.Ref{Job: j.ID, Index: c.Item.Index}
		if _, c, err = w.s.FinishAndClaim(t.Context(), ref, sent, look); err != nil || c.Item.Index != want {
			t.Fatalf("then it claimed %+v (%v), want %d", c.Item, err, want)
		}
		if i == 1 { // what was given back unsure goes first
			w.release(j, 0, "a", true)
			if c, err = w.s.ClaimItem(t.Context(), look); err != nil || c.Item.Index != 0 {
				t.Fatalf("again it claimed %+v (%v)", c.Item, err)
			}
		}
	}
	// An item that is not being sent ends nothing and claims nothing.
	if _, _, err = w.s.FinishAndClaim(t.Context(), bulk.Ref{Job: j.ID, Index: 5}, sent, look); engine.CodeOf(err) != engine.CodeInternal {
		t.Errorf("ended twice: %v", err)
	}
	w.takes("b", j, 2)
	if _, err := w.s.CancelJob(t.Context(), DefaultTenant, j.ID, w.now); err != nil {
		t.Fatal(err)
	}
	status, c, err := w.s.FinishAndClaim(t.Context(), bulk.Ref{Job: j.ID, Index: 1}, sent, look)
	if err != nil || status != bulk.StatusFailed || !c.Idle {
		t.Errorf("of a job that was cancelled: %s, %+v (%v)", status, c, err)
	}
	if got := findJob(t, w.s, j); got.Succeeded != 4 || got.Members[0].Sent != 4 {
		t.Errorf("counted %d and %d", got.Succeeded, got.Members[0].Sent)
	}
}
