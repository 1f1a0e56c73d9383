package store

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// model is what the log should hold, newest first, and says which of it a filter wants
// without any of what makes the store fast.
type model []engine.LoggedMessage

func (m model) pick(f MessageFilter) (ids []string) {
	for _, one := range m {
		switch {
		case f.Sessions != nil && !slices.Contains(f.Sessions, one.Session.ID), f.Direction != "" && f.Direction != one.Direction,
			f.Status != "" && f.Status != one.Status, f.Kind != "" && f.Kind != one.Kind,
			!f.Since.IsZero() && one.CreatedAt.Before(f.Since), !f.Until.IsZero() && !one.CreatedAt.Before(f.Until),
			!strings.Contains(one.Text, f.Text),
			f.To != "" && !(one.Direction == engine.Outbound && one.Peer.Phone == f.To || one.Direction == engine.Inbound && slices.Contains(f.OwnTo, one.Session.ID)):
			continue
		}
		ids = append(ids, string(one.ID))
	}
	return ids
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// randomLog fills a store with messages of five days, of which most are counted, and
// lets things happen to them: before, after and while they are counted.
func randomLog(t *testing.T, r *rand.Rand) (*Store, model, time.Time) {
	t.Helper()
	start := time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
	clock := start
	s := openInside(t, Options{Clock: func() time.Time { return clock }})
	if err := s.InsertTenant(t.Context(), engine.Tenant{ID: "ten", Name: "Ten", CreatedAt: start}); err != nil {
		t.Fatal(err)
	}
	var log model
	change := func(fn func(tx *sql.Tx) error) {
		t.Helper()
		if err := s.update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	for day := range 5 {
		if day == 2 { // nothing happens for a day
			continue
		}
		at := start.AddDate(0, 0, day)
		change(func(tx *sql.Tx) error {
			for i := range 5*tallyLeast/2 + r.IntN(200) {
				m := engine.LoggedMessage{Session: engine.SessionKey{Tenant: "ten", ID: pick[engine.SessionID](r, "a", "b", "c")},
					ID: engine.MessageID(fmt.Sprintf("%d-%d", day, i)), Direction: pick(r, engine.Inbound, engine.Outbound, engine.Outbound),
					Kind: pick(r, engine.KindText, engine.KindText, engine.KindText, engine.KindImage), Text: pick(r, "apple", "pear"),
					Peer: engine.Person{Phone: pick[engine.JID](r, "1@s.whatsapp.net", "2@s.whatsapp.net")}, CreatedAt: at.Add(time.Duration(r.IntN(12*3600)) * time.Second)}
				m.Chat = m.Peer.Phone
				m.Status = pick(r, engine.MessageSent, engine.MessageSent, engine.MessageFailed)
				if m.Direction == engine.Inbound {
					m.Status = engine.MessageReceived
				}
				if _, err := s.insertMessage(tx, m, ""); err != nil {
					return err
				}
				log = append(log, m)
			}
			return nil
		})
		clock = at.Add(6 * time.Hour) // half of the messages are counted now, the clock goes on and is set back
		if err := s.TallyMessages(t.Context()); err != nil {
			t.Fatal(err)
		}
		change(func(tx *sql.Tx) error {
			for range 100 {
				i := r.IntN(len(log))
				m := &log[i]
				if r.IntN(4) == 0 {
					if _, err := tx.Exec(`DELETE FROM messages WHERE id = $1`, m.ID); err != nil {
						return err
					}
					log = slices.Delete(log, i, i+1)
					continue
				}
				m.Status = pick(r, engine.MessageDelivered, engine.MessageRead, engine.MessagePlayed)
				if _, err := tx.Exec(`UPDATE messages SET status = $1 WHERE id = $2`, m.Status, m.ID); err != nil {
					return err
				}
			}
			return nil
		})
	}
	// The order of the log: by time, and what came later first.
	slices.Reverse(log)
	slices.SortStableFunc(log, func(a, b engine.LoggedMessage) int {
		return cmp.Compare(b.CreatedAt.UnixMilli(), a.CreatedAt.UnixMilli())
	})
	return s, log, start
}

// However much of a log is counted, and whatever happened to what was, each list is
// what its filter says, page by page and in number.
func TestListsAreRightWhateverIsCounted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s, log, start := randomLog(t, r)
	s.searches = 2 * len(log)
	var counted int
	if err := s.read.QueryRow(`SELECT sum(n) FROM message_counts WHERE session_id = ''`).Scan(&counted); err != nil || counted < len(log)/2 || counted >= len(log) {
		t.Fatalf("%d of %d messages are counted by day, %v", counted, len(log), err)
	}
	for i := range 120 {
		f := MessageFilter{
			Direction: pick(r, "", "", engine.Inbound, engine.Outbound),
			Status:    pick(r, "", "", engine.MessageFailed, engine.MessageRead, engine.MessageSent, engine.MessageQueued, engine.MessagePending),
			Kind:      pick(r, "", "", "", engine.KindText, engine.KindImage),
			Sessions:  pick(r, nil, nil, []engine.SessionID{"a"}, []engine.SessionID{"a", "c"}, []engine.SessionID{}),
		}
		switch r.IntN(6) {
		case 0:
			f.Text = "pear"
		case 1:
			f.To = "1@s.whatsapp.net"
		case 2:
			f.To, f.OwnTo = "2@s.whatsapp.net", []engine.SessionID{"b", "c"}
		}
		if r.IntN(3) == 0 {
			f.Since = start.Add(time.Duration(r.IntN(6*24*60)-600) * time.Minute)
		}
		if r.IntN(3) == 0 {
			f.Until = start.Add(time.Duration(r.IntN(6*24*60)-600) * time.Minute)
		}
		want := log.pick(f)
		if n, exact, err := s.CountMessages(t.Context(), "ten", f); err != nil || !exact || n != len(want) {
			t.Fatalf("%d, %+v: counted %d, want %d, exactly %v, %v", i, f, n, len(want), exact, err)
		}
		limit := pick(r, 1, 20, 200)
		for _, skip := range []int{0, r.IntN(len(want) + 2), max(0, len(want)-limit)} {
			page, err := s.PageMessages(t.Context(), "ten", f, nil, skip, limit)
			from := min(skip, len(want))
			if part := want[from:min(from+limit, len(want))]; err != nil || !slices.Equal(idsOf(page.Messages), part) || (page.Next != nil) != (from+limit < len(want)) {
				t.Fatalf("%d, %+v: after %d of %d: %d messages, want %d, more %v, %v", i, f, skip, len(want), len(page.Messages), len(part), page.Next, err)
			}
		}
		var listed []string
		var after *MessageCursor
		for {
			page, err := s.PageMessages(t.Context(), "ten", f, after, 0, max(limit, 20))
			if err != nil {
				t.Fatal(err)
			}
			listed = append(listed, idsOf(page.Messages)...)
			if after = page.Next; after == nil {
				break
			}
		}
		if !slices.Equal(listed, want) {
			t.Fatalf("%d, %+v: by cursor %d messages, want %d", i, f, len(listed), len(want))
		}
	}
}

// A search looks into so many messages a page, says that it may have found less than
// there is, and goes on by its cursor until it has seen all.
func TestSearchesGoOn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	s, log, start := randomLog(t, r)
	s.searches = 70
	for _, status := range []engine.MessageStatus{engine.MessageSent, engine.MessageDelivered, engine.MessageRead} {
		// Of a status alone so much more is looked into, and the counts say how many there are.
		f := MessageFilter{Status: status}
		if n, exact, err := s.CountMessages(t.Context(), "ten", f); err != nil || !exact || n != len(log.pick(f)) {
			t.Errorf("%s: counted %d of %d, exactly %v, %v", status, n, len(log.pick(f)), exact, err)
		}
	}
	for name, f := range map[string]MessageFilter{
		"text":                   {Text: "pear"},
		"text, kind":             {Text: "pear", Kind: engine.KindImage, Since: start.Add(100 * time.Minute)},
		"status of a peer":       {To: "1@s.whatsapp.net", Status: engine.MessageFailed},
		"text that is not there": {Text: "plum"},
		"status":                 {Status: engine.MessageDelivered},
	} {
		want := log.pick(f)
		if n, exact, err := s.CountMessages(t.Context(), "ten", f); err != nil || exact != (name == "status") || n > len(want) {
			t.Errorf("%s: counted %d of %d, exactly %v, %v", name, n, len(want), exact, err)
		}
		var listed []string
		var after *MessageCursor
		pages := 0
		for ; ; pages++ {
			page, err := s.PageMessages(t.Context(), "ten", f, after, 0, 10)
			if err != nil {
				t.Fatal(err)
			}
			listed = append(listed, idsOf(page.Messages)...)
			if after = page.Next; after == nil {
				break
			}
		}
		if !slices.Equal(listed, want) || pages < 3 {
			t.Errorf("%s: %d messages on %d pages, want %d", name, len(listed), pages, len(want))
		}
	}
}

