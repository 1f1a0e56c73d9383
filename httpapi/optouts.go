package httpapi

import (
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

// maxOptOuts is how many people one request may put on the list.
const maxOptOuts = 10_000

// optOutBody is a person who gets no bulk messages. Either address may be missing
// where it is not known; what follows the source is there only if a message said it.
type optOutBody struct {
	ID         string            `json:"id"`
	Phone      string            `json:"phone,omitempty"` // digits
	LID        engine.JID        `json:"lid,omitempty"`
	OptedOutAt string            `json:"optedOutAt"`
	Source     bulk.OptOutSource `json:"source"`
	Word       string            `json:"word,omitempty"`
	SessionID  engine.SessionID  `json:"sessionId,omitempty"`
	MessageID  engine.MessageID  `json:"messageId,omitempty"`
}

type optOutListResponse struct {
	OptOuts    []optOutBody `json:"optOuts"`
	NextBefore string       `json:"nextBefore,omitempty"`
}

type addOptOutsRequest struct {
	Phone      string   `json:"phone"`
	Recipients []string `json:"recipients"`
}

// addOptOutsResponse counts each person once.
type addOptOutsResponse struct {
	Success bool      `json:"success"`
	Added   int       `json:"added"`
	Already int       `json:"already"` // stood on the list, or were given twice
	Invalid []leftOut `json:"invalid,omitempty"`
}

type optOutWordsBody struct {
	Success bool     `json:"success,omitempty"` // of a change
	Stop    []string `json:"stop"`
	Start   []string `json:"start"`
}

type putOptOutWordsRequest struct {
	Stop  []string `json:"stop"`
	Start []string `json:"start"`
}

func (s *Server) optOutRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/whatsapp/opt-outs", query: []string{"phone", "before", "limit"},
			scope: store.ScopeRead, tenant: s.listOptOuts},
		{method: http.MethodPost, path: "/api/whatsapp/opt-outs", scope: store.ScopeSend, tenant: s.addOptOuts},
		{method: http.MethodGet, path: "/api/whatsapp/opt-outs/:phone", scope: store.ScopeRead, tenant: s.getOptOut},
		{method: http.MethodDelete, path: "/api/whatsapp/opt-outs/:phone", scope: store.ScopeManage, tenant: s.deleteOptOut},
		{method: http.MethodGet, path: "/api/account/opt-out-words", scope: store.ScopeRead, tenant: s.getOptOutWords},
		{method: http.MethodPut, path: "/api/account/opt-out-words", scope: store.ScopeManage, tenant: s.putOptOutWords},
	}
}

// wholeAccount refuses keys that are limited to sessions: the list is one for all
// sessions, and holds people who have written to any of them.
func wholeAccount(p store.Principal) error {
	if p.Sessions != nil {
		return engine.Errorf(engine.CodeForbidden, "an API key that is limited to sessions can't see or change the opt-outs of the account")
	}
	return nil
}

// listOptOuts is GET /api/whatsapp/opt-outs, newest first.
func (s *Server) listOptOuts(c *fiber.Ctx, p store.Principal) error {
	if err := wholeAccount(p); err != nil {
		return err
	}
	page := store.OptOutPage{}
	limit, err := queryNumber(c, "limit", 100, 1, 1000)
	if err != nil {
		return err
	}
	if page.Phone, err = queryDigits(c, "phone"); err != nil {
		return err
	}
	if raw, given := queryValue(c, "before"); given {
		if page.Before, err = strconv.ParseInt(raw, 10, 64); err != nil || page.Before < 1 {
			return engine.Errorf(engine.CodeInvalid, "before must be the id of an opt-out")
		}
	}
	page.Limit = limit + 1 // one more tells whether there is more
	list, err := s.store.ListOptOuts(c.UserContext(), p.Tenant, page)
	if err != nil {
		return err
	}
	body := optOutListResponse{OptOuts: make([]optOutBody, 0, min(len(list), limit))}
	for i, o := range list {
		if i == limit {
			body.NextBefore = body.OptOuts[i-1].ID
			break
		}
		body.OptOuts = append(body.OptOuts, tellOptOut(o))
	}
	return ok(c, body)
}

// queryDigits reads the beginning of a phone number, "" if it is not given. It
// returns CodeInvalid.
func queryDigits(c *fiber.Ctx, name string) (string, error) {
	raw, given := queryValue(c, name)
	if !given {
		return "", nil
	}
	valid := raw != "" && len(raw) <= 15
	for i := 0; valid && i < len(raw); i++ {
		valid = raw[i] >= '0' && raw[i] <= '9'
	}
	if !valid {
		return "", engine.Errorf(engine.CodeInvalid, "%s must be 1 to 15 digits that the number begins with", name)
	}
	return raw, nil
}

