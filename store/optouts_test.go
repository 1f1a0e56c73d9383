package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

const (
	phoneA = engine.JID("919876543210@s.whatsapp.net")
	phoneB = engine.JID("919876543211@s.whatsapp.net")
	lidA   = engine.JID("100200300@lid")
	lidB   = engine.JID("100200301@lid")
)

// inbox delivers messages to a store, each with an id of its own.
type inbox struct {
	t *testing.T
	s *Store
	n int
}

// says is a message of one person. It tells whether it was new.
func (b *inbox) says(who engine.Person, text string, change ...func(*engine.LoggedMessage)) bool {
	b.t.Helper()
	b.n++
	m := engine.LoggedMessage{
		Session: engine.SessionKey{Tenant: DefaultTenant, ID: "main"}, ID: engine.MessageID(fmt.Sprintf("IN%d", b.n)),
		Chat: who.Preferred(), Peer: who, Kind: engine.KindText, Text: text, CreatedAt: time.UnixMilli(int64(b.n)),
	}
	for _, c := range change {
		c(&m)
	}
	fresh, err := b.s.BeginIncoming(b.t.Context(), m, engine.Event{Session: m.Session, Type: engine.EventMessage, Data: []byte(`{}`)})()
	if err != nil {
		b.t.Fatal(err)
	}
	return fresh
}

