package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

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
	Skipped    []leftOut  `json:"skipped,omitempty"` // counted in Total, and sent nothing
}

// leftOut is a recipient that gets nothing.
type leftOut struct {
	Index     int    `json:"index"`
	Recipient string `json:"recipient"`
	Reason    string `json:"reason"`
	Row       int    `json:"row,omitempty"` // of a CSV file: the line where it begins
}

func (s *Server) bulkRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/send-bulk", scope: store.ScopeSend, tenant: s.sendBulk, upload: true},
		{method: http.MethodGet, path: "/api/whatsapp/bulk-job/:jobId", scope: store.ScopeRead, tenant: s.bulkJob},
		{method: http.MethodGet, path: "/api/whatsapp/bulk-job/:jobId/items", query: []string{"status", "page", "limit", "format"},
			scope: store.ScopeRead, tenant: s.bulkItems, download: true},
		{method: http.MethodPost, path: "/api/whatsapp/bulk-job/:jobId/cancel", scope: store.ScopeSend, tenant: s.cancelBulk},
		{method: http.MethodPost, path: "/api/whatsapp/bulk-job/:jobId/pause", scope: store.ScopeSend, tenant: s.pauseBulk},
		{method: http.MethodPost, path: "/api/whatsapp/bulk-job/:jobId/resume", scope: store.ScopeSend, tenant: s.resumeBulk},
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
	if _, err := s.engine.Snapshot(key); err != nil {
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
	order, plan, err := s.orderBulk(c.UserContext(), p, key, in, req)
	if err != nil {
		return err
	}
	order.Claim = options.Claim
	skipped, err := s.skipOptedOut(c.UserContext(), key.Tenant, &plan)
	if err != nil {
		return err
	}
	job, err := s.startBulk(c, in, order)
	if err != nil {
		return err
	}
	if order.Claim != nil { // the job may be that of an earlier request
		if skipped, err = s.skippedOf(c.UserContext(), job, &plan); err != nil {
			return err
		}
	}
	return ok(c, bulkResponse{JobID: job.ID, Total: job.Total, Duplicates: tellLeftOut(plan.Duplicates), Invalid: tellLeftOut(plan.Invalid), Skipped: tellLeftOut(skipped)})
}

// skipOptedOut marks the recipients who have opted out. Those who do so later are
// skipped when their turn comes.
func (s *Server) skipOptedOut(ctx context.Context, tenant engine.TenantID, plan *bulk.Plan) ([]bulk.Rejected, error) {
	addresses := make([]engine.JID, len(plan.Items))
	for i, it := range plan.Items {
		addresses[i] = it.To
	}
	out, err := s.store.FindOptedOut(ctx, tenant, addresses)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return plan.Skip(out), nil
}

// skippedOf tells which recipients a job has passed over: those who have opted out
// since it was made may have been sent to.
func (s *Server) skippedOf(ctx context.Context, job bulk.Job, plan *bulk.Plan) ([]bulk.Rejected, error) {
	items, err := s.store.ListItemsFrom(ctx, job.Session.Tenant, job.ID, []bulk.ItemState{bulk.ItemSkipped}, 0, bulk.MaxRecipients)
	out := make(map[engine.JID]bool, len(items))
	for _, it := range items {
		out[it.To] = true
	}
	return plan.Skip(out), err
}

// orderBulk makes an order of a request, but for its file and its claim. It returns
// CodeInvalid, and CodeSessionNotFound for a session that is not there, or not for this key.
func (s *Server) orderBulk(ctx context.Context, p store.Principal, key engine.SessionKey, in *sending, req bulkRequest) (order bulk.Order, plan bulk.Plan, err error) {
	order = bulk.Order{Tenant: key.Tenant, CheckNumbers: req.CheckNumbers}
	if order.Message, err = req.message(); err != nil {
		return order, plan, err
	}
	if order.DelayMin, order.DelayMax, err = req.delays(); err != nil {
		return order, plan, err
	}
	if order.MaxPerHour, err = req.perHour(); err != nil {
		return order, plan, err
	}
	if order.Schedule, err = s.scheduleBulk(ctx, p, req); err != nil {
		return order, plan, err
	}
	if order.Sessions, err = s.sendersOf(p, key, req.Sessions); err != nil {
		return order, plan, err
	}
	if plan, err = s.planBulk(in, req, order.Message); err != nil {
		return order, plan, err
	}
	if len(plan.Items) == 0 {
		return order, plan, engine.Errorf(engine.CodeInvalid, "none of the recipients is valid; of the first: %s", plan.Invalid[0].Reason)
	}
	order.Items, order.Invalid = plan.Items, len(plan.Invalid)
	return order, plan, nil
}

