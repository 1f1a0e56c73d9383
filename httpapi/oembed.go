package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/hub"
	"wapid/store"
)

// mostEmbedLooks is how many entries of a chat's log are read for a page: more than it
// shows, as what changes a message is one of its own.
const mostEmbedLooks = 200

// visitorPaces say how often one network address may ask for published conversations.
func visitorPaces() (from, about pace) { return pace{120, 500 * time.Millisecond}, pace{} }

func (s *Server) oEmbedRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/oembed", public: s.oEmbed, anyQuery: true},
		{method: http.MethodGet, path: "/conversation/:publicationId", public: s.conversationPage, anyQuery: true},
		{method: http.MethodGet, path: "/embed/conversation/:publicationId", public: s.embeddedPage, anyQuery: true},
	}
}

// oEmbed is GET /oembed?url=…: what a site needs to embed a published conversation, as
// oembed.com has it. An address that names nothing of ours, or nothing that is
// published, is not found; nothing tells the one from the other.
func (s *Server) oEmbed(c *fiber.Ctx) error {
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	if err := s.visitors.take(s.clientAddress(c), "", time.Now()); err != nil {
		return err
	}
	switch format, _ := queryValue(c, "format"); format {
	case "", "json":
	case "xml":
		return answer(c, http.StatusNotImplemented, failure{Error: "only format=json is offered", Code: engine.CodeNotSupported, RequestID: requestID(c)})
	default:
		return engine.Errorf(engine.CodeInvalid, "format must be json")
	}
	address, _ := queryValue(c, "url")
	if address == "" {
		return errMissing("url")
	}
	width, err := querySize(c, "maxwidth")
	if err != nil {
		return err
	}
	height, err := querySize(c, "maxheight")
	if err != nil {
		return err
	}
	base, err := s.linkBase(c, "")
	if err != nil {
		return err
	}
	shown, err := s.publication(c, hub.PublicationID(base, address))
	if err != nil {
		return err
	}
	return ok(c, hub.Describe(base, string(shown.ID), shown.Title, width, height))
}

// querySize reads a number of pixels, 0 if it is not given. It returns CodeInvalid.
func querySize(c *fiber.Ctx, name string) (int, error) {
	raw, _ := queryValue(c, name)
	if raw == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(raw, 10, 32)
	if err != nil || n < 1 {
		return 0, engine.Errorf(engine.CodeInvalid, "%s must be a number of pixels", name)
	}
	return int(n), nil
}

// publication finds what is published under an id. It returns CodeNotFound, also once
// its session is gone, and CodeStopping.
func (s *Server) publication(c *fiber.Ctx, id string) (store.Publication, error) {
	missing := engine.Errorf(engine.CodeNotFound, "there is no such conversation")
	if !hub.IsPublicationID(id) {
		return store.Publication{}, missing
	}
	if err := s.loaded(); err != nil {
		return store.Publication{}, err
	}
	shown, err := s.store.FindPublication(c.UserContext(), store.PublicationID(id))
	if err == nil {
		_, err = s.engine.Snapshot(shown.Session)
	}
	switch engine.CodeOf(err) {
	case engine.CodeNotFound, engine.CodeSessionNotFound:
		return shown, missing
	}
	return shown, err
}

// conversationPage is GET /conversation/{publicationId}: the address to hand on. It says
// where its oEmbed description is.
func (s *Server) conversationPage(c *fiber.Ctx) error {
	base, err := s.linkBase(c, "")
	if err != nil {
		return err
	}
	describe := base + "/oembed/?format=json&url=" + url.QueryEscape(hub.PageURL(base, c.Params("publicationId")))
	return s.showConversation(c, describe, "'none'")
}

// embeddedPage is GET /embed/conversation/{publicationId}: the page for other sites' frames.
func (s *Server) embeddedPage(c *fiber.Ctx) error { return s.showConversation(c, "", "*") }

// showConversation answers with the page of a published conversation, which runs nothing,
// loads nothing and names nobody in full.
func (s *Server) showConversation(c *fiber.Ctx, describe, ancestors string) error {
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src '"+hub.StyleHash()+"'; base-uri 'none'; form-action 'none'; frame-ancestors "+ancestors)
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "no-store")
	if err := s.visitors.take(s.clientAddress(c), "", time.Now()); err != nil {
		return err
	}
	shown, err := s.publication(c, c.Params("publicationId"))
	if err != nil {
		return err
	}
	page, _, err := s.store.PageChat(c.UserContext(), shown.Session, shown.Chat, nil, mostEmbedLooks)
	if err != nil {
		return err
	}
	log := make([]engine.LoggedMessage, 0, len(page.Messages))
	for _, m := range page.Messages {
		log = append(log, m.LoggedMessage)
	}
	body, err := hub.Show(shown.Title, log, time.Now()).Page(describe)
	if err != nil {
		return engine.WrapError(engine.CodeInternal, err, "a page can't be made")
	}
	// Taken back while the log was read: the answer would outlive it.
	if _, err := s.store.FindPublication(c.UserContext(), shown.ID); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Send(body)
}
