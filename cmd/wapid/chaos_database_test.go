package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"

	"wapid/store"
)

// database opens the daemon's own database for reading, also beside the daemon.
func (h *chaos) database() *sql.DB {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(h.dir, store.FileName)+"?_query_only=true&_busy_timeout=5000")
	if err != nil {
		h.t.Fatal(err)
	}
	return db
}

// undelivered counts the deliveries that are still to be made.
func (h *chaos) undelivered() (n int) {
	db := h.database()
	defer db.Close()
	if err := db.QueryRow(`SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')`).Scan(&n); err != nil {
		h.t.Errorf("counting deliveries: %v", err)
	}
	return n
}

// writtenEvent is an event as the database has it.
type writtenEvent struct {
	id, tenant, session, kind string
	message                   string // of a message: its id
	job                       string // of a bulk job: its id
	counts                    string // of a bulk job that has ended
}

// events lists all events in their order.
func (h *chaos) events() []writtenEvent {
	return listRows(h, `SELECT id, tenant_id, session_id, type, data FROM events ORDER BY id`, func(scan func(...any) error) (e writtenEvent, err error) {
		var raw []byte
		if err := scan(&e.id, &e.tenant, &e.session, &e.kind, &raw); err != nil {
			return e, err
		}
		var data struct {
			ID, JobID, Status                 string
			Total, Succeeded, Failed, Skipped int
		}
		if err := json.Unmarshal(raw, &data); err != nil {
			return e, err
		}
		switch e.kind {
		case "message":
			e.message = data.ID
		case "bulk.completed":
			e.job, e.counts = data.JobID, fmt.Sprint(data.Status, data.Total, data.Succeeded, data.Failed)
		}
		return e, nil
	})
}

// delivery is how an event stands at an endpoint.
type delivery struct {
	event, state string
	attempts     int
}

// deliveries are those to an endpoint, by event.
func (h *chaos) deliveries(url string) map[string]delivery {
	byEvent := map[string]delivery{}
	for _, d := range listRows(h, `SELECT d.event_id, d.state, d.attempts FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id WHERE e.url = '`+url+`'`,
		func(scan func(...any) error) (d delivery, err error) {
			err = scan(&d.event, &d.state, &d.attempts)
			return d, err
		}) {
		byEvent[d.event] = d
	}
	return byEvent
}

// listRows reads all rows of a query.
func listRows[T any](h *chaos, query string, read func(scan func(...any) error) (T, error)) (list []T) {
	db := h.database()
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		one, err := read(rows.Scan)
		if err != nil {
			h.t.Fatal(err)
		}
		list = append(list, one)
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return list
}

// logged maps the ids of messages that went out to what the log says of them.
func (h *chaos) logged() map[string]string {
	log := map[string]string{}
	for _, m := range listRows(h, `SELECT id, status FROM messages WHERE direction = 'out'`,
		func(scan func(...any) error) (m [2]string, err error) { err = scan(&m[0], &m[1]); return m, err }) {
		log[m[0]] = m[1]
	}
	return log
}
