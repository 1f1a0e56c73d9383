package whatsapp

import (
	"context"
	"database/sql"
	"time"

	"github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow/types"
)

// Messages of ours are kept for a week, because a phone that could not read one asks for
// it again. Nearly all of them are written and never read. whatsmeow's table has two
// indexes, in which every message goes to a page of its own; that was three quarters
// of what a send wrote to the device store.
//
// So a message is added to the end of wapid_sent. Every sentMove messages they are moved,
// in one piece and in the order in which they are looked for, to wapid_sent_runs. A
// message is looked for in what is not moved yet, which is short, and in one place of
// each run. What an older version has written stays in whatsmeow's table, where it is
// still found, until it is a week old.
const sentSchema = `
	CREATE TABLE IF NOT EXISTS wapid_sent (
		seq       INTEGER PRIMARY KEY,
		device    TEXT    NOT NULL,
		id        TEXT    NOT NULL,
		chat      TEXT    NOT NULL,
		format    TEXT    NOT NULL,
		plaintext BLOB    NOT NULL,
		at        INTEGER NOT NULL -- unix milliseconds
	);
	CREATE TABLE IF NOT EXISTS wapid_sent_runs (
		run       INTEGER NOT NULL, -- unix milliseconds of its beginning
		device    TEXT    NOT NULL,
		id        TEXT    NOT NULL,
		chat      TEXT    NOT NULL,
		format    TEXT    NOT NULL,
		plaintext BLOB    NOT NULL,
		PRIMARY KEY (run, device, id, chat)
	) WITHOUT ROWID`

// sentMove is how many messages are moved at once, in about three milliseconds. A run
// takes sentMoves times as many, since a look into each costs 20 µs, but is
// filled no longer than runLasts, so that its messages grow old together.
const (
	sentMove  = 1000
	sentMoves = 4
	runLasts  = time.Hour
)

// sentKept is how long a message is kept for retry receipts.
const sentKept = 7 * 24 * time.Hour

// everyRun lists the runs, the newest first, without reading what is in them.
const everyRun = `WITH RECURSIVE runs(run) AS (
		SELECT max(run) FROM wapid_sent_runs
		UNION ALL
		SELECT (SELECT max(run) FROM wapid_sent_runs WHERE run < runs.run) FROM runs WHERE run IS NOT NULL
	) `

const (
	addSent  = `INSERT INTO wapid_sent (device, id, chat, format, plaintext, at) VALUES ($1, $2, $3, $4, $5, $6)`
	moveSent = `INSERT INTO wapid_sent_runs (run, device, id, chat, format, plaintext)
		SELECT $1, device, id, chat, format, plaintext FROM wapid_sent WHERE at >= $2 ORDER BY device, id, chat, seq
		ON CONFLICT (run, device, id, chat) DO UPDATE SET format = excluded.format, plaintext = excluded.plaintext`
	clearSent = `DELETE FROM wapid_sent`

	findSent = `SELECT format, plaintext FROM wapid_sent WHERE device = $1 AND id = $2 AND chat IN ($3, $4) ORDER BY seq DESC LIMIT 1`
	findRun  = everyRun + `SELECT s.format, s.plaintext FROM runs CROSS JOIN wapid_sent_runs AS s
		ON s.run = runs.run AND s.device = $1 AND s.id = $2 AND s.chat IN ($3, $4) LIMIT 1`

	dropOldSent = `DELETE FROM wapid_sent WHERE at < $1`
	dropOldRuns = `DELETE FROM wapid_sent_runs WHERE run < $1`

	forgetSent = `DELETE FROM wapid_sent WHERE device = $1`
	forgetRuns = `DELETE FROM wapid_sent_runs WHERE device = $1 AND run IN (` + everyRun + `SELECT run FROM runs)`

	// knowsSent asks for any message of a device by its id, wherever it stands.
	knowsSent = `SELECT EXISTS (SELECT 1 FROM wapid_sent WHERE device = $1 AND id = $2)
		OR EXISTS (` + everyRun + `SELECT 1 FROM runs CROSS JOIN wapid_sent_runs AS s ON s.run = runs.run AND s.device = $1 AND s.id = $2)
		OR EXISTS (SELECT 1 FROM whatsmeow_retry_buffer WHERE our_jid = $1 AND message_id = $2)`
)

