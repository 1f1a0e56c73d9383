package httpapi

import (
	"github.com/gofiber/fiber/v2"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

type jobItem struct {
	Index     int              `json:"index"`
	Recipient string           `json:"recipient"`
	Status    bulk.ItemState   `json:"status"`
	MessageID engine.MessageID `json:"messageId"`
	SentAt    string           `json:"sentAt,omitempty"`
	ErrorCode engine.Code      `json:"errorCode,omitempty"`
	SessionID engine.SessionID `json:"sessionId,omitempty"`
	Attempts  int              `json:"attempts,omitempty"`
}

type jobItemsResponse struct {
	Items []jobItem `json:"items"`
	Total int       `json:"total"`
	Page  int       `json:"page"`
	Pages int       `json:"pages"`
}

// bulkItems is GET /api/whatsapp/bulk-job/{jobId}/items, in the order of the request.
func (s *Server) bulkItems(c *fiber.Ctx, p store.Principal) error {
	j, err := s.findBulk(c, p)
	if err != nil {
		return err
	}
	asCSV, err := wantsCSV(c)
	if err != nil {
		return err
	}
	if asCSV {
		return s.exportItems(c, p, j)
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
		body.Items = append(body.Items, tellItem(it, j))
	}
	return ok(c, body)
}

// tellItem shows an item of a job. What a failed job did not come to is skipped,
// for the job's own reason.
func tellItem(it bulk.Item, j bulk.Job) jobItem {
	told := jobItem{Index: it.Index, Recipient: plainAddress(it.To), Status: it.State, MessageID: it.MessageID,
		SentAt: isoOrNone(it.SentAt), ErrorCode: it.ErrorCode, SessionID: it.Session, Attempts: it.Attempts}
	if it.State == bulk.ItemPending && j.Status == bulk.StatusFailed {
		told.Status, told.ErrorCode = bulk.ItemSkipped, j.ErrorCode
	}
	return told
}

// itemStates are the states in which items of a job are that have a status for the
// public: those that a failed job has not sent are skipped, not pending. It returns
// CodeInvalid.
func itemStates(status string, job bulk.Status) ([]bulk.ItemState, error) {
	switch state := bulk.ItemState(status); state {
	case bulk.ItemSending, bulk.ItemSent, bulk.ItemFailed:
		return []bulk.ItemState{state}, nil
	case bulk.ItemPending:
		if job == bulk.StatusFailed {
			return []bulk.ItemState{}, nil
		}
		return []bulk.ItemState{state}, nil
	case bulk.ItemSkipped:
		if job == bulk.StatusFailed {
			return []bulk.ItemState{state, bulk.ItemPending}, nil
		}
		return []bulk.ItemState{state}, nil
	}
	return nil, engine.Errorf(engine.CodeInvalid, "status must be pending, sending, sent, failed or skipped")
}
