package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// maxSessionName is the longest label of a session, in characters.
const maxSessionName = 100

type createSessionRequest struct {
	SessionID string `json:"sessionId"`
	Name      string `json:"name"`

	Proxy    clearable `json:"proxy"`
	Typing   clearable `json:"typing"`
	DelayMin clearable `json:"delayMin"`
	DelayMax clearable `json:"delayMax"`

	Interactive clearable `json:"interactive"`
	// Cloud has the session speak over Meta's official API instead of a linked device.
	Cloud *cloudRequest `json:"cloud"`
}

// The bodies of this file keep the key order of the WapiConnect document; what
// we add comes behind.

type createSessionResponse struct {
	Success   bool             `json:"success"`
	SessionID engine.SessionID `json:"sessionId"`
	IsNew     bool             `json:"isNew"`
	Status    engine.Status    `json:"status"`
	Network   string           `json:"network,omitempty"` // "cloud"; absent for a linked device
	Cloud     *cloudNumber     `json:"cloud,omitempty"`
}

type sessionStatusResponse struct {
	Status        engine.Status `json:"status"`
	QRCode        string        `json:"qrCode,omitempty"` // data:image/png;base64,…
	Connected     bool          `json:"connected"`
	PhoneNumber   string        `json:"phoneNumber,omitempty"` // digits
	LID           engine.JID    `json:"lid,omitempty"`
	QR            string        `json:"qr,omitempty"`          // the raw text of the code
	QRExpiresAt   int64         `json:"qrExpiresAt,omitempty"` // unix milliseconds
	Reason        engine.Reason `json:"reason,omitempty"`
	Until         int64         `json:"until,omitempty"`         // unix milliseconds
	NextAttemptAt int64         `json:"nextAttemptAt,omitempty"` // unix milliseconds
	Restrictions  []restriction `json:"restrictions,omitempty"`

	PairingCode          string          `json:"pairingCode,omitempty"`
	PairingCodeExpiresAt int64           `json:"pairingCodeExpiresAt,omitempty"` // unix milliseconds
	Passkey              json.RawMessage `json:"passkey,omitempty"`              // PublicKeyCredentialRequestOptionsJSON
	PasskeyCode          string          `json:"passkeyCode,omitempty"`
	Name                 string          `json:"name,omitempty"`
	Options              *sessionOptions `json:"options,omitempty"`
	QRAttempt            int             `json:"qrAttempt,omitempty"` // 1 for the first code of this linking
	QRCodes              int             `json:"qrCodes,omitempty"`   // how many there are in all
	Network              string          `json:"network,omitempty"`   // "cloud"; absent for a linked device
	Cloud                *cloudNumber    `json:"cloud,omitempty"`
}

type restriction struct {
	Type  engine.RestrictionKind `json:"type"`
	Until int64                  `json:"until,omitempty"` // unix milliseconds
}

type listedSession struct {
	SessionID   engine.SessionID `json:"sessionId"`
	Name        string           `json:"name"`
	Status      engine.Status    `json:"status"`
	Connected   bool             `json:"connected"`
	PhoneNumber string           `json:"phoneNumber,omitempty"`
	LID         engine.JID       `json:"lid,omitempty"`
	Reason      engine.Reason    `json:"reason,omitempty"`
	CreatedAt   string           `json:"createdAt"` // ISO 8601 in UTC with milliseconds
	Options     *sessionOptions  `json:"options,omitempty"`
	Network     string           `json:"network,omitempty"` // "cloud"; absent for a linked device
}

type listSessionsResponse struct {
	Sessions []listedSession `json:"sessions"`
}

// deleteSessionResponse has Unlinked after a removal, Status and Reason after a stop.
type deleteSessionResponse struct {
	Success   bool             `json:"success"`
	SessionID engine.SessionID `json:"sessionId"`
	Unlinked  *bool            `json:"unlinked,omitempty"`
	Status    engine.Status    `json:"status,omitempty"`
	Reason    engine.Reason    `json:"reason,omitempty"`
}

