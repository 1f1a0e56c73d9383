package httpapi

import (
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"
	"github.com/oklog/ulid/v2"

	"wapid/engine"
	"wapid/engine/template"
	"wapid/httpapi/hub"
	"wapid/store"
)

// What a template has of which nothing is said.
const (
	hubLanguage    = "en"
	hubTemplates   = 50 // of a page
	mostHubEntries = 200
)

// hubTemplateAnswer is the answer to a change of one template.
type hubTemplateAnswer struct {
	Success  bool         `json:"success"`
	Template hub.Template `json:"template"`
}

// hubTemplateList is one page of templates.
type hubTemplateList struct {
	Templates []hub.Template `json:"templates"`
	Total     int            `json:"total"`
	Page      int            `json:"page"`
	Pages     int            `json:"pages"`
	Next      string         `json:"next,omitempty"` // the id behind which the list goes on, if it does
}

// hubSuccess is the answer where there is nothing to tell.
type hubSuccess struct {
	Success bool `json:"success"`
}

func tellHubTemplate(t store.Template) hub.Template {
	return hub.TellTemplate(string(t.ID), t.Template, t.CreatedAt, t.UpdatedAt)
}

// hubTemplate finds a template by its id, or by its name and language. It returns CodeNotFound.
func (s *Server) hubTemplate(c *fiber.Ctx, p store.Principal, name, language string) (store.Template, error) {
	if _, err := ulid.ParseStrict(name); err == nil {
		t, err := s.store.FindTemplate(c.UserContext(), p.Tenant, store.TemplateID(name))
		if err == nil || engine.CodeOf(err) != engine.CodeNotFound {
			return t, err
		}
	}
	return s.store.FindTemplateNamed(c.UserContext(), p.Tenant, name, language)
}

// pathTemplate is hubTemplate for the path; the parameter language goes with a name.
func (s *Server) pathTemplate(c *fiber.Ctx, p store.Principal) (store.Template, error) {
	name, err := url.PathUnescape(c.Params("templateId"))
	if err != nil {
		return store.Template{}, engine.Errorf(engine.CodeInvalid, "the template in the path is not encoded properly")
	}
	language, _ := queryValue(c, "language")
	return s.hubTemplate(c, p, name, language)
}

// hubCreateTemplate is POST /api/v1/templates/create. Nobody reviews templates: it can be used at once.
func (s *Server) hubCreateTemplate(c *fiber.Ctx, p store.Principal) error {
	raw, err := looseBody(c)
	if err != nil {
		return err
	}
	asked, err := hub.DecodeTemplate(raw)
	if err != nil {
		return err
	}
	t, err := template.Check(asked.Apply(template.Template{Language: hubLanguage, Category: template.Utility}))
	if err != nil {
		return hub.Fault(err)
	}
	made, fresh, err := s.store.InsertTemplate(c.UserContext(), p.Tenant, t)
	if err != nil {
		return err
	}
	if !fresh {
		return engine.Errorf(engine.CodeInvalid, "there is a template of this name in this language already")
	}
	return answer(c, http.StatusCreated, hubTemplateAnswer{Success: true, Template: tellHubTemplate(made)})
}

// hubListTemplates is GET /api/v1/templates/list, newest first, by pages as the other
// lists or behind an id.
func (s *Server) hubListTemplates(c *fiber.Ctx, p store.Principal) error {
	limit, err := queryNumber(c, "limit", hubTemplates, 1, mostHubEntries)
	if err != nil {
		return err
	}
	number, err := queryNumber(c, "page", 1, 1, mostPages)
	if err != nil {
		return err
	}
	// There are at most store.MaxTemplates, and pages are asked for by people.
	skip := (number - 1) * limit
	page := store.TemplatePage{Limit: min(skip+limit, store.MaxTemplates)}
	page.Name, _ = queryValue(c, "name")
	page.Language, _ = queryValue(c, "language")
	if after, given := queryValue(c, "after"); given {
		if _, err := ulid.ParseStrict(after); err != nil {
			return engine.Errorf(engine.CodeInvalid, "after must be the id of a template")
		}
		page.After = store.TemplateID(after)
	}
	list, more, err := s.store.ListTemplates(c.UserContext(), p.Tenant, page)
	if err != nil {
		return err
	}
	total, err := s.store.CountTemplates(c.UserContext(), p.Tenant, page)
	if err != nil {
		return err
	}
	list = list[min(skip, len(list)):]
	body := hubTemplateList{Templates: make([]hub.Template, 0, len(list)), Total: total, Page: number, Pages: pagesOf(total, limit)}
	for _, t := range list {
		body.Templates = append(body.Templates, tellHubTemplate(t))
	}
	if more {
		body.Next = string(list[len(list)-1].ID)
	}
	return ok(c, body)
}

// hubChangeTemplate is PUT /api/v1/templates/{templateId}. Name and language stay.
func (s *Server) hubChangeTemplate(c *fiber.Ctx, p store.Principal) error {
	raw, err := looseBody(c)
	if err != nil {
		return err
	}
	asked, err := hub.DecodeTemplate(raw)
	if err != nil {
		return err
	}
	found, err := s.pathTemplate(c, p)
	if err != nil {
		return err
	}
	if asked.Name != nil && *asked.Name != found.Name || asked.Language != nil && *asked.Language != found.Language {
		return engine.Errorf(engine.CodeInvalid, "the name and the language of a template can't be changed")
	}
	changed, err := s.store.UpdateTemplate(c.UserContext(), p.Tenant, found.ID, func(t template.Template) (template.Template, error) {
		t, err := template.Check(asked.Apply(t))
		return t, hub.Fault(err)
	})
	if err != nil {
		return err
	}
	return ok(c, hubTemplateAnswer{Success: true, Template: tellHubTemplate(changed)})
}

// hubDeleteTemplate is DELETE /api/v1/templates/{templateId}: by its id one, by its name those
// of all languages, or with the parameter language the one.
func (s *Server) hubDeleteTemplate(c *fiber.Ctx, p store.Principal) error {
	found, err := s.pathTemplate(c, p)
	if err != nil {
		return err
	}
	id := found.ID
	if language, _ := queryValue(c, "language"); language == "" && string(found.ID) != c.Params("templateId") {
		id = ""
	}
	if err := s.store.DeleteTemplates(c.UserContext(), p.Tenant, found.Name, id); err != nil {
		return err
	}
	return ok(c, hubSuccess{Success: true})
}
