package store

import (
	"database/sql"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

const deliveryColumns = `d.id, d.endpoint_id, d.event_id, d.tenant_id, d.session_id, d.state, d.attempts, d.next_at`

const selectLetter = `SELECT ` + deliveryColumns + `, v.id, v.tenant_id, v.session_id, v.type, v.at, v.data
	FROM deliveries d JOIN events v ON v.id = d.event_id`

const selectClaim = `SELECT ` + deliveryColumns + `, d.turn, ` + endpointColumns + `
	FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id WHERE d.id = $1`

// selectLine reads a line from one of its deliveries on.
const selectLine = selectLetter + `
	WHERE d.endpoint_id = $1 AND d.session_id = $2 AND d.turn < 2 AND d.id >= $3 ORDER BY d.id LIMIT $4`

// nextOf finds what is due first of an endpoint: the heads of its lines, then retries.
const nextOf = `SELECT d.id, d.session_id, d.turn FROM deliveries d
	WHERE d.endpoint_id = $1 AND d.state = 'pending' AND d.turn > 0 AND d.next_at <= $2
	ORDER BY d.next_at, d.id LIMIT $3`

// holdDelivery claims a delivery, for a place of its own or for one that another has.
const holdDelivery = `UPDATE deliveries SET state = 'sending', turn = $1 WHERE state = 'pending' AND id = $2`

// runBytes is how much data the deliveries of a run hold; it goes beyond that by one.
const runBytes = 256 << 10

// firstRun is how many deliveries a run has while it is not known how fast their
// receiver is.
const firstRun = 32

// The turns of a delivery.
const (
	inLine    = 0 // waits behind others, or is claimed for a place that the head of another line has
	atHead    = 1 // may be claimed, or has a place
	outOfLine = 2 // is a retry, a test, or finished
)

// due is a delivery that may be claimed.
type due struct {
	id      webhooks.DeliveryID
	session engine.SessionID
	turn    int
}

func scanDue(r row) (d due, err error) {
	err = r.Scan(&d.id, &d.session, &d.turn)
	return d, err
}

// claimOf claims what is due of an endpoint that is well: what is first, and of so many
// lines as may share its place the heads, with what stands behind each. nil is for nothing.
func (s *Store) claimOf(tx *sql.Tx, e webhooks.Endpoint, now time.Time, share webhooks.Share) (*webhooks.Claim, int64, error) {
	rows, err := tx.Query(nextOf, e.ID, now.UnixMilli(), max(1, share.Lines))
	heads, err := collect(rows, err, scanDue)
	if err != nil || len(heads) == 0 {
		return nil, 0, err
	}
	if e.Unreadable {
		queued, err := s.setAside(tx, webhooks.Claim{Endpoint: e})
		return nil, queued, err
	}
	r := run{store: s, endpoint: e.ID, most: max(1, min(share.Letters, webhooks.MaxRun))}
	turn := heads[0].turn
	for i, head := range heads {
		if i > 0 && (head.turn != atHead || heads[0].turn != atHead || r.full() || !e.Proven) {
			break
		}
		if _, err := tx.Exec(holdDelivery, turn, head.id); err != nil {
			return nil, 0, err
		}
		if err := r.add(tx, head, e.Proven); err != nil {
			return nil, 0, err
		}
		turn = inLine
	}
	return &webhooks.Claim{Letter: r.letters[0], Endpoint: e, Behind: r.letters[1:]}, 0, nil
}

// claimed reads a delivery that was claimed and, of an endpoint that is well, what
// may follow it in one run. The rows behind it stay as they are: nobody claims them
// while the first of their line is under way.
func (s *Store) claimed(tx *sql.Tx, id webhooks.DeliveryID) (c webhooks.Claim, err error) {
	head := due{id: id}
	err = tx.QueryRow(selectClaim, id).Scan(append(append(deliveryFields(&c.Delivery), &head.turn), s.endpointFields(&c.Endpoint)...)...)
	if err != nil || c.Endpoint.Unreadable {
		return c, err
	}
	head.session = c.Delivery.Session.ID
	r := run{store: s, endpoint: c.Endpoint.ID, most: firstRun}
	if err = r.add(tx, head, c.Endpoint.Proven && c.Endpoint.Circuit.Failures == 0); err != nil {
		return c, err
	}
	c.Letter, c.Behind = r.letters[0], r.letters[1:]
	return c, nil
}

// run gathers what is posted in one place, one after the other.
type run struct {
	store    *Store
	endpoint webhooks.EndpointID
	most     int
	letters  []webhooks.Letter
	size     int // bytes of data
}

func (r *run) full() bool { return len(r.letters) >= r.most || r.size >= runBytes }

// add appends a delivery that was claimed and, if they may follow it, those behind it.
func (r *run) add(tx *sql.Tx, head due, followed bool) error {
	if head.turn == outOfLine {
		return r.read(tx.Query(selectLetter+` WHERE d.id = $1`, head.id))
	}
	most := 1
	if followed {
		most = r.most - len(r.letters)
	}
	return r.read(tx.Query(selectLine, r.endpoint, head.session, head.id, most))
}

// read takes the first row, and those that may follow it as long as there is room.
func (r *run) read(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for first := true; (first || !r.full()) && rows.Next(); first = false {
		var l webhooks.Letter
		if err := rows.Scan(append(deliveryFields(&l.Delivery), eventFields(&l.Event)...)...); err != nil {
			return err
		}
		if !first && l.Delivery.State != webhooks.DeliveryPending {
			break // an older one has come back into the line before it
		}
		r.store.readable(&l.Event)
		r.size += len(l.Event.Data)
		r.letters = append(r.letters, l)
	}
	return rows.Err()
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
