package httpapi

import (
	"embed"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// Limits of a pairing link's life, in seconds.
const (
	minLinkLife     = 60
	maxLinkLife     = 86400
	defaultLinkLife = 900
)

// linkedNotice is for how long after its session was linked a link still says so,
// to the page that waits for it.
const linkedNotice = time.Minute

// pairFiles are the page behind a pairing link, and what it consists of.
//
//go:embed pair
var pairFiles embed.FS

type pairingLinkRequest struct {
	ExpiresIn *int   `json:"expiresIn"` // seconds
	BaseURL   string `json:"baseUrl"`
}

type pairingLinkResponse struct {
	Success   bool   `json:"success"`
	URL       string `json:"url"`
	ExpiresAt int64  `json:"expiresAt"` // unix milliseconds
}

// pairStatus is all that a stranger is told: nothing in it says whose session it is.
type pairStatus struct {
	State  pairState `json:"state"`
	QRCode string    `json:"qrCode,omitempty"` // data:image/png;base64,…
	// QRSeconds is how long the code lives: the clocks of two machines may differ.
	QRSeconds int `json:"qrSeconds,omitempty"`
}

// pairState is what the page shows.
type pairState string

const (
	pairWaiting pairState = "waiting" // for the network to give a code
	pairScan    pairState = "scan"    // there is a code
	pairPasskey pairState = "passkey" // the account wants its passkey first
	pairLinking pairState = "linking" // scanned
	pairLinked  pairState = "linked"
	pairIdle    pairState = "idle" // nobody has scanned; opening the page again starts over
	pairStopped pairState = "stopped"
)

func (s *Server) pairingLinkRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/pairing-link", scope: store.ScopeManage, tenant: s.makePairingLink},
		{method: http.MethodGet, path: "/pair/page.css", public: servePairFile("pair/page.css", "text/css; charset=utf-8")},
		{method: http.MethodGet, path: "/pair/page.js", public: servePairFile("pair/page.js", "text/javascript; charset=utf-8")},
		{method: http.MethodGet, path: "/pair/:token", public: s.pairPage},
		{method: http.MethodGet, path: "/pair/:token/status", public: s.pairPageStatus},
	}
}

// makePairingLink is POST /api/whatsapp/session/{id}/pairing-link. It returns
// CodeAlreadyLinked, and CodeSessionNotReady for a session that the tenant has
// stopped.
func (s *Server) makePairingLink(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	var req pairingLinkRequest
	if len(c.BodyRaw()) > 0 {
		if err := decode(c, &req); err != nil {
			return err
		}
	}
	life := defaultLinkLife
	if req.ExpiresIn != nil {
		life = *req.ExpiresIn
	}
	if life < minLinkLife || life > maxLinkLife {
		return engine.Errorf(engine.CodeInvalid, "expiresIn must be a number of seconds from %d to %d", minLinkLife, maxLinkLife)
	}
	if err := s.linkable(c, key); err != nil {
		return err
	}
	base, err := s.linkBase(c, req.BaseURL)
	if err != nil {
		return err
	}
	snap, err := s.engine.Snapshot(key)
	switch {
	case err != nil:
		return err
	case snap.State.Identity.Device != "":
		return engine.Errorf(engine.CodeAlreadyLinked, "the session is linked already")
	case snap.State.Intent != engine.IntentRun:
		return engine.Errorf(engine.CodeSessionNotReady, "the session is stopped: create it again first")
	}
	expires := time.Now().Add(time.Duration(life) * time.Second)
	token, err := s.store.IssuePairingLink(c.UserContext(), key, expires)
	if err != nil {
		return err
	}
	return ok(c, pairingLinkResponse{Success: true, URL: base + "/pair/" + token, ExpiresAt: unixMillis(expires)})
}

// linkBase is where a link leads: what the caller says, else what the operator
// says, else the host that the client has asked, behind a proxy that is trusted too.
// It returns CodeInvalid.
func (s *Server) linkBase(c *fiber.Ctx, asked string) (string, error) {
	if asked != "" {
		return ParseBaseURL(asked)
	}
	if s.public != "" {
		return s.public, nil
	}
	scheme := "http"
	if s.secure(c) {
		scheme = "https"
	}
	host := s.publicHost(c)
	if !validHost(host) {
		return "", engine.Errorf(engine.CodeInvalid, "the request's Host header can't be the host of a link; give baseUrl")
	}
	return scheme + "://" + host, nil
}

// ParseBaseURL checks the base of links: http or https, a host, and perhaps a
// path. It returns it without a slash at its end, or CodeInvalid.
func ParseBaseURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !validHost(u.Host) || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || len(raw) > 512 {
		return "", engine.Errorf(engine.CodeInvalid, "baseUrl must be http:// or https://, a host, and perhaps a path")
	}
	return strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"), nil
}

// hostName is a name as DNS has them, or one of a local network.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?$`)

