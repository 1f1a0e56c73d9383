package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
)

// maxSeries keeps the phones of one run apart from those of others on the same
// network: three fleets of each, numbered with three digits.
const maxSeries = 333

// reachDaemon prepares to measure a daemon that runs already: a tenant of its
// own on it, and phones that nobody has used before, most likely. leave erases
// that tenant.
func (h *harness) reachDaemon(ctx context.Context) (leave func() error, err error) {
	if h.opts.Control == "" || h.opts.AdminKey == "" {
		return nil, errors.New("a running daemon can be measured with its admin key and the controls of its simulated network")
	}
	h.series = rand.IntN(maxSeries)
	h.control = &caller{base: strings.TrimSuffix(h.opts.Control, "/"), client: h.http}
	// The bound is started here, and needs to know the same network.
	var description json.RawMessage
	if err = h.control.call(ctx, http.MethodGet, "/describe", nil, &description); err != nil {
		return nil, err
	}
	if err = os.WriteFile(h.path("network.json"), description, 0o600); err != nil {
		return nil, err
	}
	operator := &caller{base: strings.TrimSuffix(h.opts.URL, "/"), client: h.http,
		header: http.Header{"X-Admin-Key": {h.opts.AdminKey}, "Content-Type": {"application/json"}}}
	var tenant struct {
		TenantID string `json:"tenantId"`
		APIKey   string `json:"apiKey"`
	}
	if err = operator.call(ctx, http.MethodPost, "/api/admin/tenants", map[string]string{"name": "bench"}, &tenant); err != nil {
		return nil, err
	}
	h.apiKey = tenant.APIKey
	h.daemon = h.reach(operator.base, nil)
	if h.opts.PID == 0 {
		h.report.Note("CPU time and memory of the daemon: its process is not known")
	}
	return func() error {
		// Also when the run was broken off: nothing of it is to stay.
		err := operator.call(context.WithoutCancel(ctx), http.MethodDelete, "/api/admin/tenants/"+tenant.TenantID, nil, nil)
		if err != nil {
			return fmt.Errorf("tenant %s stays: %w", tenant.TenantID, err)
		}
		return nil
	}, nil
}
