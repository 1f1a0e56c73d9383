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
	bulkItems, bulkEach = 1500, 80
	// bulkPatience bounds how long they take.
	bulkPatience = 5 * time.Minute
	// bulkSessions is how many sessions a job may have.
	bulkSessions = 50
	// bulkSolo is how many jobs there are at most, each of one session, to people whom
	// that session knows.
	bulkSolo = 50
)

type bulkRequest struct {
	Recipients []string `json:"recipients"`
	Message    string   `json:"message"`
	DelayMin   int      `json:"delayMin"`
	DelayMax   int      `json:"delayMax"`
	Sessions   []string `json:"sessions,omitempty"`
	StartAt    int64    `json:"startAt"`
}

// job is one bulk job to be made.
type job struct {
	first int   // the session that it is made for
	more  []int // others
	to    []string
}

// bulks measures jobs to strangers, and then jobs to people whom the session knows.
func (h *harness) bulks(ctx context.Context, size int) error {
	if err := h.bulk(ctx, "bulk", size, bulkEach); err != nil {
		return err
	}
	return h.bulkKnown(ctx, size)
}

// strangers makes the jobs of a run to people whom nobody has written to, one job
// for every fifty sessions.
func (h *harness) strangers(size, each int) []job {
	jobs := make([]job, (size+bulkSessions-1)/bulkSessions)
	for i := range jobs {
		j := &jobs[i]
		j.first = i * bulkSessions
		for s := j.first + 1; s < min(size, j.first+bulkSessions); s++ {
			j.more = append(j.more, s)
		}
		j.to = h.newPeople(h.bulkItemsOf(size, each, len(jobs)))
	}
	return jobs
}

// bulkItemsOf is how many items each of some jobs has.
func (h *harness) bulkItemsOf(size, each, jobs int) int {
	return max(1, min(bulkItems, int(float64(each*size)*h.opts.Duration.Seconds()))/jobs)
}

func (h *harness) newPeople(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = h.daemonNumbers().Stranger(int(h.daemon.sender.used.Add(1)))
	}
	return list
}

// bulkKnown measures jobs without pauses to people whom their one session has
// written to before: in a job that is not measured.
func (h *harness) bulkKnown(ctx context.Context, size int) error {
	jobs := make([]job, min(size, bulkSolo))
	for i := range jobs {
		jobs[i] = job{first: i, to: h.newPeople(h.bulkItemsOf(size, bulkEach, len(jobs)))}
	}
	if _, err := h.bulkRun(ctx, jobs); err != nil {
		return err
	}
	for run := range h.opts.Runs {
		values, err := h.bulkRun(ctx, jobs)
		if err != nil {
			return err
		}
		h.report.Add("bulk, known", size, report.Daemon, values)
		h.progress("bulk to people who are known, %d sessions, run %d: %.0f items a second, %.3f ms of CPU each", size, run+1, values[report.PerSecond], values[report.CPU])
	}
	return nil
}

// bulk measures jobs without pauses to strangers. All of them begin at the same
// time, when all are there.
func (h *harness) bulk(ctx context.Context, scenario string, size, each int) error {
	for run := range h.opts.Runs {
		values, err := h.bulkRun(ctx, h.strangers(size, each))
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

// bulkRun makes some jobs, which begin at the same time, and waits for their ends.
func (h *harness) bulkRun(ctx context.Context, jobs []job) (report.Values, error) {
	ctx, cancel := context.WithTimeout(ctx, bulkPatience)
	defer cancel()
	start := time.Now().Add(time.Duration(len(jobs))*20*time.Millisecond + time.Second)
	ids, items := make([]string, len(jobs)), 0
	for i, j := range jobs {
		var answer struct {
			JobID string `json:"jobId"`
		}
		req := bulkRequest{Recipients: j.to, Message: load.Text, StartAt: start.UnixMilli()}
		for _, s := range j.more {
			req.Sessions = append(req.Sessions, sessionID(s))
		}
		if err := h.daemon.call(ctx, http.MethodPost, "/api/whatsapp/session/"+sessionID(j.first)+"/send-bulk", req, &answer); err != nil {
			return nil, err
		}
		ids[i] = answer.JobID
		items += len(j.to)
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
	for i, id := range ids {
		if err = h.awaitJob(ctx, id, len(jobs[i].to)); err != nil {
			return nil, err
		}
	}
	values := report.Values{report.PerSecond: float64(items) / time.Since(start).Seconds()}
	return values, used.into(values, items)
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