// listed shows the list, newest first.
func (b *inbox) listed() (out []string) {
	b.t.Helper()
	list, err := b.s.ListOptOuts(b.t.Context(), DefaultTenant, OptOutPage{Limit: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, o := range list {
		out = append(out, o.Person.Phone.User()+"/"+o.Person.LID.User())
	}
	return out
}

// told shows the events of the list's changes, oldest first.
func (b *inbox) told() (out []engine.OptOutData) {
	b.t.Helper()
	events, err := b.s.ListEvents(b.t.Context(), DefaultTenant, "", 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range events {
		if e.Type != engine.EventOptOut {
			continue
		}
		var d engine.OptOutData
		if err := json.Unmarshal(e.Data, &d); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

func (b *inbox) add(addresses ...engine.JID) int {
	b.t.Helper()
	n, err := b.s.AddOptOuts(b.t.Context(), DefaultTenant, addresses)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *inbox) optedOut(a engine.JID) (out bool) {
	b.t.Helper()
	err := b.s.update(b.t.Context(), func(tx *sql.Tx) (err error) {
		out, err = hasOptedOut(tx, DefaultTenant, a)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	found, err := b.s.FindOptedOut(b.t.Context(), DefaultTenant, []engine.JID{"120363025246125486@g.us", a})
	if err != nil || found[a] != out {
		b.t.Errorf("asked for many, %s is %t, %v; alone %t", a, found[a], err, out)
	}
	return out
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	s, _, _ := jobStore(t)
	return &inbox{t: t, s: s}
}

func TestAWordOptsOutAndInAgain(t *testing.T) {
	b := newInbox(t)
	asha := engine.Person{Phone: phoneA, LID: lidA}
	for _, text := range []string{"please stop", "Hello", "start"} {
		b.says(asha, text)
	}
	b.says(asha, "STOP", func(m *engine.LoggedMessage) { m.Chat = "120363025246125486@g.us" })
	b.says(asha, "STOP", func(m *engine.LoggedMessage) { m.Kind = engine.KindImage })
	if list := b.listed(); len(list) != 0 || len(b.told()) != 0 {
		t.Fatalf("nobody has opted out, and %q is listed", list)
	}
	b.says(asha, " Stop! ", func(m *engine.LoggedMessage) { m.ID = "STOP1" })
	b.says(asha, "STOP")
	if !slices.Equal(b.listed(), []string{"919876543210/100200300"}) || !b.optedOut(phoneA) || !b.optedOut(lidA) || b.optedOut(phoneB) {
		t.Errorf("the list is %q", b.listed())
	}
	o, err := b.s.FindOptOut(t.Context(), DefaultTenant, lidA)
	if err != nil || o.Source != bulk.OptOutByMessage || o.Word != "stop" || o.MessageID != "STOP1" || o.Session != "main" || o.At.IsZero() {
		t.Errorf("the opt-out is %+v, %v", o, err)
	}
	if b.says(asha, "stop", func(m *engine.LoggedMessage) { m.ID = "START1" }); !b.says(asha, "Unstop", func(m *engine.LoggedMessage) { m.ID = "START2" }) {
		t.Fatal("a new message is not new")
	}
	if len(b.listed()) != 0 || b.optedOut(phoneA) {
		t.Errorf("after the way back %q is listed", b.listed())
	}
	// The network may bring the first one again.
	if b.says(asha, " Stop! ", func(m *engine.LoggedMessage) { m.ID = "STOP1" }) || len(b.listed()) != 0 {
		t.Error("a message that was known changed something")
	}
	told := b.told()
	if len(told) != 2 {
		t.Fatalf("told were %+v", told)
	}
	first, last := told[0], told[1]
	if first.At == 0 || first.Phone != "919876543210" || first.LID != lidA || !first.OptedOut || first.Word != "stop" || first.MessageID != "STOP1" || first.Source != "message" {
		t.Errorf("first was told %+v", first)
	}
	if last.OptedOut || last.Word != "unstop" || last.MessageID != "START2" {
		t.Errorf("last was told %+v", last)
	}
}

// A person is recognised by either address, whatever was known when the person
// was put on the list.
func TestOptOutsKnowBothAddresses(t *testing.T) {
	both := engine.Person{Phone: phoneA, LID: lidA}
	for name, c := range map[string]struct {
		do   func(b *inbox)
		want []string
	}{
		"a LID, whose number an earlier message tells": {func(b *inbox) {
			b.says(both, "Hello")
			b.says(engine.Person{LID: lidA}, "stop")
		}, []string{"919876543210/100200300"}},
		"a number, whose LID an earlier message tells": {func(b *inbox) {
			b.says(both, "Hello")
			b.add(phoneA)
		}, []string{"919876543210/100200300"}},
		"a LID, whose number a later message tells": {func(b *inbox) {
			b.says(engine.Person{LID: lidA}, "stop")
			b.says(both, "Hello")
		}, []string{"919876543210/100200300"}},
		"a number, whose LID a send tells": {func(b *inbox) {
			b.add(phoneA)
			b.sent(both)
		}, []string{"919876543210/100200300"}},
		"two entries turn out to be one person": {func(b *inbox) {
			b.add(phoneA, lidA, phoneB)
			b.says(both, "Hello")
		}, []string{"919876543211/", "919876543210/100200300"}},
		"the same, by a word": {func(b *inbox) {
			b.add(phoneA, lidA)
			b.says(both, "stop")
		}, []string{"919876543210/100200300"}},
		"a number that has a new owner": {func(b *inbox) {
			b.says(both, "stop")
			b.says(engine.Person{Phone: phoneA, LID: lidB}, "Hello")
		}, []string{"919876543210/100200300"}},
		"whose new owner opts out as well": {func(b *inbox) {
			b.says(both, "stop")
			b.says(engine.Person{Phone: phoneA, LID: lidB}, "stop")
		}, []string{"919876543210/100200301", "/100200300"}},
		"or wants messages": {func(b *inbox) {
			b.says(both, "stop")
			b.says(engine.Person{Phone: phoneA, LID: lidB}, "start")
		}, []string{"/100200300"}},
		"a person with a new number": {func(b *inbox) {
			b.says(both, "stop")
			b.says(engine.Person{Phone: phoneB, LID: lidA}, "stop")
		}, []string{"919876543211/100200300", "919876543210/"}},
		"two people who were mistaken for one": {func(b *inbox) {
			b.says(both, "stop")
			b.says(engine.Person{Phone: phoneB, LID: lidB}, "stop")
			b.says(engine.Person{Phone: phoneA, LID: lidB}, "stop")
		}, []string{"919876543210/100200301", "919876543211/", "/100200300"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newInbox(t)
			c.do(b)
			if got := b.listed(); !slices.Equal(got, c.want) {
				t.Errorf("the list is %q, want %q", got, c.want)
			}
		})
	}
}

// sent writes down a message to a number that turned out to be somebody.
func (b *inbox) sent(who engine.Person) {
	b.t.Helper()
	key := engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	b.n++
	id := engine.MessageID(fmt.Sprintf("OUT%d", b.n))
	_, err := b.s.ReserveMessage(b.t.Context(), engine.Reservation{Message: engine.LoggedMessage{
		Session: key, ID: id, Direction: engine.Outbound, Chat: who.Phone, Peer: engine.Person{Phone: who.Phone},
		Kind: engine.KindText, Status: engine.MessagePending, CreatedAt: time.Now()}})
	if err == nil {
		err = b.s.FinishMessage(b.t.Context(), key, id, engine.MessageOutcome{Status: engine.MessageSent, SentAt: time.Now(), Recipient: who})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestOptOutsThroughTheAPI(t *testing.T) {
	b := newInbox(t)
	ctx := t.Context()
	many := []engine.JID{phoneA, lidB}
	for i := range 2 * optOutsPerCommit {
		many = append(many, engine.JID(fmt.Sprintf("4915%09d@s.whatsapp.net", i)))
	}
	if n := b.add(many...); n != len(many) {
		t.Errorf("%d of %d were added", n, len(many))
	}
	if n := b.add(many[1:5]...); n != 0 {
		t.Errorf("%d were added again", n)
	}
	found, err := b.s.FindOptedOut(ctx, DefaultTenant, append(slices.Clone(many), phoneB, lidA))
	if err != nil || len(found) != len(many) || found[phoneB] || found[lidA] {
		t.Errorf("%d are found, %v", len(found), err)
	}
	if found, err := b.s.FindOptedOut(ctx, "other", many); err != nil || len(found) != 0 {
		t.Errorf("another tenant finds %d, %v", len(found), err)
	}
	first, err := b.s.ListOptOuts(ctx, DefaultTenant, OptOutPage{Limit: 3})
	if err != nil || len(first) != 3 || first[0].Person.Phone != many[len(many)-1] {
		t.Fatalf("the newest are %+v, %v", first, err)
	}
	next, err := b.s.ListOptOuts(ctx, DefaultTenant, OptOutPage{Before: first[2].ID, Limit: 3})
	if err != nil || len(next) != 3 || next[0].ID >= first[2].ID {
		t.Errorf("what follows is %+v, %v", next, err)
	}
	few, err := b.s.ListOptOuts(ctx, DefaultTenant, OptOutPage{Phone: "9198", Limit: 3})
	if err != nil || len(few) != 1 || few[0].Person.Phone != phoneA || few[0].Source != bulk.OptOutByAPI {
		t.Errorf("those that begin with 9198 are %+v, %v", few, err)
	}
	if err := b.s.RemoveOptOut(ctx, "other", phoneA); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("another tenant's entry: %v", err)
	}
	for _, want := range []engine.Code{"", engine.CodeNotFound} {
		if err := b.s.RemoveOptOut(ctx, DefaultTenant, phoneA); engine.CodeOf(err) != want {
			t.Errorf("removing is %v, want %q", err, want)
		}
	}
	told := b.told()
	if len(told) != 1000 { // the first thousand
		t.Fatalf("%d events", len(told))
	}
	if d := told[0]; d.Phone != "919876543210" || !d.OptedOut || d.Source != "api" || d.MessageID != "" {
		t.Errorf("told was %+v", d)
	}
}

// Another person's message under a contradictory address must not end in an error
// that would hold up the session: every order of sayings goes through.
func TestOptOutsNeverHoldUpMessages(t *testing.T) {
	b := newInbox(t)
	people := []engine.Person{{Phone: phoneA, LID: lidA}, {Phone: phoneA, LID: lidB}, {Phone: phoneB, LID: lidA}, {Phone: phoneB, LID: lidB},
		{Phone: phoneA}, {LID: lidA}, {Phone: phoneB}, {LID: lidB}}
	texts := []string{"stop", "start", "hello"}
	state := uint32(7)
	for range 600 {
		state = state*1664525 + 1013904223
		who, text := people[state>>16%uint32(len(people))], texts[state>>24%3]
		b.says(who, text)
		seen := map[string]bool{}
		for _, one := range b.listed() {
			phone, lid, _ := strings.Cut(one, "/")
			if phone == "" && lid == "" || phone != "" && seen[phone] || lid != "" && seen[lid] {
				t.Fatalf("after %q of %v the list is %q", text, who, b.listed())
			}
			seen[phone], seen[lid] = true, true
		}
		if out := b.optedOut(who.Preferred()); text == "stop" && !out || text == "start" && out {
			t.Fatalf("after %q of %v: opted out is %t", text, who, out)
		}
	}
}

func TestOptOutWordsOfATenant(t *testing.T) {
	b := newInbox(t)
	ctx := t.Context()
	if w, err := b.s.OptOutWords(ctx, DefaultTenant); err != nil || !slices.Contains(w.Stop, "stop") {
		t.Errorf("the usual words are %+v, %v", w, err)
	}
	own, err := bulk.ParseOptOutWords([]string{"Nein danke"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.s.SetOptOutWords(ctx, DefaultTenant, own); err != nil {
		t.Fatal(err)
	}
	b.says(engine.Person{Phone: phoneA}, "stop")
	b.says(engine.Person{Phone: phoneB}, "nein, danke")
	b.says(engine.Person{Phone: phoneB}, "Nein danke.")
	b.says(engine.Person{Phone: phoneB}, "start")
	if !slices.Equal(b.listed(), []string{"919876543211/"}) {
		t.Errorf("the list is %q", b.listed())
	}
	if err := b.s.SetOptOutWords(ctx, DefaultTenant, bulk.OptOutWords{}); err != nil {
		t.Fatal(err)
	}
	if w, err := b.s.OptOutWords(ctx, DefaultTenant); err != nil || len(w.Stop)+len(w.Start) != 0 {
		t.Errorf("switched off, the words are %+v, %v", w, err)
	}
	// Damaged words hold up nobody's messages.
	err = b.s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE tenants SET opt_out_words = '{"stop":[' WHERE id = $1`, DefaultTenant)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.says(engine.Person{Phone: phoneA}, "stop")
	if !b.optedOut(phoneA) {
		t.Error("with damaged words the usual ones are not heeded")
	}
	for _, err := range []error{b.s.SetOptOutWords(ctx, "nobody", own), func() error { _, err := b.s.OptOutWords(ctx, "nobody"); return err }()} {
		if engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("of nobody: %v", err)
		}
	}
}

// What runs for every message and every item finds its rows by an index, and
// looking up reads only as far as it looks ahead.
func TestOptOutPlansUseTheirIndexes(t *testing.T) {
	s := openInside(t, Options{})
	const ahead = "job_items_pending (job=? AND session_id=?)"
	for _, c := range []struct {
		query, want string
		args        []any
	}{
		{matchOptOuts, "opt_outs_phone (tenant_id=? AND phone=?)", []any{"t", "p", "l"}},
		{matchOptOuts, "opt_outs_lid (tenant_id=? AND lid=?)", []any{"t", "p", "l"}},
		{newestWith, "COVERING INDEX messages_lid (tenant_id=? AND peer_lid=?)", []any{"t", "l", "p"}},
		{forgetAcquaintance, "COVERING INDEX messages_lid (tenant_id=? AND peer_lid=?)", []any{"t", "p", "l"}},
		{lidsOfPhone, "PRIMARY KEY (tenant_id=? AND phone=?)", []any{"t", "p"}},
		{selectAcquaintances, "PRIMARY KEY (tenant_id=? AND (phone,lid)>(?,?))", []any{"t", "p", "l", 500}},
		{phoneOfLID, "messages_lid (tenant_id=? AND peer_lid=?)", []any{"t", "l"}},
		{selectOptOut + ` WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT 20`, "opt_outs_tenant (tenant_id=? AND id<?)", []any{"t", 5}},
		{`SELECT phone FROM opt_outs WHERE tenant_id = $1 AND phone <> '' AND phone IN ($2, $3)`,
			"opt_outs_phone (tenant_id=? AND phone=?)", []any{"t", "a", "b"}},
		{nextIsChecked, ahead, []any{1}},
		{checkedAhead, ahead, []any{1, 50}},
		{listUnchecked, ahead, []any{1, 50}},
		{listComing, "job_items_pending (job=? AND session_id=? AND position>?)", []any{1, 5, false, 50}},
		{failUnchecked, "job_items USING INDEX sqlite_autoindex_job_items_1 (job=? AND position=?)", []any{"c", 1, 2}},
	} {
		s.wantPlan(t, c.query, c.args, c.want)
	}
}
