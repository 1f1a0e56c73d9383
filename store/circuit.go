package store

import (
	"database/sql"
	"slices"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// judge draws an endpoint's conclusions from a try: its circuit, whether it is
// disabled, and what a recovery sets going. It returns the endpoint as it is then, and
// says how many deliveries that queued.
func (s *Store) judge(tx *sql.Tx, id webhooks.EndpointID, a webhooks.Attempt, o webhooks.Outcome) (turn webhooks.Turn, e webhooks.Endpoint, queued int64, err error) {
	if e, err = s.scanEndpoint(tx.QueryRow(selectEndpoint+` WHERE id = $1`, id)); err != nil {
		return "", e, 0, err
	}
	if o.Unsent {
		return webhooks.TurnNone, e, 0, nil
	}
	before := e.Circuit
	if o.State == webhooks.DeliveryDelivered {
		turn, queued, err = recovered(tx, e, a.At.Add(a.Duration))
		e.Circuit, e.Proven = webhooks.Circuit{}, true
		return turn, e, queued, err
	}
	e.Circuit = before.Fail(a, o.Asked, o.Random)
	if err := saveCircuit(tx, id, e.Circuit, e.Proven); err != nil {
		return "", e, 0, err
	}
	switch {
	case e.Enabled && (o.Gone || e.Circuit.Exhausted()):
		why := webhooks.DisabledFailing
		if o.Gone {
			why = webhooks.DisabledGone
		}
		queued, err = s.disable(tx, e, e.Circuit, why)
		e.Enabled, turn = false, webhooks.TurnDisabled
	case e.Circuit.Open() && !before.Open():
		turn = webhooks.TurnOpen
	case e.Circuit.Failures == 1:
		turn = webhooks.TurnFailing
	}
	return turn, e, queued, err
}

// recovered closes an endpoint's circuit after a success.
func recovered(tx *sql.Tx, e webhooks.Endpoint, at time.Time) (webhooks.Turn, int64, error) {
	if e.Proven && e.Circuit == (webhooks.Circuit{}) {
		return webhooks.TurnNone, 0, nil
	}
	if err := saveCircuit(tx, e.ID, webhooks.Circuit{}, true); err != nil {
		return "", 0, err
	}
	if e.Circuit.Failures == 0 {
		return webhooks.TurnNone, 0, nil
	}
	if !e.Circuit.BringsForward(at) {
		return webhooks.TurnRecovered, 0, nil
	}
	queued, err := bringForward(tx, e.ID)
	return webhooks.TurnRecovered, queued, err
}

// waitingRetries are the retries of an endpoint and the heads of its lines.
const waitingRetries = `SELECT DISTINCT session_id FROM deliveries WHERE endpoint_id = $1 AND state = 'pending' AND turn > 0`

// bringForward puts all retries of an endpoint back into their sessions' lines, in
// the places that they once had.
func bringForward(tx *sql.Tx, id webhooks.EndpointID) (int64, error) {
	rows, err := tx.Query(waitingRetries, id)
	sessions, err := collect(rows, err, func(r row) (session engine.SessionID, err error) {
		err = r.Scan(&session)
		return session, err
	})
	if err != nil {
		return 0, err
	}
	var n int64
	err = enterLine(tx, id, sessions, func() (err error) {
		n, err = changed(tx.Exec(rejoin, id))
		return err
	})
	return n, err
}

const rejoin = `UPDATE deliveries SET turn = 0, next_at = 0 WHERE endpoint_id = $1 AND state = 'pending' AND turn > 0`

// disable takes an endpoint out of service and tells its tenant's others.
func (s *Store) disable(tx *sql.Tx, e webhooks.Endpoint, c webhooks.Circuit, why webhooks.DisabledReason) (queued int64, err error) {
	s.standing.forget() // it may be the last that wants something
	_, err = tx.Exec(`UPDATE endpoints SET enabled = 0, disabled_reason = $1, updated_at = $2 WHERE id = $3`, why, millis(s.clock()), e.ID)
	if err != nil {
		return 0, err
	}
	data, err := engine.Canonical(engine.WebhookDisabledData{
		EndpointID: string(e.ID), URL: e.Host(), Reason: string(why), FailingSince: unixMillis(c.FailingSince)})
	if err != nil {
		return 0, err
	}
	return s.appendEvent(tx, engine.Event{Session: engine.SessionKey{Tenant: e.Tenant}, Type: engine.EventWebhookDisabled, Data: data})
}

func saveCircuit(tx *sql.Tx, id webhooks.EndpointID, c webhooks.Circuit, proven bool) error {
	var held int64
	if !c.HeldUntil.IsZero() {
		held = c.HeldUntil.UnixMilli()
	}
	_, err := tx.Exec(`UPDATE endpoints SET failures = $1, failing_since = $2, failed_at = $3, opened_at = $4, held_until = $5,
		probes = $6, proven = $7 WHERE id = $8`,
		c.Failures, millis(c.FailingSince), millis(c.FailedAt), millis(c.OpenedAt), held, c.Probes, proven, id)
	return err
}

// isUnderWay tells whether one of a line is posted now. It need not be the first: an
// older one may have come back before it. It is looked for among what is posted, not
// along the line.
const isUnderWay = `SELECT EXISTS (SELECT 1 FROM deliveries WHERE endpoint_id = $1 AND session_id || '' = $2 AND state = 'sending' AND turn <> 2)`

// enterLine puts deliveries of one endpoint and session at their places in line,
// by enter, without two of them having the turn: who had it and was not claimed
// yet gives it up to whoever comes before.
func enterLine(tx *sql.Tx, id webhooks.EndpointID, sessions []engine.SessionID, enter func() error) error {
	slices.Sort(sessions)
	sessions = slices.Compact(sessions)
	var idle []engine.SessionID // sessions without a delivery under way, whose end passes the turn on
	for _, session := range sessions {
		var busy bool
		if err := tx.QueryRow(isUnderWay, id, session).Scan(&busy); err != nil {
			return err
		}
		if busy {
			continue
		}
		idle = append(idle, session)
		if _, err := tx.Exec(`UPDATE deliveries SET turn = 0 WHERE id = (SELECT min(d.id) FROM deliveries d
			WHERE d.endpoint_id = $1 AND d.session_id = $2 AND d.turn < 2)`, id, session); err != nil {
			return err
		}
	}
	if err := enter(); err != nil {
		return err
	}
	for _, session := range idle {
		if _, err := tx.Exec(promoteNext, id, session); err != nil {
			return err
		}
	}
	return nil
}
