package httpapi

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/nyaruka/phonenumbers"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/store"
)

// Pages of phone numbers.
const (
	usualPhones = 25
	mostPhones  = 100
)

func (s *Server) graphPhoneRoutes() []route {
	routes := []route{
		{method: http.MethodGet, path: "/graph/:objectId/phone_numbers", scope: store.ScopeRead, tenant: s.graphPhones},
	}
	for _, step := range []string{"register", "deregister", "request_code", "verify_code"} {
		routes = append(routes, route{method: http.MethodPost, path: "/graph/:objectId/" + step, scope: store.ScopeManage, tenant: s.graphNoRegistration})
	}
	return routes
}

// graphNoRegistration answers what registers numbers at Meta.
func (s *Server) graphNoRegistration(c *fiber.Ctx, p store.Principal) error {
	if _, _, err := s.graphPhone(c, p); err != nil {
		return err
	}
	return cloudapi.Errorf(cloudapi.CodeInvalidParameter, "numbers are not registered here, they are linked by scanning the QR code of a session, and unlinked with it")
}

// graphShowPhone is GET /{phone}.
func (s *Server) graphShowPhone(c *fiber.Ctx, p store.Principal, o store.GraphObject) error {
	key, err := s.phoneSession(c, p, o)
	if err != nil {
		return err
	}
	snap, err := s.engine.Snapshot(key)
	if err != nil && engine.CodeOf(err) != engine.CodeSessionNotFound {
		return err
	}
	fields := cloudapi.Fields(c.Query("fields"))
	node := s.phoneNode(o, snap, fields)
	if slices.Contains(fields, "webhook_configuration") {
		configuration, err := s.webhookConfiguration(c.UserContext(), p.Tenant, o.Ref)
		if err != nil {
			return err
		}
		node = append(node, cloudapi.Member{Name: "webhook_configuration", Value: configuration})
	}
	return ok(c, node)
}

// phoneNode is a phone as its session is, which is empty for one that was removed.
func (s *Server) phoneNode(o store.GraphObject, snap engine.Snapshot, fields []string) cloudapi.Node {
	linked := snap.State.Identity.Device != ""
	n := cloudapi.PhoneFacts{
		ID: formatGraphID(o.ID), Digits: o.Ref, Display: displayNumber(o.Ref), Name: cmp.Or(snap.Name, string(snap.Key.ID)), Linked: linked,
		Ready: snap.State.Status == engine.StatusReady, Banned: snap.State.Reason == engine.ReasonBanned,
		Removed: snap.Key.ID == "", Restricted: len(snap.Restrictions) > 0,
	}
	return n.Node(fields)
}

// displayNumber writes a number as people do.
func displayNumber(digits string) string {
	n, err := phonenumbers.Parse("+"+digits, "ZZ")
	if err != nil {
		return "+" + digits
	}
	return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
}

// graphPhones is GET /{waba}/phone_numbers: the numbers that sessions of the tenant are
// linked to, and that the key reaches.
func (s *Server) graphPhones(c *fiber.Ctx, p store.Principal) error {
	if _, err := s.graphWABA(c, p); err != nil {
		return err
	}
	if err := s.loaded(); err != nil {
		return err
	}
	phones, err := s.phonesOf(c, p)
	if err != nil {
		return err
	}
	limit := usualPhones
	if raw := c.Query("limit"); raw != "" {
		if limit, err = strconv.Atoi(raw); err != nil || limit < 1 {
			return cloudapi.Errorf(cloudapi.CodeInvalidParameter, "limit must be a number from 1")
		}
		limit = min(limit, mostPhones)
	}
	after := c.Query("after")
	from, _ := slices.BinarySearchFunc(phones, after, func(one phone, after string) int {
		if formatGraphID(one.object.ID) <= after {
			return -1
		}
		return 1
	})
	if after == "" {
		from = 0
	}
	page := phones[from:min(from+limit, len(phones))]
	answer := cloudapi.Page{Data: []cloudapi.Node{}}
	fields := cloudapi.Fields(c.Query("fields"))
	for _, one := range page {
		answer.Data = append(answer.Data, s.phoneNode(one.object, one.session, fields))
	}
	if len(page) > 0 {
		first, last := formatGraphID(page[0].object.ID), formatGraphID(page[len(page)-1].object.ID)
		answer.Paging = &cloudapi.Paging{Cursors: cloudapi.Cursors{Before: first, After: last}}
		if from+len(page) < len(phones) {
			answer.Paging.Next = s.graphPageURL(c, "after", last)
		}
	}
	return ok(c, answer)
}

// phone is a number with the session that is linked to it.
type phone struct {
	object  store.GraphObject
	session engine.Snapshot
}

// phonesOf are the numbers of a tenant that a key reaches, in the order of their ids.
func (s *Server) phonesOf(c *fiber.Ctx, p store.Principal) ([]phone, error) {
	ids, err := s.store.FindGraphIDs(c.UserContext(), p.Tenant, store.GraphPhone)
	if err != nil {
		return nil, err
	}
	var phones []phone
	for _, snap := range s.engine.List(p.Tenant) {
		digits := snap.State.Identity.Person.Phone.User()
		if digits == "" || !p.Reaches(snap.Key.ID) || slices.ContainsFunc(phones, func(o phone) bool { return o.object.Ref == digits }) {
			continue
		}
		o := store.GraphObject{ID: ids[digits], Kind: store.GraphPhone, Ref: digits, Session: snap.Key.ID}
		if o.ID == 0 { // linked before numbers had ids
			if o, err = s.store.PhoneObject(c.UserContext(), snap.Key); err != nil {
				return nil, err
			}
		}
		phones = append(phones, phone{o, snap})
	}
	slices.SortFunc(phones, func(a, b phone) int { return cmp.Compare(a.object.ID, b.object.ID) })
	return phones, nil
}
