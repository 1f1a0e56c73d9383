package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

type pairingCodeRequest struct {
	Phone string `json:"phone"`
}

type pairingCodeResponse struct {
	Success   bool   `json:"success"`
	Code      string `json:"code"`
	Formatted string `json:"formatted"` // as the phone shows it: ABCD-EFGH
	ExpiresAt int64  `json:"expiresAt"` // unix milliseconds
}

type passkeyRequest struct {
	Credential json.RawMessage `json:"credential"`
}

type passkeyResponse struct {
	Success bool          `json:"success"`
	Status  engine.Status `json:"status"`
}

// linkingRoutes are the steps of a pairing beside the QR code, which the status shows.
func (s *Server) linkingRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/pairing-code", scope: store.ScopeManage, tenant: s.pairingCode},
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/passkey", scope: store.ScopeManage, tenant: s.answerPasskey},
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/passkey/confirm", scope: store.ScopeManage, tenant: s.confirmPasskey},
	}
}

// pairingCode is POST /api/whatsapp/session/{id}/pairing-code.
func (s *Server) pairingCode(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	var req pairingCodeRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	phone, err := engine.ParseRecipient(req.Phone)
	if err != nil || phone.Server() != engine.ServerPhone {
		return engine.Errorf(engine.CodeInvalid, "phone must be a phone number of 7 to 15 digits that begins with its country code")
	}
	if err := s.linkable(c, key); err != nil {
		return err
	}
	code, err := s.engine.RequestPairingCode(c.UserContext(), key, phone.User())
	if err != nil {
		return err
	}
	return ok(c, pairingCodeResponse{
		Success: true, Code: code.Code, Formatted: inHalves(code.Code), ExpiresAt: unixMillis(code.ExpiresAt),
	})
}

// inHalves puts a dash into the middle of a code.
func inHalves(code string) string {
	half := len(code) / 2
	return code[:half] + "-" + code[half:]
}

// isAssertion tells whether raw has what every WebAuthn assertion has. The rest
// of it is for the network to read.
func isAssertion(raw json.RawMessage) bool {
	var c struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Response struct {
			ClientData    string `json:"clientDataJSON"`
			Authenticator string `json:"authenticatorData"`
			Signature     string `json:"signature"`
		} `json:"response"`
	}
	err := json.Unmarshal(raw, &c)
	return err == nil && c.ID != "" && c.Type == "public-key" &&
		c.Response.ClientData != "" && c.Response.Authenticator != "" && c.Response.Signature != ""
}

// answerPasskey is POST /api/whatsapp/session/{id}/passkey.
func (s *Server) answerPasskey(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	var req passkeyRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if !isAssertion(req.Credential) {
		return engine.Errorf(engine.CodeInvalid, "credential must be the JSON of a PublicKeyCredential with an assertion")
	}
	if err := s.linkable(c, key); err != nil {
		return err
	}
	if err := s.engine.AnswerPasskey(c.UserContext(), key, req.Credential); err != nil {
		return err
	}
	return s.answerStep(c, key)
}

// confirmPasskey is POST /api/whatsapp/session/{id}/passkey/confirm.
func (s *Server) confirmPasskey(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	if err := decodeNothing(c); err != nil {
		return err
	}
	if err := s.linkable(c, key); err != nil {
		return err
	}
	if err := s.engine.ConfirmPasskey(c.UserContext(), key); err != nil {
		return err
	}
	return s.answerStep(c, key)
}

// answerStep answers where the session stands after a step that went well.
func (s *Server) answerStep(c *fiber.Ctx, key engine.SessionKey) error {
	snap, err := s.engine.Snapshot(key)
	if err != nil {
		return err
	}
	return ok(c, passkeyResponse{Success: true, Status: snap.State.Status})
}
