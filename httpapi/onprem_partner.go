package httpapi

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/onprem"
	"wapid/store"
)

// partnerPrefix is where 360dialog's partners look after their clients' numbers.
const partnerPrefix = "/api/v2/partners"

func (s *Server) onpremPartnerRoutes() []route {
	const path = partnerPrefix + "/:partnerId/channels/:channelId/api_keys"
	return []route{
		{method: http.MethodGet, path: path, scope: store.ScopeManage, tenant: s.partnerKeys},
		{method: http.MethodPost, path: path, scope: store.ScopeManage, tenant: s.makePartnerKey},
	}
}

// partnerChannel finds the session of a channel: its id, or that of its number in the
// Graph API. The partner's own id is passed over: the key says whose the numbers are.
func (s *Server) partnerChannel(c *fiber.Ctx, p store.Principal) (engine.SessionKey, error) {
	if err := s.loaded(); err != nil {
		return engine.SessionKey{}, err
	}
	missing := onprem.Errorf(onprem.CodeNotFound, "there is no such channel: it is the id of a session, or that of its number")
	raw, err := url.PathUnescape(c.Params("channelId"))
	if err != nil {
		return engine.SessionKey{}, missing
	}
	key := engine.SessionKey{Tenant: p.Tenant, ID: engine.SessionID(raw)}
	if number, err := strconv.ParseInt(raw, 10, 64); err == nil {
		o, err := s.store.FindGraphObject(c.UserContext(), p.Tenant, number)
		switch {
		case err == nil && o.Kind == store.GraphPhone:
			if key, err = s.store.FindPhoneSession(c.UserContext(), p.Tenant, o); err != nil {
				return key, err
			}
		case err != nil && engine.CodeOf(err) != engine.CodeNotFound:
			return key, err
		}
	}
	if !p.Reaches(key.ID) {
		return key, missing
	}
	if _, err := s.engine.Snapshot(key); err != nil {
		if engine.CodeOf(err) == engine.CodeSessionNotFound {
			return key, missing
		}
		return key, err
	}
	return key, nil
}

// makePartnerKey is POST …/api_keys: a key that is limited to the channel's session, and
// shown this once. It may send, unless the body asks for another scope. Unlike 360dialog's
// it ends no other key.
func (s *Server) makePartnerKey(c *fiber.Ctx, p store.Principal) error {
	key, err := s.partnerChannel(c, p)
	if err != nil {
		return err
	}
	if p.Sessions != nil { // as everywhere in the account
		return onprem.Errorf(onprem.CodeDenied, "a key that is limited to some sessions can't make keys")
	}
	scope := store.ScopeSend
	if len(c.BodyRaw()) > 0 {
		body, err := looseBody(c)
		if err != nil {
			return err
		}
		asked, err := onprem.DecodeKey(body)
		if err != nil {
			return err
		}
		if scope, err = store.ParseScope(cmp.Or(asked, string(scope))); err != nil {
			return err
		}
	}
	made, plain, err := s.store.CreateKey(c.UserContext(), by(c, p), p.Tenant, store.KeyGrant{
		Name: "channel " + string(key.ID), Scope: scope, Sessions: []engine.SessionID{key.ID}})
	if err != nil {
		return err
	}
	body, err := s.partnerKey(c, key, made)
	if err != nil {
		return err
	}
	body.APIKey = plain
	return answer(c, http.StatusCreated, onprem.NewPartnerKey(body))
}

// partnerKeys is GET …/api_keys: the keys that are limited to the channel's session.
func (s *Server) partnerKeys(c *fiber.Ctx, p store.Principal) error {
	key, err := s.partnerChannel(c, p)
	if err != nil {
		return err
	}
	all, err := s.store.ListKeys(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	body := onprem.PartnerKeys{Keys: []onprem.Key{}}
	now := time.Now()
	for _, k := range all {
		if !slices.Equal(k.Sessions, []engine.SessionID{key.ID}) || !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(now) {
			continue
		}
		one, err := s.partnerKey(c, key, k)
		if err != nil {
			return err
		}
		body.Keys = append(body.Keys, one)
	}
	return ok(c, body)
}

// partnerKey describes a key, of which no more than the beginning is known.
func (s *Server) partnerKey(c *fiber.Ctx, key engine.SessionKey, k store.Key) (onprem.Key, error) {
	base, err := s.linkBase(c, "")
	return onprem.Key{ID: string(k.ID), Address: base, AppID: string(key.ID), APIKey: k.Public}, err
}
