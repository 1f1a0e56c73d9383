package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
)

// The benchmarks of a long log run on a database of WAPID_BIG_ROWS messages, 20,000
// unless it is set. WAPID_BIG_FILE names a file that is built once and kept.
const (
	bigTenant    = engine.TenantID("big") // has six of ten messages
	bigTenants   = 20
	bigSpan      = 90 * 24 * time.Hour
	bigEventRows = 10 // there is an event, with its delivery and a try, for one message in so many
)

// bigEnd is when the last of the messages was logged.
var bigEnd = time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)

func bigRows(tb testing.TB) int {
	tb.Helper()
	n, err := strconv.Atoi(os.Getenv("WAPID_BIG_ROWS"))
	if err != nil {
		return 20_000
	}
	return n
}

// openBig opens the large database, and builds it first if it is not there.
func openBig(tb testing.TB, o Options) *Store {
	tb.Helper()
	path := os.Getenv("WAPID_BIG_FILE")
	if path == "" {
		path = filepath.Join(tb.TempDir(), FileName)
	}
	if _, err := os.Stat(path); err != nil {
		buildBig(tb, path, bigRows(tb))
	}
	begin := time.Now()
	s, err := Open(context.Background(), path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Logf("opened in %v", time.Since(begin).Round(time.Millisecond))
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// buildBig writes the rows in bulk: without the indexes, which are made at the end,
// and without a journal. Everything but the ids follows from the row's number.
func buildBig(tb testing.TB, path string, rows int) {
	tb.Helper()
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	begin := time.Now()
	for i := range bigTenants {
		id := engine.TenantID(fmt.Sprintf("small-%d", i))
		if i == 0 {
			id = bigTenant
		}
		if err := s.InsertTenant(context.Background(), engine.Tenant{ID: id, Name: string(id), CreatedAt: begin}); err != nil {
			tb.Fatal(err)
		}
		if _, err := s.PutEndpoint(context.Background(), id, "https://example.com/", "secret"); err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	db, err := openPool(path, 1, url.Values{"_journal_mode": {"OFF"}, "_synchronous": {"OFF"}, "_cache_size": {"-2000000"}})
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	exec := func(query string, args ...any) {
		tb.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			tb.Fatalf("%v in %s", err, query)
		}
	}
	found, err := db.Query(`SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('messages', 'events', 'deliveries') AND sql IS NOT NULL`)
	indexes, err := collect(found, err, scanText)
	if err != nil {
		tb.Fatal(err)
	}
	for _, sql := range indexes {
		exec("DROP INDEX " + strings.Fields(sql[strings.Index(sql, "INDEX ")+6:])[0])
	}
	exec("BEGIN")
	step := float64(bigSpan.Milliseconds()) / float64(rows)
	exec(bigMessages, rows, bigEnd.Add(-bigSpan).UnixMilli(), step)
	exec(`INSERT INTO people (tenant_id, phone, lid) SELECT DISTINCT tenant_id, peer_phone, peer_lid FROM messages WHERE peer_phone <> '' AND peer_lid <> ''`)
	bigEvents(tb, db, rows)
	for _, sql := range indexes {
		exec(sql)
	}
	exec("COMMIT")
	exec("PRAGMA journal_mode = WAL")
	tb.Logf("built %d messages in %v", rows, time.Since(begin).Round(time.Second))
}

// bigMessages writes $1 messages from $2 on, $3 milliseconds apart. Contacts have a
// long tail, one session of the large tenant has a fifth of its messages.
const bigMessages = `INSERT INTO messages (tenant_id, session_id, direction, id, origin, chat, peer_phone, peer_lid, push_name,
	kind, body, details, payload, status, error_code, created_at, sent_at, status_at, counted_on)
	WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1),
	dice AS (SELECT i, (i * 7919) % 1000 AS tenant, (i * 104729) % 997 AS session, (i * 611953) % 100 AS direction,
		(i * 1299709) % 1000 AS status, (i * 15485863) % 1000003 / 1000003.0 AS contact, (i * 32452843) % 1009 AS kind FROM n),
	who AS (SELECT i, CASE WHEN tenant < 600 THEN 'big' ELSE 'small-' || (tenant % 19 + 1) END AS tenant,
		CASE WHEN tenant < 600 AND session < 200 THEN 's0' WHEN tenant < 600 THEN 's' || (session % 60) ELSE 's' || (session % 7) END AS session,
		CASE WHEN direction < 40 THEN 'in' ELSE 'out' END AS direction, status, kind,
		CAST(50000 * contact * contact * contact AS INTEGER) AS contact, i % 20 = 0 AS grouped FROM dice),
	address AS (SELECT *, '9198' || printf('%08d', contact) || '@s.whatsapp.net' AS phone, '1' || printf('%014d', contact * 7919) || '@lid' AS lid,
		'1203630' || printf('%011d', contact % 500) || '@g.us' AS room FROM who)
	SELECT tenant, session, direction, '3EB0' || hex(randomblob(9)),
		CASE WHEN direction = 'out' THEN '' WHEN grouped THEN room || ' ' || lid ELSE lid END,
		CASE WHEN grouped THEN room WHEN direction = 'in' THEN lid ELSE phone END,
		CASE WHEN grouped AND direction = 'out' THEN '' ELSE phone END, CASE WHEN grouped AND direction = 'out' THEN '' ELSE lid END,
		CASE direction WHEN 'in' THEN 'Asha' ELSE '' END,
		CASE WHEN kind < 850 THEN 'text' WHEN kind < 930 THEN 'image' WHEN kind < 970 THEN 'document' WHEN kind < 990 THEN 'reaction'
			WHEN kind < 1003 THEN 'voice' WHEN i % 1000 = 7 THEN 'poll' ELSE 'location' END,
		'Your order #' || i || ' has been shipped and arrives tomorrow.', '', zeroblob(60),
		CASE WHEN direction = 'in' AND status < 300 THEN 'read' WHEN direction = 'in' THEN 'received'
			WHEN status < 550 THEN 'read' WHEN status < 850 THEN 'delivered' WHEN status < 958 THEN 'sent' WHEN status < 998 THEN 'failed'
			WHEN status = 998 THEN 'unknown' ELSE 'played' END, '',
		$2 + CAST(i * $3 AS INTEGER), $2 + CAST(i * $3 AS INTEGER), $2 + CAST(i * $3 AS INTEGER),
		CASE direction WHEN 'out' THEN '2026-01-01' ELSE '' END
	FROM address`

// bigEvents writes the events of the youngest messages, as many as one in
// bigEventRows, each delivered at the second try.
func bigEvents(tb testing.TB, db *sql.DB, messages int) {
	tb.Helper()
	endpoints := map[string]string{}
	rows, err := db.Query(`SELECT tenant_id, id FROM endpoints`)
	_, err = collect(rows, err, func(r row) (int, error) {
		var tenant, id string
		err := r.Scan(&tenant, &id)
		endpoints[tenant] = id
		return 0, err
	})
	if err != nil {
		tb.Fatal(err)
	}
	var statements [3]*sql.Stmt
	for i, query := range []string{
		`INSERT INTO events (id, tenant_id, session_id, type, at, data) VALUES ($1, $2, $3, $4, $5, $6)`,
		`INSERT INTO deliveries (id, endpoint_id, event_id, tenant_id, session_id, state, turn, attempts, next_at, created_at, finished_at)
			VALUES ($1, $2, $3, $4, $5, $6, 2, 2, 0, $7, $7)`,
		`INSERT INTO attempts (delivery_id, number, at, status, duration_ms, error, body) VALUES ($1, $2, $3, 200, 12, '', 'ok')`,
	} {
		if statements[i], err = db.Prepare(query); err != nil {
			tb.Fatal(err)
		}
		defer statements[i].Close()
	}
	count := messages / bigEventRows
	start, span := bigEnd.Add(-bigSpan), bigSpan/time.Duration(max(count, 1))
	data := []byte(`{"messageId":"3EB0B430A8B7F6C1D2E3","status":"delivered","timestamp":1708243200,"to":"919876543210@s.whatsapp.net"}`)
	for i := range count {
		at := start.Add(time.Duration(i) * span)
		tenant, session := "big", fmt.Sprintf("s%d", i*31%60)
		if i*7919%1000 >= 600 {
			tenant, session = fmt.Sprintf("small-%d", i*7919%1000%19+1), fmt.Sprintf("s%d", i*31%7)
		}
		kind, state := engine.EventMessageStatus, "delivered"
		if i%3 == 0 {
			kind = engine.EventMessage
		}
		if i%1000 == 0 {
			state = "dead"
		}
		id := ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String()
		if _, err := statements[0].Exec(id, tenant, session, kind, at.UnixMilli(), data); err != nil {
			tb.Fatal(err)
		}
		if _, err := statements[1].Exec(i+1, endpoints[tenant], id, tenant, session, state, at.UnixMilli()); err != nil {
			tb.Fatal(err)
		}
		if _, err := statements[2].Exec(i+1, 1, at.UnixMilli()); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestBuildBig(t *testing.T) {
	if os.Getenv("WAPID_BIG_FILE") == "" {
		t.Skip("WAPID_BIG_FILE names no file to build")
	}
	openBig(t, Options{})
}
