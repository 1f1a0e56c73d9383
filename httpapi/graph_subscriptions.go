package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/store"
	"wapid/webhooks"
)

// Where a tenant's events go in Meta's format is set at three places: its app, its
// business account, and each of its numbers. The nearest to an event gets it. Their
// endpoints are listed among the tenant's webhooks, and can be looked at there.

const (
	subscribedAppsPath = "/graph/:objectId/subscribed_apps"
	subscriptionsPath  = "/graph/:objectId/subscriptions"
)

func (s *Server) graphSubscriptionRoutes() []route {
	return []route{
		{method: http.MethodPost, path: subscribedAppsPath, scope: store.ScopeManage, tenant: s.graphSubscribe},
		{method: http.MethodGet, path: subscribedAppsPath, scope: store.ScopeRead, tenant: s.graphSubscribedApps},
		{method: http.MethodDelete, path: subscribedAppsPath, scope: store.ScopeManage, tenant: s.graphUnsubscribe},
		{method: http.MethodPost, path: subscriptionsPath, scope: store.ScopeManage, tenant: s.graphSetCallback},
		{method: http.MethodGet, path: subscriptionsPath, scope: store.ScopeRead, tenant: s.graphCallback},
		{method: http.MethodDelete, path: subscriptionsPath, scope: store.ScopeManage, tenant: s.graphDropCallback},
	}
}

// wholeTenant refuses a key that is limited to some of its tenant's numbers.
func wholeTenant(p store.Principal) error {
	if p.Sessions != nil {
		return cloudapi.Errorf(cloudapi.CodePermission, "the access token is limited to some phone numbers")
	}
	return nil
}

