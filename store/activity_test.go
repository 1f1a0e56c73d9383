package store

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// activityClock is a clock that tests move.
type activityClock struct{ now time.Time }

func (c *activityClock) read() time.Time        { return c.now }
func (c *activityClock) pass(d time.Duration)   { c.now = c.now.Add(d) }
func (c *activityClock) hour() (from time.Time) { return c.now.Truncate(time.Hour) }

// work sends a message that takes 100 ms to be taken and a second to arrive, has one
// fail and one refused, and receives one twice.
func work(t *testing.T, s *Store, c *activityClock, key engine.SessionKey, name string) {
	t.Helper()
	ctx := t.Context()
	who := engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}
	reserve := func(id engine.MessageID) error {
		_, err := s.ReserveMessage(ctx, engine.Reservation{Message: engine.LoggedMessage{Session: key, ID: id, Chat: who.Phone, Peer: who,
			Direction: engine.Outbound, Kind: engine.KindText, Text: "Hi", Status: engine.MessagePending, CreatedAt: c.now, StatusAt: c.now}})
		return err
	}
	receive := func() error {
		data, err := engine.Canonical(engine.MessageData{ID: engine.MessageID(name)})
		if err != nil {
			return err
		}
		_, err = s.BeginIncoming(ctx, engine.LoggedMessage{Session: key, ID: engine.MessageID(name), Chat: who.Phone, Peer: who, Kind: engine.KindText, CreatedAt: c.now},
			engine.Event{Session: key, Type: engine.EventMessage, Data: data})()
		return err
	}
	receipt := func(status engine.MessageStatus) func() error {
		return func() error {
			return s.AdvanceMessages(ctx, key, engine.Receipt{Chat: who.LID, IDs: []engine.MessageID{engine.MessageID(name + "A")}, Status: status, At: c.now})
		}
	}
	finish := func(id string, o engine.MessageOutcome) func() error {
		return func() error { return s.FinishMessage(ctx, key, engine.MessageID(name+id), o) }
	}
	for i, step := range []func() error{
		func() error { return reserve(engine.MessageID(name + "A")) },
		func() error { return reserve(engine.MessageID(name + "B")) },
		func() error { return reserve(engine.MessageID(name + "C")) },
		func() error { c.pass(100 * time.Millisecond); return nil },
		finish("A", engine.MessageOutcome{Status: engine.MessageSent, SentAt: c.now.Truncate(time.Second)}),
		finish("B", engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeSendRejected}),
		func() error { return s.DiscardMessage(ctx, key, engine.MessageID(name+"C"), nil) },
		func() error { return s.DiscardMessage(ctx, key, engine.MessageID(name+"C"), nil) }, // it is gone already
		func() error { c.pass(time.Second); return nil },
		receipt(engine.MessageDelivered),
		func() error { c.pass(time.Minute); return nil },
		receipt(engine.MessageRead), // its arrival was counted
		receive, receive,
	} {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// summary tells an hour in a line.
func summary(h ActivityHour) string {
	return fmt.Sprintf("%s: %d sent, %d received, %d failed, %d unknown, %d refused, %d tries failed; %d in %v, %d in %v, %d in %v",
		h.At.Format("15:04"), h.Sent, h.Received, h.Failed, h.Unknown, h.Refused, h.FailedTries,
		h.SendTimes.Count(), h.SendTimes.Quantile(1).Round(10*time.Millisecond),
		h.ReceiptTimes.Count(), h.ReceiptTimes.Quantile(1).Round(10*time.Millisecond),
		h.DeliveryTimes.Count(), h.DeliveryTimes.Quantile(1).Round(10*time.Millisecond))
}

func wantActivity(t *testing.T, hours []ActivityHour, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range hours {
		got = append(got, summary(h))
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("it is told as\n%s\nwant\n%s", a, b)
	}
}

// What happened is counted once by session, tenant and in all, also over two hours
// and several writes, and goes with its tenant or its time.
func TestActivityIsCounted(t *testing.T) {
	c := &activityClock{time.Date(2026, 3, 8, 10, 30, 0, 0, time.UTC)}
	s := openInside(t, Options{Clock: c.read})
	ctx := t.Context()
	if _, _, err := s.EnsureDefaultTenant(ctx, ""); err != nil {
		t.Fatal(err)
	}
	other, _, err := s.CreateTenant(ctx, Origin{}, NewTenant{Tenant: engine.Tenant{ID: "other", Name: "Other", TimeZone: "UTC"}})
	if err != nil {
		t.Fatal(err)
	}
	from, to := c.hour(), c.hour().Add(24*time.Hour)
	a, b := engine.SessionKey{Tenant: DefaultTenant, ID: "a"}, engine.SessionKey{Tenant: DefaultTenant, ID: "b"}
	work(t, s, c, a, "1")
	save := func() {
		t.Helper()
		if err := s.SaveActivity(ctx); err != nil {
			t.Fatal(err)
		}
	}
	save()
	work(t, s, c, b, "2")
	save()
	c.now = from.Add(time.Hour)
	work(t, s, c, a, "3")
	work(t, s, c, engine.SessionKey{Tenant: other.ID, ID: "a"}, "4")
	save()
	save() // nothing is counted twice

	const one = "1 sent, 1 received, 1 failed, 0 unknown, 1 refused, 0 tries failed; 1 in 110ms, 1 in 1.02s, 0 in 0s"
	const two = "2 sent, 2 received, 2 failed, 0 unknown, 2 refused, 0 tries failed; 2 in 110ms, 2 in 1.02s, 0 in 0s"
	hours, err := s.ListActivity(ctx, DefaultTenant, nil, from, to)
	wantActivity(t, hours, err, "10:00: "+two, "11:00: "+one)
	hours, err = s.ListActivity(ctx, DefaultTenant, []engine.SessionID{"a"}, from, to)
	wantActivity(t, hours, err, "10:00: "+one, "11:00: "+one)
	hours, err = s.ListActivity(ctx, DefaultTenant, []engine.SessionID{"a", "b", "c"}, from, from.Add(time.Hour))
	wantActivity(t, hours, err, "10:00: "+two)
	hours, err = s.ListAllActivity(ctx, from, to)
	wantActivity(t, hours, err, "10:00: "+two, "11:00: "+two)

	if _, err := s.BeginErasure(ctx, Origin{}, other.ID); err != nil {
		t.Fatal(err)
	}
	s.activity.add(c.now, happened{messageSent, engine.SessionKey{Tenant: other.ID, ID: "a"}, notTimed})
	if err := s.EraseTenant(ctx, other.ID); err != nil {
		t.Fatal(err)
	}
	save()
	if n, err := s.countOwnRows(ctx, other.ID); err != nil || n != 0 {
		t.Errorf("%d rows of a tenant that is gone (%v)", n, err)
	}
	c.pass(ActivityDays*24*time.Hour + 30*time.Minute)
	if _, err := s.Prune(ctx, 0); err != nil {
		t.Fatal(err)
	}
	hours, err = s.ListActivity(ctx, DefaultTenant, nil, from, to)
	wantActivity(t, hours, err, "11:00: "+one)
}

// A delivery counts from its event's commit, and each try that failed.
func TestDeliveriesAreActivity(t *testing.T) {
	c := &activityClock{time.Date(2026, 3, 8, 10, 30, 0, 0, time.UTC)}
	s := openInside(t, Options{Clock: c.read})
	ctx := t.Context()
	_, _, err := s.EnsureDefaultTenant(ctx, "")
	if err == nil {
		_, err = s.PutEndpoint(ctx, DefaultTenant, "https://example.com", "secret")
	}
	if err == nil {
		err = s.AppendEvent(ctx, engine.Event{Session: engine.SessionKey{Tenant: DefaultTenant, ID: "a"}, Type: engine.EventReady, Data: []byte(`{}`)})
	}
	if err != nil {
		t.Fatal(err)
	}
	try := func(o webhooks.Outcome) {
		t.Helper()
		claims, err := s.ClaimDeliveries(ctx, c.now, webhooks.Room{Healthy: 10, Failing: 10, PerEndpoint: 4, PerTenant: 32})
		if err != nil || len(claims) != 1 {
			t.Fatalf("%d claims (%v)", len(claims), err)
		}
		_, err = s.FinishDeliveries(ctx, webhooks.Tried{ID: claims[0].Delivery.ID, Attempt: webhooks.Attempt{At: c.now, Duration: time.Second}, Outcome: o})
		if err != nil {
			t.Fatal(err)
		}
	}
	c.pass(time.Second)
	try(webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: c.now.Add(time.Minute)})
	c.pass(time.Minute)
	try(webhooks.Outcome{State: webhooks.DeliveryDelivered})
	if err := s.SaveActivity(ctx); err != nil {
		t.Fatal(err)
	}
	hours, err := s.ListActivity(ctx, DefaultTenant, []engine.SessionID{"a"}, c.hour(), c.now)
	wantActivity(t, hours, err, "10:00: 0 sent, 0 received, 0 failed, 0 unknown, 0 refused, 1 tries failed; 0 in 0s, 0 in 0s, 1 in 1m5.54s")
}

