package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"wapid/engine"
)

func TestPublications(t *testing.T) {
	b := openBook(t, Options{})
	ctx, from := context.Background(), Origin{By: ActorOperator, Request: "r"}
	if err := b.InsertTenant(ctx, engine.Tenant{ID: "b", Name: "B", CreatedAt: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []engine.SessionKey{b.key, {Tenant: DefaultTenant, ID: "second"}, {Tenant: "b", ID: "main"}} {
		if err := b.InsertSession(ctx, engine.Session{Key: key, CreatedAt: time.Now(), UpdatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	asha := engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}
	b.hears(asha.LID, asha, "Asha")
	publish := func(key engine.SessionKey, chat engine.JID, title string) Publication {
		t.Helper()
		p, err := b.Publish(ctx, from, key, chat, title)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	one := publish(b.key, asha.LID, "One")
	again := publish(b.key, asha.Phone, "Two")
	if again.ID != one.ID || again.Title != "Two" || again.Chat != asha.Phone || len(one.ID) != 26 {
		t.Errorf("published %+v, and then %+v", one, again)
	}
	second := publish(engine.SessionKey{Tenant: DefaultTenant, ID: "second"}, asha.Phone, "")
	other := publish(engine.SessionKey{Tenant: "b", ID: "main"}, asha.Phone, "")
	if _, err := b.Publish(ctx, from, engine.SessionKey{Tenant: "b", ID: "second"}, asha.Phone, ""); engine.CodeOf(err) != engine.CodeSessionNotFound {
		t.Errorf("published for another tenant's session: %v", err)
	}
	ids := func(tenant engine.TenantID, sessions []engine.SessionID) (all []PublicationID) {
		t.Helper()
		list, err := b.ListPublications(ctx, tenant, sessions)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			all = append(all, p.ID)
		}
		slices.Sort(all)
		return all
	}
	if got, want := ids(DefaultTenant, nil), slices.Sorted(slices.Values([]PublicationID{one.ID, second.ID})); !slices.Equal(got, want) {
		t.Errorf("listed are %q, want %q", got, want)
	}
	if got := ids(DefaultTenant, []engine.SessionID{"second"}); !slices.Equal(got, []PublicationID{second.ID}) {
		t.Errorf("of one session are listed %q", got)
	}
	for _, refused := range []error{
		b.Unpublish(ctx, from, DefaultTenant, nil, other.ID), b.Unpublish(ctx, from, DefaultTenant, []engine.SessionID{"second"}, one.ID),
		b.Unpublish(ctx, from, DefaultTenant, []engine.SessionID{}, one.ID), b.Unpublish(ctx, from, DefaultTenant, nil, "nothing"),
	} {
		if engine.CodeOf(refused) != engine.CodeNotFound {
			t.Errorf("unpublished what is not the caller's: %v", refused)
		}
	}
	shown := func(id PublicationID) bool {
		t.Helper()
		_, err := b.FindPublication(ctx, id)
		if err != nil && engine.CodeOf(err) != engine.CodeNotFound {
			t.Fatal(err)
		}
		return err == nil
	}
	if !shown(one.ID) || !shown(other.ID) || shown("nothing") {
		t.Error("what is published is not found, or something else is")
	}
	if _, err := b.SuspendTenant(ctx, from, "b", true); err != nil || shown(other.ID) {
		t.Errorf("a suspended tenant's is shown (%v)", err)
	}
	if err := b.Unpublish(ctx, from, DefaultTenant, nil, one.ID); err != nil || shown(one.ID) {
		t.Errorf("what was taken back is shown (%v)", err)
	}
	if fresh := publish(b.key, asha.Phone, ""); fresh.ID == one.ID {
		t.Error("an id came back")
	}
	if err := b.DeleteSession(ctx, second.Session); err != nil || shown(second.ID) {
		t.Errorf("a removed session's is shown (%v)", err)
	}
	lines, err := b.ListAudit(ctx, AuditFilter{Tenant: DefaultTenant, Limit: 10})
	var told []string
	for _, l := range lines {
		told = append(told, fmt.Sprint(l.Action, l.Target == string(one.ID)))
	}
	if want := []string{"conversation.publishfalse", "conversation.unpublishtrue", "conversation.publishfalse", "conversation.publishtrue", "conversation.publishtrue"}; err != nil || !slices.Equal(told, want) {
		t.Errorf("the audit log has %q, want %q (%v)", told, want, err)
	}
}

// Days are counted alike before and after they were tallied.
func TestMessagesAreCountedByDay(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	b := openBook(t, Options{Clock: func() time.Time { return now }})
	ctx := context.Background()
	asha := engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}
	for range 3 { // on three days, more on each
		b.hears(asha.LID, asha, "Asha")
		b.sends(asha, asha)
		b.sends(asha, asha)
		now = now.AddDate(0, 0, 1)
		b.hears(asha.LID, asha, "Asha")
	}
	count := func(sessions []engine.SessionID, from, to string) (all []string) {
		t.Helper()
		first, _ := time.Parse(time.DateOnly, from)
		last, err := time.Parse(time.DateOnly, to)
		if err != nil {
			t.Fatal(err)
		}
		list, err := b.CountDays(ctx, b.key.Tenant, sessions, first, last)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			all = append(all, fmt.Sprintf("%s %s %s %d", d.Day.Format(time.DateOnly), d.Direction, d.Status, d.N))
		}
		return all
	}
	want := []string{"2026-03-10 in received 1", "2026-03-10 out sent 2", "2026-03-11 in received 2", "2026-03-11 out sent 2",
		"2026-03-12 in received 2", "2026-03-12 out sent 2", "2026-03-13 in received 1"}
	check := func(when string) {
		t.Helper()
		for _, sessions := range [][]engine.SessionID{nil, {"main", "other"}} {
			if got := count(sessions, "2026-03-01", "2026-03-31"); !slices.Equal(got, want) {
				t.Errorf("%s there are %q, want %q", when, got, want)
			}
		}
		if got := count(nil, "2026-03-11", "2026-03-11"); !slices.Equal(got, want[2:4]) {
			t.Errorf("%s one day has %q, want %q", when, got, want[2:4])
		}
		if got := count([]engine.SessionID{}, "2026-03-01", "2026-03-31"); got != nil {
			t.Errorf("%s no session has %q", when, got)
		}
	}
	check("before the tally")
	if err := b.TallyMessages(ctx); err != nil {
		t.Fatal(err)
	}
	check("after the tally")
	b.wantPlan(t, countLateDays+` WHERE tenant_id = $1 AND created_at >= $2 AND created_at < $3`, []any{"t", 1, 2},
		"INDEX messages_log (tenant_id=? AND created_at>? AND created_at<?)")
}
