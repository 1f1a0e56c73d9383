package store

import (
	"database/sql"

	"wapid/webhooks"
)

const deliveryColumns = `d.id, d.endpoint_id, d.event_id, d.tenant_id, d.session_id, d.state, d.attempts, d.next_at`

const selectClaim = `SELECT ` + deliveryColumns + `, d.turn,
	` + endpointColumns + `,
	v.id, v.tenant_id, v.session_id, v.type, v.at, v.data
	FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id JOIN events v ON v.id = d.event_id WHERE d.id = $1`

// selectBehind reads what stands in a line behind its first.
const selectBehind = `SELECT ` + deliveryColumns + `, v.id, v.tenant_id, v.session_id, v.type, v.at, v.data
	FROM deliveries d JOIN events v ON v.id = d.event_id
	WHERE d.endpoint_id = $1 AND d.session_id = $2 AND d.turn < 2 AND d.id > $3 ORDER BY d.id LIMIT $4`

// runBytes is how much data the deliveries behind a claim hold; it goes beyond that
// by one.
const runBytes = 256 << 10

// outOfLine is the turn of a delivery that is a retry, a test, or finished.
const outOfLine = 2

// claimed reads a delivery that was claimed and, of an endpoint that is well, what
// may follow it in one run. The rows behind it stay as they are: nobody claims them
// while the first of their line is under way.
func (s *Store) claimed(tx *sql.Tx, id webhooks.DeliveryID) (c webhooks.Claim, err error) {
	var turn int
	err = tx.QueryRow(selectClaim, id).Scan(append(append(append(deliveryFields(&c.Delivery), &turn),
		endpointFields(&c.Endpoint)...), eventFields(&c.Event)...)...)
	if err != nil {
		return c, err
	}
	s.readable(&c.Event)
	if turn == outOfLine || c.Endpoint.Unreadable || !c.Endpoint.Proven || c.Endpoint.Circuit.Failures > 0 {
		return c, nil
	}
	c.Behind, err = s.behind(tx, c.Delivery)
	return c, err
}

func (s *Store) behind(tx *sql.Tx, d webhooks.Delivery) (list []webhooks.Letter, err error) {
	rows, err := tx.Query(selectBehind, d.Endpoint, d.Session.ID, d.ID, webhooks.MaxRun-1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for size := 0; size < runBytes && rows.Next(); {
		var l webhooks.Letter
		if err := rows.Scan(append(deliveryFields(&l.Delivery), eventFields(&l.Event)...)...); err != nil {
			return nil, err
		}
		if l.Delivery.State != webhooks.DeliveryPending {
			break // an older one has come back into the line before it
		}
		s.readable(&l.Event)
		size += len(l.Event.Data)
		list = append(list, l)
	}
	return list, rows.Err()
}

func deliveryFields(d *webhooks.Delivery) []any {
	return []any{&d.ID, &d.Endpoint, &d.Event, &d.Session.Tenant, &d.Session.ID, &d.State, &d.Attempts, instant{&d.NextAt}}
}

func scanDelivery(r row) (d webhooks.Delivery, err error) {
	err = r.Scan(deliveryFields(&d)...)
	return d, err
}

func scanDeliveryID(r row) (id webhooks.DeliveryID, err error) {
	err = r.Scan(&id)
	return id, err
}
