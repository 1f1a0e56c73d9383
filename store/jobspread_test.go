package store

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// jobWorld is a store with one tenant, and sessions a and b to send over.
type jobWorld struct {
	*testing.T
	s      *Store
	madeAt time.Time
	now    time.Time
}

func newJobWorld(t *testing.T) *jobWorld {
	s, _, madeAt := jobStore(t)
	return &jobWorld{T: t, s: s, madeAt: madeAt, now: madeAt.Add(time.Second)}
}

// job makes a job of n items over sessions.
func (w *jobWorld) job(n int, change func(*bulk.Job), sessions ...engine.SessionID) bulk.Job {
	w.Helper()
	j := bulk.Job{ID: bulk.NewJobID(time.Now()), Session: engine.SessionKey{Tenant: DefaultTenant, ID: sessions[0]}, Status: bulk.StatusPending,
		Total: n, Message: engine.Outgoing{Kind: engine.KindText, Text: "Hi"}, CreatedAt: w.madeAt}
	for _, id := range sessions {
		j.Members = append(j.Members, bulk.Member{Session: id, MadeAt: w.madeAt, State: bulk.MemberActive})
	}
	if change != nil {
		change(&j)
	}
	items := someItems(n)
	for i := range items {
		items[i].MessageID = engine.MessageID(string(j.ID[20:])) + items[i].MessageID
	}
	if _, _, err := w.s.InsertJob(w.Context(), j, items, nil); err != nil {
		w.Fatal(err)
	}
	return j
}

