package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/engine/simnet"
	"wapid/store"
)

// shell runs `wapid tenant …` on a data directory.
func shell(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return command(t, append([]string{"tenant", "--data", dir}, args...)...)
}

// mustShell is shell for a command that must succeed; it returns its output.
func mustShell(t *testing.T, dir string, args ...string) string {
	t.Helper()
	code, stdout, stderr := shell(t, dir, args...)
	if code != 0 {
		t.Fatalf("%q: status %d: %s", args, code, stderr)
	}
	return stdout
}

// newTenant makes a tenant from the shell and returns its id and a client of it.
func newTenant(t *testing.T, d *daemon, dir string, args ...string) (id string, a *api) {
	t.Helper()
	var made struct{ TenantID, APIKey string }
	out := mustShell(t, dir, append([]string{"--json", "create"}, args...)...)
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	a = &api{base: d.base, key: made.APIKey}
	t.Cleanup(a.closeIdle)
	return made.TenantID, a
}

func TestTenantsFromTheShell(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	if info, err := os.Stat(filepath.Join(dir, operatorFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the access file: %v, %v", info, err)
	}
	out := mustShell(t, dir, "create", "My Business", "--daily-limit", "100", "--max-sessions=1", "--time-zone", "Asia/Kolkata")
	match := regexp.MustCompile(`(?s)Tenant +(my-business-[a-z0-9]{6})\n.*Messages a day +100\n.*Time zone +Asia/Kolkata\n.*API key \(shown this once\): (wapid_\S+)\n`).FindStringSubmatch(out)
	if match == nil {
		t.Fatalf("create printed %s", out)
	}
	id := match[1]
	tenant := &api{base: d.base, key: match[2]}
	t.Cleanup(tenant.closeIdle)
	if me := tenant.must(t, 200, "GET", "/api/account", nil); me.text("tenantId") != id {
		t.Errorf("the account is %s", me.raw)
	}
	tenant.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	if full := tenant.must(t, 403, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "second"}); full.text("code") != "SESSION_LIMIT_EXCEEDED" {
		t.Errorf("beyond the limit: %s", full.raw)
	}
	if out := mustShell(t, dir, "set", id, "--daily-limit", "0", "--max-sessions", "2", "--name", "Shop"); !strings.Contains(out, "no limit") || !strings.Contains(out, "Shop") {
		t.Errorf("set printed %s", out)
	}
	tenant.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "second"})
	if out := mustShell(t, dir, "list"); !strings.HasPrefix(out, "TENANT") || !strings.Contains(out, "default") || !strings.Contains(out, id) {
		t.Errorf("list printed %s", out)
	}
	if out := mustShell(t, dir, "show", id); !regexp.MustCompile(`Sessions +2\n`).MatchString(out) {
		t.Errorf("show printed %s", out)
	}
	mustShell(t, dir, "suspend", id)
	if refused := tenant.must(t, 403, "GET", "/api/account", nil); refused.text("code") != "TENANT_SUSPENDED" {
		t.Errorf("suspended: %s", refused.raw)
	}
	mustShell(t, dir, "resume", id)
	tenant.must(t, 200, "GET", "/api/account", nil)

	out = mustShell(t, dir, "key-create", id, "--name", "reader", "--scope=read", "--sessions=main,second")
	_, key, _ := strings.Cut(strings.TrimSpace(out), ": ")
	reader := &api{base: d.base, key: key}
	t.Cleanup(reader.closeIdle)
	reader.must(t, 200, "GET", sessionPath("main")+"/status", nil)
	reader.must(t, 403, "DELETE", sessionPath("main"), nil)
	line := regexp.MustCompile(`(?m)^(\S+) +reader +read +main,second +wapid_`).FindStringSubmatch(mustShell(t, dir, "keys", id))
	if line == nil {
		t.Fatal("keys does not list the new key")
	}
	mustShell(t, dir, "key-delete", id, line[1])
	reader.must(t, 401, "GET", sessionPath("main")+"/status", nil)
	out = mustShell(t, dir, "key-reset", id)
	tenant.must(t, 401, "GET", "/api/account", nil)
	_, tenant.key, _ = strings.Cut(strings.TrimSpace(out), ": ")
	tenant.must(t, 200, "GET", "/api/account", nil)
	_, link, ok := strings.Cut(strings.TrimSpace(mustShell(t, dir, "login-link", id)), d.base+"/#/login?link=")
	if ans := tenant.must(t, 200, "POST", "/dashboard/login", map[string]any{"link": link}); !ok || !strings.Contains(ans.raw, id) {
		t.Errorf("the link logs in as %s", ans.raw)
	}
	for _, args := range [][]string{{"usage"}, {"usage", id}, {"usage", id, "--from=2026-01-01", "--to=2026-01-31"}} {
		if out := mustShell(t, dir, args...); !regexp.MustCompile(`(?m)^all +0`).MatchString(out) {
			t.Errorf("%q printed %s", args, out)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"show", "nobody"}, 1, "NOT_FOUND"},
		{[]string{"delete", "default", "--yes"}, 1, "can't be deleted"},
		{[]string{"delete", id}, 2, "--yes"},
		{[]string{"set", id}, 2, "nothing to change"},
		{[]string{"set", id, "--time-zone=Mars/Base"}, 1, "timeZone"},
		{[]string{"create"}, 2, "name"},
	} {
		code, _, stderr := shell(t, dir, c.args...)
		if code != c.code || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: status %d, %q", c.args, code, stderr)
		}
	}
	if out := mustShell(t, dir, "delete", id, "--yes"); out != id+": erased\n" {
		t.Errorf("delete printed %q", out)
	}
	tenant.must(t, 401, "GET", "/api/account", nil)
	if code, _, stderr := shell(t, dir, "show", id); code != 1 || !strings.Contains(stderr, "NOT_FOUND") {
		t.Errorf("after the erasure: status %d, %q", code, stderr)
	}

	access, err := os.ReadFile(filepath.Join(dir, operatorFile))
	if err != nil {
		t.Fatal(err)
	}
	d.stop(t)
	if _, err := os.Stat(filepath.Join(dir, operatorFile)); !os.IsNotExist(err) {
		t.Errorf("a stopped daemon leaves its access file: %v", err)
	}
	noDaemonThere := func(when string) {
		t.Helper()
		code, stdout, stderr := shell(t, dir, "list")
		if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "wapid: no daemon runs on the data directory ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, %q", when, code, stderr)
		}
	}
	noDaemonThere("after the stop")
	// A killed daemon leaves its file behind; the next start replaces it.
	if err := os.WriteFile(filepath.Join(dir, operatorFile), access, 0o600); err != nil {
		t.Fatal(err)
	}
	noDaemonThere("with a stale file")
	d = startDaemon(t, "", network, dir, "--rate-limit=1234")
	mustShell(t, dir, "list")
	if me := d.must(t, 200, "GET", "/api/account", nil); me.body["rateLimit"] != 1234.0 {
		t.Errorf("with --rate-limit the account is %s", me.raw)
	}
}