// An erased tenant's counts go with it.
func TestErasureForgetsCounts(t *testing.T) {
	s, _, _ := randomLog(t, rand.New(rand.NewPCG(5, 6)))
	if _, err := s.BeginErasure(t.Context(), Origin{By: ActorOperator}, "ten"); err != nil {
		t.Fatal(err)
	}
	if err := s.TallyMessages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.EraseTenant(t.Context(), "ten"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"message_counts", "message_tallies", "messages"} {
		var n int
		if err := s.read.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows of %s are left, %v", n, table, err)
		}
	}
}

// A message that is logged behind what is counted already is counted at once, also by
// the writer that has read before how far that is; of a transaction that is undone, or
// a message that comes twice, nothing is.
func TestMessagesOfASetBackClockAreCounted(t *testing.T) {
	s := openInside(t, Options{Clock: func() time.Time { return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC) }})
	if _, _, err := s.EnsureDefaultTenant(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	n := 0
	insert := func(at time.Time, most int, want error) {
		t.Helper()
		err := s.record(t.Context(), func(tx *sql.Tx) error {
			for range most {
				n++
				m := outgoingMessage(engine.SessionKey{Tenant: DefaultTenant, ID: "main"}, engine.MessageID(fmt.Sprint("M", n)))
				m.CreatedAt = at
				for range 2 {
					if _, err := s.insertMessage(tx, m, ""); err != nil {
						return err
					}
				}
			}
			return want
		})
		if !errors.Is(err, want) {
			t.Fatal(err)
		}
	}
	wantCounted := func(want int) {
		t.Helper()
		for _, session := range []string{"", "main"} {
			var got int
			err := s.read.QueryRow(`SELECT coalesce(sum(n), 0) FROM message_counts WHERE session_id = $1 AND day = $2`, session,
				time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC).UnixMilli()/dayMillis).Scan(&got)
			if err != nil || got != want {
				t.Errorf("%d of session %q are counted, want %d (%v)", got, session, want, err)
			}
		}
	}
	yesterday := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	insert(yesterday, tallyLeast, nil)
	wantCounted(0)
	if err := s.TallyMessages(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantCounted(tallyLeast)
	insert(yesterday, 2, errors.New("no"))
	wantCounted(tallyLeast)
	insert(yesterday, 3, nil)
	wantCounted(tallyLeast + 3)
	insert(yesterday.AddDate(0, 0, 1), 3, nil)
	wantCounted(tallyLeast + 3)
	total, exact, err := s.CountMessages(t.Context(), DefaultTenant, MessageFilter{})
	if err != nil || !exact || total != tallyLeast+6 {
		t.Errorf("%d messages in all, exactly %v, want %d (%v)", total, exact, tallyLeast+6, err)
	}
}
