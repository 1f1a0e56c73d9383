package httpapi

import (
	"context"
	"crypto/sha256"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// draft is a message as an interface has understood it, before anything was looked up
// or fetched. Of mediaURL and file at most one is set, for messages of a kind that
// HasMedia.
type draft struct {
	message  engine.Outgoing
	mediaURL string // the caller's; it is fetched through the guard
	// file puts a file that the daemon has into the spool, as in.file and in.hint: a copy
	// or another link, as it is removed with the message.
	file               func(ctx context.Context, in *sending) error
	fileName, mimeType string // as the caller says; "" for what the file itself says
	linkPreview        bool
	options            engine.SendOptions // its Claim and Prepare are set here
}

// dispatch sends what another interface was asked to send. The session is the
// principal's; an Idempotency-Key counts as it does in our own. It returns the errors
// of engine.Submit and attach, and CodeInvalid for a key that is none.
func (s *Server) dispatch(c *fiber.Ctx, p store.Principal, key engine.SessionKey, d draft) (engine.Submitted, error) {
	if _, err := s.engine.Snapshot(key); err != nil {
		return engine.Submitted{}, err // before anything is fetched for nobody
	}
	in := &sending{request: sendRequest{Type: string(d.message.Kind), MediaURL: d.mediaURL, FileName: d.fileName,
		MediaMimeType: d.mimeType, LinkPreview: d.linkPreview}}
	defer in.discard()
	claim, err := claimOf(c)
	if err != nil {
		return engine.Submitted{}, err
	}
	if d.options.Claim = claim; claim != nil {
		sum := sha256.Sum256(c.BodyRaw())
		in.digest = sum[:]
		claim.Fingerprint = in.fingerprint(key.ID, d.options)
	}
	return s.submit(c.UserContext(), p, key, d.message, in, d.file, d.options)
}

// submit gives a message to the engine together with the file that it carries, which
// file brings where it is set. What is answered from the log needs no file, and its URL
// may be long gone.
func (s *Server) submit(ctx context.Context, p store.Principal, key engine.SessionKey, m engine.Outgoing, in *sending,
	file func(context.Context, *sending) error, o engine.SendOptions) (engine.Submitted, error) {
	o.Prepare = func(ctx context.Context, m *engine.Outgoing) error {
		if in.request.LinkPreview {
			m.Preview = s.preview(ctx, p.Tenant, m.Text)
		}
		if file != nil {
			if err := file(ctx, in); err != nil {
				return err
			}
		}
		return s.attach(ctx, p.Tenant, m, in, o.Queue)
	}
	done, err := s.engine.Submit(ctx, key, m, o)
	if err == nil && done.Queued && !done.Replayed {
		in.keep() // the outbox removes it
	}
	return done, err
}
