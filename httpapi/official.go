package httpapi

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	official "wapid/engine/cloudapi"
	"wapid/store"
	"wapid/webhooks"
)

// networkCloud is how the answers name Meta's official API.
const networkCloud = "cloud"

// cloudRequest are the credentials of a number of Meta's official API. They are never
// shown again.
type cloudRequest struct {
	PhoneNumberID string `json:"phoneNumberId"`
	AccessToken   string `json:"accessToken"`
	AppSecret     string `json:"appSecret"`
	VerifyToken   string `json:"verifyToken"`
	BaseURL       string `json:"baseUrl"`
	WABAID        string `json:"wabaId"`
}

// cloudNumber is what is shown of such a number.
type cloudNumber struct {
	PhoneNumberID string `json:"phoneNumberId"`
	WABAID        string `json:"wabaId,omitempty"`
	BaseURL       string `json:"baseUrl"`
	WebhookURL    string `json:"webhookUrl"`        // to be entered at Meta
	Problem       string `json:"problem,omitempty"` // why Meta refuses it
}

// officialNumber checks credentials. It returns CodeInvalid, and CodeEgressRefused for a base
// URL whose address is refused; one that is a name is judged when it is dialled.
func (s *Server) officialNumber(key engine.SessionKey, req cloudRequest) (official.Number, error) {
	if req.VerifyToken == "" || len(req.VerifyToken) > official.MaxSecret {
		return official.Number{}, engine.Errorf(engine.CodeInvalid, "verifyToken must be 1 to %d bytes of your own choice, the same as at Meta", official.MaxSecret)
	}
	base := official.DefaultBaseURL
	if req.BaseURL != "" {
		parsed, err := webhooks.ParseURL(req.BaseURL)
		if err != nil || strings.ContainsAny(parsed, "?#") {
			return official.Number{}, engine.Errorf(engine.CodeInvalid, "baseUrl must be a URL such as %s", official.DefaultBaseURL)
		}
		base = strings.TrimRight(parsed, "/")
	}
	if s.guard != nil {
		if err := s.guard.CheckURL(base); err != nil {
			return official.Number{}, err
		}
	}
	n := official.Number{
		Session: key, PhoneNumberID: req.PhoneNumberID, WABA: req.WABAID, BaseURL: base,
		AccessToken: req.AccessToken, AppSecret: req.AppSecret, VerifyHash: official.HashVerifyToken(req.VerifyToken),
	}
	return n, n.Check()
}

// createOfficial makes a session that speaks over Meta's official API, or gives one that
// does, or that is not linked yet, these credentials. It returns CodeAlreadyLinked for one that is linked
// to a phone or has another number, CodeNotSupported with a proxy, and the errors of officialNumber and engine.Create.
func (s *Server) createOfficial(c *fiber.Ctx, p store.Principal, id engine.SessionID, change engine.SessionChange, req cloudRequest) error {
	if s.official == nil {
		return engine.Errorf(engine.CodeNotSupported, "this server has no connection to Meta's official API")
	}
	if change.Proxy != nil && *change.Proxy != "" {
		return errNoProxyThere()
	}
	key := engine.SessionKey{Tenant: p.Tenant, ID: id}
	n, err := s.officialNumber(key, req)
	if err != nil {
		return err
	}
	if err := s.loaded(); err != nil {
		return err
	}
	before, err := s.engine.Snapshot(key)
	if device := before.State.Identity.Device; err == nil && device != "" && !official.IsDevice(device) {
		return engine.Errorf(engine.CodeAlreadyLinked, "the session is linked to a phone: delete it first, or use another sessionId")
	}
	if change.Interactive == nil && err != nil { // Meta has buttons of its own
		native := engine.InteractiveNative
		change.Interactive = &native
	}
	webhook, err := s.officialWebhook(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	n, added, err := s.store.PutCloudNumber(ctx, n)
	if err != nil {
		return err
	}
	snap, isNew, err := s.engine.Create(ctx, key, change)
	if err == nil && !isNew { // it may be waiting to be scanned, or hold the former token
		snap, err = s.engine.Restart(ctx, key)
	}
	if err != nil {
		if added {
			if undo := s.store.DeleteCloudNumber(ctx, key); undo != nil {
				return undo
			}
		}
		return err
	}
	status := snap.State.Status
	if isNew {
		status = engine.StatusInitializing
	}
	return ok(c, createSessionResponse{Success: true, SessionID: id, IsNew: isNew, Status: status, Network: networkCloud,
		Cloud: s.shownNumber(n, webhook)})
}

// officialWebhook is the URL that is to be entered at Meta.
func (s *Server) officialWebhook(c *fiber.Ctx) (string, error) {
	base, err := s.linkBase(c, "")
	return base + pathOfficialWebhook, err
}

func (s *Server) shownNumber(n official.Number, webhook string) *cloudNumber {
	return &cloudNumber{PhoneNumberID: n.PhoneNumberID, WABAID: n.WABA, BaseURL: n.BaseURL, WebhookURL: webhook,
		Problem: s.official.Trouble(n.Session)}
}

// numberOf returns the number of a session of the official API; ok is false for every
// other session. A session with a linked device costs no look into the store.
func (s *Server) numberOf(c *fiber.Ctx, key engine.SessionKey, device engine.DeviceID) (n official.Number, ok bool, err error) {
	if s.official == nil || device != "" && !official.IsDevice(device) {
		return n, false, nil
	}
	n, err = s.store.FindCloudNumber(c.UserContext(), key)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return n, false, nil
	}
	return n, err == nil, err
}

// showOfficial adds to a session's status that it speaks over the official API.
func (s *Server) showOfficial(c *fiber.Ctx, snap engine.Snapshot, body *sessionStatusResponse) error {
	n, ok, err := s.numberOf(c, snap.Key, snap.State.Identity.Device)
	if err != nil || !ok {
		return err
	}
	webhook, err := s.officialWebhook(c)
	if err != nil {
		return err
	}
	body.Network, body.Cloud = networkCloud, s.shownNumber(n, webhook)
	return nil
}

// officialSessions are the tenant's sessions that speak over the official API.
func (s *Server) officialSessions(c *fiber.Ctx, tenant engine.TenantID) (map[engine.SessionID]bool, error) {
	if s.official == nil {
		return nil, nil
	}
	numbers, err := s.store.ListTenantCloudNumbers(c.UserContext(), tenant)
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	known := make(map[engine.SessionID]bool, len(numbers))
	for _, n := range numbers {
		known[n.Session.ID] = true
	}
	return known, nil
}

// linkable returns CodeNotSupported for a session of the official API, which shows no
// QR code and takes no pairing code, and CodeSessionNotFound.
func (s *Server) linkable(c *fiber.Ctx, key engine.SessionKey) error {
	snap, err := s.engine.Snapshot(key)
	if err != nil {
		return err
	}
	_, is, err := s.numberOf(c, key, snap.State.Identity.Device)
	if err == nil && is {
		err = engine.Errorf(engine.CodeNotSupported, "a session of Meta's official API is not linked to a phone: there is nothing to scan or to type")
	}
	return err
}

func errNoProxyThere() error {
	return engine.Errorf(engine.CodeNotSupported, "sessions of Meta's official API can't have a proxy")
}