// validHost tells whether host, with or without a port, can stand in a URL.
func validHost(host string) bool {
	name := host
	if h, port, err := net.SplitHostPort(host); err == nil {
		if _, err := netip.ParseAddrPort("127.0.0.1:" + port); err != nil {
			return false
		}
		name = h
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Zone() == ""
	}
	return len(name) <= 253 && hostName.MatchString(name)
}

// servePairFile serves one of the embedded files.
func servePairFile(name, contentType string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		secure(c)
		return sendPairFile(c, http.StatusOK, name, contentType)
	}
}

func sendPairFile(c *fiber.Ctx, status int, name, contentType string) error {
	raw, err := pairFiles.ReadFile(name)
	if err != nil {
		return engine.WrapError(engine.CodeInternal, err, "a page is missing")
	}
	c.Set(fiber.HeaderContentType, contentType)
	return c.Status(status).Send(raw)
}

// secure sets what keeps a page with a secret in its address to itself.
func secure(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "+
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// pairPage is GET /pair/{token}: the page, which is the same for every link. It
// starts a pairing that nobody is waiting for. A link that was used, was replaced
// or ran out answers 410 for ever, as does one that never was.
func (s *Server) pairPage(c *fiber.Ctx) error {
	secure(c)
	link, err := s.pairingLink(c)
	if err == nil && !link.LinkedAt.IsZero() {
		err = errLinkExpired()
	}
	if engine.CodeOf(err) == CodeLinkExpired {
		return sendPairFile(c, http.StatusGone, "pair/ended.html", fiber.MIMETextHTMLCharsetUTF8)
	}
	if err != nil {
		return err
	}
	if c.Method() == http.MethodGet {
		if err := s.startWaiting(c, link.Session); err != nil {
			return err
		}
	}
	return sendPairFile(c, http.StatusOK, "pair/page.html", fiber.MIMETextHTMLCharsetUTF8)
}

// startWaiting starts a session that has given up waiting to be linked. One that
// its tenant has stopped stays stopped.
func (s *Server) startWaiting(c *fiber.Ctx, key engine.SessionKey) error {
	snap, err := s.engine.Snapshot(key)
	if err == nil && stateOfPairing(snap) == pairIdle {
		_, err = s.engine.Start(c.UserContext(), key)
	}
	if engine.CodeOf(err) == engine.CodeSessionNotFound { // removed at this very moment
		return nil
	}
	return err
}

// pairPageStatus is GET /pair/{token}/status.
func (s *Server) pairPageStatus(c *fiber.Ctx) error {
	secure(c)
	link, err := s.pairingLink(c)
	if err != nil {
		return err
	}
	if !link.LinkedAt.IsZero() {
		if time.Since(link.LinkedAt) > linkedNotice {
			return errLinkExpired()
		}
	}
	snap, err := s.engine.Snapshot(link.Session)
	if engine.CodeOf(err) == engine.CodeSessionNotFound {
		return errLinkExpired()
	}
	if err != nil {
		return err
	}
	body := pairStatus{State: stateOfPairing(snap)}
	if !link.LinkedAt.IsZero() && body.State != pairLinked {
		body.State = pairLinking // or it has been unlinked again already: not this link's business
	}
	if body.State == pairScan {
		if body.QRCode, err = s.codes.draw(snap.QR.Code); err != nil {
			return err
		}
		body.QRSeconds = max(1, int(time.Until(snap.QR.ExpiresAt).Seconds()))
	}
	return ok(c, body)
}

// stateOfPairing is as much of a session's condition as a stranger may know.
func stateOfPairing(snap engine.Snapshot) pairState {
	state := snap.State
	switch {
	case state.Status == engine.StatusReady:
		return pairLinked
	case state.Identity.Device != "" || state.Status == engine.StatusAuthenticated:
		return pairLinking
	case state.Status == engine.StatusQRReady && snap.QR != nil:
		return pairScan
	case state.Status == engine.StatusPasskeyRequired:
		return pairPasskey
	}
	switch state.Reason {
	case engine.ReasonQRTimeout, engine.ReasonPairingFailed, engine.ReasonLoggedOut:
		return pairIdle
	case "", engine.ReasonNetwork:
		return pairWaiting
	}
	return pairStopped
}

// pairingLink finds the link of the path's token. It returns CodeLinkExpired for
// any that can't be used, CodeStopping and CodeStorage.
func (s *Server) pairingLink(c *fiber.Ctx) (store.PairingLink, error) {
	if err := s.loaded(); err != nil {
		return store.PairingLink{}, err
	}
	link, err := s.store.FindPairingLink(c.UserContext(), c.Params("token"))
	if engine.CodeOf(err) == engine.CodeNotFound {
		return link, errLinkExpired()
	}
	return link, err
}

func errLinkExpired() error {
	return engine.Errorf(CodeLinkExpired, "this link has ended; ask for a new one")
}