func (s *Server) sessionRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/session", scope: store.ScopeManage, tenant: s.createSession},
		{method: http.MethodGet, path: "/api/whatsapp/sessions", scope: store.ScopeRead, tenant: s.listSessions},
		{method: http.MethodGet, path: "/api/whatsapp/session/:id/status", query: []string{"wait"}, scope: store.ScopeRead, tenant: s.sessionStatus},
		{method: http.MethodGet, path: "/api/whatsapp/session/:id/events", scope: store.ScopeRead, tenant: s.sessionEvents},
		{method: http.MethodDelete, path: "/api/whatsapp/session/:id", query: []string{"logout"}, scope: store.ScopeManage, tenant: s.deleteSession},
		{method: http.MethodPatch, path: "/api/whatsapp/session/:id", scope: store.ScopeManage, tenant: s.patchSession},
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/restart", scope: store.ScopeManage, tenant: s.restartSession},
	}
}

// createSession is POST /api/whatsapp/session.
func (s *Server) createSession(c *fiber.Ctx, p store.Principal) error {
	var req createSessionRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if req.SessionID == "" {
		return engine.Errorf(engine.CodeInvalid, "sessionId is required")
	}
	id, err := engine.ParseSessionID(req.SessionID)
	if err != nil {
		return err
	}
	if !p.Reaches(id) {
		return engine.Errorf(engine.CodeForbidden, "the key may not make a session of this id")
	}
	name, err := parseSessionName(req.Name)
	if err != nil {
		return err
	}
	change, err := s.changeOf(optionsRequest{Proxy: req.Proxy, Typing: req.Typing, DelayMin: req.DelayMin, DelayMax: req.DelayMax,
		Interactive: req.Interactive})
	if err != nil {
		return err
	}
	if name != "" {
		change.Name = &name
	}
	if req.Cloud != nil {
		return s.createOfficial(c, p, id, change, *req.Cloud)
	}
	snap, isNew, err := s.engine.Create(c.UserContext(), engine.SessionKey{Tenant: p.Tenant, ID: id}, change)
	if err != nil {
		return err
	}
	status := snap.State.Status
	if isNew {
		// It may have gone on already; what was asked for is answered as documented.
		status = engine.StatusInitializing
	}
	return ok(c, createSessionResponse{Success: true, SessionID: id, IsNew: isNew, Status: status})
}

// parseSessionName checks a label: at most maxSessionName characters that print.
func parseSessionName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > maxSessionName {
		return "", engine.Errorf(engine.CodeInvalid, "name must not be longer than %d characters", maxSessionName)
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return "", engine.Errorf(engine.CodeInvalid, "name must not contain control characters")
	}
	return name, nil
}

// sessionStatus is GET /api/whatsapp/session/{id}/status. With ?wait=10 it
// answers once the session has settled, after ten seconds at the latest.
func (s *Server) sessionStatus(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	wait, err := queryWait(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), wait)
	defer cancel()
	snap, err := s.engine.Await(ctx, key, settled)
	if err != nil {
		return err
	}
	return s.answerStatus(c, snap)
}

// answerStatus answers with a session's status and the picture of its QR code.
func (s *Server) answerStatus(c *fiber.Ctx, snap engine.Snapshot) error {
	body := describe(snap)
	if err := s.illustrate(&body); err != nil {
		return err
	}
	if err := s.showOfficial(c, snap, &body); err != nil {
		return err
	}
	return ok(c, body)
}

// illustrate adds the picture of the QR code, if there is one.
func (s *Server) illustrate(body *sessionStatusResponse) (err error) {
	if body.QR != "" {
		body.QRCode, err = s.codes.draw(body.QR)
	}
	return err
}

// settled tells whether a session waits for somebody, rather than for the
// network to finish what is under way.
func settled(snap engine.Snapshot) bool {
	return snap.State.Status != engine.StatusInitializing && snap.State.Status != engine.StatusAuthenticated
}

