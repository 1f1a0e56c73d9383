package store

import (
	"database/sql"
	"strconv"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

func graphTenants(t *testing.T, s *Store, ids ...engine.TenantID) {
	t.Helper()
	for _, id := range ids {
		succeed(t, s.InsertTenant(t.Context(), engine.Tenant{ID: id, Name: string(id), CreatedAt: time.Now()}))
	}
}

func TestGraphIDsStayAndBelongToTheirTenant(t *testing.T) {
	s, ctx := openInside(t, Options{}), t.Context()
	graphTenants(t, s, "a", "b")
	seen := map[int64]bool{}
	for _, tenant := range []engine.TenantID{"a", "b"} {
		for _, o := range []GraphObject{{Kind: GraphWABA}, {Kind: GraphApp}, {Kind: GraphMedia, Ref: "file:1"}, {Kind: GraphTemplate, Ref: "file:1"}} {
			id, err := s.GraphID(ctx, tenant, o.Kind, o.Ref)
			succeed(t, err)
			again, err := s.GraphID(ctx, tenant, o.Kind, o.Ref)
			succeed(t, err)
			if again != id || seen[id] || len(strconv.FormatInt(id, 10)) != 15 || id >= 1<<53 {
				t.Errorf("%s's %s got %d and %d", tenant, o.Kind, id, again)
			}
			seen[id] = true
			found, err := s.FindGraphObject(ctx, tenant, id)
			if err != nil || found.ID != id || found.Kind != o.Kind || found.Ref != o.Ref {
				t.Errorf("%d is %+v, %v", id, found, err)
			}
			other := map[engine.TenantID]engine.TenantID{"a": "b", "b": "a"}[tenant]
			if _, err := s.FindGraphObject(ctx, other, id); engine.CodeOf(err) != engine.CodeNotFound {
				t.Errorf("another tenant finds %d: %v", id, err)
			}
		}
	}
	if _, err := s.GraphID(ctx, "nobody", GraphWABA, ""); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("a tenant that is not there: %v", err)
	}
	ids, err := s.FindGraphIDs(ctx, "a", GraphMedia)
	if err != nil || len(ids) != 1 || !seen[ids["file:1"]] {
		t.Errorf("the ids of media are %v, %v", ids, err)
	}
}

// An id that is another's is not taken from it.
func TestATakenGraphIDIsNotGivenTwice(t *testing.T) {
	s := openInside(t, Options{})
	graphTenants(t, s, "a", "b")
	id, err := s.GraphID(t.Context(), "a", GraphWABA, "")
	succeed(t, err)
	succeed(t, s.update(t.Context(), func(tx *sql.Tx) error {
		taken, err := insertGraphObject(tx, 1, GraphObject{ID: id, Kind: GraphWABA}, "b")
		if err != nil || !taken {
			t.Errorf("the second one of an id: taken %v, %v", taken, err)
		}
		return err
	}))
	if o, err := s.FindGraphObject(t.Context(), "a", id); err != nil || o.Kind != GraphWABA {
		t.Errorf("the first one is %+v, %v", o, err)
	}
	succeed(t, s.update(t.Context(), func(tx *sql.Tx) error { return forgetGraphObject(tx, "a", GraphWABA, "") }))
	if _, err := s.FindGraphObject(t.Context(), "a", id); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("a forgotten id: %v", err)
	}
}

// linkTo writes that a session is linked to a number, or, without one, no more.
func linkTo(t *testing.T, s *Store, key engine.SessionKey, phone string) {
	t.Helper()
	all, err := s.ListAllSessions(t.Context())
	succeed(t, err)
	for _, one := range all {
		if one.Key != key {
			continue
		}
		to := one.State
		to.Identity = engine.Identity{}
		if phone != "" {
			to.Identity = engine.Identity{Device: engine.DeviceID(phone), Person: engine.Person{Phone: engine.JID(phone + "@s.whatsapp.net")}}
		}
		succeed(t, s.SaveState(t.Context(), key, one.State, to, time.Now()))
		return
	}
	succeed(t, s.InsertSession(t.Context(), engine.Session{Key: key, State: engine.State{Status: engine.StatusInitializing, Intent: engine.IntentRun}, CreatedAt: time.Now(), UpdatedAt: time.Now()}))
	linkTo(t, s, key, phone)
}

