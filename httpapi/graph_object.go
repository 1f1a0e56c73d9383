package httpapi

import (
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/store"
)

// graphHandler answers what is asked of an object of the caller's tenant.
type graphHandler func(c *fiber.Ctx, p store.Principal, o store.GraphObject) error

// graphObjectRoutes are those of an object itself: all ids share one namespace, so that
// the path says nothing of what it names.
func (s *Server) graphObjectRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/graph/:objectId", scope: store.ScopeRead, tenant: s.graphObjects(http.MethodGet)},
		{method: http.MethodPost, path: "/graph/:objectId", scope: store.ScopeManage, tenant: s.graphObjects(http.MethodPost)},
		{method: http.MethodDelete, path: "/graph/:objectId", scope: store.ScopeSend, tenant: s.graphObjects(http.MethodDelete)},
	}
}

// graphKinds says which kinds of objects take a method, and who answers.
func (s *Server) graphKinds(method string) map[store.GraphKind]graphHandler {
	switch method {
	case http.MethodGet:
		return map[store.GraphKind]graphHandler{
			store.GraphPhone:    s.graphShowPhone,
			store.GraphWABA:     s.graphShowWABA,
			store.GraphApp:      s.graphShowApp,
			store.GraphMedia:    s.showMedia,
			store.GraphTemplate: s.graphShowTemplate,
		}
	case http.MethodPost:
		return map[store.GraphKind]graphHandler{
			store.GraphTemplate: s.graphEditTemplate,
			store.GraphPhone:    s.changePhone,
		}
	case http.MethodDelete:
		return map[store.GraphKind]graphHandler{store.GraphMedia: s.deleteMedia}
	}
	return nil
}

func (s *Server) graphObjects(method string) func(*fiber.Ctx, store.Principal) error {
	kinds := s.graphKinds(method)
	return func(c *fiber.Ctx, p store.Principal) error {
		o, err := s.graphObject(c, p)
		if err != nil {
			return err
		}
		handle, known := kinds[o.Kind]
		if !known {
			return missingObject(c)
		}
		return handle(c, p, o)
	}
}

// graphObject finds what the id in the path stands for. It returns *cloudapi.Error for
// one that is nobody's or another tenant's.
func (s *Server) graphObject(c *fiber.Ctx, p store.Principal) (store.GraphObject, error) {
	id, err := strconv.ParseInt(c.Params("objectId"), 10, 64)
	if err != nil {
		return store.GraphObject{}, missingObject(c)
	}
	o, err := s.store.FindGraphObject(c.UserContext(), p.Tenant, id)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return o, missingObject(c)
	}
	return o, err
}

// graphOf is graphObject for a path that belongs to one kind.
func (s *Server) graphOf(c *fiber.Ctx, p store.Principal, kind store.GraphKind) (store.GraphObject, error) {
	o, err := s.graphObject(c, p)
	if err == nil && o.Kind != kind {
		return o, missingObject(c)
	}
	return o, err
}

// graphPhone finds the session of the phone in the path. The session may have been
// removed: whoever needs it is told by the engine. It returns *cloudapi.Error for what
// is no phone of the tenant's, and for one that the key does not reach.
func (s *Server) graphPhone(c *fiber.Ctx, p store.Principal) (engine.SessionKey, store.GraphObject, error) {
	o, err := s.graphOf(c, p, store.GraphPhone)
	if err != nil {
		return engine.SessionKey{}, o, err
	}
	key, err := s.phoneSession(c, p, o)
	return key, o, err
}

// phoneSession is graphPhone for a phone that was found already.
func (s *Server) phoneSession(c *fiber.Ctx, p store.Principal, o store.GraphObject) (engine.SessionKey, error) {
	key, err := s.store.FindPhoneSession(c.UserContext(), p.Tenant, o)
	if err == nil && !p.Reaches(key.ID) {
		err = cloudapi.Errorf(cloudapi.CodePermission, "the access token is limited to other phone numbers")
	}
	if err == nil {
		err = s.loaded()
	}
	return key, err
}

// graphWABA checks that the path names the tenant's business account. It returns
// *cloudapi.Error otherwise.
func (s *Server) graphWABA(c *fiber.Ctx, p store.Principal) (store.GraphObject, error) {
	return s.graphOf(c, p, store.GraphWABA)
}

func missingObject(c *fiber.Ctx) error { return cloudapi.Missing(c.Method(), c.Params("objectId")) }
