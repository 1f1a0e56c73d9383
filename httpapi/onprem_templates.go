package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/onprem"
	"wapid/store"
)

// Pages of templates, as 360dialog has them.
const (
	usualOnpremTemplates = 1000
	mostOnpremTemplates  = 1000
)

func (s *Server) onpremTemplateRoutes() []route {
	const path = "/v1/configs/templates"
	return []route{
		{method: http.MethodGet, path: path, scope: store.ScopeRead, tenant: s.onpremTemplates},
		{method: http.MethodPost, path: path, scope: store.ScopeManage, tenant: s.onpremMakeTemplate},
		{method: http.MethodDelete, path: path + "/:templateName", scope: store.ScopeManage, tenant: s.onpremDeleteTemplate},
	}
}

// onpremTemplates is GET /v1/configs/templates, newest first. The parameters limit and
// offset page it; all others are passed over. Templates are the tenant's, whatever
// number the key is of.
func (s *Server) onpremTemplates(c *fiber.Ctx, p store.Principal) error {
	limit, err := onpremQuery(c, "limit", usualOnpremTemplates, 1, mostOnpremTemplates)
	if err != nil {
		return err
	}
	offset, err := onpremQuery(c, "offset", 0, 0, store.MaxTemplates)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	total, err := s.store.CountTemplates(ctx, p.Tenant, store.TemplatePage{})
	if err != nil {
		return err
	}
	// There are at most store.MaxTemplates, and pages are asked for by people.
	list, _, err := s.store.ListTemplates(ctx, p.Tenant, store.TemplatePage{Limit: offset + limit})
	if err != nil {
		return err
	}
	list = list[min(offset, len(list)):]
	body := onprem.Templates{Templates: make([]onprem.TemplateBody, len(list)), Count: len(list), Total: total, Limit: limit, Offset: offset, Sort: []string{"id"}}
	for i, t := range list {
		body.Templates[i] = onpremTemplateBody(t)
	}
	return ok(c, body)
}

// onpremQuery reads a number of the query. What is beyond the most is cut.
func onpremQuery(c *fiber.Ctx, name string, usual, least, most int) (int, error) {
	raw := c.Query(name)
	if raw == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < least {
		return 0, onprem.Errorf(onprem.CodeValue, "%s must be a number from %d", name, least)
	}
	return min(n, most), nil
}

func onpremTemplateBody(t store.Template) onprem.TemplateBody {
	return onprem.TemplateBody{Name: t.Name, Namespace: onprem.Namespace(string(t.Tenant)), Language: t.Language, Status: strings.ToLower(string(t.Status)),
		Category: string(t.Category), Components: t.Components, RejectedReason: "NONE", ID: string(t.ID)}
}

// onpremMakeTemplate is POST /v1/configs/templates. Nobody reviews a template: it can be
// sent at once.
func (s *Server) onpremMakeTemplate(c *fiber.Ctx, p store.Principal) error {
	body, err := looseBody(c)
	if err != nil {
		return err
	}
	t, err := onprem.DecodeTemplate(body)
	if err != nil {
		return err
	}
	made, fresh, err := s.store.InsertTemplate(c.UserContext(), p.Tenant, t)
	if err != nil {
		return err
	}
	if !fresh {
		return onprem.Errorf(onprem.CodeTemplateTaken, "there is a template of this name in this language already")
	}
	return answer(c, http.StatusCreated, onpremTemplateBody(made))
}

// onpremDeleteTemplate is DELETE /v1/configs/templates/{name}: in all languages.
func (s *Server) onpremDeleteTemplate(c *fiber.Ctx, p store.Principal) error {
	err := s.store.DeleteTemplates(c.UserContext(), p.Tenant, c.Params("templateName"), "")
	if engine.CodeOf(err) == engine.CodeNotFound {
		return onprem.Errorf(onprem.CodeNotFound, "there is no template of this name")
	}
	if err != nil {
		return err
	}
	return onpremDone(c)
}