func (w *jobWorld) claim(id engine.SessionID) bulk.Claim {
	w.Helper()
	c, err := w.s.ClaimItem(w.Context(), bulk.Look{Session: engine.SessionKey{Tenant: DefaultTenant, ID: id}, MadeAt: w.madeAt, Now: w.now})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// takes claims an item and expects it to be the index-th of a job.
func (w *jobWorld) takes(id engine.SessionID, j bulk.Job, index int) {
	w.Helper()
	if c := w.claim(id); c.Job.ID != j.ID || c.Item.Index != index || c.Item.Session != id {
		w.Errorf("%s claimed the item %d of %q, not %d", id, c.Item.Index, c.Job.ID, index)
	}
}

func (w *jobWorld) finish(j bulk.Job, index int, code engine.Code) {
	w.Helper()
	o := bulk.Outcome{Sent: code == "", Code: code, SentAt: w.now, At: w.now}
	if _, err := w.s.FinishItem(w.Context(), bulk.Ref{Job: j.ID, Index: index}, o); err != nil {
		w.Fatal(err)
	}
}

func (w *jobWorld) release(j bulk.Job, index int, id engine.SessionID, unsure bool) {
	w.Helper()
	r := bulk.Release{Session: id, Unsure: unsure, Tried: unsure, At: w.now}
	if err := w.s.ReleaseItem(w.Context(), bulk.Ref{Job: j.ID, Index: index}, r); err != nil {
		w.Fatal(err)
	}
}

func (w *jobWorld) drop(id engine.SessionID, code engine.Code) []bulk.JobID {
	w.Helper()
	ended, err := w.s.DropSession(w.Context(), engine.SessionKey{Tenant: DefaultTenant, ID: id}, code, w.now)
	if err != nil {
		w.Fatal(err)
	}
	return ended
}

// optOut puts an item's recipient on the list.
func (w *jobWorld) optOut(j bulk.Job, index int) {
	w.Helper()
	if _, err := w.s.AddOptOuts(w.Context(), DefaultTenant, []engine.JID{w.items(j)[index].To}); err != nil {
		w.Fatal(err)
	}
}

// logged lets the message log know an item's message.
func (w *jobWorld) logged(j bulk.Job, index int, session engine.SessionID, status engine.MessageStatus) {
	w.Helper()
	_, err := w.s.write.db.Exec(`INSERT INTO messages (tenant_id, session_id, direction, id, origin, chat, peer_phone, peer_lid, kind, body, status, error_code, created_at, status_at, details)
		VALUES ($1, $2, 'out', $3, '', '', '', '', 'text', '', $4, $5, 1, 1, '')`, DefaultTenant, session, w.items(j)[index].MessageID, status,
		map[bool]engine.Code{true: engine.CodeSendRejected}[status == engine.MessageFailed])
	if err != nil {
		w.Fatal(err)
	}
}

func (w *jobWorld) items(j bulk.Job) []bulk.Item {
	w.Helper()
	items, _, err := w.s.ListItems(w.Context(), DefaultTenant, j.ID, ItemPage{Limit: 1000})
	if err != nil {
		w.Fatal(err)
	}
	return items
}

// counts compares a job's counters, and that they add up.
func (w *jobWorld) counts(j bulk.Job, status bulk.Status, succeeded, failed, unsent int) bulk.Job {
	w.Helper()
	got := findJob(w.T, w.s, j)
	if got.Status != status || got.Succeeded != succeeded || got.Failed != failed || got.Unsent() != unsent {
		w.Errorf("the job is %s with %d, %d and %d, want %s with %d, %d and %d",
			got.Status, got.Succeeded, got.Failed, got.Unsent(), status, succeeded, failed, unsent)
	}
	if sum := got.Succeeded + got.Failed + got.Unsent() + got.Left(); sum != got.Total {
		w.Errorf("the counters add up to %d of %d", sum, got.Total)
	}
	return got
}

// told are the bulk events of a type so far.
func (w *jobWorld) told(t engine.EventType) (list []map[string]any) {
	w.Helper()
	events, err := w.s.ListEvents(w.Context(), DefaultTenant, "", 1000)
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range events {
		if e.Type == t {
			var data map[string]any
			if err := json.Unmarshal(e.Data, &data); err != nil {
				w.Fatal(err)
			}
			data["session"] = string(e.Session.ID)
			list = append(list, data)
		}
	}
	return list
}

// What a session has claimed stays its own until it has certainly not sent it.
func TestItemsBelongToWhoeverMayHaveSentThem(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(5, nil, "a", "b")
	w.takes("a", j, 0)
	w.takes("b", j, 1)
	w.release(j, 0, "a", true)
	w.takes("b", j, 2)
	w.takes("a", j, 0) // its own before any other
	w.release(j, 0, "a", false)
	w.takes("b", j, 3) // still not b's: the first try may have gone through
	w.takes("a", j, 0)
	w.release(j, 1, "b", false)
	w.finish(j, 0, "")
	w.takes("a", j, 1) // anybody's again, and the first of those
	for i, code := range map[int]engine.Code{1: "", 2: engine.CodeNotOnWhatsApp, 3: ""} {
		w.finish(j, i, code)
	}
	w.takes("b", j, 4)
	if c := w.claim("a"); c.Job.ID != "" || c.Idle || !c.NotBefore.After(w.now) {
		t.Errorf("while b sends the last one a finds %+v", c)
	}
	w.finish(j, 4, "")
	got := w.counts(j, bulk.StatusCompleted, 4, 1, 0)
	for _, m := range got.Members {
		if m.State != bulk.MemberDone || m.Session == "a" && (m.Sent != 2 || m.Failed != 0) || m.Session == "b" && (m.Sent != 2 || m.Failed != 1) {
			t.Errorf("a member is %+v", m)
		}
	}
	for i, id := range []engine.SessionID{"a", "a", "b", "b", "b"} {
		if it := w.items(j)[i]; it.Session != id {
			t.Errorf("the item %d was sent by %q", i, it.Session)
		}
	}
	for _, id := range []engine.SessionID{"a", "b"} {
		if c := w.claim(id); !c.Idle {
			t.Errorf("%s finds %+v", id, c)
		}
	}
}

// What a crash left in flight goes first, over the same session, also before jobs
// and items that come before it.
func TestWhatACrashLeftGoesFirst(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(6, nil, "a", "b")
	w.takes("a", j, 0)
	w.takes("b", j, 1)
	w.release(j, 0, "a", false) // it stands before the one that is in flight
	w.takes("a", j, 0)
	w.finish(j, 0, "")
	w.takes("a", j, 2)
	w.release(j, 1, "b", false)
	w.takes("b", j, 1)
	w.finish(j, 1, "")
	w.takes("b", j, 3)
	if n, err := w.s.RecoverJobs(w.Context(), w.now); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	w.takes("b", j, 3)
	w.takes("a", j, 2)
	w.takes("b", j, 4)
}

// When a session is gone the log knows of most items whether they were sent.
func TestALostSessionsItemsAreSettled(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(6, nil, "a", "b")
	for i := range 5 {
		w.takes("a", j, i)
	}
	for i := range 5 {
		w.release(j, i, "a", true)
	}
	for i, status := range []engine.MessageStatus{engine.MessageSent, engine.MessageRead, engine.MessagePending, engine.MessageFailed} {
		w.logged(j, i, "a", status)
	}
	if ended := w.drop("a", bulk.CodeBanned); ended != nil {
		t.Errorf("ended %v", ended)
	}
	w.counts(j, bulk.StatusRunning, 2, 2, 0)
	for i, want := range []struct {
		state bulk.ItemState
		code  engine.Code
	}{{bulk.ItemSent, ""}, {bulk.ItemSent, ""}, {bulk.ItemFailed, engine.CodeSendOutcomeUnknown}, {bulk.ItemFailed, engine.CodeSendRejected},
		{bulk.ItemPending, ""}, {bulk.ItemPending, ""}} {
		if it := w.items(j)[i]; it.State != want.state || it.ErrorCode != want.code {
			t.Errorf("the item %d is %+v", i, it)
		}
	}
	w.takes("b", j, 4) // the log does not know of it: it was not sent
	w.finish(j, 4, "")
	w.takes("b", j, 5)
	w.release(j, 5, "b", true)
	w.now = w.now.Add(provenFor + time.Hour) // the log may have forgotten
	if ended := w.drop("b", engine.CodeSessionNotReady); !slices.Equal(ended, []bulk.JobID{j.ID}) {
		t.Errorf("ended %v", ended)
	}
	w.counts(j, bulk.StatusCompleted, 3, 3, 0)
}

// Who gets a message may answer STOP before it is known here that it was sent: it is
// not sent once more, and the job does not say that it was not sent.
func TestWhoOptsOutOfWhatMayHaveBeenSent(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(4, func(j *bulk.Job) { j.DelayMax = time.Minute }, "a")
	for i, status := range []engine.MessageStatus{engine.MessageDelivered, engine.MessageUnknown, ""} {
		w.takes("a", j, i)
		if n, err := w.s.RecoverJobs(w.Context(), w.now); n != 1 || err != nil { // a crash
			t.Fatal(n, err)
		}
		if status != "" {
			w.logged(j, i, "a", status)
		}
		w.optOut(j, i)
		w.takes("a", j, i+1) // the next one
		w.release(j, i+1, "a", false)
	}
	w.counts(j, bulk.StatusRunning, 1, 1, 1)
	for i, want := range []struct {
		state bulk.ItemState
		code  engine.Code
	}{{bulk.ItemSent, ""}, {bulk.ItemFailed, engine.CodeSendOutcomeUnknown}, {bulk.ItemSkipped, bulk.CodeOptedOut}} {
		if it := w.items(j)[i]; it.State != want.state || it.ErrorCode != want.code {
			t.Errorf("the item %d is %+v", i, it)
		}
	}
	// The last one of a job ends it.
	w.takes("a", j, 3)
	w.release(j, 3, "a", true)
	w.logged(j, 3, "a", engine.MessageSent)
	w.optOut(j, 3)
	if c := w.claim("a"); len(c.Ended) != 1 || c.Ended[0] != j.ID {
		t.Errorf("claimed %+v", c)
	}
	w.counts(j, bulk.StatusCompleted, 2, 1, 1)
}

// That WhatsApp refuses a message says nothing of an earlier try that may have gone through.
func TestARefusalIsNotTheWholeTruth(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(2, nil, "a")
	for i, want := range []engine.Code{engine.CodeSendOutcomeUnknown, engine.CodeNotOnWhatsApp} {
		w.takes("a", j, i)
		w.release(j, i, "a", true)
		if i == 0 {
			w.logged(j, i, "a", engine.MessageUnknown)
		}
		w.takes("a", j, i)
		w.finish(j, i, engine.CodeNotOnWhatsApp)
		if it := w.items(j)[i]; it.State != bulk.ItemFailed || it.ErrorCode != want {
			t.Errorf("the item %d is %+v, want %s", i, it, want)
		}
	}
	w.counts(j, bulk.StatusCompleted, 0, 2, 0)
}

func TestTheLastSessionEndsItsJob(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(3, nil, "a", "b")
	w.takes("a", j, 0)
	w.finish(j, 0, "")
	if ended := w.drop("a", bulk.CodeBanned); ended != nil {
		t.Errorf("ended %v", ended)
	}
	if ended := w.drop("b", engine.CodeSessionNotReady); !slices.Equal(ended, []bulk.JobID{j.ID}) {
		t.Errorf("ended %v", ended)
	}
	if got := w.counts(j, bulk.StatusFailed, 1, 0, 2); got.ErrorCode != engine.CodeSessionNotReady || got.Members[0].ErrorCode != bulk.CodeBanned {
		t.Errorf("the job is %+v", got)
	}
	if told := w.told(engine.EventBulkCompleted); len(told) != 1 || told[0]["skipped"] != 2.0 || told[0]["errorCode"] != "SESSION_NOT_READY" {
		t.Errorf("told %v", told)
	}
}

// What is still in flight when a job ends is counted when its outcome is known,
// also by the next life of the daemon.
func TestItemsOutliveTheirJob(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(5, nil, "a", "b", "c")
	w.takes("a", j, 0)
	w.takes("b", j, 1)
	w.takes("c", j, 2)
	if _, err := w.s.CancelJob(w.Context(), DefaultTenant, j.ID, w.now); err != nil {
		t.Fatal(err)
	}
	w.counts(j, bulk.StatusFailed, 0, 0, 5)
	w.finish(j, 0, "")
	w.release(j, 1, "b", false)
	w.counts(j, bulk.StatusFailed, 1, 0, 4)
	_, err := w.s.write.db.Exec(`INSERT INTO messages (tenant_id, session_id, direction, id, origin, chat, peer_phone, peer_lid, kind, body, status, error_code, created_at, status_at, details)
		VALUES ($1, 'c', 'out', $2, '', '', '', '', 'text', '', 'pending', '', 1, 1, '')`, DefaultTenant, w.items(j)[2].MessageID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.RecoverJobs(w.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	w.counts(j, bulk.StatusFailed, 1, 1, 3)
	if told := w.told(engine.EventBulkCompleted); len(told) != 1 {
		t.Errorf("told %v", told)
	}
}
