package httpapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

// exportPage is how many items of a CSV file are held at a time.
const exportPage = 1000

// wantsCSV tells whether a list is asked for as CSV: by ?format=csv, or by an
// Accept header that prefers it. It returns CodeInvalid.
func wantsCSV(c *fiber.Ctx) (bool, error) {
	format, given := queryValue(c, "format")
	switch {
	case !given:
		return c.Accepts("application/json", "text/csv") == "text/csv", nil
	case format == "json":
		return false, nil
	case format == "csv":
		return true, nil
	}
	return false, engine.Errorf(engine.CodeInvalid, "format must be json or csv")
}

// exportItems answers with all items of a job, or those of one status, as CSV. They
// are read while the client takes them. What fails on the way breaks the answer off.
func (s *Server) exportItems(c *fiber.Ctx, p store.Principal, j bulk.Job) error {
	for _, name := range []string{"page", "limit"} {
		if _, given := queryValue(c, name); given {
			return engine.Errorf(engine.CodeInvalid, "%s does not go with CSV, which holds the whole list", name)
		}
	}
	rows := &itemRows{server: s, ctx: c.UserContext(), tenant: p.Tenant, job: j}
	if raw, given := queryValue(c, "status"); given {
		var err error
		if rows.states, err = itemStates(raw, j.Status); err != nil {
			return err
		}
	}
	rows.begin()
	if err := rows.more(); err != nil { // while it can still be answered
		return err
	}
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="bulk-job-`+string(j.ID)+`.csv"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Context().SetBodyStream(rows, -1)
	return nil
}

// itemRows writes the items of a job as CSV as far as they are read.
type itemRows struct {
	server *Server
	ctx    context.Context
	tenant engine.TenantID
	job    bulk.Job
	states []bulk.ItemState // nil for all

	written bytes.Buffer
	next    int // index of the first item that is not written
	done    bool
}

// Read implements io.Reader.
func (r *itemRows) Read(p []byte) (int, error) {
	if r.written.Len() == 0 {
		if r.done {
			return 0, io.EOF
		}
		if err := r.more(); err != nil {
			return 0, err
		}
		if r.written.Len() == 0 {
			return 0, io.EOF
		}
	}
	return r.written.Read(p)
}

// begin writes the first line. The columns are called as the fields in JSON.
func (r *itemRows) begin() {
	r.write([]string{"index", "recipient", "status", "messageId", "sentAt", "errorCode", "sessionId", "attempts"})
}

// more writes the next items.
func (r *itemRows) more() error {
	items, err := r.server.store.ListItemsFrom(r.ctx, r.tenant, r.job.ID, r.states, r.next, exportPage)
	if err != nil {
		return err
	}
	for _, it := range items {
		t := tellItem(it, r.job)
		r.write([]string{strconv.Itoa(t.Index), t.Recipient, string(t.Status), string(t.MessageID), t.SentAt, string(t.ErrorCode),
			string(t.SessionID), strconv.Itoa(t.Attempts)})
		r.next = it.Index + 1
	}
	r.done = len(items) < exportPage
	return nil
}

func (r *itemRows) write(cells []string) {
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	w := csv.NewWriter(&r.written) // a buffer never fails
	w.UseCRLF = true               // RFC 4180
	_ = w.Write(cells)
	w.Flush()
}

// harmless keeps spreadsheets from taking a cell for a formula. Phone numbers are
// digits alone, so that they stay what they are.
func harmless(cell string) string {
	if cell != "" && strings.IndexByte("=+-@\t\r", cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}
