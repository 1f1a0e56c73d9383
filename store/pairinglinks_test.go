package store_test

import (
	"context"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// addSession puts a session that waits to be linked into the store.
func addSession(t *testing.T, s *store.Store, id string) engine.Session {
	t.Helper()
	one := engine.Session{Key: key(id), CreatedAt: start, UpdatedAt: start,
		State: engine.State{Status: engine.StatusQRReady, Intent: engine.IntentRun}}
	must(t, s.InsertSession(context.Background(), one))
	return one
}

func TestPairingLinks(t *testing.T) {
	ctx := context.Background()
	now := start
	s := open(t, store.Options{Clock: func() time.Time { return now }})
	one := addSession(t, s, "main")
	addSession(t, s, "other")
	_, err := s.IssuePairingLink(ctx, key("nobody"), now.Add(time.Hour))
	wantCode(t, err, engine.CodeSessionNotFound)

	first, err := s.IssuePairingLink(ctx, key("main"), now.Add(time.Hour))
	must(t, err)
	token, err := s.IssuePairingLink(ctx, key("main"), now.Add(time.Hour))
	must(t, err)
	others, err := s.IssuePairingLink(ctx, key("other"), now.Add(time.Minute))
	must(t, err)
	if len(token) != 43 || token == first || token == others {
		t.Fatalf("tokens of %d characters, or the same", len(token))
	}
	for _, wrong := range []string{first, "", token + "x", token[:42]} {
		_, err := s.FindPairingLink(ctx, wrong)
		wantCode(t, err, engine.CodeNotFound)
	}
	link, err := s.FindPairingLink(ctx, token)
	must(t, err)
	if want := (store.PairingLink{Session: key("main"), ExpiresAt: now.Add(time.Hour)}); link != want {
		t.Errorf("the link is %+v, want %+v", link, want)
	}

	now = now.Add(time.Minute)
	_, err = s.FindPairingLink(ctx, others)
	wantCode(t, err, engine.CodeNotFound)

	linked := one.State
	linked.Status, linked.Identity.Device = engine.StatusAuthenticated, "1:1@s.whatsapp.net"
	must(t, s.SaveState(ctx, key("main"), one.State, linked, now))
	ready := linked
	ready.Status = engine.StatusReady
	must(t, s.SaveState(ctx, key("main"), linked, ready, now.Add(time.Minute)))
	link, err = s.FindPairingLink(ctx, token)
	must(t, err)
	if !link.LinkedAt.Equal(now) {
		t.Errorf("linked at %v, want %v", link.LinkedAt, now)
	}

	token, err = s.IssuePairingLink(ctx, key("other"), now.Add(time.Hour))
	must(t, err)
	must(t, s.DeleteSession(ctx, key("other")))
	_, err = s.FindPairingLink(ctx, token)
	wantCode(t, err, engine.CodeNotFound)
}

func TestOptionsOfSessionsSurvive(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	want := engine.SessionOptions{Proxy: "socks5://user:secret@proxy", Typing: true, DelayMin: time.Millisecond, DelayMax: time.Second}
	one := engine.Session{Key: key("main"), Options: want, CreatedAt: start, UpdatedAt: start,
		State: engine.State{Status: engine.StatusInitializing, Intent: engine.IntentRun}}
	must(t, s.InsertSession(ctx, one))
	for range 2 {
		all, err := s.ListAllSessions(ctx)
		must(t, err)
		if len(all) != 1 || all[0].Options != want {
			t.Fatalf("options are %+v, want %+v", all, want)
		}
		want = engine.SessionOptions{}
		must(t, s.ConfigureSession(ctx, key("main"), "", want))
	}
}
