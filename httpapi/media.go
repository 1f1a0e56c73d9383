package httpapi

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/engine/media"
	"wapid/store"
)

func (s *Server) mediaRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/whatsapp/session/:id/messages/:messageId/media", scope: store.ScopeRead,
			tenant: s.media, query: []string{"from"}, download: true},
	}
}

// media is GET /api/whatsapp/session/{id}/messages/{messageId}/media: the file of
// a message that came in or went out. It is fetched from the network into the
// spool, checked there as a whole, and only then answered. It returns
// CodeSessionNotFound, CodeNotFound, CodeSessionNotReady, CodeMediaGone and the
// other errors of engine.Media.
func (s *Server) media(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	if _, err := s.engine.Snapshot(key); err != nil {
		return err
	}
	m, err := s.messageWithFile(c, key)
	if err != nil {
		return err
	}
	network, err := engine.Use[engine.Media](s.engine, key)
	if err != nil {
		return err
	}
	f, size, err := s.download(c.UserContext(), p.Tenant, network, m)
	if err != nil {
		return err
	}
	describeFile(c, m.Details.Media)
	return c.SendStream(f, size) // which closes it
}

// messageWithFile finds the message that the path names.
func (s *Server) messageWithFile(c *fiber.Ctx, key engine.SessionKey) (engine.LoggedMessage, error) {
	raw, err := url.PathUnescape(c.Params("messageId"))
	if err != nil {
		return engine.LoggedMessage{}, engine.Errorf(engine.CodeInvalid, "the message id in the path is not encoded properly")
	}
	id, err := messageID("the message id in the path", raw)
	if err != nil {
		return engine.LoggedMessage{}, err
	}
	var from engine.JID
	if raw, given := queryValue(c, "from"); given {
		if from, err = engine.ParseRecipient(raw); err != nil {
			return engine.LoggedMessage{}, err
		}
	}
	found, err := s.store.FindLogged(c.UserContext(), key, id)
	if err != nil {
		return engine.LoggedMessage{}, err
	}
	for _, m := range found {
		sentBy := m.Direction == engine.Inbound && (m.Peer.Phone == from || m.Peer.LID == from)
		if (from == "" || sentBy) && m.Kind.HasMedia() && len(m.Payload) > 0 {
			return m, nil
		}
	}
	return engine.LoggedMessage{}, engine.Errorf(engine.CodeNotFound, "no message with this id has a file here")
}

// download fetches a message's file. The file has no name any more, so that
// nothing is left of it once it is closed.
func (s *Server) download(ctx context.Context, t engine.TenantID, network engine.Media, m engine.LoggedMessage) (f *os.File, size int, err error) {
	leave, err := s.files.enter(ctx, t)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	f, err = s.spool.Empty()
	if err != nil {
		return nil, 0, err
	}
	ref := engine.MessageRef{ID: m.ID, Chat: m.Chat, FromMe: m.Direction == engine.Outbound, Kind: m.Kind, Text: m.Text, Payload: m.Payload}
	if !ref.FromMe {
		ref.Sender = m.Peer
	}
	err = network.Download(ctx, ref, f)
	if removeErr := media.Remove(f.Name()); err == nil && removeErr != nil {
		err = engine.WrapError(engine.CodeStorage, removeErr, "the file could not be stored, nothing was done")
	}
	if err == nil {
		size, err = sizeOf(f)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

func sizeOf(f *os.File) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, engine.WrapError(engine.CodeStorage, err, "the file could not be stored, nothing was done")
	}
	return int(info.Size()), nil
}

// describeFile sets the headers of a file that somebody else chose the bytes and
// the type of: a browser must neither run it nor guess what it is.
func describeFile(c *fiber.Ctx, info *engine.MediaInfo) {
	kind, name := "application/octet-stream", ""
	if info != nil {
		name = info.FileName
		if declared, params, err := mime.ParseMediaType(info.MimeType); err == nil {
			if formatted := mime.FormatMediaType(declared, params); formatted != "" {
				kind = formatted
			}
		}
	}
	c.Set(fiber.HeaderContentType, kind)
	c.Set(fiber.HeaderContentDisposition, disposition(name))
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; sandbox")
	c.Set(fiber.HeaderCacheControl, "private, no-store")
}

// disposition offers a file for saving, under its name if it has one (RFC 6266).
func disposition(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	if name == "" {
		return "attachment"
	}
	if formatted := mime.FormatMediaType("attachment", map[string]string{"filename": name}); formatted != "" {
		return formatted
	}
	return "attachment"
}
