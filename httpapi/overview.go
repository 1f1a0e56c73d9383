package httpapi

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// Vitals are how the process and its disk are. Sizes are in bytes.
type Vitals struct {
	StartedAt   time.Time
	DiskFree    uint64 // of the disk that holds the data directory, for the daemon's user
	DiskSize    uint64
	Database    uint64 // wapid.db with its log
	DeviceStore uint64 // whatsapp.db with its log
	Resident    uint64 // memory that the system counts as the process's, 0 if it does not say
	Heap        uint64 // of that, what the program uses
	Goroutines  int
}

// overviewResponse is how the daemon is, over all tenants.
type overviewResponse struct {
	Version   string                `json:"version"`
	Network   string                `json:"network"` // whatsapp or simulated
	Ready     bool                  `json:"ready"`   // what /readyz says
	Reasons   []string              `json:"reasons"` // why it is not
	StartedAt string                `json:"startedAt"`
	Uptime    int64                 `json:"uptime"` // seconds
	Tenants   tenantCounts          `json:"tenants"`
	Sessions  map[engine.Status]int `json:"sessions"`
	Queues    queueDepths           `json:"queues"`
	Disk      diskUse               `json:"disk"`
	Memory    memoryUse             `json:"memory"`
}

type tenantCounts struct {
	Total     int `json:"total"`
	Suspended int `json:"suspended"`
	Erasing   int `json:"erasing"`
}

// queueDepths count up to 100,000 each.
type queueDepths struct {
	Outbox     int `json:"outbox"`
	Bulk       int `json:"bulk"`
	Deliveries int `json:"deliveries"`
	Retries    int `json:"retries"`
}

type diskUse struct {
	Free        uint64 `json:"free"`
	Size        uint64 `json:"size"`
	Database    uint64 `json:"database"`
	DeviceStore uint64 `json:"deviceStore"`
}

type memoryUse struct {
	Resident   uint64 `json:"resident"`
	Heap       uint64 `json:"heap"`
	Goroutines int    `json:"goroutines"`
}

// getOverview is GET /api/admin/overview.
func (s *Server) getOverview(c *fiber.Ctx, _ store.Origin) error {
	ctx := c.UserContext()
	body := overviewResponse{Version: s.version, Network: s.networkName(), Reasons: s.unready(ctx), Sessions: s.engine.Counts()}
	if body.Ready = len(body.Reasons) == 0; body.Ready {
		body.Reasons = []string{}
	}
	var err error
	if body.Tenants.Total, err = s.store.CountTenants(ctx, ""); err != nil {
		return err
	}
	if body.Tenants.Suspended, body.Tenants.Erasing, err = s.store.CountStanding(ctx); err != nil {
		return err
	}
	queued, err := s.store.CountQueues(ctx)
	if err != nil {
		return err
	}
	body.Queues = queueDepths{Outbox: queued.Outbox, Bulk: queued.JobItems, Deliveries: queued.Deliveries, Retries: queued.Retries}
	v := s.vitals()
	body.StartedAt, body.Uptime = isoMillis(v.StartedAt), int64(time.Since(v.StartedAt).Seconds())
	body.Disk = diskUse{Free: v.DiskFree, Size: v.DiskSize, Database: v.Database, DeviceStore: v.DeviceStore}
	body.Memory = memoryUse{Resident: v.Resident, Heap: v.Heap, Goroutines: v.Goroutines}
	return ok(c, body)
}
