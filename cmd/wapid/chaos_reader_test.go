package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// reader follows a tenant's event log through the API, from a cursor, as a client
// without a webhook would.
type reader struct {
	tenant int
	after  string
	ids    []string
}

// follow reads until ctx ends, over all that happens to the daemon.
func (h *chaos) follow(ctx context.Context, r *reader) {
	for ctx.Err() == nil {
		more, err := h.read(r)
		if err != nil || !more {
			pause(ctx, 100*time.Millisecond)
		}
	}
}

// read takes one page.
func (h *chaos) read(r *reader) (more bool, err error) {
	a := h.api(r.tenant)
	url := a.base + "/api/whatsapp/events?limit=500"
	if r.after != "" {
		url += "&after=" + r.after
	}
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("X-API-Key", a.key)
	resp, err := h.client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, err
	}
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("the event log answered %d", resp.StatusCode)
	}
	var page struct {
		Events    []struct{ ID string }
		NextAfter string
		More      bool
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return false, err
	}
	for _, e := range page.Events {
		r.ids = append(r.ids, e.ID)
	}
	if page.NextAfter != "" {
		r.after = page.NextAfter
	}
	return page.More, nil
}

// readToTheEnd lets the readers have what is left.
func (h *chaos) readToTheEnd() {
	for _, r := range h.readers {
		h.expect("the event log is read to its end", func() bool {
			before := len(r.ids)
			more, err := h.read(r)
			return err == nil && !more && len(r.ids) == before
		})
	}
}

// Findings about the readers.
const (
	readMissed = "events that a reader of the log missed"
	readTwice  = "events that a reader of the log got twice"
)

// reconcileReader compares what a reader got with its tenant's events.
func (h *chaos) reconcileReader(sum *reckoning, r *reader, events []writtenEvent) {
	sum.read += len(r.ids)
	seen := map[string]int{}
	for _, id := range r.ids {
		if seen[id]++; seen[id] == 2 {
			h.blame(readTwice, id)
		}
	}
	for _, e := range events {
		if seen[e.id] == 0 {
			h.blame(readMissed, e.id)
			h.story.tell(e.id, "%s of session %s", e.kind, e.session)
		}
	}
	if !slices.IsSorted(r.ids) {
		h.blame("a reader of the log got events out of order", "")
	}
}