// graphSubscribe is POST /{waba}/subscribed_apps: the app gets the account's events, at
// the account's own callback where one is given, else at the app's.
func (s *Server) graphSubscribe(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphWABA(c, p); err != nil {
		return err
	}
	if err := wholeTenant(p); err != nil {
		return err
	}
	params, err := graphParams(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	if params["override_callback_uri"] == "" {
		// As with Meta's, an override ends when the app is subscribed without.
		err = s.store.Unsubscribe(ctx, p.Tenant, webhooks.OriginWABA)
	} else {
		err = s.override(ctx, p.Tenant, webhooks.OriginWABA, params["override_callback_uri"], params)
	}
	if err == nil {
		err = s.store.SetSubscribed(ctx, p.Tenant, true)
	}
	if err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// override sets the callback of a place, once it has shown that it knows the token.
func (s *Server) override(ctx context.Context, t engine.TenantID, at webhooks.Origin, to string, params map[string]string) error {
	token, err := s.verifyToken(ctx, t, params)
	if err != nil {
		return err
	}
	url, err := s.callback(ctx, to, token)
	if err != nil {
		return err
	}
	// Fields are asked for by the app alone.
	places, err := s.store.ListSubscriptions(ctx, t)
	if err == nil {
		_, err = s.store.Subscribe(ctx, t, at, url, places[webhooks.OriginApp].Types...)
	}
	return err
}

// verifyToken is the one that a request gives, or the app's.
func (s *Server) verifyToken(ctx context.Context, t engine.TenantID, params map[string]string) (string, error) {
	if token := params["verify_token"]; token != "" {
		return token, nil
	}
	app, err := s.store.App(ctx, t)
	return app.VerifyToken, err
}

// graphSubscribedApps is GET /{waba}/subscribed_apps.
func (s *Server) graphSubscribedApps(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphWABA(c, p); err != nil {
		return err
	}
	ctx, body := c.UserContext(), cloudapi.SubscribedApps{Data: []cloudapi.SubscribedApp{}}
	subscribed, err := s.store.IsSubscribed(ctx, p.Tenant)
	if err != nil {
		return err
	}
	if subscribed {
		id, err := s.store.GraphID(ctx, p.Tenant, store.GraphApp, "")
		if err != nil {
			return err
		}
		places, err := s.store.ListSubscriptions(ctx, p.Tenant)
		if err != nil {
			return err
		}
		t, err := s.store.FindTenant(ctx, p.Tenant)
		if err != nil {
			return err
		}
		app := cloudapi.AppLink{ID: formatGraphID(id), Name: t.Name}
		body.Data = append(body.Data, cloudapi.SubscribedApp{App: app, Override: places[webhooks.OriginWABA].URL})
	}
	return ok(c, body)
}

// graphUnsubscribe is DELETE /{waba}/subscribed_apps: neither the account's callback nor
// the app's gets anything any more. Those of numbers do.
func (s *Server) graphUnsubscribe(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphWABA(c, p); err != nil {
		return err
	}
	if err := wholeTenant(p); err != nil {
		return err
	}
	err := s.store.Unsubscribe(c.UserContext(), p.Tenant, webhooks.OriginWABA)
	if err == nil {
		err = s.store.SetSubscribed(c.UserContext(), p.Tenant, false)
	}
	if err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// graphSetCallback is POST /{app}/subscriptions.
func (s *Server) graphSetCallback(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphOf(c, p, store.GraphApp); err != nil {
		return err
	}
	if err := wholeTenant(p); err != nil {
		return err
	}
	params, err := graphParams(c)
	if err != nil {
		return err
	}
	if object := params["object"]; object != "" && object != cloudapi.WebhookObject {
		return cloudapi.Errorf(cloudapi.CodeInvalidParameter, "object must be %s", cloudapi.WebhookObject)
	}
	to, err := needParam(params, "callback_url")
	if err != nil {
		return err
	}
	types, err := cloudapi.TypesOf(params["fields"])
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	token, err := s.verifyToken(ctx, p.Tenant, params)
	if err != nil {
		return err
	}
	url, err := s.callback(ctx, to, token)
	if err != nil {
		return err
	}
	if _, err := s.store.Subscribe(ctx, p.Tenant, webhooks.OriginApp, url, types...); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// graphCallback is GET /{app}/subscriptions.
func (s *Server) graphCallback(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphOf(c, p, store.GraphApp); err != nil {
		return err
	}
	places, err := s.store.ListSubscriptions(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	body := cloudapi.Subscriptions{Data: []cloudapi.Subscription{}}
	if e, set := places[webhooks.OriginApp]; set {
		body.Data = append(body.Data, cloudapi.Subscribed(e.URL, e.Enabled, e.Wants()))
	}
	return ok(c, body)
}

// graphDropCallback is DELETE /{app}/subscriptions.
func (s *Server) graphDropCallback(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphOf(c, p, store.GraphApp); err != nil {
		return err
	}
	if err := wholeTenant(p); err != nil {
		return err
	}
	if err := s.store.Unsubscribe(c.UserContext(), p.Tenant, webhooks.OriginApp); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// changePhone is POST /{phone}: of a number only its callback can be changed.
func (s *Server) changePhone(c *fiber.Ctx, p store.Principal, o store.GraphObject) error {
	if _, err := s.phoneSession(c, p, o); err != nil {
		return err
	}
	params, err := graphParams(c)
	if err != nil {
		return err
	}
	raw, err := needParam(params, "webhook_configuration")
	if err != nil {
		return err
	}
	var given struct {
		Override *string `json:"override_callback_uri"`
		Token    string  `json:"verify_token"`
	}
	if err := json.Unmarshal([]byte(raw), &given); err != nil || given.Override == nil {
		return cloudapi.Errorf(cloudapi.CodeInvalidParameter, "webhook_configuration must be an object with override_callback_uri, \"\" for none")
	}
	at := webhooks.OriginPhone(o.Ref)
	if *given.Override == "" {
		err = s.store.Unsubscribe(c.UserContext(), p.Tenant, at)
	} else {
		err = s.override(c.UserContext(), p.Tenant, at, *given.Override, map[string]string{"verify_token": given.Token})
	}
	if err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// webhookConfiguration says where a number's events go.
func (s *Server) webhookConfiguration(ctx context.Context, t engine.TenantID, digits string) (cloudapi.WebhookConfiguration, error) {
	places, err := s.store.ListSubscriptions(ctx, t)
	return cloudapi.WebhookConfiguration{Phone: places[webhooks.OriginPhone(digits)].URL, WABA: places[webhooks.OriginWABA].URL, App: places[webhooks.OriginApp].URL}, err
}
