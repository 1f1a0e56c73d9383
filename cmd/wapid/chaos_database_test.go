package main

import (
	"database/sql"
	"encoding/json"
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

// writtenEvent is an event as the database has it, with its delivery.
type writtenEvent struct {
	id, tenant, session, kind string
	message                   string // of a message: its id
	state                     string // of the delivery; "" if there is none
	attempts                  int
}

// events lists all events in their order.
func (h *chaos) events() []writtenEvent {
	db := h.database()
	defer db.Close()
	rows, err := db.Query(`SELECT e.id, e.tenant_id, e.session_id, e.type, e.data, coalesce(d.state, ''), coalesce(d.attempts, 0)
		FROM events e LEFT JOIN deliveries d ON d.event_id = e.id ORDER BY e.id`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	var list []writtenEvent
	for rows.Next() {
		var e writtenEvent
		var raw []byte
		if err := rows.Scan(&e.id, &e.tenant, &e.session, &e.kind, &raw, &e.state, &e.attempts); err != nil {
			h.t.Fatal(err)
		}
		var data struct{ ID string }
		if err := json.Unmarshal(raw, &data); err != nil {
			h.t.Errorf("event %s: %v", e.id, err)
		}
		if e.kind == "message" {
			e.message = data.ID
		}
		list = append(list, e)
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return list
}

// logged maps the ids of messages that went out to what the log says of them.
func (h *chaos) logged() map[string]string {
	db := h.database()
	defer db.Close()
	rows, err := db.Query(`SELECT id, status FROM messages WHERE direction = 'out'`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	log := map[string]string{}
	for rows.Next() {
		var id, status string
		if err := rows.Scan(&id, &status); err != nil {
			h.t.Fatal(err)
		}
		log[id] = status
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return log
}
