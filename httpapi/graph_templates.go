package httpapi

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/engine/template"
	"wapid/httpapi/cloudapi"
	"wapid/store"
)

// Pages of templates.
const (
	usualTemplates = 25
	mostTemplates  = 1000
)

// templateCursor is what places in the list are: the ids of our own.
var templateCursor = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

func (s *Server) graphTemplateRoutes() []route {
	const path = "/graph/:objectId/message_templates"
	return []route{
		{method: http.MethodGet, path: path, scope: store.ScopeRead, tenant: s.graphTemplates},
		{method: http.MethodPost, path: path, scope: store.ScopeManage, tenant: s.graphMakeTemplate},
		{method: http.MethodDelete, path: path, scope: store.ScopeManage, tenant: s.graphDeleteTemplates},
	}
}

// graphMakeTemplate is POST /{waba}/message_templates. Nobody reviews a template: it can
// be sent at once.
func (s *Server) graphMakeTemplate(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphWABA(c, p); err != nil {
		return err
	}
	body, err := graphBody(c)
	if err != nil {
		return err
	}
	t, err := cloudapi.ParseTemplate(body)
	if err != nil {
		return err
	}
	made, fresh, err := s.store.InsertTemplate(c.UserContext(), p.Tenant, t)
	if err != nil {
		return err
	}
	if !fresh {
		return cloudapi.TemplateNameTaken(t.Language)
	}
	id, err := s.store.GraphID(c.UserContext(), p.Tenant, store.GraphTemplate, string(made.ID))
	if err != nil {
		return err
	}
	return ok(c, cloudapi.TemplateMade{ID: strconv.FormatInt(id, 10), Status: made.Status, Category: made.Category})
}

// graphTemplates is GET /{waba}/message_templates, newest first.
func (s *Server) graphTemplates(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphWABA(c, p); err != nil {
		return err
	}
	page, err := templatePage(c)
	if err != nil {
		return err
	}
	list, more, err := s.store.ListTemplates(c.UserContext(), p.Tenant, page)
	if err != nil {
		return err
	}
	ids, err := s.store.FindGraphIDs(c.UserContext(), p.Tenant, store.GraphTemplate)
	if err != nil {
		return err
	}
	fields := cloudapi.Fields(c.Query("fields"))
	answer := cloudapi.Page{Data: []cloudapi.Node{}}
	for _, t := range list {
		id, known := ids[string(t.ID)]
		if !known { // deleted between the two questions
			continue
		}
		answer.Data = append(answer.Data, cloudapi.TemplateNode(strconv.FormatInt(id, 10), t.Template, fields))
	}
	if len(list) > 0 {
		first, last := string(list[0].ID), string(list[len(list)-1].ID)
		answer.Paging = &cloudapi.Paging{Cursors: cloudapi.Cursors{Before: first, After: last}}
		if more && page.Before == "" || page.Before != "" {
			answer.Paging.Next = s.graphPageURL(c, "after", last)
		}
		if more && page.Before != "" || page.After != "" {
			answer.Paging.Previous = s.graphPageURL(c, "before", first)
		}
	}
	return ok(c, answer)
}

// templatePage reads what a list of templates is asked for. Limits beyond what a page
// holds are cut, as Meta cuts them.
func templatePage(c *fiber.Ctx) (page store.TemplatePage, err error) {
	page = store.TemplatePage{Name: c.Query("name"), Language: c.Query("language"), Text: c.Query("name_or_content"), Limit: usualTemplates,
		Category: template.Category(strings.ToUpper(c.Query("category"))), Status: template.Status(strings.ToUpper(c.Query("status"))),
		After: store.TemplateID(c.Query("after")), Before: store.TemplateID(c.Query("before"))}
	if raw := c.Query("limit"); raw != "" {
		if page.Limit, err = strconv.Atoi(raw); err != nil || page.Limit < 1 {
			return page, cloudapi.Errorf(cloudapi.CodeInvalidParameter, "limit must be a number from 1")
		}
		page.Limit = min(page.Limit, mostTemplates)
	}
	for _, cursor := range []store.TemplateID{page.After, page.Before} {
		if cursor != "" && !templateCursor.MatchString(string(cursor)) {
			return page, cloudapi.Errorf(cloudapi.CodeInvalidParameter, "after and before must be cursors of a page")
		}
	}
	if page.After != "" && page.Before != "" {
		return page, cloudapi.Errorf(cloudapi.CodeInvalidParameter, "after and before exclude each other")
	}
	return page, nil
}

// graphPageURL is where the page beside this one is: this request with another cursor.
// Its access_token is in it if it was in this one's URL, since some clients follow such
// links without any header. It is "" for a request whose Host header is no host.
func (s *Server) graphPageURL(c *fiber.Ctx, cursor, at string) string {
	base, err := s.linkBase(c, "")
	if err != nil {
		return ""
	}
	q := make(url.Values)
	c.Context().QueryArgs().VisitAll(func(key, value []byte) { q.Set(string(key), string(value)) })
	q.Del("after")
	q.Del("before")
	q.Set(cursor, at)
	return base + c.Path() + "?" + q.Encode()
}

// graphDeleteTemplates is DELETE /{waba}/message_templates: of a name in all languages,
// or with hsm_id the one of that id.
func (s *Server) graphDeleteTemplates(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphWABA(c, p); err != nil {
		return err
	}
	name, raw := c.Query("name"), c.Query("hsm_id")
	if name == "" {
		return cloudapi.Errorf(cloudapi.CodeInvalidParameter, "the parameter name is required")
	}
	var id store.TemplateID
	if raw != "" {
		number, err := strconv.ParseInt(raw, 10, 64)
		if err != nil {
			return cloudapi.Errorf(cloudapi.CodeInvalidParameter, "hsm_id must be the id of a template")
		}
		o, err := s.store.FindGraphObject(c.UserContext(), p.Tenant, number)
		if engine.CodeOf(err) == engine.CodeNotFound || err == nil && o.Kind != store.GraphTemplate {
			return cloudapi.TemplateNotFound()
		}
		if err != nil {
			return err
		}
		id = store.TemplateID(o.Ref)
	}
	err := s.store.DeleteTemplates(c.UserContext(), p.Tenant, name, id)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return cloudapi.TemplateNotFound()
	}
	if err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// graphShowTemplate is GET /{template}.
func (s *Server) graphShowTemplate(c *fiber.Ctx, p store.Principal, o store.GraphObject) error {
	t, err := s.store.FindTemplate(c.UserContext(), p.Tenant, store.TemplateID(o.Ref))
	if engine.CodeOf(err) == engine.CodeNotFound {
		return missingObject(c)
	}
	if err != nil {
		return err
	}
	return ok(c, cloudapi.TemplateNode(strconv.FormatInt(o.ID, 10), t.Template, cloudapi.Fields(c.Query("fields"))))
}

// graphEditTemplate is POST /{template}.
func (s *Server) graphEditTemplate(c *fiber.Ctx, p store.Principal, o store.GraphObject) error {
	body, err := graphBody(c)
	if err != nil {
		return err
	}
	edit, err := cloudapi.ParseTemplateEdit(body)
	if err != nil {
		return err
	}
	t, err := s.store.UpdateTemplate(c.UserContext(), p.Tenant, store.TemplateID(o.Ref), edit)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return missingObject(c)
	}
	if err != nil {
		return err
	}
	return ok(c, cloudapi.TemplateEdited{Success: true, ID: strconv.FormatInt(o.ID, 10), Name: t.Name, Category: t.Category})
}
