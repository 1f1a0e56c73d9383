package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

type checkRequest struct {
	Phones []string `json:"phones"`
}

type checkResponse struct {
	Results []checkResult `json:"results"`
}

// checkResult is what is known of one number. Error and Code are set for what
// can't be a phone number.
type checkResult struct {
	Phone  string      `json:"phone"` // as given
	Number string      `json:"number,omitempty"`
	Exists bool        `json:"exists"`
	JID    engine.JID  `json:"jid,omitempty"`
	LID    engine.JID  `json:"lid,omitempty"`
	Error  string      `json:"error,omitempty"`
	Code   engine.Code `json:"code,omitempty"`
}

func (s *Server) checkRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/check", scope: store.ScopeSend, tenant: s.checkNumbers},
	}
}

// checkNumbers is POST /api/whatsapp/session/{id}/check. A number that can't be
// read is told in its place; the others are answered all the same.
func (s *Server) checkNumbers(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	var req checkRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if len(req.Phones) == 0 || len(req.Phones) > engine.MaxCheck {
		return engine.Errorf(engine.CodeInvalid, "phones must hold 1 to %d numbers", engine.MaxCheck)
	}
	results := make([]checkResult, len(req.Phones))
	var asked []string
	var places []int // of the numbers asked for, in the results
	for i, phone := range req.Phones {
		results[i].Phone = phone
		number, err := parseNumber(phone)
		if err != nil {
			results[i].Error, results[i].Code = err.Message, err.Code
			continue
		}
		results[i].Number = number
		asked, places = append(asked, number), append(places, i)
	}
	found, err := s.engine.Check(c.UserContext(), key, asked)
	if err != nil {
		return err
	}
	for i, r := range found {
		if at := &results[places[i]]; r.OnWhatsApp {
			at.Exists, at.JID, at.LID = true, r.Person.Phone, r.Person.LID
		}
	}
	return ok(c, checkResponse{results})
}

// parseNumber reads a phone number, also as an address, and returns its digits.
func parseNumber(raw string) (string, *engine.Error) {
	jid, err := engine.ParseRecipient(raw)
	if err != nil {
		return "", explain(err)
	}
	if jid.Server() != engine.ServerPhone {
		return "", engine.Errorf(engine.CodeInvalid, "only phone numbers can be checked")
	}
	return jid.User(), nil
}
