package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

// bulkResponse begins with what the document has.
type bulkResponse struct {
	JobID      bulk.JobID `json:"jobId"`
	Total      int        `json:"total"`
	Duplicates []leftOut  `json:"duplicates,omitempty"`
	Invalid    []leftOut  `json:"invalid,omitempty"`
}

// leftOut is a recipient that gets nothing.
type leftOut struct {
	Index     int    `json:"index"`
	Recipient string `json:"recipient"`
	Reason    string `json:"reason"`
	Row       int    `json:"row,omitempty"` // of a CSV file: the line where it begins
}

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
	Waiting    bulk.Wait        `json:"waiting,omitempty"`
	ErrorCode  engine.Code      `json:"errorCode,omitempty"`
	Error      string           `json:"error,omitempty"`
}

type jobListResponse struct {
	Jobs       []jobResponse `json:"jobs"`
	NextBefore bulk.JobID    `json:"nextBefore,omitempty"`
}

type jobItem struct {
	Index     int              `json:"index"`
	Recipient string           `json:"recipient"`
	Status    string           `json:"status"`
	MessageID engine.MessageID `json:"messageId"`
	SentAt    string           `json:"sentAt,omitempty"`
	ErrorCode engine.Code      `json:"errorCode,omitempty"`
}

type jobItemsResponse struct {
	Items []jobItem `json:"items"`
	Total int       `json:"total"`
	Page  int       `json:"page"`
	Pages int       `json:"pages"`
}

func (s *Server) bulkRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/send-bulk", scope: store.ScopeSend, tenant: s.sendBulk, upload: true},
		{method: http.MethodGet, path: "/api/whatsapp/bulk-job/:jobId", scope: store.ScopeRead, tenant: s.bulkJob},
		{method: http.MethodGet, path: "/api/whatsapp/bulk-job/:jobId/items", query: []string{"status", "page", "limit"},
			scope: store.ScopeRead, tenant: s.bulkItems},
		{method: http.MethodPost, path: "/api/whatsapp/bulk-job/:jobId/cancel", scope: store.ScopeSend, tenant: s.cancelBulk},
		{method: http.MethodGet, path: "/api/whatsapp/bulk-jobs", query: []string{"sessionId", "before", "limit"},
			scope: store.ScopeRead, tenant: s.listBulk},
	}
}

// sendBulk is POST /api/whatsapp/session/{id}/send-bulk. It answers once the job
// with all its items is durable.
func (s *Server) sendBulk(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	session, err := s.engine.Snapshot(key)
	if err != nil {
		return err // before anything is uploaded for nobody
	}
	options, err := sendOptions(c)
	if err != nil {
		return err
	}
	leave, err := s.enterBulk(c, p.Tenant)
	if err != nil {
		return err
	}
	defer leave()
	in, req, err := s.readBulk(c)
	defer in.discard()
	if err != nil {
		return err
	}
	order := bulk.Order{Session: key, SessionMadeAt: session.CreatedAt, Claim: options.Claim}
	if order.Message, err = req.message(); err != nil {
		return err
	}
	if order.DelayMin, order.DelayMax, err = req.delays(); err != nil {
		return err
	}
	plan, err := req.plan(order.Message)
	if err != nil {
		return err
	}
	if len(plan.Items) == 0 {
		return engine.Errorf(engine.CodeInvalid, "none of the recipients is valid; of the first: %s", plan.Invalid[0].Reason)
	}
	order.Items = plan.Items
	job, err := s.startBulk(c, in, order, session.State)
	if err != nil {
		return err
	}
	return ok(c, bulkResponse{JobID: job.ID, Total: job.Total, Duplicates: tellLeftOut(plan.Duplicates), Invalid: tellLeftOut(plan.Invalid)})
}

// startBulk answers with the job of an earlier request with the same idempotency
// key, or makes one. It returns CodeConflict, CodeSessionNotReady for a session
// that was logged out, and the errors of attach.
func (s *Server) startBulk(c *fiber.Ctx, in *sending, order bulk.Order, state engine.State) (bulk.Job, error) {
	ctx := c.UserContext()
	if order.Claim != nil {
		order.Claim.Fingerprint = in.fingerprint(order.Session.ID, engine.SendOptions{})
		job, err := s.bulk.Find(ctx, order.Session, *order.Claim)
		if engine.CodeOf(err) != engine.CodeNotFound {
			return job, err
		}
	}
	if state.Status == engine.StatusDisconnected && state.Reason == engine.ReasonLoggedOut {
		return bulk.Job{}, engine.Errorf(engine.CodeSessionNotReady, "the session is logged out and must be linked again; nothing was sent")
	}
	if err := s.attach(ctx, order.Session.Tenant, &order.Message, in, true); err != nil {
		return bulk.Job{}, err
	}
	if in.request.LinkPreview {
		order.Message.Preview = s.preview(ctx, order.Session.Tenant, order.Message.Text)
	}
	in.keep() // it is the job's from here on
	return s.bulk.Start(ctx, order)
}

func tellLeftOut(list []bulk.Rejected) []leftOut {
	out := make([]leftOut, len(list))
	for i, r := range list {
		out[i] = leftOut(r)
	}
	return out
}