// What a command about tenants is told is no setting of the daemon.
func TestFlagsOfTenantsAreNoSettings(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.yaml")
	for _, line := range []string{"daily-limit: 5", "scope: read", "json: true", "yes: true"} {
		if err := os.WriteFile(config, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := command(t, "tenant", "list", "--config", config, "--data", t.TempDir())
		if code != 2 || !strings.Contains(stderr, "unknown setting") {
			t.Errorf("%s: status %d, %q", line, code, stderr)
		}
	}
}

// A suspended tenant's session goes on, and what it receives is there when the
// suspension ends.
func TestSuspensionLosesNothing(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	receiver := startHooks(t)
	d := startDaemon(t, "", network, dir)
	id, tenant := newTenant(t, d, dir, "Late Payer")
	receiver.subscribe(t, tenant)
	mine, friend := network.Phone("919876543210"), network.Phone("919876543211")
	tenant.pair(t, "main", mine)
	settle(t, network, mine)
	mustShell(t, dir, "suspend", id)
	refused := tenant.must(t, 403, "POST", sessionPath("main")+"/send", map[string]any{"to": friend.Number(), "message": "Not now"})
	if refused.text("code") != "TENANT_SUSPENDED" {
		t.Errorf("a send while suspended: %s", refused.raw)
	}
	if _, err := friend.SendText(t.Context(), mine.JID(), "Are you there?"); err != nil {
		t.Fatal(err)
	}
	receiver.await(t, "the message", func(h hook) bool { return h.Data.Body == "Are you there?" })
	mustShell(t, dir, "resume", id)
	log := tenant.must(t, 200, "GET", "/api/whatsapp/messages", nil)
	if !strings.Contains(log.raw, "Are you there?") || strings.Contains(log.raw, "Not now") {
		t.Errorf("the log is %s", log.raw)
	}
	tenant.send(t, "main", friend.Number(), "Back again")
}

func TestErasureGoesOnAfterAKill(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	receiver := startHooks(t)
	d := startDaemon(t, "", network, dir)
	id, tenant := newTenant(t, d, dir, "Gone Soon")
	receiver.subscribe(t, tenant)
	phones := []*simnet.Phone{network.Phone("919876543210"), network.Phone("919876543211")}
	friend := network.Phone("919876543212")
	for i, phone := range phones {
		session := string('a' + rune(i))
		tenant.pair(t, session, phone)
		settle(t, network, phone)
		tenant.send(t, session, friend.Number(), "Hello")
	}
	_, bystander := newTenant(t, d, dir, "Stays")
	kept := network.Phone("919876543213")
	bystander.pair(t, "a", kept)
	settle(t, network, kept)

	marked, other := newTenant(t, d, dir, "Marked")
	phones = append(phones, network.Phone("919876543214"))
	other.pair(t, "a", phones[2])
	settle(t, network, phones[2])

	mustShell(t, dir, "delete", id, "--yes", "--no-wait")
	d.kill()
	begin(t, dir, marked) // of the other one nothing but the mark was written
	next := startDaemon(t, "", network, dir)
	for _, gone := range []string{id, marked} {
		eventually(t, "the tenant is erased", func() bool {
			code, _, stderr := shell(t, dir, "show", gone)
			return code == 1 && strings.Contains(stderr, "NOT_FOUND")
		})
	}
	for _, phone := range phones {
		eventually(t, "the phone has no linked device any more", func() bool { return len(phone.Devices()) == 0 })
	}
	bystander.base = next.base
	bystander.awaitStatus(t, "a", "ready")
	next.stop(t)

	rowsOf(t, dir, id)
	rowsOf(t, dir, marked)
	s, err := store.Open(t.Context(), filepath.Join(dir, store.FileName), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	log, err := s.ListAudit(t.Context(), store.AuditFilter{Tenant: engine.TenantID(id), Limit: 10})
	if err != nil || len(log) != 3 || log[0].Action != store.ActionTenantErased || log[1].Action != store.ActionTenantDelete || log[1].By != store.ActorShell {
		t.Errorf("the audit log has %+v, %v", log, err)
	}
}

// begin marks a tenant as being erased while no daemon runs.
func begin(t *testing.T, dir, id string) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(dir, store.FileName), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.BeginErasure(t.Context(), store.Origin{By: store.ActorShell}, engine.TenantID(id))
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// rowsOf fails if any table but the audit log still names a tenant.
func rowsOf(t *testing.T, dir, id string) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.name = 'tenant_id' AND m.name <> 'audit'`)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, table)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(tables) < 6 {
		t.Fatalf("%q, %v", tables, err)
	}
	for _, table := range tables {
		var n int
		if err := db.QueryRow(`SELECT count(*) FROM `+table+` WHERE tenant_id = $1`, id).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s has %d rows of the tenant, %v", table, n, err)
		}
	}
}

func TestCommandsReachTheListener(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:0": "http://127.0.0.1:", "0.0.0.0:0": "http://127.0.0.1:", "[::]:0": "http://127.0.0.1:", "[::1]:0": "http://[::1]:",
	} {
		ln, err := net.Listen("tcp", listen)
		if err != nil {
			t.Logf("%s: %v", listen, err) // no IPv6 here
			continue
		}
		got := reachableURL("http", ln.Addr())
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s is reached at %s", ln.Addr(), got)
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(got, "http://"))
		if err != nil {
			t.Errorf("%s can't be reached at %s: %v", ln.Addr(), got, err)
		} else {
			conn.Close()
		}
		ln.Close()
	}
}
