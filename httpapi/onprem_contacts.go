package httpapi

import (
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/onprem"
	"wapid/store"
)

func (s *Server) onpremContactRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/v1/contacts", scope: store.ScopeSend, tenant: s.onpremCheck},
		{method: http.MethodPost, path: "/v1/contacts/:waId/block", scope: store.ScopeManage, tenant: s.onpremBlock(true)},
		{method: http.MethodDelete, path: "/v1/contacts/:waId/block", scope: store.ScopeManage, tenant: s.onpremBlock(false)},
		{method: http.MethodPost, path: "/v1/contacts/:waId/unblock", scope: store.ScopeManage, tenant: s.onpremBlock(false)},
	}
}

// onpremCheck is POST /v1/contacts. It tells the truth, as WhatsApp's own API has not
// since 2.43, out of the same memory and within the same allowance as our own check;
// beyond that it is refused as a rate. The answer always waits: what is not known is
// asked for at once.
func (s *Server) onpremCheck(c *fiber.Ctx, p store.Principal) error {
	body, err := looseBody(c)
	if err != nil {
		return err
	}
	check, err := onprem.DecodeCheck(body)
	if err != nil {
		return err
	}
	key, _, err := s.onpremLinked(p)
	if err != nil {
		return err
	}
	list := make([]onprem.Contact, len(check.Contacts))
	var asked []string
	var places []int // of the numbers asked for, in the list
	for i, input := range check.Contacts {
		list[i] = onprem.Contact{Input: input, Status: onprem.ContactInvalid}
		if number, err := parseNumber(input); err == nil {
			asked, places = append(asked, number), append(places, i)
		}
	}
	if len(asked) > 0 {
		found, err := s.engine.Check(c.UserContext(), key, asked)
		if err != nil {
			return err
		}
		for i, r := range found {
			if r.OnWhatsApp {
				list[places[i]].Status, list[places[i]].WAID = onprem.ContactValid, r.Person.Phone.User()
			}
		}
	}
	return ok(c, onprem.NewChecked(list))
}

// onpremBlock is POST and DELETE /v1/contacts/{phone}/block, and POST …/unblock.
func (s *Server) onpremBlock(blocked bool) func(*fiber.Ctx, store.Principal) error {
	return func(c *fiber.Ctx, p store.Principal) error {
		if len(c.BodyRaw()) > 0 {
			body, err := looseBody(c)
			if err != nil {
				return err
			}
			if err := onprem.DecodeBlock(body); err != nil {
				return err
			}
		}
		raw, err := url.PathUnescape(c.Params("waId"))
		if err != nil {
			return onprem.Errorf(onprem.CodeValue, "the phone number in the path is not encoded properly")
		}
		who, err := parsePerson("the phone number", raw)
		if err != nil {
			return err
		}
		key, _, err := s.onpremLinked(p)
		if err != nil {
			return err
		}
		directory, err := engine.Use[engine.Directory](s.engine, key)
		if err != nil {
			return err
		}
		if err := directory.Block(c.UserContext(), who, blocked); err != nil {
			return err
		}
		return onpremDone(c)
	}
}