func tellOptOut(o bulk.OptOut) optOutBody {
	return optOutBody{
		ID: strconv.FormatInt(o.ID, 10), Phone: o.Person.Phone.User(), LID: o.Person.LID, OptedOutAt: isoMillis(o.At),
		Source: o.Source, Word: o.Word, SessionID: o.Session, MessageID: o.MessageID,
	}
}

// addOptOuts is POST /api/whatsapp/opt-outs. Of a list, those that can't be read
// are told in the answer; the others are added all the same.
func (s *Server) addOptOuts(c *fiber.Ctx, p store.Principal) error {
	if err := wholeAccount(p); err != nil {
		return err
	}
	var req addOptOutsRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	switch {
	case req.Phone != "" && req.Recipients != nil:
		return engine.Errorf(engine.CodeInvalid, "give either phone or recipients")
	case req.Phone != "":
		req.Recipients = []string{req.Phone}
	case len(req.Recipients) == 0:
		return engine.Errorf(engine.CodeInvalid, "phone or recipients is required")
	case len(req.Recipients) > maxOptOuts:
		return engine.Errorf(engine.CodeInvalid, "recipients must not have more than %d entries", maxOptOuts)
	}
	people, invalid := parsePeople(req.Recipients)
	if len(people) == 0 {
		return engine.Errorf(engine.CodeInvalid, "nobody was added; of the first: %s", invalid[0].Reason)
	}
	added, err := s.store.AddOptOuts(c.UserContext(), p.Tenant, people)
	if err != nil {
		return err
	}
	return ok(c, addOptOutsResponse{Success: true, Added: added, Already: len(people) - added, Invalid: invalid})
}

// parsePeople reads numbers and addresses of people, and tells of what is neither.
func parsePeople(list []string) (people []engine.JID, invalid []leftOut) {
	for i, raw := range list {
		who, err := parsePerson("the recipient", raw)
		if err != nil {
			invalid = append(invalid, leftOut{Index: i, Recipient: raw, Reason: explain(err).Message})
			continue
		}
		people = append(people, who)
	}
	return people, invalid
}

// pathPerson reads a person's number or address from the path. It returns CodeInvalid.
func pathPerson(c *fiber.Ctx, name string) (engine.JID, error) {
	who, err := pathAddress(c, name)
	if err != nil {
		return "", err
	}
	return parsePerson(name, string(who))
}

// getOptOut is GET /api/whatsapp/opt-outs/{phone}.
func (s *Server) getOptOut(c *fiber.Ctx, p store.Principal) error {
	if err := wholeAccount(p); err != nil {
		return err
	}
	who, err := pathPerson(c, "phone")
	if err != nil {
		return err
	}
	o, err := s.store.FindOptOut(c.UserContext(), p.Tenant, who)
	if err != nil {
		return err
	}
	return ok(c, tellOptOut(o))
}

// deleteOptOut is DELETE /api/whatsapp/opt-outs/{phone}.
func (s *Server) deleteOptOut(c *fiber.Ctx, p store.Principal) error {
	if err := wholeAccount(p); err != nil {
		return err
	}
	who, err := pathPerson(c, "phone")
	if err != nil {
		return err
	}
	if err := s.store.RemoveOptOut(c.UserContext(), p.Tenant, who); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// getOptOutWords is GET /api/account/opt-out-words.
func (s *Server) getOptOutWords(c *fiber.Ctx, p store.Principal) error {
	w, err := s.store.OptOutWords(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	return ok(c, optOutWordsBody{Stop: w.Stop, Start: w.Start})
}

// putOptOutWords is PUT /api/account/opt-out-words. It replaces both lists, so
// that both must be there.
func (s *Server) putOptOutWords(c *fiber.Ctx, p store.Principal) error {
	var req putOptOutWordsRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	switch {
	case req.Stop == nil:
		return errMissing("stop")
	case req.Start == nil:
		return errMissing("start")
	}
	w, err := bulk.ParseOptOutWords(req.Stop, req.Start)
	if err != nil {
		return err
	}
	if err := s.store.SetOptOutWords(c.UserContext(), p.Tenant, w); err != nil {
		return err
	}
	return ok(c, optOutWordsBody{Success: true, Stop: w.Stop, Start: w.Start})
}
