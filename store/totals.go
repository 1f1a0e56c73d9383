package store

import (
	"context"

	"wapid/engine"
)

// TenantUsage is what a tenant has sent on some days of its own time zone.
type TenantUsage struct {
	Tenant engine.TenantID
	Sent   int
}

// SumUsage returns what up to limit tenants have sent from one day to another,
// both included and as YYYY-MM-DD, beginning behind the tenant after, by id; and
// what all tenants have. Those that sent nothing are left out.
func (s *Store) SumUsage(ctx context.Context, from, to string, after engine.TenantID, limit int) (page []TenantUsage, total int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT coalesce(sum(sent), 0) FROM usage WHERE day >= $1 AND day <= $2`, from, to).Scan(&total)
	if err != nil {
		return nil, 0, storageError(err)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT tenant_id, sum(sent) FROM usage WHERE day >= $1 AND day <= $2 AND tenant_id > $3 AND sent > 0
		GROUP BY tenant_id ORDER BY tenant_id LIMIT $4`, from, to, after, limit)
	page, err = collect(rows, err, func(r row) (u TenantUsage, err error) {
		err = r.Scan(&u.Tenant, &u.Sent)
		return u, err
	})
	return page, total, err
}
