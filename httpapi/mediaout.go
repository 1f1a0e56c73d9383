package httpapi

import (
	"context"
	"net/http"
	"time"

	"wapid/engine"
	"wapid/engine/media"
	"wapid/webhooks"
)

const (
	// fetchTimeout bounds getting a file from a caller's URL, redirects included.
	fetchTimeout = 60 * time.Second
	// fetchRedirects is how many redirects are followed.
	fetchRedirects = 5
	// previewPatience is how long a text waits for what its first link shows.
	previewPatience = 5 * time.Second
)

// newFetcher makes the client for callers' URLs.
func newFetcher(g *webhooks.Guard) *http.Client {
	if g == nil {
		g = webhooks.NewGuard(nil)
	}
	return g.Client(fetchTimeout, fetchRedirects)
}

// attach gets the file of a message of a kind that has one, and describes it.
// Whatever file there is in the end is in.file. With durable the file survives a
// power cut. It returns CodeMediaInvalid, CodeEgressRefused and CodeStorage.
func (s *Server) attach(ctx context.Context, t engine.TenantID, m *engine.Outgoing, in *sending, durable bool) error {
	if !m.Kind.HasMedia() {
		return nil
	}
	leave, err := s.files.enter(ctx, t)
	if err != nil {
		return err
	}
	defer leave()
	r := in.request
	if r.MediaURL != "" {
		if err := s.fetch(ctx, in, s.limitFor(m.Kind)); err != nil {
			return err
		}
	}
	if limit := s.limitFor(m.Kind); in.file.Size > limit {
		return engine.Errorf(engine.CodeMediaInvalid, "the file is larger than the %d bytes that it may have", limit)
	}
	if r.MediaMimeType != "" {
		in.hint.MIME = r.MediaMimeType
	}
	if r.FileName != "" {
		in.hint.Name = r.FileName
	}
	a, err := s.spool.Prepare(ctx, in.file, m.Kind, in.hint)
	if err != nil {
		return err
	}
	in.file.Path = a.Path
	m.Attachment = &a
	if durable {
		return s.spool.Settle(a.Path)
	}
	return nil
}

// preview is what a text's first link shows, nil without one and where that takes
// too long.
func (s *Server) preview(ctx context.Context, t engine.TenantID, text string) *engine.LinkPreview {
	ctx, cancel := context.WithTimeout(ctx, previewPatience)
	defer cancel()
	leave, err := s.files.enter(ctx, t)
	if err != nil {
		return nil
	}
	defer leave()
	return s.spool.Preview(ctx, s.fetcher, text)
}

// fetch gets the file from its URL. What its server calls it is a hint for
// documents alone: for the other kinds the bytes decide.
func (s *Server) fetch(ctx context.Context, in *sending, limit int64) error {
	if s.guard != nil {
		if err := s.guard.CheckURL(in.request.MediaURL); err != nil {
			return err
		}
	}
	got, err := s.spool.Fetch(ctx, s.fetcher, in.request.MediaURL, limit)
	if err != nil {
		return err
	}
	in.file = got.File
	in.hint = media.Hint{Name: got.Name}
	if in.request.Type == "document" && got.Type != "application/octet-stream" {
		in.hint.MIME = got.Type
	}
	return nil
}