// sentLog says when messages are to be moved, and where. Whoever leads a commit uses it.
type sentLog struct {
	unmoved int       // messages in wapid_sent
	run     time.Time // the run that they are moved to next
	moves   int       // how often messages were moved to it
}

// openSent makes the tables of sent messages, and counts what is not moved.
func openSent(ctx context.Context, db *sql.DB) (log sentLog, err error) {
	if _, err := db.ExecContext(ctx, sentSchema); err != nil {
		return log, err
	}
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM wapid_sent`).Scan(&log.unmoved)
	return log, err
}

// committed counts the messages that a commit has added, and tells whether it is time to
// move what is there. If that fails, it is tried again when as many have come.
func (l *sentLog) committed(group []*commit) (due bool) {
	for _, one := range group {
		if one.err == nil && one.batch.sent != "" {
			l.unmoved++
		}
	}
	if l.unmoved < sentMove {
		return false
	}
	l.unmoved = 0
	return true
}

// move moves what is in wapid_sent to a run, and drops what is too old.
func (l *sentLog) move(conn *sqlite3.SQLiteConn) error {
	now := time.Now()
	if age := now.Sub(l.run); l.moves == sentMoves || age < 0 || age > runLasts {
		l.run, l.moves = now, 0
	}
	l.moves++
	old := now.Add(-sentKept)
	return transaction(conn, func() error {
		return run(conn, []statement{
			write(moveSent, l.run.UnixMilli(), old.UnixMilli()), write(clearSent), write(dropOldRuns, lastOldRun(old)),
		})
	})
}

// lastOldRun is the run before which all messages are older than that.
func lastOldRun(old time.Time) int64 { return old.Add(-runLasts).UnixMilli() }

// AddOutgoingEvent implements store.EventBuffer. A batch holds it back until what the
// message is encrypted with is committed.
func (s *deviceStore) AddOutgoingEvent(ctx context.Context, chat types.JID, id types.MessageID, format string, body []byte) error {
	change := write(addSent, s.device, id, chat.String(), format, s.seal(body, kindOutgoing, id), time.Now().UnixMilli())
	if b := batchIn(ctx, s.device); b != nil && b.addSent(id, change) {
		return nil
	}
	alone := &batch{device: s.device}
	alone.addSent(id, change)
	return s.flush(alone)
}

// GetOutgoingEvent implements store.EventBuffer. It returns sql.ErrNoRows if no such
// message was sent to either address of the chat.
func (s *deviceStore) GetOutgoingEvent(ctx context.Context, chat, other types.JID, id types.MessageID) (format string, body []byte, err error) {
	args := []any{s.device, id, chat.String(), other.String()}
	for _, query := range []string{findSent, findRun} {
		ok, err := s.read(ctx, query, args, &format, &body)
		if ok {
			body, err = s.open(body, kindOutgoing, id)
		}
		if ok || err != nil {
			return format, body, err
		}
	}
	format, body, err = s.AllSessionSpecificStores.GetOutgoingEvent(ctx, chat, other, id)
	if err == nil {
		body, err = s.open(body, kindOutgoing, id)
	}
	return format, body, err
}

// DeleteOldOutgoingEvents implements store.EventBuffer. Of wapid_sent and its runs it
// deletes those of all devices, together with the message that is being sent: the last
// message that was sent must be known, or the store would seem to have been put back.
func (s *deviceStore) DeleteOldOutgoingEvents(ctx context.Context) error {
	old := time.Now().Add(-sentKept)
	for _, change := range []statement{
		write(dropOldSent, old.UnixMilli()), write(dropOldRuns, lastOldRun(old)), write(dropOldOutgoing, s.device, old.UnixMilli()),
	} {
		if err := s.add(ctx, change); err != nil {
			return err
		}
	}
	return nil
}