// describe turns a snapshot into the body of a status request, without the
// picture of the QR code.
func describe(snap engine.Snapshot) sessionStatusResponse {
	state := snap.State
	body := sessionStatusResponse{
		Status: state.Status, Connected: state.Status == engine.StatusReady,
		Name: snap.Name, Options: shownOptions(snap.Options),
	}
	switch state.Status {
	case engine.StatusQRReady:
		if snap.QR != nil {
			body.QR, body.QRExpiresAt = snap.QR.Code, unixMillis(snap.QR.ExpiresAt)
			body.QRAttempt, body.QRCodes = snap.QR.Attempt, snap.QR.Of
		}
		if code := snap.PairingCode; code != nil {
			body.PairingCode, body.PairingCodeExpiresAt = code.Code, unixMillis(code.ExpiresAt)
		}
	case engine.StatusPasskeyRequired:
		body.Passkey, body.PasskeyCode = snap.Passkey, snap.PasskeyCode
	case engine.StatusReady:
		body.PhoneNumber, body.LID = state.Identity.Person.Phone.User(), state.Identity.Person.LID
		for _, r := range snap.Restrictions {
			body.Restrictions = append(body.Restrictions, restriction{r.Kind, unixMillis(r.Until)})
		}
	case engine.StatusDisconnected:
		body.Reason, body.Until, body.NextAttemptAt = state.Reason, unixMillis(state.Until), unixMillis(snap.NextAttempt)
	}
	return body
}

// listSessions is GET /api/whatsapp/sessions.
func (s *Server) listSessions(c *fiber.Ctx, p store.Principal) error {
	if err := s.loaded(); err != nil {
		return err
	}
	official, err := s.officialSessions(c, p.Tenant)
	if err != nil {
		return err
	}
	snaps := s.engine.List(p.Tenant)
	body := listSessionsResponse{Sessions: make([]listedSession, 0, len(snaps))}
	for _, snap := range snaps {
		if !p.Reaches(snap.Key.ID) {
			continue
		}
		network := ""
		if official[snap.Key.ID] {
			network = networkCloud
		}
		body.Sessions = append(body.Sessions, listedSession{
			Network:     network,
			SessionID:   snap.Key.ID,
			Name:        snap.Name,
			Status:      snap.State.Status,
			Connected:   snap.State.Status == engine.StatusReady,
			PhoneNumber: snap.State.Identity.Person.Phone.User(),
			LID:         snap.State.Identity.Person.LID,
			Reason:      snap.State.Reason,
			CreatedAt:   isoMillis(snap.CreatedAt),
			Options:     shownOptions(snap.Options),
		})
	}
	return ok(c, body)
}

// deleteSession is DELETE /api/whatsapp/session/{id}: it unlinks and forgets, or
// with ?logout=false stops the session and keeps it linked.
func (s *Server) deleteSession(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	logout, err := queryBool(c, "logout", true)
	if err != nil {
		return err
	}
	if !logout {
		snap, err := s.engine.Stop(c.UserContext(), key)
		if err != nil {
			return err
		}
		return ok(c, deleteSessionResponse{Success: true, SessionID: key.ID, Status: snap.State.Status, Reason: snap.State.Reason})
	}
	unlinked, err := s.engine.Delete(c.UserContext(), key)
	if err != nil {
		return err
	}
	return ok(c, deleteSessionResponse{Success: true, SessionID: key.ID, Unlinked: &unlinked})
}

// sessionKey reads the session that the path names, percent-decoded once. It
// returns CodeInvalid, CodeSessionNotFound for one that the key does not reach,
// and CodeStopping as long as nobody can say whether there
// is such a session.
func (s *Server) sessionKey(c *fiber.Ctx, p store.Principal) (engine.SessionKey, error) {
	raw, err := url.PathUnescape(c.Params("id"))
	if err != nil {
		return engine.SessionKey{}, engine.Errorf(engine.CodeInvalid, "the session id in the path is not encoded properly")
	}
	id, err := engine.ParseSessionID(raw)
	if err != nil {
		return engine.SessionKey{}, err
	}
	if !p.Reaches(id) {
		return engine.SessionKey{}, engine.Errorf(engine.CodeSessionNotFound, "no session with this id")
	}
	return engine.SessionKey{Tenant: p.Tenant, ID: id}, s.loaded()
}

// loaded returns CodeStopping while the engine has not read the sessions: they
// would seem not to exist.
func (s *Server) loaded() error {
	if s.engine.Loaded() {
		return nil
	}
	return &engine.Error{Code: engine.CodeStopping, Message: "the daemon is starting or stopping", RetryAfter: retryWhenStopping}
}
