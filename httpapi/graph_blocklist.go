package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/store"
)

// Pages of blocked people. The network brings all of them, so that pages only keep
// answers small.
const (
	usualBlocked = 100
	mostBlocked  = 1000
)

func (s *Server) graphBlocklistRoutes() []route {
	const path = "/graph/:objectId/block_users"
	return []route{
		{method: http.MethodGet, path: path, scope: store.ScopeRead, tenant: s.graphBlocked},
		{method: http.MethodPost, path: path, scope: store.ScopeManage, tenant: s.graphBlock(true)},
		{method: http.MethodDelete, path: path, scope: store.ScopeManage, tenant: s.graphBlock(false)},
	}
}

// graphBlocked is GET /{phone}/block_users, in the order of the addresses.
func (s *Server) graphBlocked(c *fiber.Ctx, p store.Principal) error {
	key, _, err := s.graphPhone(c, p)
	if err != nil {
		return err
	}
	limit := usualBlocked
	if raw := c.Query("limit"); raw != "" {
		if limit, err = strconv.Atoi(raw); err != nil || limit < 1 {
			return cloudapi.Errorf(cloudapi.CodeInvalidParameter, "limit must be a number from 1")
		}
		limit = min(limit, mostBlocked)
	}
	var after, before engine.JID
	if raw := c.Query("after"); raw != "" {
		if after, err = cloudapi.ParsePersonCursor(raw); err != nil {
			return err
		}
	}
	if raw := c.Query("before"); raw != "" {
		if before, err = cloudapi.ParsePersonCursor(raw); err != nil {
			return err
		}
	}
	directory, err := engine.Use[engine.Directory](s.engine, key)
	if err != nil {
		return err
	}
	people, err := directory.Blocked(c.UserContext())
	if err != nil {
		return err
	}
	return ok(c, s.blockedPage(c, people, after, before, limit))
}

// blockedPage is the page of a list that begins behind one address or ends ahead of
// another.
func (s *Server) blockedPage(c *fiber.Ctx, people []engine.Person, after, before engine.JID, limit int) cloudapi.Page {
	people = slices.Clone(people)
	address := func(p engine.Person, at engine.JID) int { return strings.Compare(string(p.Preferred()), string(at)) }
	slices.SortFunc(people, func(a, b engine.Person) int { return address(a, b.Preferred()) })
	first, last := 0, len(people)
	if after != "" {
		at, found := slices.BinarySearchFunc(people, after, address)
		if first = at; found {
			first++
		}
	}
	if before != "" {
		last, _ = slices.BinarySearchFunc(people, before, address)
		first = max(first, last-limit)
	}
	last = max(first, min(last, first+limit))
	page := cloudapi.Page{Data: []cloudapi.Node{}}
	for _, p := range people[first:last] {
		page.Data = append(page.Data, cloudapi.BlockedNode(p))
	}
	if first == last {
		return page
	}
	page.Paging = &cloudapi.Paging{Cursors: cloudapi.Cursors{
		Before: cloudapi.PersonCursor(people[first]), After: cloudapi.PersonCursor(people[last-1])}}
	if last < len(people) {
		page.Paging.Next = s.graphPageURL(c, "after", page.Paging.Cursors.After)
	}
	if first > 0 {
		page.Paging.Previous = s.graphPageURL(c, "before", page.Paging.Cursors.Before)
	}
	return page
}

// graphBlock is POST and DELETE /{phone}/block_users. What one person fails by is told
// beside that person; what keeps anybody from being asked for, as a session that is not
// connected, fails the request, or all who are left if somebody was done by then.
func (s *Server) graphBlock(blocked bool) func(*fiber.Ctx, store.Principal) error {
	return func(c *fiber.Ctx, p store.Principal) error {
		key, _, err := s.graphPhone(c, p)
		if err != nil {
			return err
		}
		body, err := graphBody(c)
		if err != nil {
			return err
		}
		people, err := cloudapi.ParseBlockUsers(body, phoneNumber)
		if err != nil {
			return err
		}
		answer := cloudapi.NewBlocking(blocked)
		if err := s.blockEach(c.UserContext(), key, people, blocked, answer); err != nil {
			return err
		}
		return ok(c, answer)
	}
}

func (s *Server) blockEach(ctx context.Context, key engine.SessionKey, people []cloudapi.BlockUser, blocked bool, answer *cloudapi.Blocking) error {
	var done bool
	var all *cloudapi.Error // what everybody fails by from here on
	for _, u := range people {
		switch {
		case u.Fault != nil:
			answer.Failed(u, u.Fault)
			continue
		case all != nil:
			answer.Failed(u, all)
			continue
		}
		err := s.setBlocked(ctx, key, u.Who, blocked)
		if err == nil {
			answer.Done(u)
			done = true
			continue
		}
		e, own := errors.AsType[*engine.Error](err)
		if !own || concernsAll(e.Code) && !done {
			return err
		}
		why := cloudapi.ErrorOf(e, statusOf(e.Code))
		if concernsAll(e.Code) {
			all = why
		}
		answer.Failed(u, why)
	}
	return nil
}

// concernsAll tells whether asking for another person would fail alike.
func concernsAll(code engine.Code) bool {
	switch code {
	case engine.CodeSessionNotFound, engine.CodeSessionNotReady, engine.CodeSessionBusy, engine.CodeNotSupported,
		engine.CodeRateLimited, engine.CodeStopping, engine.CodeStorage, engine.CodeInternal:
		return true
	}
	return false
}

// setBlocked blocks or unblocks a person, for a session. It returns the errors of
// engine.Use and Directory.Block.
func (s *Server) setBlocked(ctx context.Context, key engine.SessionKey, who engine.JID, blocked bool) error {
	directory, err := engine.Use[engine.Directory](s.engine, key)
	if err != nil {
		return err
	}
	return directory.Block(ctx, who, blocked)
}

// phoneNumber reads a number as clients of other systems write it: with a plus sign,
// spaces or neither, and always its country code. It returns CodeInvalid.
func phoneNumber(raw string) (engine.JID, error) {
	jid, err := parsePerson("the number", raw)
	if err == nil && jid.Server() != engine.ServerPhone {
		err = engine.Errorf(engine.CodeInvalid, "the number must be a phone number")
	}
	return jid, err
}
