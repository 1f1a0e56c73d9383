package store

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// clocked is a store whose clock the test moves, with a tenant "a" and its key.
type clocked struct {
	*Store
	t   *testing.T
	now time.Time
	key Principal
}

func openClocked(t *testing.T) *clocked {
	t.Helper()
	c := &clocked{t: t, now: time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)}
	c.Store = openInside(t, Options{Clock: func() time.Time { return c.now }})
	_, plain, err := c.CreateTenant(t.Context(), byTest, NewTenant{Tenant: engine.Tenant{ID: "a", Name: "A"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.key, err = c.FindPrincipal(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	return c
}

// login opens a session with the key.
func (c *clocked) login() (WebSession, string) {
	c.t.Helper()
	w, token, err := c.OpenKeySession(c.t.Context(), c.key)
	if err != nil {
		c.t.Fatal(err)
	}
	return w, token
}

// in tells whether a token still logs in.
func (c *clocked) in(token string) bool {
	c.t.Helper()
	_, err := c.FindWebSession(c.t.Context(), token)
	if code := engine.CodeOf(err); code != "" && code != engine.CodeUnauthorized {
		c.t.Fatal(err)
	}
	return err == nil
}

func TestALoginEndsByTheClock(t *testing.T) {
	c := openClocked(t)
	w, token := c.login()
	if w.Tenant != "a" || w.Key != c.key.Key || w.Web != w.ID || w.Scope != ScopeManage || w.Operator || w.TenantName != "A" {
		t.Errorf("it is %+v", w)
	}
	c.now = c.now.Add(WebIdle - time.Second)
	if !c.in(token) {
		t.Fatal("it has ended before it was idle for long enough")
	}
	if err := c.SaveKeyUses(t.Context()); err != nil { // and is remembered by the rows alone
		t.Fatal(err)
	}
	c.now = c.now.Add(WebIdle - time.Second)
	found, err := c.FindWebSession(t.Context(), token)
	if err != nil || !found.ExpiresAt.Equal(c.now.Add(WebIdle)) {
		t.Fatalf("it ends at %v, %v", found.ExpiresAt, err)
	}
	if p, err := c.RenewPrincipal(t.Context(), w.Principal); err != nil || p.Web != w.ID {
		t.Errorf("renewed: %+v, %v", p, err)
	}
	other := w.Principal
	other.Tenant = "b"
	if _, err := c.RenewPrincipal(t.Context(), other); engine.CodeOf(err) != engine.CodeUnauthorized {
		t.Errorf("renewed as another tenant's: %v", err)
	}
	// To listen is no use of it.
	c.now = c.now.Add(WebIdle)
	if _, err := c.RenewPrincipal(t.Context(), w.Principal); engine.CodeOf(err) != engine.CodeUnauthorized || c.in(token) {
		t.Errorf("it goes on although it was idle: %v", err)
	}

	w, token = c.login()
	for end := w.CreatedAt.Add(WebLife); c.now.Before(end); c.now = c.now.Add(WebIdle / 2) {
		if !c.in(token) {
			t.Fatalf("it has ended after %v of use", c.now.Sub(w.CreatedAt))
		}
	}
	if c.in(token) {
		t.Error("it goes on for ever")
	}
	if removed, err := c.Prune(t.Context(), 0); err != nil || removed != 1 {
		t.Errorf("%d rows were removed, %v", removed, err)
	}
}

func TestTheOldestLoginsEnd(t *testing.T) {
	c := openClocked(t)
	var tokens []string
	for range MaxWebSessions + 2 {
		c.now = c.now.Add(time.Second)
		_, token := c.login()
		tokens = append(tokens, token)
	}
	for i, token := range tokens {
		if c.in(token) != (i >= 2) {
			t.Errorf("login %d of %d: %v", i, len(tokens), c.in(token))
		}
	}
	_, operator, err := c.OpenOperatorSession(t.Context())
	if err != nil || !c.in(operator) || !c.in(tokens[2]) {
		t.Errorf("the operator's login ends a tenant's, or %v", err)
	}
}

func TestALoginIsGoneWithItsKey(t *testing.T) {
	c := openClocked(t)
	ctx := t.Context()
	k, plain, err := c.CreateKey(ctx, byTest, "a", KeyGrant{Name: "x", Scope: ScopeSend, Sessions: []engine.SessionID{"s"}, ExpiresAt: c.now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.FindPrincipal(ctx, plain)
	if err != nil {
		t.Fatal(err)
	}
	w, first, err := c.OpenKeySession(ctx, p)
	if err != nil || w.Scope != ScopeSend || !w.Reaches("s") || w.Reaches("t") {
		t.Fatalf("%+v, %v", w, err)
	}
	c.now = c.now.Add(time.Hour)
	if c.in(first) {
		t.Error("it outlives the end of its key")
	}
	c.now = c.now.Add(-time.Minute)
	if !c.in(first) {
		t.Error("it ends before its key")
	}
	if err := c.DeleteKey(ctx, byTest, "a", k.ID); err != nil || c.in(first) {
		t.Errorf("it outlives its key, or %v", err)
	}
	if _, _, err := c.OpenKeySession(ctx, p); engine.CodeOf(err) != engine.CodeUnauthorized {
		t.Errorf("with a key that has just gone: %v", err)
	}

	mine, token := c.login()
	_, others := c.login()
	if _, _, err := c.ResetKey(ctx, Origin{By: mine.Actor(), Web: mine.ID}, "a"); err != nil {
		t.Fatal(err)
	}
	if !c.in(token) || c.in(others) {
		t.Error("a new key must end all logins by the old one but that which asked for it")
	}
	if _, err := c.BeginErasure(ctx, byTest, "a"); err != nil || c.in(token) {
		t.Errorf("it outlives its tenant, or %v", err)
	}
}

func TestOperatorsLoginsEndWithTheAdminKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	token := ""
	for _, step := range []struct {
		key string
		in  bool
	}{{"the-first-admin-key", false}, {"the-first-admin-key", true}, {"another-admin-key", false}} {
		s, err := Open(context.Background(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.EnsureAdminKey(t.Context(), step.key); err != nil {
			t.Fatal(err)
		}
		if token != "" {
			if _, err := s.FindWebSession(t.Context(), token); (err == nil) != step.in {
				t.Errorf("with %s: %v", step.key, err)
			}
		} else if _, token, err = s.OpenOperatorSession(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoginLinksWorkOnceAndForAnHour(t *testing.T) {
	c := openClocked(t)
	ctx := t.Context()
	if _, _, err := c.IssueLoginLink(ctx, byTest, "nobody"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("for nobody: %v", err)
	}
	issue := func() string {
		t.Helper()
		link, expires, err := c.IssueLoginLink(ctx, byTest, "a")
		if err != nil || !expires.Equal(c.now.Add(LoginLinkLife)) {
			t.Fatal(expires, err)
		}
		c.now = c.now.Add(time.Second)
		return link
	}
	open := func(link string, want engine.Code) {
		t.Helper()
		w, token, err := c.OpenLinkSession(ctx, link)
		if engine.CodeOf(err) != want || err == nil && (w.Tenant != "a" || w.Key != "" || w.Scope != ScopeManage || !c.in(token)) {
			t.Errorf("%+v, %v", w, err)
		}
	}
	first := issue()
	open(first, "")
	open(first, engine.CodeNotFound)
	late := issue()
	c.now = c.now.Add(LoginLinkLife)
	open(late, engine.CodeNotFound)
	held := issue()
	if _, err := c.SuspendTenant(ctx, byTest, "a", true); err != nil {
		t.Fatal(err)
	}
	open(held, engine.CodeTenantSuspended)
	if _, err := c.SuspendTenant(ctx, byTest, "a", false); err != nil {
		t.Fatal(err)
	}
	for range MaxLoginLinks - 1 {
		issue()
	}
	open(held, "")
	oldest := issue()
	for range MaxLoginLinks {
		issue()
	}
	open(oldest, engine.CodeNotFound)
}

// Every request of a browser asks who is logged in.
func TestALoginIsFoundByIndexes(t *testing.T) {
	s := openInside(t, Options{})
	for _, query := range []string{selectWebSession + ` WHERE w.hash = $1`, selectWebSession + ` WHERE w.id = $1`} {
		rows, err := s.read.Query("EXPLAIN QUERY PLAN "+query, "x")
		lines, err := collect(rows, err, func(r row) (line string, err error) {
			var id, parent, unused int
			err = r.Scan(&id, &parent, &unused, &line)
			return line, err
		})
		if err != nil || len(lines) != 3 {
			t.Fatalf("%q, %v", lines, err)
		}
		for _, line := range lines {
			if !strings.HasPrefix(line, "SEARCH ") {
				t.Errorf("%s: %q", query, lines)
			}
		}
	}
}
