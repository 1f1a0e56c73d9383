package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store/seal"
	"wapid/webhooks"
)

// got says which places got what a session tells, of those that have deliveries.
func (s *Store) toldTo(t *testing.T, key engine.SessionKey, kind engine.EventType) string {
	t.Helper()
	last, err := s.lastEvent(t.Context(), key.Tenant)
	succeed(t, err)
	succeed(t, s.AppendEvent(t.Context(), engine.Event{Session: key, Type: kind, At: time.Now(), Data: []byte(`{}`)}))
	rows, err := s.read.Query(`SELECT e.origin FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id WHERE d.tenant_id = $1 AND d.event_id > $2 ORDER BY e.origin`, key.Tenant, last)
	origins, err := collect(rows, err, scanText)
	succeed(t, err)
	return strings.Join(origins, " ")
}

// Of the places of the Graph API the nearest to an event's number gets it, other endpoints
// always. What the writer remembers of them follows every change.
func TestTheNearestSubscriptionIsTold(t *testing.T) {
	s, ctx := openInside(t, Options{}), t.Context()
	graphTenants(t, s, "a", "b")
	main, other := engine.SessionKey{Tenant: "a", ID: "main"}, engine.SessionKey{Tenant: "a", ID: "other"}
	const one, two = "919876543210", "919876543211"
	linkTo(t, s, main, one)
	linkTo(t, s, other, two)
	subscribe := func(at webhooks.Origin, types ...engine.EventType) webhooks.Endpoint {
		t.Helper()
		e, err := s.Subscribe(ctx, "a", at, "https://example.com/"+string(at), types...)
		succeed(t, err)
		return e
	}
	wants := func(what string, key engine.SessionKey, want string) {
		t.Helper()
		if got := s.toldTo(t, key, engine.EventMessage); got != want {
			t.Errorf("%s: told to %q, want %q", what, got, want)
		}
	}
	wants("nobody", main, "")
	app := subscribe(webhooks.OriginApp)
	if app.Main || app.Format != webhooks.FormatMeta || !slices.Equal(app.Types, webhooks.FormatMeta.Defaults()) {
		t.Errorf("the app's is %+v", app)
	}
	wants("the app", main, "app")
	subscribe(webhooks.OriginWABA)
	wants("the account", main, "waba")
	subscribe(webhooks.OriginPhone(one))
	wants("the number", main, "phone:"+one)
	wants("another number", other, "waba")
	plain, err := s.PutEndpoint(ctx, "a", "https://example.com/plain", "")
	succeed(t, err)
	if !plain.Main {
		t.Error("a subscription has taken the place of the main webhook")
	}
	wants("and who is independent", main, " phone:"+one)

	// A place whose endpoint does not want the event, or is disabled, is none.
	subscribe(webhooks.OriginWABA, webhooks.FormatMeta.Types()...)
	template := s.toldTo(t, engine.SessionKey{Tenant: "a"}, engine.EventTemplate)
	if template != "waba" {
		t.Errorf("what belongs to no number is told to %q", template)
	}
	subscribe(webhooks.OriginPhone(one), engine.EventTest)
	wants("a number that wants nothing", main, " waba")
	off := false
	waba := subscribe(webhooks.OriginWABA)
	_, err = s.UpdateEndpoint(ctx, "a", waba.ID, webhooks.EndpointChange{Enabled: &off})
	succeed(t, err)
	wants("an account that is disabled", main, " app")
	if again := subscribe(webhooks.OriginWABA); again.ID != waba.ID || !again.Enabled {
		t.Errorf("set again it is %+v", again)
	}
	subscribe(webhooks.OriginPhone(one))
	linkTo(t, s, main, "")
	linkTo(t, s, other, one)
	wants("a number that has moved", other, " phone:"+one)
	wants("a session without one", main, " waba")
	succeed(t, s.Unsubscribe(ctx, "a", webhooks.OriginPhone(one)))
	succeed(t, s.Unsubscribe(ctx, "a", webhooks.OriginPhone(one)))
	wants("without the number's", other, " waba")

	// An account that was unsubscribed tells its app nothing.
	succeed(t, s.Unsubscribe(ctx, "a", webhooks.OriginWABA))
	for _, on := range []bool{false, true} {
		succeed(t, s.SetSubscribed(ctx, "a", on))
		if told, err := s.IsSubscribed(ctx, "a"); err != nil || told != on {
			t.Errorf("subscribed is %t, %v", told, err)
		}
		wants(fmt.Sprint("subscribed: ", on), main, map[bool]string{true: " app"}[on]+map[bool]string{false: ""}[on])
	}
}

// A subscription is signed with its app's secret, whenever that changes, and belongs to
// one tenant.
func TestSubscriptionsHaveTheAppsSecret(t *testing.T) {
	s, ctx := openSealed(t, t.TempDir(), seal.Keys{Current: seal.NewKey()}), t.Context()
	defer s.Close()
	graphTenants(t, s, "a", "b")
	for _, tenant := range []engine.TenantID{"a", "b"} {
		_, err := s.Subscribe(ctx, tenant, webhooks.OriginApp, "https://example.com/"+string(tenant))
		succeed(t, err)
	}
	secretOf := func(tenant engine.TenantID) string {
		t.Helper()
		all, err := s.ListSubscriptions(ctx, tenant)
		app, err2 := s.App(ctx, tenant)
		if err != nil || err2 != nil || len(all) != 1 || all[webhooks.OriginApp].Secret != app.Secret {
			t.Fatalf("%+v, %v, %v", all, err, err2)
		}
		return app.Secret
	}
	a, b := secretOf("a"), secretOf("b")
	_, err := s.RotateApp(ctx, Origin{}, "a")
	succeed(t, err)
	if secretOf("a") == a || secretOf("b") != b || a == b {
		t.Error("the secrets did not move as they should")
	}
	all, _ := s.ListSubscriptions(ctx, "a")
	e := all[webhooks.OriginApp]
	format := webhooks.FormatStandard
	for _, err := range []error{
		second(s.RotateSecret(ctx, "a", e.ID, "another", time.Hour)),
		second(s.UpdateEndpoint(ctx, "a", e.ID, webhooks.EndpointChange{Format: &format})),
		second(s.Subscribe(ctx, "a", webhooks.OriginWABA, "https://example.com", engine.EventQR)),
	} {
		if engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("it is changed: %v", err)
		}
	}
	if _, err := s.Subscribe(ctx, "nobody", webhooks.OriginApp, "https://example.com"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("a tenant that is not there: %v", err)
	}
}

// What was told before a number had a callback goes there by its sessions alone.
func TestRedeliveringToANumber(t *testing.T) {
	s, ctx := openInside(t, Options{}), t.Context()
	graphTenants(t, s, "a")
	main, other := engine.SessionKey{Tenant: "a", ID: "main"}, engine.SessionKey{Tenant: "a", ID: "other"}
	linkTo(t, s, main, "919876543210")
	linkTo(t, s, other, "919876543211")
	for _, key := range []engine.SessionKey{main, other, main} {
		s.toldTo(t, key, engine.EventMessage)
	}
	for digits, want := range map[string]int{"919876543210": 2, "919876543211": 1, "919876543219": 0} {
		e, err := s.Subscribe(ctx, "a", webhooks.OriginPhone(digits), "https://example.com/"+digits)
		succeed(t, err)
		done, err := s.Redeliver(ctx, "a", e.ID, Redelivery{Range: true}, time.Now().Add(time.Minute))
		if err != nil || done.Queued != want {
			t.Errorf("%s: %+v, want %d, %v", digits, done, want, err)
		}
	}
}
