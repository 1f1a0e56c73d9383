package httpapi

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// Pages of contacts. The network brings the whole address book, so that pages
// only keep answers small.
const (
	usualContacts = 100
	mostContacts  = 1000
)

type contactsResponse struct {
	Contacts []contactBody `json:"contacts"`
	Total    int           `json:"total"`
	Page     int           `json:"page"`
	Pages    int           `json:"pages"`
}

type contactBody struct {
	personBody
	Name         string `json:"name,omitempty"`
	PushName     string `json:"pushName,omitempty"`
	BusinessName string `json:"businessName,omitempty"`
}

type avatarResponse struct {
	URL string `json:"url"`
	ID  string `json:"id"`
}

type blocklistResponse struct {
	Blocked []personBody `json:"blocked"`
}

type blockRequest struct {
	Action  string `json:"action"`
	Contact string `json:"contact"`
}

func (s *Server) contactRoutes() []route {
	const session = "/api/whatsapp/session/:id"
	return []route{
		{method: http.MethodGet, path: session + "/contacts", query: []string{"page", "limit"}, scope: store.ScopeRead, tenant: s.contacts},
		{method: http.MethodGet, path: session + "/contacts/:contact/avatar", query: []string{"preview"}, scope: store.ScopeRead, tenant: s.avatar},
		{method: http.MethodGet, path: session + "/blocklist", scope: store.ScopeRead, tenant: s.blocklist},
		{method: http.MethodPost, path: session + "/blocklist", scope: store.ScopeManage, tenant: s.block},
	}
}

// contacts is GET …/contacts: whom the account knows by a name, in the order of
// the names.
func (s *Server) contacts(c *fiber.Ctx, p store.Principal) error {
	page, err := queryWithin(c, "page", 1, 1, 1_000_000)
	if err != nil {
		return err
	}
	limit, err := queryWithin(c, "limit", usualContacts, 1, mostContacts)
	if err != nil {
		return err
	}
	directory, _, err := capability[engine.Directory](s, c, p)
	if err != nil {
		return err
	}
	all, err := directory.Contacts(c.UserContext())
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b engine.Acquaintance) int {
		return cmp.Or(strings.Compare(strings.ToLower(calledBy(a)), strings.ToLower(calledBy(b))),
			strings.Compare(string(a.Person.Preferred()), string(b.Person.Preferred())))
	})
	first := min((page-1)*limit, len(all))
	shown := []contactBody{}
	for _, a := range all[first:min(first+limit, len(all))] {
		shown = append(shown, contactBody{personOf(a.Person), a.Name, a.PushName, a.BusinessName})
	}
	return ok(c, contactsResponse{Contacts: shown, Total: len(all), Page: page, Pages: (len(all) + limit - 1) / limit})
}

// calledBy is the name by which a contact is found in a list.
func calledBy(a engine.Acquaintance) string { return cmp.Or(a.Name, a.BusinessName, a.PushName) }

// avatar is GET …/contacts/{contact}/avatar, of a person or a group.
func (s *Server) avatar(c *fiber.Ctx, p store.Principal) error {
	preview, err := queryBool(c, "preview", false)
	if err != nil {
		return err
	}
	of, err := pathAddress(c, "contact")
	if err != nil {
		return err
	}
	directory, _, err := capability[engine.Directory](s, c, p)
	if err != nil {
		return err
	}
	avatar, err := directory.Avatar(c.UserContext(), of, preview)
	if err != nil {
		return err
	}
	return ok(c, avatarResponse{URL: avatar.URL, ID: avatar.ID})
}

// blocklist is GET …/blocklist.
func (s *Server) blocklist(c *fiber.Ctx, p store.Principal) error {
	directory, _, err := capability[engine.Directory](s, c, p)
	if err != nil {
		return err
	}
	people, err := directory.Blocked(c.UserContext())
	if err != nil {
		return err
	}
	blocked := make([]personBody, len(people))
	for i, person := range people {
		blocked[i] = personOf(person)
	}
	return ok(c, blocklistResponse{blocked})
}

// block is POST …/blocklist.
func (s *Server) block(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	var req blockRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if req.Action != "block" && req.Action != "unblock" {
		return engine.Errorf(engine.CodeInvalid, "action must be block or unblock")
	}
	who, err := parsePerson("contact", req.Contact)
	if err != nil {
		return err
	}
	if err := s.setBlocked(c.UserContext(), key, who, req.Action == "block"); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}