// What could not be written is counted with what comes after it.
func TestActivityIsKeptUntilItIsWritten(t *testing.T) {
	c := &activityClock{time.Date(2026, 3, 8, 10, 30, 0, 0, time.UTC)}
	s := openInside(t, Options{Clock: c.read})
	ctx := t.Context()
	if _, _, err := s.EnsureDefaultTenant(ctx, ""); err != nil {
		t.Fatal(err)
	}
	key := engine.SessionKey{Tenant: DefaultTenant, ID: "a"}
	change := func(query string) {
		t.Helper()
		if err := s.update(ctx, func(tx *sql.Tx) error { _, err := tx.Exec(query); return err }); err != nil {
			t.Fatal(err)
		}
	}
	change(`ALTER TABLE activity RENAME TO elsewhere`)
	s.activity.add(c.now, happened{messageReceived, key, notTimed})
	if err := s.SaveActivity(ctx); err == nil {
		t.Fatal("activity was written to a table that is not there")
	}
	change(`ALTER TABLE elsewhere RENAME TO activity`)
	s.activity.add(c.now, happened{messageReceived, key, notTimed})
	if err := s.SaveActivity(ctx); err != nil {
		t.Fatal(err)
	}
	hours, err := s.ListActivity(ctx, DefaultTenant, nil, c.hour(), c.now)
	wantActivity(t, hours, err, "10:00: 0 sent, 2 received, 0 failed, 0 unknown, 0 refused, 0 tries failed; 0 in 0s, 0 in 0s, 0 in 0s")
}

