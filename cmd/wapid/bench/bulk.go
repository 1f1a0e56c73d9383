package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

const (
	// bulkItems is how many items all jobs of a run have together at most, bulkEach
	// about how many for each session and second of the measured time.
	bulkItems, bulkEach = 4000, 80
	// bulkPatience bounds how long they take.
	bulkPatience = 5 * time.Minute
	// bulkSessions is how many sessions a job may have.
	bulkSessions = 50
)

type bulkRequest struct {
	Recipients []string `json:"recipients"`
	Message    string   `json:"message"`
	DelayMin   int      `json:"delayMin"`
	DelayMax   int      `json:"delayMax"`
	Sessions   []string `json:"sessions,omitempty"`
	StartAt    int64    `json:"startAt"`
}

// bulk measures jobs without pauses, to people whom nobody has written to, one
// job for every fifty sessions. All of them begin at the same time, when all
// are there.
func (h *harness) bulk(ctx context.Context, scenario string, size, each int) error {
	for run := range h.opts.Runs {
		values, err := h.bulkRun(ctx, size, each)
		if err != nil {
			return err
		}
		// Each session sends one item after the other.
		values[report.RoundTrips] = float64(size) / values[report.PerSecond] / far.Seconds()
		if scenario == "bulk" {
			delete(values, report.RoundTrips) // nothing is far away
		}
		h.report.Add(scenario, size, report.Daemon, values)
		h.progress("%s, %d sessions, run %d: %.0f items a second, %.3f ms of CPU each", scenario, size, run+1, values[report.PerSecond], values[report.CPU])
	}
	return nil
}

func (h *harness) bulkRun(ctx context.Context, size, each int) (report.Values, error) {
	ctx, cancel := context.WithTimeout(ctx, bulkPatience)
	defer cancel()
	jobs := (size + bulkSessions - 1) / bulkSessions
	items := max(1, min(bulkItems, int(float64(each*size)*h.opts.Duration.Seconds()))/jobs)
	start := time.Now().Add(time.Duration(jobs)*100*time.Millisecond + time.Second)
	ids := make([]string, jobs)
	for i := range jobs {
		var answer struct {
			JobID string `json:"jobId"`
		}
		req := bulkRequest{Message: load.Text, StartAt: start.UnixMilli()}
		for range items {
			req.Recipients = append(req.Recipients, h.daemonNumbers().Stranger(int(h.daemon.sender.used.Add(1))))
		}
		first := i * bulkSessions
		for s := first + 1; s < min(size, first+bulkSessions); s++ {
			req.Sessions = append(req.Sessions, sessionID(s))
		}
		if err := h.daemon.call(ctx, http.MethodPost, "/api/whatsapp/session/"+sessionID(first)+"/send-bulk", req, &answer); err != nil {
			return nil, err
		}
		ids[i] = answer.JobID
	}
	if late := time.Since(start); late > 0 {
		return nil, fmt.Errorf("the jobs took %v longer to make than they had", late)
	}
	if err := pause(ctx, time.Until(start)); err != nil {
		return nil, err
	}
	used, err := startMeters(map[report.Metric]load.Meter{report.CPU: h.daemon.meter(), report.NetworkCPU: h.networkMeter()})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err = h.awaitJob(ctx, id, items); err != nil {
			return nil, err
		}
	}
	values := report.Values{report.PerSecond: float64(items*jobs) / time.Since(start).Seconds()}
	return values, used.into(values, items*jobs)
}

// awaitJob waits until a job is completed, every item of it.
func (h *harness) awaitJob(ctx context.Context, id string, items int) error {
	for {
		var job struct {
			Status    string `json:"status"`
			Succeeded int    `json:"succeeded"`
			Failed    int    `json:"failed"`
		}
		if err := h.daemon.call(ctx, http.MethodGet, "/api/whatsapp/bulk-job/"+id, nil, &job); err != nil {
			return err
		}
		switch {
		case job.Status == "completed" && job.Succeeded == items:
			return nil
		case job.Status == "completed" || job.Status == "failed":
			return fmt.Errorf("a bulk job is %s with %d of %d items sent and %d failed", job.Status, job.Succeeded, items, job.Failed)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return errors.Join(err, fmt.Errorf("a bulk job is %s with %d of %d items sent", job.Status, job.Succeeded, items))
		}
	}
}