// findBulk reads the job that the path names. It returns CodeNotFound, also for one
// whose session the key does not reach.
func (s *Server) findBulk(c *fiber.Ctx, p store.Principal) (bulk.Job, error) {
	id, err := bulk.ParseJobID(c.Params("jobId"))
	if err != nil {
		return bulk.Job{}, err
	}
	j, err := s.store.FindJob(c.UserContext(), p.Tenant, id)
	if err == nil && !p.Reaches(j.Session.ID) {
		return bulk.Job{}, engine.Errorf(engine.CodeNotFound, "there is no such bulk job")
	}
	return j, err
}

// bulkJob is GET /api/whatsapp/bulk-job/{jobId}.
func (s *Server) bulkJob(c *fiber.Ctx, p store.Principal) error {
	j, err := s.findBulk(c, p)
	if err != nil {
		return err
	}
	return ok(c, tellJob(j))
}

// cancelBulk is POST /api/whatsapp/bulk-job/{jobId}/cancel. A job that has ended
// stays as it is.
func (s *Server) cancelBulk(c *fiber.Ctx, p store.Principal) error {
	j, err := s.findBulk(c, p)
	if err != nil {
		return err
	}
	if j, err = s.bulk.Cancel(c.UserContext(), p.Tenant, j.ID); err != nil {
		return err
	}
	return ok(c, tellJob(j))
}

// listBulk is GET /api/whatsapp/bulk-jobs, newest first.
func (s *Server) listBulk(c *fiber.Ctx, p store.Principal) error {
	page := store.JobPage{Sessions: p.Sessions}
	var err error
	if page.Limit, err = queryNumber(c, "limit", 20, 1, 200); err != nil {
		return err
	}
	if page.Sessions, err = querySessions(c, p); err != nil {
		return err
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
	body := jobListResponse{Jobs: make([]jobResponse, 0, limit)}
	for i, j := range jobs {
		if i == limit {
			body.NextBefore = jobs[i-1].ID
			break
		}
		body.Jobs = append(body.Jobs, tellJob(j))
	}
	return ok(c, body)
}

// itemSkipped is what becomes of a failed job's items that were never sent.
const itemSkipped = "skipped"

// bulkItems is GET /api/whatsapp/bulk-job/{jobId}/items, in the order of the request.
func (s *Server) bulkItems(c *fiber.Ctx, p store.Principal) error {
	j, err := s.findBulk(c, p)
	if err != nil {
		return err
	}
	page, err := queryNumber(c, "page", 1, 1, 1_000_000)
	if err != nil {
		return err
	}
	limit, err := queryNumber(c, "limit", 100, 1, 1000)
	if err != nil {
		return err
	}
	want := store.ItemPage{Offset: (page - 1) * limit, Limit: limit}
	if raw, given := queryValue(c, "status"); given {
		if want.States, err = itemStates(raw, j.Status); err != nil {
			return err
		}
	}
	items, total, err := s.store.ListItems(c.UserContext(), p.Tenant, j.ID, want)
	if err != nil {
		return err
	}
	body := jobItemsResponse{Items: make([]jobItem, 0, len(items)), Total: total, Page: page, Pages: pagesOf(total, limit)}
	for _, it := range items {
		told := jobItem{Index: it.Index, Recipient: plainAddress(it.To), Status: string(it.State), MessageID: it.MessageID, ErrorCode: it.ErrorCode}
		if it.State == bulk.ItemPending && j.Status == bulk.StatusFailed {
			told.Status = itemSkipped
		}
		if !it.SentAt.IsZero() {
			told.SentAt = isoMillis(it.SentAt)
		}
		body.Items = append(body.Items, told)
	}
	return ok(c, body)
}

// itemStates are the states in which items of a job are that have a status for the
// public: those that a failed job has not sent are skipped, not pending.
func itemStates(status string, job bulk.Status) ([]bulk.ItemState, error) {
	switch status {
	case string(bulk.ItemSending), string(bulk.ItemSent), string(bulk.ItemFailed):
		return []bulk.ItemState{bulk.ItemState(status)}, nil
	case string(bulk.ItemPending), itemSkipped:
		if (status == itemSkipped) == (job == bulk.StatusFailed) {
			return []bulk.ItemState{bulk.ItemPending}, nil
		}
		return []bulk.ItemState{}, nil
	}
	return nil, engine.Errorf(engine.CodeInvalid, "status must be pending, sending, sent, failed or skipped")
}

func tellJob(j bulk.Job) jobResponse {
	told := jobResponse{
		Status: j.Status, Total: j.Total, Succeeded: j.Succeeded, Failed: j.Failed, Processed: j.Processed(),
		JobID: j.ID, SessionID: j.Session.ID, CreatedAt: isoMillis(j.CreatedAt), Waiting: j.Waiting, ErrorCode: j.ErrorCode,
	}
	if !j.StartedAt.IsZero() {
		told.StartedAt = isoMillis(j.StartedAt)
	}
	if !j.FinishedAt.IsZero() {
		told.FinishedAt = isoMillis(j.FinishedAt)
	}
	switch j.ErrorCode {
	case "":
	case bulk.CodeCancelled:
		told.Error = "Job was cancelled"
	case engine.CodeSessionNotFound:
		told.Error = "Job aborted due to critical error: its session was removed"
	case engine.CodeSessionNotReady:
		told.Error = "Job aborted due to critical error: its session was logged out"
	case engine.CodeMediaGone:
		told.Error = "Job aborted due to critical error: its file is gone"
	default:
		told.Error = "Job aborted due to critical error"
	}
	return told
}
