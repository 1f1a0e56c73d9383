package store

import (
	"context"
	"database/sql"
	"math"
	"time"

	"wapid/engine"
)

// Usage is what a tenant has sent on one of its days.
type Usage struct {
	Day   string // YYYY-MM-DD in the tenant's time zone
	Sent  int
	Limit int // 0 for none
}

// FindUsage returns a tenant's present day. It returns CodeNotFound if there is
// no such tenant.
func (s *Store) FindUsage(ctx context.Context, tenant engine.TenantID) (Usage, error) {
	a, err := s.findAllowance(s.read, tenant)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Day: a.day, Limit: a.limit}
	err = s.read.QueryRowContext(ctx, `SELECT sent FROM usage WHERE tenant_id = $1 AND day = $2`, tenant, a.day).Scan(&u.Sent)
	if isNoRows(err) {
		err = nil
	}
	return u, storageError(err)
}

// ListUsage returns a tenant's days from one to another, both included, as far
// as anything was sent on them, oldest first. Limit is not filled in.
func (s *Store) ListUsage(ctx context.Context, tenant engine.TenantID, from, to string) ([]Usage, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT day, sent FROM usage
		WHERE tenant_id = $1 AND day >= $2 AND day <= $3 AND sent > 0 ORDER BY day`, tenant, from, to)
	return collect(rows, err, func(r row) (u Usage, err error) {
		err = r.Scan(&u.Day, &u.Sent)
		return u, err
	})
}

// allowance is what a tenant may send now.
type allowance struct {
	limit     int // messages a day; 0 for any number
	day       string
	left      time.Duration // of the day
	suspended bool
}

// querier is what a transaction and the reading pool have in common.
type querier interface {
	QueryRow(query string, args ...any) *sql.Row
	Query(query string, args ...any) (*sql.Rows, error)
}

func (s *Store) findAllowance(q querier, tenant engine.TenantID) (allowance, error) {
	t, err := s.findTerms(q, tenant)
	if err != nil {
		return allowance{}, err
	}
	return s.allow(t), nil
}

// findTerms returns CodeNotFound if there is no such tenant.
func (s *Store) findTerms(q querier, tenant engine.TenantID) (terms, error) {
	var (
		limit     sql.NullInt64
		zone      string
		suspended sql.NullInt64
	)
	err := q.QueryRow(`SELECT daily_limit, time_zone, suspended_at FROM tenants WHERE id = $1`, tenant).Scan(&limit, &zone, &suspended)
	if err != nil {
		return terms{}, orNotFound(err, "tenant")
	}
	return terms{limit: int(limit.Int64), zone: s.zones.find(zone), suspended: suspended.Valid}, nil
}

// allow is what terms allow at this time.
func (s *Store) allow(t terms) allowance {
	a := allowance{limit: t.limit, suspended: t.suspended}
	a.day, a.left = dayIn(t.zone, s.clock())
	return a
}

// dayIn names the day that it is in a place, and says how much of it is left.
func dayIn(zone *time.Location, now time.Time) (day string, left time.Duration) {
	local := now.In(zone)
	y, m, d := local.Date()
	next := time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	if next.Day() == d { // The clocks are put forward at midnight, which does not exist.
		next = next.Add(time.Hour)
	}
	return local.Format(time.DateOnly), next.Sub(now)
}

// count takes one message out of the tenant's day and returns that day. It
// returns CodeTenantSuspended and CodeSentLimit.
func (s *Store) count(tx *sql.Tx, tenant engine.TenantID) (day string, err error) {
	t, err := s.termsOf(tx, tenant)
	if err != nil {
		return "", err
	}
	a := s.allow(t)
	if a.suspended {
		return "", errSuspended()
	}
	most := a.limit
	if most <= 0 {
		most = math.MaxInt32
	}
	n, err := changed(tx.Exec(`INSERT INTO usage (tenant_id, day, sent) VALUES ($1, $2, 1)
		ON CONFLICT (tenant_id, day) DO UPDATE SET sent = usage.sent + 1 WHERE usage.sent < $3`, tenant, a.day, most))
	if err != nil || n == 1 {
		return a.day, err
	}
	e := engine.Errorf(engine.CodeSentLimit, "Daily sent message limit reached")
	e.Limit, e.RetryAfter = a.limit, a.left
	err = tx.QueryRow(`SELECT sent FROM usage WHERE tenant_id = $1 AND day = $2`, tenant, a.day).Scan(&e.Used)
	if err != nil {
		return "", err
	}
	return "", e
}

// mayReserve is count for a message that counts already.
func (s *Store) mayReserve(tx *sql.Tx, tenant engine.TenantID) error {
	t, err := s.termsOf(tx, tenant)
	if err == nil && t.suspended {
		err = errSuspended()
	}
	return err
}

func errSuspended() error {
	return engine.Errorf(engine.CodeTenantSuspended, "the account is suspended")
}

// giveBack returns a message to the day that it was counted for.
func giveBack(tx *sql.Tx, tenant engine.TenantID, day string) error {
	if day == "" {
		return nil
	}
	_, err := tx.Exec(`UPDATE usage SET sent = sent - 1 WHERE tenant_id = $1 AND day = $2 AND sent > 0`, tenant, day)
	return err
}