func TestAPhoneKeepsItsIDThroughLinkingAgain(t *testing.T) {
	s, ctx := openInside(t, Options{}), t.Context()
	graphTenants(t, s, "a", "b")
	main, other := engine.SessionKey{Tenant: "a", ID: "main"}, engine.SessionKey{Tenant: "a", ID: "other"}
	const one, two = "919876543210", "919876543211"
	phoneOf := func(key engine.SessionKey) GraphObject {
		t.Helper()
		o, err := s.PhoneObject(ctx, key)
		succeed(t, err)
		return o
	}
	sessionOf := func(id int64, want engine.SessionKey) {
		t.Helper()
		o, err := s.FindGraphObject(ctx, want.Tenant, id)
		succeed(t, err)
		if got, err := s.FindPhoneSession(ctx, want.Tenant, o); err != nil || got != want {
			t.Errorf("%d is the session %v, %v; want %v", id, got, err, want)
		}
	}
	linkTo(t, s, main, "")
	if _, err := s.PhoneObject(ctx, main); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("the phone of a session that was never linked: %v", err)
	}
	linkTo(t, s, main, one)
	first := phoneOf(main)
	if first.Ref != one || first.Kind != GraphPhone {
		t.Fatalf("the phone is %+v", first)
	}
	sessionOf(first.ID, main)

	linkTo(t, s, main, "") // logged out
	if got := phoneOf(main); got.ID != first.ID {
		t.Errorf("logged out it is %+v", got)
	}
	sessionOf(first.ID, main)
	linkTo(t, s, main, one)
	if got := phoneOf(main); got.ID != first.ID {
		t.Errorf("linked again it is %+v", got)
	}

	linkTo(t, s, main, "")
	linkTo(t, s, other, one) // the same number under another session
	if got := phoneOf(other); got.ID != first.ID {
		t.Errorf("under another session it is %+v", got)
	}
	sessionOf(first.ID, other)
	if _, err := s.PhoneObject(ctx, main); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("the session before still has it: %v", err)
	}

	linkTo(t, s, main, two) // another number
	second := phoneOf(main)
	if second.ID == first.ID {
		t.Error("two numbers have one id")
	}
	sessionOf(first.ID, other)
	sessionOf(second.ID, main)

	linkTo(t, s, main, one) // two devices of one number: the one that was linked last
	sessionOf(first.ID, main)
	linkTo(t, s, main, "")
	sessionOf(first.ID, other)

	succeed(t, s.DeleteSession(ctx, other))
	sessionOf(first.ID, main) // the last one that was linked
	elsewhere := engine.SessionKey{Tenant: "b", ID: "main"}
	linkTo(t, s, elsewhere, one)
	if got := phoneOf(elsewhere); got.ID == first.ID {
		t.Error("two tenants share an id")
	}
}

// A database of before has sessions that were linked when numbers had no ids.
func TestAPhoneWithoutAnIDGetsOne(t *testing.T) {
	s, ctx := openInside(t, Options{}), t.Context()
	graphTenants(t, s, "a")
	key := engine.SessionKey{Tenant: "a", ID: "main"}
	linkTo(t, s, key, "919876543210")
	succeed(t, s.update(ctx, func(tx *sql.Tx) error { return forgetGraphObject(tx, "a", GraphPhone, "919876543210") }))
	o, err := s.PhoneObject(ctx, key)
	succeed(t, err)
	found, err := s.FindGraphObject(ctx, "a", o.ID)
	succeed(t, err)
	if got, err := s.FindPhoneSession(ctx, "a", found); err != nil || got != key {
		t.Errorf("its session is %v, %v", got, err)
	}
}

func TestGraphPlansUseTheirIndexes(t *testing.T) {
	s := openInside(t, Options{})
	for name, c := range map[string]struct {
		query string
		args  []any
		want  string
	}{
		"id":      {selectGraphID, []any{"t", "phone", "1"}, "(tenant_id=? AND kind=? AND ref=?)"},
		"object":  {selectGraphObject, []any{1, "t"}, "(id=?)"},
		"session": {selectPhoneSession, []any{"t", "1@s.whatsapp.net", "s"}, "sessions_phone (tenant_id=? AND phone=?)"},
		"former":  {selectFormerPhone, []any{"t", "s"}, "(tenant_id=? AND kind=?)"},
	} {
		rows, err := s.read.Query("EXPLAIN QUERY PLAN "+c.query, c.args...)
		lines, err := collect(rows, err, func(r row) (line string, err error) {
			var id, parent, unused int
			err = r.Scan(&id, &parent, &unused, &line)
			return line, err
		})
		succeed(t, err)
		if plan := strings.Join(lines, "\n"); !strings.Contains(plan, c.want) || strings.Contains(plan, "SCAN") {
			t.Errorf("%s: %s is not used:\n%s", name, c.want, plan)
		}
	}
}
