package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// logStore holds a small log: index i was logged at second i.
func logStore(t *testing.T) (*Store, func(i int) time.Time) {
	t.Helper()
	s, _, base := jobStore(t)
	at := func(i int) time.Time { return base.Add(time.Duration(i) * time.Second) }
	phone := func(n string) engine.JID { return engine.JID(n + "@s.whatsapp.net") }
	asha := engine.Person{Phone: phone("919876543210"), LID: "100200300@lid"}
	group := engine.JID("120363025246125486@g.us")
	for i, m := range []engine.LoggedMessage{
		{Direction: engine.Outbound, Chat: asha.Phone, Peer: asha, Text: "Hello Asha", Status: engine.MessageRead, Kind: engine.KindText},
		{Direction: engine.Inbound, Chat: asha.Phone, Peer: asha, Text: "ПРИВЕТ, Über", Status: engine.MessageReceived, Kind: engine.KindText},
		{Direction: engine.Outbound, Chat: group, Text: "to all, 100%_sure", Status: engine.MessageSent, Kind: engine.KindText},
		{Direction: engine.Inbound, Chat: group, Peer: asha, Text: "from the group", Status: engine.MessageReceived, Kind: engine.KindImage},
		{Direction: engine.Outbound, Chat: phone("4915112345678"), Peer: engine.Person{Phone: phone("4915112345678")}, Text: "Hello Max", Status: engine.MessageFailed, Kind: engine.KindText, ErrorCode: engine.CodeSendRejected},
		{Session: engine.SessionKey{Tenant: DefaultTenant, ID: "second"}, Direction: engine.Inbound, Chat: asha.LID, Peer: engine.Person{LID: asha.LID}, Text: "hidden number", Status: engine.MessageReceived, Kind: engine.KindText},
	} {
		if m.Session.ID == "" {
			m.Session = engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
		}
		m.ID, m.CreatedAt = engine.MessageID(fmt.Sprint(i)), at(i)
		err := s.update(t.Context(), func(tx *sql.Tx) error {
			seq, err := s.insertMessage(tx, m, "")
			if seq == 0 {
				t.Errorf("message %d is not new", i)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s, at
}

func idsOf(list []LogEntry) (out []string) {
	for _, m := range list {
		out = append(out, string(m.ID))
	}
	return out
}

func TestPageMessagesFilters(t *testing.T) {
	s, at := logStore(t)
	const asha = "919876543210@s.whatsapp.net"
	for name, c := range map[string]struct {
		f    MessageFilter
		want string
	}{
		"all":             {MessageFilter{}, "5 4 3 2 1 0"},
		"session":         {MessageFilter{Sessions: []engine.SessionID{"second"}}, "5"},
		"sessions":        {MessageFilter{Sessions: []engine.SessionID{"second", "main"}}, "5 4 3 2 1 0"},
		"no session":      {MessageFilter{Sessions: []engine.SessionID{}}, ""},
		"direction":       {MessageFilter{Direction: engine.Inbound}, "5 3 1"},
		"status":          {MessageFilter{Status: engine.MessageFailed}, "4"},
		"kind":            {MessageFilter{Kind: engine.KindImage}, "3"},
		"to a number":     {MessageFilter{To: asha}, "0"},
		"to a LID":        {MessageFilter{To: "100200300@lid"}, "0"},
		"from a number":   {MessageFilter{From: asha}, "3 1"},
		"from a LID":      {MessageFilter{From: "100200300@lid"}, "5 3 1"},
		"to a group":      {MessageFilter{To: "120363025246125486@g.us"}, "3 2"},
		"from a group":    {MessageFilter{From: "120363025246125486@g.us"}, "3"},
		"to ourselves":    {MessageFilter{To: "4915100000000@s.whatsapp.net", OwnTo: []engine.SessionID{"main"}}, "3 1"},
		"from ourselves":  {MessageFilter{From: "4915100000000@s.whatsapp.net", OwnFrom: []engine.SessionID{"main"}}, "4 2 0"},
		"between us":      {MessageFilter{From: asha, To: "4915100000000@s.whatsapp.net", OwnTo: []engine.SessionID{"main"}}, "3 1"},
		"since":           {MessageFilter{Since: at(4)}, "5 4"},
		"until":           {MessageFilter{Until: at(2)}, "1 0"},
		"text":            {MessageFilter{Text: "hELLO"}, "4 0"},
		"text, other":     {MessageFilter{Text: "привет"}, "1"},
		"text, umlaut":    {MessageFilter{Text: "über"}, "1"},
		"text, wildcards": {MessageFilter{Text: "0%_s"}, "2"},
		"text, none":      {MessageFilter{Text: "%"}, "2"},
		"together":        {MessageFilter{Text: "hello", Direction: engine.Outbound, Status: engine.MessageRead, Since: at(0), Until: at(5)}, "0"},
	} {
		page, err := s.PageMessages(t.Context(), DefaultTenant, c.f, nil, 0, 100)
		list := page.Messages
		if err != nil || page.Next != nil {
			t.Errorf("%s: %v, more %v", name, err, page.Next)
		}
		if got := strings.Join(idsOf(list), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if n, exact, err := s.CountMessages(t.Context(), DefaultTenant, c.f); err != nil || n != len(list) || !exact {
			t.Errorf("%s: counted %d, exactly %v, %v", name, n, exact, err)
		}
		if other, _ := s.PageMessages(t.Context(), "other", c.f, nil, 0, 100); len(other.Messages) != 0 {
			t.Errorf("%s: another tenant sees %v", name, idsOf(other.Messages))
		}
	}
}

// However a list is cut into pages, each message is on one of them, also where
// many were logged in the same millisecond.
func TestPageMessagesPages(t *testing.T) {
	s, _, base := jobStore(t)
	const size = 60
	err := s.update(t.Context(), func(tx *sql.Tx) error {
		for i := range size {
			m := engine.LoggedMessage{Session: engine.SessionKey{Tenant: DefaultTenant, ID: engine.SessionID(fmt.Sprint("s", i%3))},
				ID: engine.MessageID(fmt.Sprint("id", i%5)), Direction: engine.Inbound, Chat: "120363025246125486@g.us", Kind: engine.KindText,
				Peer: engine.Person{LID: engine.JID(fmt.Sprintf("%d@lid", 100+i))}, Status: engine.MessageReceived, CreatedAt: base.Add(time.Duration(i/30) * time.Millisecond)}
			if _, err := s.insertMessage(tx, m, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.PageMessages(t.Context(), DefaultTenant, MessageFilter{}, nil, 0, 2*size)
	whole := all.Messages
	if err != nil || len(whole) != size {
		t.Fatal(len(whole), err)
	}
	places := func(list []LogEntry) (out []MessageCursor) {
		for _, m := range list {
			out = append(out, m.Cursor)
		}
		return out
	}
	for _, limit := range []int{1, 7, 60} {
		var byCursor, byPage []LogEntry
		var after *MessageCursor
		for {
			page, err := s.PageMessages(t.Context(), DefaultTenant, MessageFilter{}, after, 0, limit)
			if err != nil {
				t.Fatal(err)
			}
			byCursor = append(byCursor, page.Messages...)
			skipped, err := s.PageMessages(t.Context(), DefaultTenant, MessageFilter{}, nil, len(byPage), limit)
			if err != nil {
				t.Fatal(err)
			}
			byPage = append(byPage, skipped.Messages...)
			if after = page.Next; after == nil {
				break
			}
		}
		if !slices.Equal(places(byCursor), places(whole)) || !slices.Equal(places(byPage), places(whole)) {
			t.Errorf("pages of %d differ from the whole", limit)
		}
	}
}

func TestCountingGivesUp(t *testing.T) {
	s, _ := logStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.CountMessages(ctx, DefaultTenant, MessageFilter{}); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("counted although nobody waits: %v", err)
	}
}

// Lists of the log and the statements of bulk jobs find their rows by index; what
// is in an index is counted there.
func TestLogAndJobPlansUseTheirIndexes(t *testing.T) {
	s, _, _ := jobStore(t)
	err := s.update(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO tenants (id, name, created_at) VALUES ('t', 'T', 1)`); err != nil {
			return err
		}
		return s.acquaint(tx, "t", engine.Person{Phone: "2@s.whatsapp.net", LID: "2@lid"})
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(f MessageFilter) (string, []any) {
		var q conditions
		c := selection{tenant: "t", f: f}
		query := ""
		err := s.update(t.Context(), func(tx *sql.Tx) error {
			parts, err := spread(t.Context(), tx, "t", f.parts())
			query = c.keys(&q, parts, f.within(nil)) + " LIMIT 20"
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return query, q.args
	}
	plain := func(query string, args ...any) (string, []any) { return query, args }
	type plan struct {
		query string
		args  []any
		want  string
	}
	plans := map[string]plan{}
	add := func(name, want, query string, args []any) { plans[name] = plan{query, args, want} }
	for name, c := range map[string]struct {
		f    MessageFilter
		want string
	}{
		"all":      {MessageFilter{}, "COVERING INDEX messages_log"},
		"status":   {MessageFilter{Status: "read"}, "COVERING INDEX messages_log"},
		"queued":   {MessageFilter{Status: "queued"}, "COVERING INDEX messages_rare (tenant_id=? AND status=?)"},
		"pending":  {MessageFilter{Status: "pending"}, "messages_pending (tenant_id=?)"},
		"failures": {MessageFilter{Status: "failed"}, "COVERING INDEX messages_rare (tenant_id=? AND status=?)"},
		"kind":     {MessageFilter{Kind: "poll", Status: "read"}, "COVERING INDEX messages_kind (tenant_id=? AND kind=?)"},
		"session":  {MessageFilter{Sessions: []engine.SessionID{"s"}, Status: "read"}, "COVERING INDEX messages_time"},
		"since":    {MessageFilter{Since: time.Now()}, "COVERING INDEX messages_log (tenant_id=? AND created_at>?)"},
		"to":       {MessageFilter{To: "1@s.whatsapp.net"}, "COVERING INDEX messages_phone (tenant_id=? AND peer_phone=?)"},
		"known":    {MessageFilter{To: "2@s.whatsapp.net"}, "COVERING INDEX messages_lid (tenant_id=? AND peer_lid=?)"},
		"known, of a session": {MessageFilter{To: "2@s.whatsapp.net", Sessions: []engine.SessionID{"s"}},
			"COVERING INDEX messages_lid (tenant_id=? AND peer_lid=?)"},
		"unknown, of sessions": {MessageFilter{To: "1@s.whatsapp.net", Sessions: []engine.SessionID{"s", "x"}},
			"COVERING INDEX messages_phone (tenant_id=? AND peer_phone=?)"},
		"from":  {MessageFilter{From: "1@lid"}, "COVERING INDEX messages_lid (tenant_id=? AND peer_lid=?)"},
		"group": {MessageFilter{To: "1@g.us"}, "INDEX messages_group (tenant_id=? AND chat=?)"},
		"ourselves": {MessageFilter{To: "1@s.whatsapp.net", OwnTo: []engine.SessionID{"s"}},
			"MERGE (UNION ALL)"},
	} {
		query, args := ask(c.f)
		add("list "+name, c.want, query, args)
	}
	for name, c := range map[string]struct {
		want, query string
		args        []any
	}{
		"next job":  {"job_sessions_line", nextJob, []any{"t", "s", 0}},
		"own item":  {"SEARCH o USING COVERING INDEX job_items_pending (job=? AND session_id=?)", nextItem, []any{1, "s", 0}},
		"free item": {"SEARCH f USING COVERING INDEX job_items_pending (job=? AND session_id=?)", nextItem, []any{1, "s", 0}},
		"own part":  {"SEARCH p USING COVERING INDEX job_items_pending (job=? AND session_id=? AND position>?)", nextItem, []any{1, "s", 0}},
		"claimed":   {"job_items USING INDEX sqlite_autoindex_job_items_1 (job=? AND position=?)", claimItem, []any{"s", nil, 1, 0}},
		"sending":   {"SEARCH i USING INDEX sqlite_autoindex_job_items_1 (job=? AND position=?)", findSending, []any{"j", 1}},
		"finished":  {"job_items USING INDEX sqlite_autoindex_job_items_1 (job=? AND position=?)", finishItem, []any{"sent", "", 1, true, 1, 1, 0}},
		"nth send":  {"COVERING INDEX job_items_tried (job=? AND session_id=? AND tried_at<?)", nthSend, []any{1, "s", 5, 9}},
		"unsure":    {"INDEX job_items_pending (job=? AND session_id>?)", listUnsure, []any{1, "s"}},
		"recover":   {"job_items_sending", recoverItems, []any{1}},
		"preparing": {"jobs_preparing", dropPreparing, nil},
		"lines":     {"COVERING INDEX job_sessions_line", listLines, nil},
	} {
		query, args := plain(c.query, c.args...)
		add(name, c.want, query, args)
	}
	for name, p := range plans {
		err := s.update(t.Context(), func(tx *sql.Tx) error {
			rows, err := tx.Query("EXPLAIN QUERY PLAN "+p.query, p.args...)
			lines, err := collect(rows, err, func(r row) (line string, err error) {
				var id, parent, unused int
				err = r.Scan(&id, &parent, &unused, &line)
				return line, err
			})
			plan := strings.Join(lines, "\n")
			if !strings.Contains(plan, p.want) {
				t.Errorf("%s does not use %s:\n%s", name, p.want, plan)
			}
			if strings.HasPrefix(name, "list ") && strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s sorts:\n%s", name, plan)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
