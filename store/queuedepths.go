package store

import (
	"context"
)

// mostQueued is up to how many rows of a queue are counted.
const mostQueued = 100_000

// QueueDepths is what waits, of all tenants. No number is more than 100,000, which
// stands for that many or more.
type QueueDepths struct {
	Outbox     int // messages that wait for their session, or are being sent
	JobItems   int // recipients of bulk jobs that have begun or wait to
	Deliveries int // to webhooks, that wait for their first try or are under way
	Retries    int // to webhooks, that have failed and will be tried again
}

// queueDepths counts each queue by an index of what waits.
const (
	outboxDepth   = `SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT $1) AS some`
	jobItemsDepth = `SELECT count(*) FROM (SELECT 1 FROM job_items
		WHERE state = 'pending' AND job IN (SELECT job FROM job_sessions WHERE state = 'active' AND tenant_id > '') LIMIT $1) AS some`
	deliveriesDepth = `SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE turn < 2 LIMIT $1) AS some`
	retriesDepth    = `SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'pending' AND turn > 0 AND next_at > 0 LIMIT $1) AS some`
)

// CountQueues says what waits.
func (s *Store) CountQueues(ctx context.Context) (q QueueDepths, err error) {
	for query, n := range map[string]*int{outboxDepth: &q.Outbox, jobItemsDepth: &q.JobItems, deliveriesDepth: &q.Deliveries, retriesDepth: &q.Retries} {
		if err := s.read.QueryRowContext(ctx, query, mostQueued).Scan(n); err != nil {
			return QueueDepths{}, storageError(err)
		}
	}
	return q, nil
}

// CountStanding says how many tenants are suspended, and how many are being erased.
func (s *Store) CountStanding(ctx context.Context) (suspended, erasing int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(CASE WHEN erasing_at IS NULL AND suspended_at IS NOT NULL THEN 1 END), count(erasing_at) FROM tenants`).
		Scan(&suspended, &erasing)
	return suspended, erasing, storageError(err)
}
