package store

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// A job with a reason of its own not to go on lets the next one pass; one that
// pauses between two sends does not.
func TestOtherJobsPassThoseThatWait(t *testing.T) {
	w := newJobWorld(t)
	morning := bulk.Window{From: 6 * 60, To: 7 * 60} // it is 08:00 in UTC
	zone, err := engine.ParseTimeZone("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	later := w.job(1, func(j *bulk.Job) { j.Schedule.StartAt = w.now.Add(time.Hour) }, "a")
	asleep := w.job(1, func(j *bulk.Job) { j.Schedule = bulk.Schedule{Windows: []bulk.Window{morning}, Zone: zone} }, "a")
	paused := w.job(1, nil, "a")
	if _, err := w.s.PauseJob(w.Context(), DefaultTenant, paused.ID, true, w.now); err != nil {
		t.Fatal(err)
	}
	if c := w.claim("a"); c.Job.ID != "" || c.Idle || !c.NotBefore.Equal(w.now.Add(time.Hour)) {
		t.Errorf("claimed %+v", c)
	}
	first, second := w.job(2, nil, "a"), w.job(1, nil, "a")
	w.takes("a", first, 0)
	_, err = w.s.FinishItem(w.Context(), bulk.Ref{Job: first.ID}, bulk.Outcome{Sent: true, At: w.now, NextAt: w.now.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if c := w.claim("a"); c.Job.ID != "" || !c.NotBefore.Equal(w.now.Add(time.Minute)) {
		t.Errorf("in a pause it claimed %+v", c)
	}
	if _, err := w.s.CancelJob(w.Context(), DefaultTenant, first.ID, w.now); err != nil {
		t.Fatal(err)
	}
	w.takes("a", second, 0)
	w.finish(second, 0, "")
	if got := findJob(t, w.s, asleep); got.Holdup(w.now).Reason != bulk.WaitWindow || got.Schedule.Zone.String() != "Asia/Kolkata" ||
		!got.Holdup(w.now).Until.Equal(time.Date(2024, 2, 19, 0, 30, 0, 0, time.UTC)) {
		t.Errorf("the job is %+v and waits %+v", got, got.Holdup(w.now))
	}
	w.now = w.now.Add(time.Hour)
	w.takes("a", later, 0)
	if _, err := w.s.PauseJob(w.Context(), DefaultTenant, paused.ID, false, w.now); err != nil {
		t.Fatal(err)
	}
	w.takes("a", paused, 0)
	w.now = time.Date(2024, 2, 19, 0, 30, 0, 0, time.UTC)
	w.takes("a", asleep, 0)
}

func TestPausing(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(1, nil, "a")
	for _, c := range []struct {
		paused bool
		after  time.Duration
		since  time.Time
	}{{false, 0, time.Time{}}, {true, 0, w.now}, {true, time.Hour, w.now}, {false, 0, time.Time{}}} {
		got, err := w.s.PauseJob(w.Context(), DefaultTenant, j.ID, c.paused, w.now.Add(c.after))
		if err != nil || !got.PausedAt.Equal(c.since) {
			t.Errorf("%v: paused since %v, %v", c.paused, got.PausedAt, err)
		}
	}
	if _, err := w.s.PauseJob(w.Context(), "other", j.ID, true, w.now); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("another tenant pauses: %v", err)
	}
	w.takes("a", j, 0)
	w.finish(j, 0, "")
	if _, err := w.s.PauseJob(w.Context(), DefaultTenant, j.ID, true, w.now); engine.CodeOf(err) != bulk.CodeEnded {
		t.Errorf("a completed job is paused: %v", err)
	}
}

// In no 60 minutes does a session send more than the job lets it, whatever the
// daemon forgets meanwhile; what was not sent does not count.
func TestTheHourIsFull(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(20, func(j *bulk.Job) { j.MaxPerHour = 3 }, "a", "b")
	other := w.job(1, nil, "a")
	start := w.now
	index := 0
	send := func(id engine.SessionID, code engine.Code) {
		t.Helper()
		w.takes(id, j, index)
		w.finish(j, index, code)
		index++
		w.now = w.now.Add(10 * time.Minute)
	}
	send("a", "")
	send("a", engine.CodeNotOnWhatsApp)
	send("a", engine.CodeSendOutcomeUnknown)
	w.takes("a", j, index)
	w.release(j, index, "a", false)
	send("a", "")
	w.takes("a", other, 0) // the limit is the one job's
	w.finish(other, 0, "")
	if c := w.claim("a"); c.Job.ID != "" || !c.NotBefore.Equal(start.Add(time.Hour)) {
		t.Errorf("claimed %+v", c)
	}
	if m := findJob(t, w.s, j).Members[0]; m.Reason != bulk.WaitPerHour || !m.Until.Equal(start.Add(time.Hour)) {
		t.Errorf("the member is %+v", m)
	}
	send("b", "") // has an hour of its own
	w.now = start.Add(time.Hour - time.Millisecond)
	if c := w.claim("a"); c.Job.ID != "" {
		t.Errorf("claimed %+v", c)
	}
	w.now = start.Add(time.Hour)
	w.takes("a", j, index)
	if m := findJob(t, w.s, j).Members[0]; m.Reason != bulk.WaitNone {
		t.Errorf("the member is %+v", m)
	}
	// A crash: the item counts as sent.
	if _, err := w.s.RecoverJobs(w.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	if c := w.claim("a"); c.Job.ID != "" {
		t.Errorf("claimed %+v", c)
	}
	w.now = start.Add(-24 * time.Hour) // when the clock goes back, the hour begins anew
	for range 3 {
		c := w.claim("a")
		if c.Job.ID != j.ID {
			t.Fatalf("claimed %+v", c)
		}
		w.finish(j, c.Item.Index, "")
	}
	if c := w.claim("a"); !c.NotBefore.Equal(w.now.Add(time.Hour)) {
		t.Errorf("claimed %+v", c)
	}
}

// A session that comes and goes does not hide that its jobs wait for something else.
func TestHoldingLeavesDates(t *testing.T) {
	w := newJobWorld(t)
	locked, other := w.job(1, nil, "a"), w.job(1, nil, "a")
	w.takes("a", locked, 0)
	until := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	r := bulk.Release{Session: "a", Waiting: bulk.Waiting{Reason: bulk.WaitTimelock, Until: until}, NextAt: until, At: w.now}
	if err := w.s.ReleaseItem(w.Context(), bulk.Ref{Job: locked.ID}, r); err != nil {
		t.Fatal(err)
	}
	for _, reason := range []bulk.Wait{bulk.WaitSession, bulk.WaitNone} {
		if err := w.s.HoldSession(w.Context(), locked.Session, bulk.Waiting{Reason: reason}); err != nil {
			t.Fatal(err)
		}
		if m := findJob(t, w.s, locked).Members[0]; m.Reason != bulk.WaitTimelock || !m.Until.Equal(until) {
			t.Errorf("the member is %+v", m)
		}
		if m := findJob(t, w.s, other).Members[0]; m.Reason != reason {
			t.Errorf("the other job's member is %+v", m)
		}
	}
}

func TestOptedOutItemsAreSkipped(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(4, nil, "a")
	w.optOut(j, 0)
	w.optOut(j, 2)
	w.takes("a", j, 1)
	if got := w.counts(j, bulk.StatusRunning, 0, 0, 1); got.Processed() != 1 {
		t.Errorf("%d are processed", got.Processed())
	}
	w.finish(j, 1, "")
	w.takes("a", j, 3)
	w.optOut(j, 3)
	w.release(j, 3, "a", false)
	if c := w.claim("a"); !c.Idle && len(c.Ended) != 1 || c.Ended[0] != j.ID {
		t.Errorf("claimed %+v", c)
	}
	w.counts(j, bulk.StatusCompleted, 1, 0, 3)
	if it := w.items(j)[0]; it.State != bulk.ItemSkipped || it.ErrorCode != bulk.CodeOptedOut || it.Session != "" {
		t.Errorf("the item is %+v", it)
	}
	if told := w.told(engine.EventBulkCompleted); len(told) != 1 || told[0]["skipped"] != 3.0 || told[0]["succeeded"] != 1.0 {
		t.Errorf("told %v", told)
	}
}

// Progress is told at most once in ten seconds and a hundredth, and with the last
// item; the end once, of whatever kind it is.
func TestBulkEvents(t *testing.T) {
	w := newJobWorld(t)
	j := w.job(500, func(j *bulk.Job) { j.Invalid = 7 }, "b", "a")
	for i := range 500 {
		w.takes("a", j, i)
		w.finish(j, i, map[bool]engine.Code{true: engine.CodeNotOnWhatsApp}[i%100 == 99])
		w.now = w.now.Add(time.Second)
	}
	told := w.told(engine.EventBulkProgress)
	if len(told) != 50 {
		t.Errorf("progress was told %d times", len(told))
	}
	for i, p := range told[:len(told)-1] {
		if want := float64(11 + 10*i); p["processed"] != want || p["status"] != "running" {
			t.Fatalf("progress %d is %v, want %v", i, p, want)
		}
	}
	if last := told[len(told)-1]; last["processed"] != 500.0 || last["status"] != "completed" || last["session"] != "b" || last["failed"] != 5.0 {
		t.Errorf("the last progress is %v", last)
	}
	done := w.told(engine.EventBulkCompleted)
	if len(done) != 1 || done[0]["jobId"] != string(j.ID) || done[0]["total"] != 500.0 || done[0]["succeeded"] != 495.0 ||
		done[0]["invalid"] != 7.0 || done[0]["startedAt"] != float64(w.madeAt.Add(time.Second).UnixMilli()) || done[0]["errorCode"] != nil {
		t.Errorf("told %v", done)
	}
	slow := w.job(500, nil, "a")
	for i := range 15 { // ten seconds each, but not a hundredth
		w.takes("a", slow, i)
		w.finish(slow, i, "")
		w.now = w.now.Add(10 * time.Second)
	}
	if n := len(w.told(engine.EventBulkProgress)) - 50; n != 3 {
		t.Errorf("a slow job's progress was told %d times", n)
	}
	tiny := w.job(2, nil, "b")
	w.takes("b", tiny, 0)
	w.finish(tiny, 0, "")
	w.takes("b", tiny, 1)
	w.finish(tiny, 1, "")
	if n := len(w.told(engine.EventBulkProgress)) - 53; n != 1 {
		t.Errorf("a tiny job's progress was told %d times", n)
	}
	for range 2 {
		if err := w.s.AbortJob(w.Context(), slow.ID, engine.CodeMediaGone, w.now); err != nil {
			t.Fatal(err)
		}
	}
	if done := w.told(engine.EventBulkCompleted); len(done) != 3 || done[2]["status"] != "failed" || done[2]["errorCode"] != "MEDIA_GONE" || done[2]["skipped"] != 485.0 {
		t.Errorf("told %v", done)
	}
}

// Jobs that an earlier version has written go on.
func TestJobsOfTheFormerSchemaGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	db, err := openPool(path, 1, map[string][]string{"_txlock": {"immediate"}})
	if err != nil {
		t.Fatal(err)
	}
	former := fstest.MapFS{}
	files, err := fs.Glob(migrationFiles, "migrations/00[1-6]_*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		raw, err := fs.ReadFile(migrationFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		former[name] = &fstest.MapFile{Data: raw}
	}
	if err := migrate(context.Background(), db, former, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		`INSERT INTO tenants (id, name, created_at) VALUES ('default', 'D', 1)`,
		`INSERT INTO jobs (id, tenant_id, session_id, session_made_at, status, delay_min, delay_max, total, succeeded, created_at, started_at, message)
			VALUES ('65f1a2b3c4d5e6f7a8b9c0d1', 'default', 'a', 1708243200123, 'running', 1, 2, 4, 1, 1, 2, '{"Text":"Hi"}'),
				('65f1a2b3c4d5e6f7a8b9c0d2', 'default', 'a', 1708243200123, 'completed', 1, 2, 1, 1, 1, 2, '')`,
		`INSERT INTO job_items (job, position, recipient, fields, message_id, state, attempts)
			VALUES (1, 0, '1@s.whatsapp.net', '', 'A', 'sent', 0), (1, 1, '2@s.whatsapp.net', '', 'B', 'pending', 0),
				(1, 2, '3@s.whatsapp.net', '', 'C', 'sending', 0), (1, 3, '4@s.whatsapp.net', '', 'D', 'pending', 2)`,
	} {
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := &jobWorld{T: t, s: s, madeAt: time.UnixMilli(1708243200123).UTC(), now: time.UnixMilli(1708243300000).UTC()}
	if n, err := s.RecoverJobs(t.Context(), w.now); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	j := bulk.Job{ID: "65f1a2b3c4d5e6f7a8b9c0d1", Session: engine.SessionKey{Tenant: DefaultTenant, ID: "a"}}
	for _, index := range []int{2, 3, 1} {
		w.takes("a", j, index)
		w.finish(j, index, "")
	}
	if got := w.counts(j, bulk.StatusCompleted, 4, 0, 0); got.Members[0].Sent != 4 {
		t.Errorf("the member is %+v", got.Members[0])
	}
	j.ID = "65f1a2b3c4d5e6f7a8b9c0d2"
	if got := w.counts(j, bulk.StatusCompleted, 1, 0, 0); got.Members[0].State != bulk.MemberDone {
		t.Errorf("the member is %+v", got.Members[0])
	}
	fresh := w.job(1, nil, "a")
	w.takes("a", fresh, 0)
}
