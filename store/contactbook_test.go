package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// book is a store whose default tenant has a session.
type book struct {
	*testing.T
	*Store
	key engine.SessionKey
	n   int
}

func openBook(t *testing.T, o Options) *book {
	t.Helper()
	s := openInside(t, o)
	if _, _, err := s.EnsureDefaultTenant(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	return &book{T: t, Store: s, key: engine.SessionKey{Tenant: DefaultTenant, ID: "main"}}
}

// hears has somebody write a message.
func (b *book) hears(chat engine.JID, who engine.Person, name string) {
	b.Helper()
	b.n++
	m := engine.LoggedMessage{Session: b.key, ID: engine.MessageID(fmt.Sprint("M", b.n)), Chat: chat, Peer: who, PushName: name, Kind: engine.KindText,
		Text: "Hi", CreatedAt: b.clock()}
	fresh, err := b.BeginIncoming(context.Background(), m, engine.Event{Session: b.key, Type: engine.EventMessage, Data: []byte(`{}`)})()
	if err != nil || !fresh {
		b.Fatal(fresh, err)
	}
}

// sends has the network tell whom a message reached.
func (b *book) sends(to, reached engine.Person) {
	b.Helper()
	b.n++
	ctx, id := context.Background(), engine.MessageID(fmt.Sprint("M", b.n))
	_, err := b.ReserveMessage(ctx, engine.Reservation{Message: engine.LoggedMessage{Session: b.key, ID: id, Chat: to.Preferred(), Peer: to,
		Direction: engine.Outbound, Kind: engine.KindText, Status: engine.MessagePending, CreatedAt: b.clock(), StatusAt: b.clock()}})
	if err == nil {
		err = b.FinishMessage(ctx, b.key, id, engine.MessageOutcome{Status: engine.MessageSent, SentAt: b.clock(), Recipient: reached})
	}
	if err != nil {
		b.Fatal(err)
	}
}

// enters has the tenant note somebody.
func (b *book) enters(phone, name string) Contact {
	b.Helper()
	c, _, err := b.PutContact(context.Background(), b.key.Tenant, engine.JID(phone), ContactChange{Name: &name})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// people are the entries, oldest first.
func (b *book) people() (all []Contact) {
	b.Helper()
	all, err := b.ListContacts(context.Background(), b.key.Tenant, ContactPage{Limit: 1000})
	if err != nil {
		b.Fatal(err)
	}
	slices.Reverse(all)
	return all
}

// told are the actions of the events about contacts, oldest first.
func (b *book) told() (all []engine.ContactData) {
	b.Helper()
	events, err := b.ListEvents(context.Background(), b.key.Tenant, "", 1000)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range events {
		if e.Type != engine.EventContact {
			continue
		}
		var data engine.ContactData
		if err := json.Unmarshal(e.Data, &data); err != nil {
			b.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// What becomes of the book, entry by entry, and which events tell of it.
func TestContactsBookLearnsOfPeople(t *testing.T) {
	const phone, other, lid, second engine.JID = "491@s.whatsapp.net", "492@s.whatsapp.net", "1@lid", "2@lid"
	both := engine.Person{Phone: phone, LID: lid}
	for name, c := range map[string]struct {
		do     func(b *book)
		people []string // phone lid name pushName
		told   []string
	}{
		"a stranger": {func(b *book) { b.hears(lid, both, "Asha") }, []string{"491@s.whatsapp.net 1@lid  Asha"}, []string{"new 491 Asha main"}},
		"twice":      {func(b *book) { b.hears(lid, both, "Asha"); b.hears(lid, both, "Asha"); b.hears(lid, both, "") }, []string{"491@s.whatsapp.net 1@lid  Asha"}, []string{"new 491 Asha main"}},
		"another name": {func(b *book) { b.hears(lid, both, "Asha"); b.hears(lid, both, "Asha K"); b.hears(lid, both, "Asha K") },
			[]string{"491@s.whatsapp.net 1@lid  Asha K"}, []string{"new 491 Asha main", "updated 491 Asha K main"}},
		"a group": {func(b *book) { b.hears("77@g.us", both, "Asha") }, nil, nil},
		"somebody entered": {func(b *book) { b.enters(string(phone), "A"); b.hears(lid, both, "Asha") },
			[]string{"491@s.whatsapp.net 1@lid A Asha"}, []string{"new 491  ", "updated 491 Asha main"}},
		"two that are one": {func(b *book) {
			b.hears(lid, engine.Person{LID: lid}, "Asha")
			b.enters(string(phone), "A")
			b.hears(lid, both, "Asha")
		}, []string{"491@s.whatsapp.net 1@lid A Asha"}, []string{"new  Asha main", "new 491  ", "updated 491 Asha main"}},
		"two that a send shows to be one": {func(b *book) {
			b.hears(lid, engine.Person{LID: lid}, "Asha")
			b.enters(string(phone), "A")
			b.sends(phone.Person(), both)
		}, []string{"491@s.whatsapp.net 1@lid A Asha"}, []string{"new  Asha main", "new 491  ", "updated 491 Asha "}},
		"a number with a new owner": {func(b *book) {
			b.hears(lid, both, "Asha")
			b.hears(second, engine.Person{Phone: phone, LID: second}, "Ben")
			b.hears(lid, engine.Person{LID: lid}, "Asha")
		}, []string{" 1@lid  Asha", "491@s.whatsapp.net 2@lid  Ben"}, []string{"new 491 Asha main", "new 491 Ben main"}},
		"a new number": {func(b *book) {
			b.hears(lid, both, "Asha")
			b.hears(lid, engine.Person{Phone: other, LID: lid}, "Asha")
		}, []string{"492@s.whatsapp.net 1@lid  Asha"}, []string{"new 491 Asha main", "updated 492 Asha main"}},
		"a long name": {func(b *book) { b.hears(lid, both, strings.Repeat("é", 300)) },
			[]string{"491@s.whatsapp.net 1@lid  " + strings.Repeat("é", 100)}, []string{"new 491 " + strings.Repeat("é", 100) + " main"}},
		"entered after the LID was told": {func(b *book) { b.sends(phone.Person(), both); b.enters(string(phone), "A") },
			[]string{"491@s.whatsapp.net 1@lid A "}, []string{"new 491  "}},
		"entered twice": {func(b *book) {
			b.enters(string(phone), "A")
			b.enters(string(phone), "A")
			b.enters(string(phone), "B")
		},
			[]string{"491@s.whatsapp.net  B "}, []string{"new 491  ", "updated 491  "}},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1708243200, 0)
			b := openBook(t, Options{Clock: func() time.Time { now = now.Add(time.Millisecond); return now }})
			c.do(b)
			var people, told []string
			for _, p := range b.people() {
				people = append(people, fmt.Sprint(p.Person.Phone, " ", p.Person.LID, " ", p.Name, " ", p.PushName))
			}
			events, err := b.ListEvents(context.Background(), b.key.Tenant, "", 1000)
			if err != nil {
				t.Fatal(err)
			}
			all := b.told()
			for _, e := range events {
				if e.Type == engine.EventContact {
					told = append(told, fmt.Sprint(all[0].Action, " ", all[0].Phone, " ", all[0].PushName, " ", e.Session.ID))
					all = all[1:]
				}
			}
			if !slices.Equal(people, c.people) {
				t.Errorf("the book has %q, want %q", people, c.people)
			}
			if !slices.Equal(told, c.told) {
				t.Errorf("told %q, want %q", told, c.told)
			}
		})
	}
}

// Of two entries the older id stays, with what was noted of either.
func TestContactsThatAreOneKeepWhatWasNoted(t *testing.T) {
	now := time.Unix(1708243200, 0)
	b := openBook(t, Options{Clock: func() time.Time { now = now.Add(time.Second); return now }})
	ctx, person := context.Background(), engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}
	b.hears(person.LID, engine.Person{LID: person.LID}, "Asha")
	first := b.people()[0]
	tags, custom := []string{"vip", "delhi"}, map[string]any{"age": json.Number("42"), "paid": true}
	if _, err := b.ChangeContact(ctx, b.key.Tenant, first.ID, ContactChange{Tags: &tags, Custom: &custom}); err != nil {
		t.Fatal(err)
	}
	name, more, fields := "A", []string{"delhi", "new"}, map[string]any{"age": json.Number("1"), "city": "Delhi"}
	if _, isNew, err := b.PutContact(ctx, b.key.Tenant, person.Phone, ContactChange{Name: &name, Tags: &more, Custom: &fields}); err != nil || !isNew {
		t.Fatal(isNew, err)
	}
	b.hears(person.LID, person, "Asha")
	all := b.people()
	if len(all) != 1 || all[0].ID != first.ID || !all[0].CreatedAt.Equal(first.CreatedAt) || !all[0].Entered {
		t.Fatalf("the book has %+v, want the entry %s alone", all, first.ID)
	}
	got := all[0]
	if !slices.Equal(got.Tags, []string{"vip", "delhi", "new"}) || fmt.Sprint(got.Custom) != "map[age:42 city:Delhi paid:true]" {
		t.Errorf("noted are %q and %v", got.Tags, got.Custom)
	}
	for _, who := range []engine.JID{person.Phone, person.LID} {
		if found, err := b.FindContactOf(ctx, b.key.Tenant, who); err != nil || found.ID != first.ID {
			t.Errorf("%s is %+v (%v)", who, found, err)
		}
	}
}

// Who is known costs nothing more; who is deleted is new again, and another tenant knows nobody.
func TestKnownContactsCostNoStatement(t *testing.T) {
	s, c := countStatements(t)
	ctx, key := context.Background(), engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	if err := s.InsertTenant(ctx, engine.Tenant{ID: "b", Name: "B", CreatedAt: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	who, n := engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}, 0
	hear := func(name string) int64 {
		t.Helper()
		n++
		c.take()
		m := engine.LoggedMessage{Session: key, ID: engine.MessageID(fmt.Sprint("M", n)), Chat: who.LID, Peer: who, PushName: name, Kind: engine.KindText, CreatedAt: time.Unix(1, 0)}
		if _, err := s.BeginIncoming(ctx, m, engine.Event{Session: key, Type: engine.EventMessage, Data: []byte(`{}`)})(); err != nil {
			t.Fatal(err)
		}
		return c.take()
	}
	hear("Asha")
	usual := hear("Asha")
	if again := hear("Asha"); usual != 4 || again != usual {
		t.Errorf("a message took %d statements, and then %d", usual, again)
	}
	if renamed := hear("Asha K"); renamed != usual+3 {
		t.Errorf("a message with another name took %d statements", renamed)
	}
	if again := hear("Asha K"); again != usual {
		t.Errorf("the message behind it took %d statements", again)
	}
	found, err := s.FindContactOf(ctx, key.Tenant, who.Phone)
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []func(engine.TenantID) error{
		func(id engine.TenantID) error { _, err := s.FindContact(ctx, id, found.ID); return err },
		func(id engine.TenantID) error { _, err := s.FindContactOf(ctx, id, who.Phone); return err },
		func(id engine.TenantID) error {
			_, err := s.ChangeContact(ctx, id, found.ID, ContactChange{})
			return err
		},
		func(id engine.TenantID) error { return s.DeleteContact(ctx, id, found.ID) },
	} {
		if err := do("b"); engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("another tenant's contact: %v", err)
		}
		if err := do(key.Tenant); err != nil {
			t.Error(err)
		}
	}
	hear("Asha")
	again, err := s.FindContactOf(ctx, key.Tenant, who.Phone)
	if err != nil || again.ID == found.ID {
		t.Errorf("the deleted contact came back as %+v (%v)", again, err)
	}
}

// Contacts are listed newest first, page by page, and searched in all that names them.
func TestContactsAreListed(t *testing.T) {
	now := time.Unix(1708243200, 0)
	b := openBook(t, Options{Clock: func() time.Time { now = now.Add(time.Second); return now }})
	ctx := context.Background()
	for i := range 7 {
		b.enters(fmt.Sprintf("49300000%d@s.whatsapp.net", i), fmt.Sprint("Person ", i))
	}
	b.hears("9@lid", engine.Person{LID: "9@lid"}, "Ångström")
	tags := []string{`v"ip`}
	if _, _, err := b.PutContact(ctx, b.key.Tenant, "493000003@s.whatsapp.net", ContactChange{Tags: &tags}); err != nil {
		t.Fatal(err)
	}
	names := func(p ContactPage) string {
		t.Helper()
		if p.Limit == 0 {
			p.Limit = 100
		}
		list, err := b.ListContacts(ctx, b.key.Tenant, p)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, c := range list {
			all = append(all, strings.TrimPrefix(c.Name+c.PushName, "Person "))
		}
		if n, err := b.CountContacts(ctx, b.key.Tenant, p); err != nil || p.After == "" && p.Skip == 0 && p.Limit == 100 && n != len(list) {
			t.Errorf("%+v counts %d of %d (%v)", p, n, len(list), err)
		}
		return strings.Join(all, " ")
	}
	all := b.people()
	for _, c := range []struct {
		page ContactPage
		want string
	}{
		{ContactPage{}, "Ångström 6 5 4 3 2 1 0"},
		{ContactPage{Limit: 3}, "Ångström 6 5"},
		{ContactPage{Skip: 3, Limit: 3}, "4 3 2"},
		{ContactPage{After: all[3].ID, Limit: 2}, "2 1"},
		{ContactPage{After: "gone"}, ""},
		{ContactPage{Search: "pErSoN 4"}, "4"},
		{ContactPage{Search: "00002"}, "2"},
		{ContactPage{Search: "ångstr"}, "Ångström"},
		{ContactPage{Search: "%"}, ""},
		{ContactPage{Tag: `v"ip`}, "3"},
		{ContactPage{Tag: `ip`}, ""},
	} {
		if got := names(c.page); got != c.want {
			t.Errorf("%+v lists %q, want %q", c.page, got, c.want)
		}
	}
}

func TestContactChangesAreChecked(t *testing.T) {
	text := func(n int) *string { s := strings.Repeat("a", n); return &s }
	many, custom := make([]string, MaxContactTags+1), map[string]any{}
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for i := range 40 {
		custom[fmt.Sprint(i)] = strings.Repeat("x", 300)
	}
	line, bad := "a\nb", "a\xff"
	for name, c := range map[string]ContactChange{
		"a long name": {Name: text(MaxContactName + 1)}, "two lines": {Name: &line}, "no UTF-8": {Name: &bad},
		"many tags": {Tags: &many}, "a long tag": {Tags: &[]string{*text(MaxContactTag + 1)}}, "an empty tag": {Tags: &[]string{""}},
		"much": {Custom: &custom}, "a list": {Custom: &map[string]any{"a": []any{}}}, "no name": {Custom: &map[string]any{"": "x"}},
		"a long field": {Custom: &map[string]any{*text(MaxCustomName + 1): "x"}},
	} {
		if err := c.Check(); engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%s passed: %v", name, err)
		}
	}
	if err := (ContactChange{Name: text(MaxContactName), Tags: &[]string{*text(MaxContactTag)}, Custom: &map[string]any{"a": json.Number("1"), "b": "x", "c": true}}).Check(); err != nil {
		t.Error(err)
	}
}