// sendersOf are the session of the path and those that the request names beside it.
func (s *Server) sendersOf(p store.Principal, key engine.SessionKey, more []string) (list []bulk.Over, err error) {
	if len(more) >= bulk.MaxSessions {
		return nil, engine.Errorf(engine.CodeInvalid, "sessions must not have more than %d entries", bulk.MaxSessions-1)
	}
	ids := []engine.SessionID{key.ID}
	for _, raw := range more {
		id, err := engine.ParseSessionID(raw)
		if err != nil {
			return nil, engine.Errorf(engine.CodeInvalid, "sessions must be ids of sessions")
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		snap, err := s.engine.Snapshot(engine.SessionKey{Tenant: key.Tenant, ID: id})
		if !p.Reaches(id) || engine.CodeOf(err) == engine.CodeSessionNotFound {
			return nil, engine.Errorf(engine.CodeSessionNotFound, "no session with the id %s", quoteName(string(id)))
		}
		if err != nil {
			return nil, err
		}
		list = append(list, bulk.Over{Session: id, MadeAt: snap.CreatedAt})
	}
	return list, nil
}

// startBulk answers with the job of an earlier request with the same idempotency
// key, or makes one. It returns CodeConflict, CodeInvalid for a start in the past,
// CodeSessionNotReady for a session that was logged out or banned, and the errors of
// attach.
func (s *Server) startBulk(c *fiber.Ctx, in *sending, order bulk.Order) (bulk.Job, error) {
	ctx := c.UserContext()
	key := engine.SessionKey{Tenant: order.Tenant, ID: order.Sessions[0].Session}
	if order.Claim != nil {
		order.Claim.Fingerprint = in.fingerprint(key.ID, engine.SendOptions{})
		job, err := s.bulk.Find(ctx, key, *order.Claim)
		if engine.CodeOf(err) != engine.CodeNotFound {
			return job, err
		}
	}
	if at := order.Schedule.StartAt; !at.IsZero() && at.Before(time.Now().Add(-lateStart)) { // a repetition may come late
		return bulk.Job{}, errPastStart()
	}
	for _, over := range order.Sessions {
		if err := s.checkSender(engine.SessionKey{Tenant: order.Tenant, ID: over.Session}); err != nil {
			return bulk.Job{}, err
		}
	}
	if err := s.attach(ctx, order.Tenant, &order.Message, in, true); err != nil {
		return bulk.Job{}, err
	}
	if in.request.LinkPreview {
		order.Message.Preview = s.preview(ctx, order.Tenant, order.Message.Text)
	}
	in.keep() // it is the job's from here on
	return s.bulk.Start(ctx, order)
}

// checkSender refuses sessions that would drop out of a job at once.
func (s *Server) checkSender(key engine.SessionKey) error {
	snap, err := s.engine.Snapshot(key)
	switch {
	case err != nil:
		return err
	case snap.State.Status != engine.StatusDisconnected:
	case snap.State.Reason == engine.ReasonLoggedOut:
		return engine.Errorf(engine.CodeSessionNotReady, "the session %s is logged out and must be linked again; nothing was sent", quoteName(string(key.ID)))
	case snap.State.Reason == engine.ReasonBanned:
		return engine.Errorf(engine.CodeSessionNotReady, "WhatsApp has banned the number of the session %s; nothing was sent", quoteName(string(key.ID)))
	}
	return nil
}

func tellLeftOut(list []bulk.Rejected) []leftOut {
	out := make([]leftOut, len(list))
	for i, r := range list {
		out[i] = leftOut(r)
	}
	return out
}