// What is asked for every few seconds reads rows by their keys, and what waits by its
// own indexes.
func TestActivityPlansUseTheirIndexes(t *testing.T) {
	s := openInside(t, Options{})
	for name, c := range map[string]struct {
		query string
		args  []any
		want  string
	}{
		"save":       {findActivity, []any{"t", "s", 1}, "SEARCH activity USING PRIMARY KEY (tenant_id=? AND session_id=? AND hour=?)"},
		"list":       {listActivity, []any{"t", "s", 1, 2}, "SEARCH activity USING PRIMARY KEY (tenant_id=? AND session_id=? AND hour>? AND hour<?)"},
		"age":        {deleteActivity, []any{1, 2}, "activity_hour (hour<?)"},
		"items":      {jobItemsDepth, []any{1}, "job_items_pending (job=?)"},
		"jobs":       {jobItemsDepth, []any{1}, "job_sessions_line"},
		"deliveries": {deliveriesDepth, []any{1}, "deliveries_line"},
		"retries":    {retriesDepth, []any{1}, "deliveries_due"},
	} {
		rows, err := s.write.db.Query("EXPLAIN QUERY PLAN "+c.query, c.args...)
		lines, err := collect(rows, err, func(r row) (line string, err error) {
			var id, parent, unused int
			err = r.Scan(&id, &parent, &unused, &line)
			return line, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if plan := strings.Join(lines, "\n"); !strings.Contains(plan, c.want) {
			t.Errorf("%s: %s is not used:\n%s", name, c.want, plan)
		}
	}
}

// BenchmarkSaveActivity measures what is written every few seconds while a thousand
// sessions are busy.
func BenchmarkSaveActivity(b *testing.B) {
	s, err := Open(b.Context(), b.TempDir()+"/"+FileName, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.EnsureDefaultTenant(b.Context(), ""); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for i := range 1000 {
			key := engine.SessionKey{Tenant: DefaultTenant, ID: engine.SessionID(fmt.Sprint("s", i))}
			s.activity.add(time.Now(), happened{messageSent, key, 90 * time.Millisecond}, happened{messageArrived, key, time.Second}, happened{eventDelivered, key, 20 * time.Millisecond})
		}
		if err := s.SaveActivity(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
