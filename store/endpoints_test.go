package store_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

func insertEndpoint(t testing.TB, s *store.Store, e webhooks.Endpoint) webhooks.Endpoint {
	t.Helper()
	e.Enabled = true
	if e.URL == "" {
		e.URL = "https://example.com"
	}
	e, err := s.InsertEndpoint(context.Background(), e)
	must(t, err)
	return e
}

func newTenant(t testing.TB, s *store.Store, id engine.TenantID) {
	t.Helper()
	must(t, s.InsertTenant(context.Background(), engine.Tenant{ID: id, Name: string(id), CreatedAt: start}))
}

// Everything that an endpoint is given is kept, and given back by every way to read it.
func TestEndpointIsKeptWhole(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	newTenant(t, s, "a")
	made := insertEndpoint(t, s, webhooks.Endpoint{
		Tenant: "a", Name: "CRM", URL: "https://example.com/x", Secret: "one", SignatureMode: webhooks.SignHeader,
		Headers: map[string]string{"Authorization": "Basic x"}, Types: []engine.EventType{"message", "call"}, Sessions: []engine.SessionID{"s1", "S_1"},
	})
	want := made
	want.Main, want.Enabled, want.CreatedAt, want.UpdatedAt = true, true, start, start
	one, err := s.FindEndpointByID(ctx, "a", made.ID)
	must(t, err)
	main, err := s.FindEndpoint(ctx, "a")
	must(t, err)
	list, err := s.ListEndpoints(ctx, "a")
	must(t, err)
	appendTo(t, s, "a", "s1", 0)
	_, claims := claim(t, s, start, 1, 1)
	if !reflect.DeepEqual(one, want) || !reflect.DeepEqual(main, want) || len(list) != 1 || !reflect.DeepEqual(list[0], want) ||
		!reflect.DeepEqual(claims[0].Endpoint, want) {
		t.Errorf("got %+v, %+v, %+v, %+v\nwant %+v", one, main, list, claims[0].Endpoint, want)
	}
	_, err = s.FindEndpointByID(ctx, store.DefaultTenant, made.ID)
	wantCode(t, err, engine.CodeNotFound)
	for _, err := range []error{
		s.DeleteEndpointByID(ctx, store.DefaultTenant, made.ID),
		second(s.UpdateEndpoint(ctx, store.DefaultTenant, made.ID, webhooks.EndpointChange{})),
		second(s.RotateSecret(ctx, store.DefaultTenant, made.ID, "x", 0)),
		second(s.Redeliver(ctx, store.DefaultTenant, made.ID, store.Redelivery{Dead: true}, start)),
		second(s.AppendTest(ctx, store.DefaultTenant, made.ID, []byte("{}"))),
	} {
		wantCode(t, err, engine.CodeNotFound)
	}
}

func second[T any](_ T, err error) error { return err }

// An endpoint gets the events of its sessions only, matched whole and by case, and
// those that belong to none.
func TestSessionFilter(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	for tenant, c := range map[engine.TenantID]struct {
		sessions []engine.SessionID
		want     string
	}{
		"all":   {nil, "[ main Main ma_n m.in other]"},
		"one":   {[]engine.SessionID{"main"}, "[ main]"},
		"two":   {[]engine.SessionID{"ma_n", "other"}, "[ ma_n other]"},
		"lines": {[]engine.SessionID{"ain", "mai"}, "[]"},
	} {
		newTenant(t, s, tenant)
		e := insertEndpoint(t, s, webhooks.Endpoint{Tenant: tenant, Sessions: c.sessions})
		var got []engine.SessionID
		for i, session := range []string{"", "main", "Main", "ma_n", "m.in", "other"} {
			if tenant == "lines" && session == "" {
				continue
			}
			appendTo(t, s, tenant, session, i)
			list, _, err := s.PageDeliveries(ctx, tenant, e.ID, store.DeliveryFilter{}, 100)
			must(t, err)
			if len(list) > len(got) {
				got = append(got, list[0].Session.ID)
			}
			if covers := e.Covers(engine.SessionID(session)); covers != (len(list) > 0 && list[0].Session.ID == engine.SessionID(session)) {
				t.Errorf("%s: Covers(%q) is %t, and the table differs", tenant, session, covers)
			}
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: got %v, want %s", tenant, got, c.want)
		}
	}
}

func TestEndpointLimitAndMain(t *testing.T) {
	ctx := context.Background()
	now := start
	s := open(t, store.Options{Clock: func() time.Time { now = now.Add(time.Millisecond); return now }})
	newTenant(t, s, "a")
	first := insertEndpoint(t, s, webhooks.Endpoint{Tenant: "a"})
	for range webhooks.MaxEndpoints - 1 {
		if e := insertEndpoint(t, s, webhooks.Endpoint{Tenant: "a"}); e.Main {
			t.Fatal("a second main endpoint")
		}
	}
	_, err := s.InsertEndpoint(ctx, webhooks.Endpoint{Tenant: "a", URL: "https://example.com"})
	wantCode(t, err, engine.CodeInvalid)
	_, err = s.PutEndpoint(ctx, "a", "https://example.com/put", "") // changes the first
	must(t, err)
	must(t, s.DeleteEndpoint(ctx, "a"))
	_, err = s.FindEndpointByID(ctx, "a", first.ID)
	wantCode(t, err, engine.CodeNotFound)
	_, err = s.FindEndpoint(ctx, "a")
	wantCode(t, err, engine.CodeNotFound)
	insertEndpoint(t, s, webhooks.Endpoint{Tenant: "a"})
	_, err = s.PutEndpoint(ctx, "a", "https://example.com/put", "")
	wantCode(t, err, engine.CodeInvalid)
	_, err = s.InsertEndpoint(ctx, webhooks.Endpoint{Tenant: "nobody", URL: "https://example.com"})
	wantCode(t, err, engine.CodeNotFound)
}

// Deleting an endpoint takes its backlog along, in pieces, and leaves the others'.
func TestDeleteEndpointWithABacklog(t *testing.T) {
	ctx := context.Background()
	s := backlog(t, 1300, 1, 3)
	other := insertEndpoint(t, s, webhooks.Endpoint{Tenant: "t0"})
	appendTo(t, s, "t0", "s", 1)
	must(t, s.DeleteEndpoint(ctx, "t0"))
	all, err := s.ListDeliveries(ctx, "t0", 0, 10_000)
	must(t, err)
	if len(all) != 1 || all[0].Endpoint != other.ID {
		t.Errorf("%d deliveries are left", len(all))
	}
}

func TestRotationIsKept(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	newTenant(t, s, "a")
	e := insertEndpoint(t, s, webhooks.Endpoint{Tenant: "a", Secret: "one"})
	rotate := func(secret string, overlap time.Duration, want ...string) {
		t.Helper()
		got, err := s.RotateSecret(ctx, "a", e.ID, secret, overlap)
		must(t, err)
		if secrets := got.Secrets(start.Add(time.Minute)); fmt.Sprint(secrets) != fmt.Sprint(want) {
			t.Errorf("signs with %v, want %v", secrets, want)
		}
	}
	rotate("two", time.Hour, "two", "one")
	rotate("three", time.Hour, "three", "two")
	rotate("three", time.Second, "three", "two") // again, as the answer was lost
	rotate("three", 0, "three")
	rotate("four", time.Minute, "four")
	rotate("five", 0, "five")
	put, err := s.PutEndpoint(ctx, "a", "https://example.com", "")
	must(t, err)
	if put.Secrets(start) != nil {
		t.Errorf("unsigned, and yet %v", put.Secrets(start))
	}
	rotate("six", time.Hour, "six") // there was none before
}
