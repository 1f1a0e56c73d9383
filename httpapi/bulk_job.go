package httpapi

import (
	"context"
	"math"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

// jobResponse begins with what the document has, in its order.
type jobResponse struct {
	Status     bulk.Status      `json:"status"`
	Total      int              `json:"total"`
	Succeeded  int              `json:"succeeded"`
	Failed     int              `json:"failed"`
	Processed  int              `json:"processed"`
	JobID      bulk.JobID       `json:"jobId"`
	SessionID  engine.SessionID `json:"sessionId"`
	CreatedAt  string           `json:"createdAt"`
	StartedAt  string           `json:"startedAt,omitempty"`
	FinishedAt string           `json:"finishedAt,omitempty"`
	Waiting    *waitingResponse `json:"waiting,omitempty"`
	ErrorCode  engine.Code      `json:"errorCode,omitempty"`
	Error      string           `json:"error,omitempty"`
	Invalid    int              `json:"invalid"`
	Skipped    int              `json:"skipped"`
	Paused     bool             `json:"paused"`
	ETASeconds *int64           `json:"etaSeconds,omitempty"`
	Sessions   []jobSession     `json:"sessions,omitempty"` // of a job that has several
}

// waitingResponse says why something does not go on, and until when if that is known.
type waitingResponse struct {
	Reason bulk.Wait `json:"reason"`
	Until  string    `json:"until,omitempty"`
}

// jobSession is a session that sends for a job.
type jobSession struct {
	SessionID engine.SessionID `json:"sessionId"`
	Status    bulk.MemberState `json:"status"`
	Waiting   *waitingResponse `json:"waiting,omitempty"`
	NextAt    string           `json:"nextAt,omitempty"`
	Sent      int              `json:"sent"`
	Failed    int              `json:"failed"`
	ErrorCode engine.Code      `json:"errorCode,omitempty"`
}

type jobListResponse struct {
	Jobs       []jobResponse `json:"jobs"`
	NextBefore bulk.JobID    `json:"nextBefore,omitempty"`
}

// findBulk reads the job that the path names. It returns CodeNotFound, also for one
// with a session that the key does not reach.
func (s *Server) findBulk(c *fiber.Ctx, p store.Principal) (bulk.Job, error) {
	id, err := bulk.ParseJobID(c.Params("jobId"))
	if err != nil {
		return bulk.Job{}, err
	}
	j, err := s.store.FindJob(c.UserContext(), p.Tenant, id)
	if err != nil {
		return bulk.Job{}, err
	}
	for _, m := range j.Members {
		if !p.Reaches(m.Session) {
			return bulk.Job{}, engine.Errorf(engine.CodeNotFound, "there is no such bulk job")
		}
	}
	return j, nil
}

// bulkJob is GET /api/whatsapp/bulk-job/{jobId}.
func (s *Server) bulkJob(c *fiber.Ctx, p store.Principal) error {
	j, err := s.findBulk(c, p)
	if err != nil {
		return err
	}
	return ok(c, tellJob(j, time.Now()))
}

// cancelBulk is POST /api/whatsapp/bulk-job/{jobId}/cancel. A job that has ended
// stays as it is.
func (s *Server) cancelBulk(c *fiber.Ctx, p store.Principal) error {
	return s.changeBulk(c, p, s.bulk.Cancel)
}

// pauseBulk is POST /api/whatsapp/bulk-job/{jobId}/pause.
func (s *Server) pauseBulk(c *fiber.Ctx, p store.Principal) error {
	return s.changeBulk(c, p, s.bulk.Pause)
}

// resumeBulk is POST /api/whatsapp/bulk-job/{jobId}/resume.
func (s *Server) resumeBulk(c *fiber.Ctx, p store.Principal) error {
	return s.changeBulk(c, p, s.bulk.Resume)
}

// changeBulk answers with a job after something was done to it.
func (s *Server) changeBulk(c *fiber.Ctx, p store.Principal,
	do func(context.Context, engine.TenantID, bulk.JobID) (bulk.Job, error)) error {
	j, err := s.findBulk(c, p)
	if err != nil {
		return err
	}
	if j, err = do(c.UserContext(), p.Tenant, j.ID); err != nil {
		return err
	}
	return ok(c, tellJob(j, time.Now()))
}

// listBulk is GET /api/whatsapp/bulk-jobs, newest first.
func (s *Server) listBulk(c *fiber.Ctx, p store.Principal) error {
	page := store.JobPage{Within: p.Sessions}
	var err error
	if page.Limit, err = queryNumber(c, "limit", 20, 1, 200); err != nil {
		return err
	}
	if raw, given := queryValue(c, "sessionId"); given {
		if page.Session, err = engine.ParseSessionID(raw); err != nil {
			return err
		}
	}
	if raw, given := queryValue(c, "before"); given {
		if page.Before, err = bulk.ParseJobID(raw); err != nil {
			return engine.Errorf(engine.CodeInvalid, "before must be the id of a bulk job")
		}
	}
	limit := page.Limit
	page.Limit++ // one more tells whether there is more
	jobs, err := s.store.ListJobs(c.UserContext(), p.Tenant, page)
	if err != nil {
		return err
	}
	body, now := jobListResponse{Jobs: make([]jobResponse, 0, limit)}, time.Now()
	for i, j := range jobs {
		if i == limit {
			body.NextBefore = jobs[i-1].ID
			break
		}
		body.Jobs = append(body.Jobs, tellJob(j, now))
	}
	return ok(c, body)
}

func tellJob(j bulk.Job, now time.Time) jobResponse {
	told := jobResponse{
		Status: j.Status, Total: j.Total, Succeeded: j.Succeeded, Failed: j.Failed, Processed: j.Processed(),
		JobID: j.ID, SessionID: j.Session.ID, CreatedAt: isoMillis(j.CreatedAt), StartedAt: isoOrNone(j.StartedAt), FinishedAt: isoOrNone(j.FinishedAt),
		Waiting: tellWaiting(j.Holdup(now)), ErrorCode: j.ErrorCode, Error: jobError(j.ErrorCode),
		Invalid: j.Invalid, Skipped: j.Unsent(), Paused: j.Paused(),
	}
	if eta, known := j.ETA(now); known {
		seconds := int64(math.Ceil(eta.Seconds()))
		told.ETASeconds = &seconds
	}
	if len(j.Members) < 2 {
		return told
	}
	for _, m := range j.Members {
		one := jobSession{SessionID: m.Session, Status: m.State, Sent: m.Sent, Failed: m.Failed, ErrorCode: m.ErrorCode}
		if m.State == bulk.MemberActive {
			one.Waiting = tellWaiting(m.Holdup(now))
			if m.NextAt.After(now) {
				one.NextAt = isoMillis(m.NextAt)
			}
		}
		told.Sessions = append(told.Sessions, one)
	}
	return told
}

func tellWaiting(w bulk.Waiting) *waitingResponse {
	if w.Reason == bulk.WaitNone {
		return nil
	}
	return &waitingResponse{Reason: w.Reason, Until: isoOrNone(w.Until)}
}

// isoOrNone is "" for the zero time, so that omitempty leaves it out.
func isoOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return isoMillis(t)
}

// jobError says in words why a job has failed.
func jobError(code engine.Code) string {
	const aborted = "Job aborted due to critical error"
	switch code {
	case "":
		return ""
	case bulk.CodeCancelled:
		return "Job was cancelled"
	case engine.CodeSessionNotFound:
		return aborted + ": its session was removed"
	case engine.CodeSessionNotReady:
		return aborted + ": its session was logged out"
	case bulk.CodeBanned:
		return aborted + ": WhatsApp has banned its number"
	case engine.CodeMediaGone:
		return aborted + ": its file is gone"
	}
	return aborted
}
