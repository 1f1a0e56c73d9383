package httpapi

import (
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// The bodies are the controls' own; see docs/simnet.md for what the fields mean.
type (
	sandboxScanRequest struct {
		QR string `json:"qr"`
	}
	sandboxCodeRequest struct {
		Code string `json:"code"`
	}
	sandboxPasskeyRequest struct {
		Passkey map[string]any `json:"passkey"` // the challenge, as the status shows it
	}
	sandboxSettingsRequest struct {
		Online       *bool   `json:"online,omitempty"`
		AutoReceipts *bool   `json:"autoReceipts,omitempty"`
		PushName     *string `json:"pushName,omitempty"`
	}
	sandboxSendRequest struct {
		To    string            `json:"to"`
		Text  string            `json:"text,omitempty"`
		Media *sandboxSendMedia `json:"media,omitempty"`
	}
	sandboxSendMedia struct {
		Kind     string `json:"kind"`
		Data     string `json:"data"` // base64
		MIME     string `json:"mime,omitempty"`
		FileName string `json:"fileName,omitempty"`
		Voice    bool   `json:"voice,omitempty"`
	}
	sandboxActRequest struct {
		Kind    string   `json:"kind"`
		To      string   `json:"to"`
		ID      string   `json:"id,omitempty"`
		Text    string   `json:"text,omitempty"`
		Options []string `json:"options,omitempty"`
		Choices int      `json:"choices,omitempty"`
	}
	sandboxReadRequest struct {
		Chat   string   `json:"chat"`
		IDs    []string `json:"ids"`
		Played bool     `json:"played,omitempty"`
	}
	sandboxTypingRequest struct {
		To string `json:"to"`
		On bool   `json:"on"`
	}
	sandboxFaultRequest struct {
		Kind   string  `json:"kind"`
		Number string  `json:"number"`
		Times  int     `json:"times,omitempty"`
		Code   int     `json:"code,omitempty"`
		Expire float64 `json:"expire,omitempty"` // seconds
	}
)

// needs refuses a body without one of its fields, which come as names and values in
// turn. It returns CodeInvalid.
func needs(fields ...string) error {
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] == "" {
			return engine.Errorf(engine.CodeInvalid, "%s is missing", fields[i])
		}
	}
	return nil
}

// sandboxScan is POST /sandbox/phones/{number}/scan.
func (s *Server) sandboxScan(c *fiber.Ctx, _ store.Principal) error {
	var req sandboxScanRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := needs("qr", req.QR); err != nil {
		return err
	}
	return s.link(c, "/scan", req)
}

// sandboxCode is POST /sandbox/phones/{number}/code.
func (s *Server) sandboxCode(c *fiber.Ctx, _ store.Principal) error {
	var req sandboxCodeRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := needs("code", req.Code); err != nil {
		return err
	}
	return s.link(c, "/code", req)
}

// link lets a phone link a device, and waits as long as the caller says.
func (s *Server) link(c *fiber.Ctx, how string, req any) error {
	wait, err := queryWithin(c, "wait", 0, 0, maxSandboxWait)
	if err != nil {
		return err
	}
	path := phonePath(c, how)
	if wait > 0 {
		path += "?wait=" + strconv.Itoa(wait)
	}
	return s.consult(c, http.MethodPost, path, req)
}

// sandboxPasskey is POST /sandbox/phones/{number}/passkey.
func (s *Server) sandboxPasskey(c *fiber.Ctx, _ store.Principal) error {
	var req sandboxPasskeyRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if _, given := req.Passkey["challenge"].(string); !given {
		return engine.Errorf(engine.CodeInvalid, "passkey must be the challenge that the session's status shows")
	}
	return s.consult(c, http.MethodPost, phonePath(c, "/passkey"), req.Passkey)
}

// sandboxSettings is POST /sandbox/phones/{number}/settings.
func (s *Server) sandboxSettings(c *fiber.Ctx, _ store.Principal) error {
	var req sandboxSettingsRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if req == (sandboxSettingsRequest{}) {
		return engine.Errorf(engine.CodeInvalid, "there is nothing to change: give online, autoReceipts or pushName")
	}
	return s.consult(c, http.MethodPost, phonePath(c, "/settings"), req)
}

// sandboxSend is POST /sandbox/phones/{number}/send.
func (s *Server) sandboxSend(c *fiber.Ctx, _ store.Principal) error {
	var req sandboxSendRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := needs("to", req.To); err != nil {
		return err
	}
	if req.Text == "" && req.Media == nil {
		return engine.Errorf(engine.CodeInvalid, "text is missing, and there is no media")
	}
	return s.consult(c, http.MethodPost, phonePath(c, "/send"), req)
}

// sandboxAct is POST /sandbox/phones/{number}/act.
func (s *Server) sandboxAct(c *fiber.Ctx, _ store.Principal) error {
	var req sandboxActRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := needs("kind", req.Kind, "to", req.To); err != nil {
		return err
	}
	return s.consult(c, http.MethodPost, phonePath(c, "/act"), req)
}

// sandboxRead is POST /sandbox/phones/{number}/read.
func (s *Server) sandboxRead(c *fiber.Ctx, _ store.Principal) error {
	var req sandboxReadRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := needs("chat", req.Chat); err != nil {
		return err
	}
	if len(req.IDs) == 0 {
		return engine.Errorf(engine.CodeInvalid, "ids is missing")
	}
	return s.consult(c, http.MethodPost, phonePath(c, "/read"), req)
}

// sandboxTyping is POST /sandbox/phones/{number}/typing.
func (s *Server) sandboxTyping(c *fiber.Ctx, _ store.Principal) error {
	var req sandboxTypingRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := needs("to", req.To); err != nil {
		return err
	}
	return s.consult(c, http.MethodPost, phonePath(c, "/typing"), req)
}

// sandboxFault is POST /sandbox/faults: trouble for one number, as WhatsApp or the
// account's owner may make it.
func (s *Server) sandboxFault(c *fiber.Ctx, _ store.Principal) error {
	var req sandboxFaultRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := needs("kind", req.Kind, "number", req.Number); err != nil {
		return err
	}
	return s.consult(c, http.MethodPost, "/faults", req)
}
