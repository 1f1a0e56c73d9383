package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
)

// movedAtOnce is how many rows an import commits together: other devices' commits
// pass in between.
const movedAtOnce = 1000

// copyDevice copies what a device is to have elsewhere. Rows go over some at a time,
// so one that fails leaves a part.
func copyDevice(ctx context.Context, tables []movedTable, from *sql.Tx, to *sql.DB, container *sqlstore.Container, device string) error {
	for _, t := range tables {
		if err := copyRows(ctx, from, to, t, device); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	own, err := ownAddressesOf(ctx, from, device)
	if err == nil {
		err = dropOwnSenderKeys(ctx, to, own)
	}
	if err != nil {
		return err
	}
	people, err := acquaintedLIDs(ctx, from, device)
	if err != nil {
		return err
	}
	return introduceLIDs(ctx, container.LIDMap, people)
}

// introduceLIDs adds the people whom the target does not know by either address yet. All
// its devices share that table: what a file says, which may be old or somebody's make,
// must not replace what WhatsApp has said to another one.
func introduceLIDs(ctx context.Context, known store.LIDStore, people []store.LIDMapping) error {
	var strangers []store.LIDMapping
	for _, p := range people {
		lid, lidErr := known.GetLIDForPN(ctx, p.PN)
		pn, pnErr := known.GetPNForLID(ctx, p.LID)
		if err := errors.Join(lidErr, pnErr); err != nil {
			return err
		}
		if lid.IsEmpty() && pn.IsEmpty() {
			strangers = append(strangers, p)
		}
	}
	return known.PutManyLIDMappings(ctx, strangers)
}

// copyRows copies a device's rows of one table. The names of the columns are those of
// the target: what a file from elsewhere calls its own must not get into a statement.
func copyRows(ctx context.Context, from *sql.Tx, to *sql.DB, t movedTable, device string) error {
	columns, err := columnsOf(ctx, to, t.name)
	if err != nil {
		return err
	}
	rows, err := from.QueryContext(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.name+" WHERE "+t.device+" = $1", device)
	if err != nil {
		return err
	}
	marks := make([]string, len(columns))
	for i := range columns {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	query := "INSERT INTO " + t.name + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	return insertAll(ctx, to, rows, query, len(columns))
}

func columnsOf(ctx context.Context, db *sql.DB, table string) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Close())
}

// insertAll writes rows, some at a time, and closes them.
func insertAll(ctx context.Context, to *sql.DB, rows *sql.Rows, query string, columns int) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for more := true; more; {
		var batch [][]any
		for len(batch) < movedAtOnce {
			if more = rows.Next(); !more {
				break
			}
			values, into := make([]any, columns), make([]any, columns)
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return err
			}
			batch = append(batch, values)
		}
		if err := insertBatch(ctx, to, query, batch); err != nil {
			return err
		}
	}
	return rows.Err()
}

func insertBatch(ctx context.Context, to *sql.DB, query string, batch [][]any) error {
	if len(batch) == 0 {
		return nil
	}
	tx, err := to.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, values := range batch {
		if _, err := tx.ExecContext(ctx, query, values...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// acquaintances lists by both addresses the people of whom the device has anything:
// the table of addresses is shared by all devices, and what others know is not told.
const acquaintances = `WITH known(name) AS (
		SELECT their_jid FROM whatsmeow_contacts WHERE our_jid = $1
		UNION SELECT their_id FROM whatsmeow_identity_keys WHERE our_jid = $1
		UNION SELECT their_jid FROM whatsmeow_privacy_tokens WHERE our_jid = $1
		UNION SELECT jid FROM whatsmeow_device WHERE jid = $1
		UNION SELECT lid FROM whatsmeow_device WHERE jid = $1 AND lid IS NOT NULL
	), bare(name) AS (
		SELECT CASE WHEN instr(name, '@') > 0 THEN substr(name, 1, instr(name, '@') - 1) ELSE name END FROM known
	), undevised(name) AS (
		SELECT CASE WHEN instr(name, ':') > 0 THEN substr(name, 1, instr(name, ':') - 1) ELSE name END FROM bare
	), people(name) AS (
		SELECT CASE WHEN instr(name, '_') > 0 THEN substr(name, 1, instr(name, '_') - 1) ELSE name END FROM undevised
	)
	SELECT lid, pn FROM whatsmeow_lid_map WHERE lid IN (SELECT name FROM people) OR pn IN (SELECT name FROM people)`

func acquaintedLIDs(ctx context.Context, from *sql.Tx, device string) (people []store.LIDMapping, err error) {
	rows, err := from.QueryContext(ctx, acquaintances, device)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var lid, pn string
		if err := rows.Scan(&lid, &pn); err != nil {
			return nil, err
		}
		people = append(people, store.LIDMapping{LID: types.NewJID(lid, types.HiddenUserServer), PN: types.NewJID(pn, types.DefaultUserServer)})
	}
	return people, rows.Err()
}