// Retention forgets whom only messages have named, once there are none, and leaves
// those whom the tenant has entered.
func TestRetentionForgetsContacts(t *testing.T) {
	now := time.Now()
	b := openBook(t, Options{Clock: func() time.Time { return now }})
	ctx := context.Background()
	days := 30
	if _, err := b.ChangeTenant(ctx, Origin{By: ActorOperator}, b.key.Tenant, TenantChange{Retention: &days}); err != nil {
		t.Fatal(err)
	}
	b.hears("1@lid", engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}, "gone")
	b.hears("492@s.whatsapp.net", engine.Person{Phone: "492@s.whatsapp.net"}, "phone gone")
	b.hears("3@lid", engine.Person{LID: "3@lid"}, "writes again")
	b.enters("494@s.whatsapp.net", "entered")
	b.hears("5@lid", engine.Person{Phone: "495@s.whatsapp.net", LID: "5@lid"}, "changed")
	b.enters("495@s.whatsapp.net", "changed")
	now = now.AddDate(0, 0, 31)
	b.hears("3@lid", engine.Person{LID: "3@lid"}, "writes again")
	if _, err := b.Prune(ctx, 0); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, c := range b.people() {
		left = append(left, c.Name+c.PushName)
	}
	slices.Sort(left)
	if want := []string{"changedchanged", "entered", "writes again"}; !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
}

// What runs for messages of strangers, and what retention asks, finds its rows by an index.
func TestContactPlansUseTheirIndexes(t *testing.T) {
	s := openInside(t, Options{})
	page := ContactPage{Limit: 10}.conditions("t")
	for _, c := range []struct {
		query, want string
		args        []any
	}{
		{matchContacts, "contacts_phone (tenant_id=? AND phone=?)", []any{"t", "p", "l"}},
		{matchContacts, "contacts_lid (tenant_id=? AND lid=?)", []any{"t", "p", "l"}},
		{selectContact + page.where() + ` ORDER BY created_at DESC, id DESC LIMIT 10`, "contacts_list (tenant_id=?)", page.args},
		{forgetContact, "messages_lid (tenant_id=? AND peer_lid=?)", []any{"t", "i", "l", "p"}},
		{forgetContact, "messages_phone (tenant_id=? AND peer_phone=?)", []any{"t", "i", "l", "p"}},
	} {
		s.wantPlan(t, c.query, c.args, c.want)
	}
}
