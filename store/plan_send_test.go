package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// The statements that run for every message, or look for what is left over, must
// not walk through the log.
func TestSendPlansUseTheirIndexes(t *testing.T) {
	s, err := Open(context.Background(), filepath.Join(t.TempDir(), FileName), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, c := range map[string]struct {
		query string
		args  int
		want  string
	}{
		"outgoing":    {selectOutgoing, 3, "messages_id (tenant_id=? AND session_id=? AND direction=? AND id=? AND origin=?)"},
		"finish":      {finishMessage, 7, "INTEGER PRIMARY KEY (rowid=?)"},
		"learn":       {learnFinished, 9, "INTEGER PRIMARY KEY (rowid=?)"},
		"receipt":     {advanceMessage, 5, "INTEGER PRIMARY KEY (rowid=?)"},
		"references":  {selectMessage + whereLogged, 3, "messages_id (tenant_id=? AND session_id=? AND direction=? AND id=?)"},
		"interrupted": {selectInterrupted, 0, "messages_pending"},
		"first":       {firstInLine, 2, "outbox_line (tenant_id=? AND session_id=?)"},
		"expired":     {expired, 2, "outbox_expiry (expires_at<?)"},
	} {
		t.Run(name, func(t *testing.T) {
			var plan string
			err := s.update(context.Background(), func(tx *sql.Tx) error {
				rows, err := tx.Query("EXPLAIN QUERY PLAN "+c.query, make([]any, c.args)...)
				lines, err := collect(rows, err, func(r row) (line string, err error) {
					var id, parent, unused int
					err = r.Scan(&id, &parent, &unused, &line)
					return line, err
				})
				plan = strings.Join(lines, "\n")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(plan, c.want) {
				t.Errorf("%s is not used:\n%s", c.want, plan)
			}
		})
	}
}
