package httpapi

import (
	"net/url"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"wapid/engine"
	"wapid/httpapi/hub"
	"wapid/store"
)

// defaultContacts is how many contacts a page has.
const defaultContacts = 50

// hubContactAnswer is the answer to a change of one contact.
type hubContactAnswer struct {
	Success bool        `json:"success"`
	Contact hub.Contact `json:"contact"`
}

// hubContactList is one page of contacts.
type hubContactList struct {
	Contacts []hub.Contact `json:"contacts"`
	Total    int           `json:"total"`
	Page     int           `json:"page"`
	Pages    int           `json:"pages"`
}

func isUUID(s string) bool {
	_, err := uuid.Parse(s)
	return err == nil && len(s) == 36
}

func tellHubContact(c store.Contact) hub.Contact {
	return hub.TellContact(string(c.ID), c.Person, c.Name, c.PushName, c.Tags, c.Custom, c.CreatedAt, c.UpdatedAt)
}

// allContacts refuses a key that is limited to sessions: contacts belong to the account.
func allContacts(p store.Principal) error {
	if p.Sessions != nil {
		return engine.Errorf(engine.CodeForbidden, "an API key that is limited to sessions can't see or change the contacts of the account")
	}
	return nil
}

// readContact reads the body of a request about a contact.
func readContact(c *fiber.Ctx) (hub.ContactBody, store.ContactChange, error) {
	raw, err := looseBody(c)
	if err != nil {
		return hub.ContactBody{}, store.ContactChange{}, err
	}
	asked, err := hub.DecodeContact(raw)
	return asked, store.ContactChange{Name: asked.Name, Tags: asked.Tags, Custom: asked.Custom}, err
}

// hubCreateContact is POST /api/v1/contacts/create. A person who is there already is changed.
func (s *Server) hubCreateContact(c *fiber.Ctx, p store.Principal) error {
	if err := allContacts(p); err != nil {
		return err
	}
	asked, change, err := readContact(c)
	if err != nil {
		return err
	}
	if asked.Phone == "" {
		return errMissing("phone")
	}
	made, _, err := s.store.PutContact(c.UserContext(), p.Tenant, asked.Phone, change)
	if err != nil {
		return err
	}
	return ok(c, hubContactAnswer{Success: true, Contact: tellHubContact(made)})
}

// hubListContacts is GET /api/v1/contacts/list, newest first.
func (s *Server) hubListContacts(c *fiber.Ctx, p store.Principal) error {
	if err := allContacts(p); err != nil {
		return err
	}
	page, err := queryNumber(c, "page", 1, 1, mostPages)
	if err != nil {
		return err
	}
	limit, err := queryNumber(c, "limit", defaultContacts, 1, mostHubEntries)
	if err != nil {
		return err
	}
	wanted := store.ContactPage{Skip: (page - 1) * limit, Limit: limit}
	wanted.Search, _ = queryValue(c, "search")
	wanted.Tag, _ = queryValue(c, "tag")
	if !utf8.ValidString(wanted.Search+wanted.Tag) || utf8.RuneCountInString(wanted.Search) > longestSearch || len(wanted.Tag) > store.MaxContactTag {
		return engine.Errorf(engine.CodeInvalid, "search must be a text of at most %d characters, and tag one of your tags", longestSearch)
	}
	leave, err := s.searches.enter(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	defer leave()
	list, err := s.store.ListContacts(c.UserContext(), p.Tenant, wanted)
	if err != nil {
		return err
	}
	total, err := s.store.CountContacts(c.UserContext(), p.Tenant, wanted)
	if err != nil {
		return err
	}
	body := hubContactList{Contacts: make([]hub.Contact, 0, len(list)), Total: total, Page: page, Pages: pagesOf(total, limit)}
	for _, one := range list {
		body.Contacts = append(body.Contacts, tellHubContact(one))
	}
	return ok(c, body)
}

// pathContact finds the contact that the path names by its id, a phone number or an
// address. It returns CodeNotFound, also for what is none of these.
func (s *Server) pathContact(c *fiber.Ctx, p store.Principal) (store.Contact, error) {
	if err := allContacts(p); err != nil {
		return store.Contact{}, err
	}
	name, err := url.PathUnescape(c.Params("contactId"))
	if err != nil {
		return store.Contact{}, engine.Errorf(engine.CodeInvalid, "the contact in the path is not encoded properly")
	}
	if isUUID(name) {
		return s.store.FindContact(c.UserContext(), p.Tenant, store.ContactID(name))
	}
	who, err := engine.ParseRecipient(name)
	if err != nil || who.Person() == (engine.Person{}) {
		return store.Contact{}, engine.Errorf(engine.CodeNotFound, "there is no such contact")
	}
	return s.store.FindContactOf(c.UserContext(), p.Tenant, who)
}

// hubGetContact is GET /api/v1/contacts/{contactId}.
func (s *Server) hubGetContact(c *fiber.Ctx, p store.Principal) error {
	found, err := s.pathContact(c, p)
	if err != nil {
		return err
	}
	return ok(c, tellHubContact(found))
}

// hubChangeContact is PUT /api/v1/contacts/{contactId}. The number stays.
func (s *Server) hubChangeContact(c *fiber.Ctx, p store.Principal) error {
	asked, change, err := readContact(c)
	if err != nil {
		return err
	}
	found, err := s.pathContact(c, p)
	if err != nil {
		return err
	}
	if asked.Phone != "" && asked.Phone != found.Person.Phone {
		return engine.Errorf(engine.CodeInvalid, "the phone number of a contact can't be changed")
	}
	changed, err := s.store.ChangeContact(c.UserContext(), p.Tenant, found.ID, change)
	if err != nil {
		return err
	}
	return ok(c, hubContactAnswer{Success: true, Contact: tellHubContact(changed)})
}

// hubDeleteContact is DELETE /api/v1/contacts/{contactId}. Messages stay; who writes again is new.
func (s *Server) hubDeleteContact(c *fiber.Ctx, p store.Principal) error {
	found, err := s.pathContact(c, p)
	if err != nil {
		return err
	}
	if err := s.store.DeleteContact(c.UserContext(), p.Tenant, found.ID); err != nil {
		return err
	}
	return ok(c, hubSuccess{Success: true})
}
