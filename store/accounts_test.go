package store

import (
	"testing"
	"time"

	"wapid/engine"
)

// register returns the token of a registration that must be new.
func (c *clocked) register(email, password string) string {
	c.t.Helper()
	token, err := c.Register(c.t.Context(), Registration{Email: email, Name: "My Shop", Password: password})
	if err != nil || token == "" {
		c.t.Fatalf("%q, %v", token, err)
	}
	c.now = c.now.Add(time.Second)
	return token
}

func TestARegistrationBecomesAnAccountOnce(t *testing.T) {
	c := openClocked(t)
	ctx := t.Context()
	late := c.register("late@example.com", "h")
	c.now = c.now.Add(RegistrationLife)
	if _, err := c.SignUp(ctx, "r", late); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("a token that has expired: %v", err)
	}
	if removed, err := c.Prune(ctx, 0); err != nil || removed != 1 {
		t.Errorf("%d rows were removed, %v", removed, err)
	}

	mine := c.register("me@example.com", "mine")
	theirs := c.register("me@example.com", "theirs") // somebody else asks for the same address
	n, err := c.SignUp(ctx, "r", mine)
	if err != nil || n.Login.TenantName != "My Shop" || n.Login.Key != "" || !c.in(n.Token) {
		t.Fatalf("%+v, %v", n, err)
	}
	for _, token := range []string{mine, theirs} {
		if _, err := c.SignUp(ctx, "r", token); engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("an address that has an account: %v", err)
		}
	}
	if token, err := c.Register(ctx, Registration{Email: "me@example.com", Name: "x", Password: "y"}); err != nil || token != "" {
		t.Errorf("an address that has an account: %q, %v", token, err)
	}
	p, err := c.FindPrincipal(ctx, n.APIKey)
	if err != nil || p.Tenant != n.Login.Tenant || p.Scope != ScopeManage {
		t.Errorf("the key is %+v, %v", p, err)
	}

	oldest := c.register("many@example.com", "1")
	for range mostMailed {
		c.register("many@example.com", "2")
	}
	if _, err := c.SignUp(ctx, "r", oldest); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("the oldest of too many: %v", err)
	}
}

func TestAnAccountGetsAnotherPassword(t *testing.T) {
	c := openClocked(t)
	ctx := t.Context()
	n, err := c.SignUp(ctx, "r", c.register("me@example.com", "old"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.FindAccount(ctx, "me@example.com")
	if err != nil || before.Password != "old" {
		t.Fatalf("%+v, %v", before, err)
	}
	_, second, err := c.OpenAccountSession(ctx, before)
	if err != nil {
		t.Fatal(err)
	}
	if token, err := c.IssuePasswordReset(ctx, "nobody@example.com"); err != nil || token != "" {
		t.Errorf("for nobody: %q, %v", token, err)
	}
	issue := func() string {
		t.Helper()
		token, err := c.IssuePasswordReset(ctx, "me@example.com")
		if err != nil || token == "" {
			t.Fatalf("%q, %v", token, err)
		}
		return token
	}
	late := issue()
	c.now = c.now.Add(ResetLife)
	if err := c.ResetPassword(ctx, "r", late, "new"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("a token that has expired: %v", err)
	}
	token, unused := issue(), issue()
	if !c.in(n.Token) || !c.in(second) {
		t.Fatal("asking for a mail ends logins")
	}
	if err := c.ResetPassword(ctx, "r", token, "new"); err != nil {
		t.Fatal(err)
	}
	if c.in(n.Token) || c.in(second) {
		t.Error("logins outlive the password")
	}
	for _, used := range []string{token, unused} {
		if err := c.ResetPassword(ctx, "r", used, "x"); engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("used, or of an older password: %v", err)
		}
	}
	if _, _, err := c.OpenAccountSession(ctx, before); engine.CodeOf(err) != engine.CodeUnauthorized {
		t.Errorf("with the password that was just replaced: %v", err)
	}
	after, err := c.FindAccount(ctx, "me@example.com")
	if err != nil || after.Password != "new" {
		t.Fatalf("%+v, %v", after, err)
	}
	tenant := n.Login.Tenant
	if _, err := c.SuspendTenant(ctx, byTest, tenant, true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.OpenAccountSession(ctx, after); engine.CodeOf(err) != engine.CodeTenantSuspended {
		t.Errorf("of a suspended tenant: %v", err)
	}
	if _, err := c.BeginErasure(ctx, byTest, tenant); err != nil {
		t.Fatal(err)
	}
	if err := c.EraseTenant(ctx, tenant); err != nil {
		t.Fatal(err)
	}
	if _, err := c.FindAccount(ctx, "me@example.com"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("it outlives its tenant: %v", err)
	}
	c.register("me@example.com", "again") // the address is free
}
