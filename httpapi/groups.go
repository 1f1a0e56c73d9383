package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

func (s *Server) groupRoutes() []route {
	const groups = "/api/whatsapp/session/:id/groups"
	const group = groups + "/:groupId"
	return []route{
		{method: http.MethodGet, path: groups, query: []string{"participants"}, scope: store.ScopeRead, tenant: s.groups},
		{method: http.MethodPost, path: groups, scope: store.ScopeManage, tenant: s.createGroup},
		{method: http.MethodGet, path: group, scope: store.ScopeRead, tenant: s.group},
		{method: http.MethodPatch, path: group, scope: store.ScopeManage, tenant: s.changeGroup},
		{method: http.MethodPost, path: group + "/participants", scope: store.ScopeManage, tenant: s.changeMembers},
		{method: http.MethodPost, path: group + "/leave", scope: store.ScopeManage, tenant: s.leaveGroup},
		{method: http.MethodGet, path: group + "/invite-link", scope: store.ScopeRead, tenant: s.inviteLink},
		{method: http.MethodPost, path: group + "/invite-link/reset", scope: store.ScopeManage, tenant: s.resetInviteLink},
	}
}

// groups is GET …/groups: those that the account is in, by id. The participants,
// who may be many, are shown on request.
func (s *Server) groups(c *fiber.Ctx, p store.Principal) error {
	all, err := queryBool(c, "participants", false)
	if err != nil {
		return err
	}
	groups, _, err := capability[engine.Groups](s, c, p)
	if err != nil {
		return err
	}
	list, err := groups.ListGroups(c.UserContext())
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b engine.Group) int { return strings.Compare(string(a.ID), string(b.ID)) })
	shown := make([]groupBody, len(list))
	for i, g := range list {
		shown[i] = groupOf(g)
		if !all {
			shown[i].Participants = nil
		}
	}
	return ok(c, groupsResponse{shown})
}

// createGroup is POST …/groups. People who could not be taken in are told; the
// group is there all the same.
func (s *Server) createGroup(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	var req createGroupRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := checkSubject(req.Subject); err != nil {
		return err
	}
	members, err := parseMembers(req.Participants)
	if err != nil {
		return err
	}
	groups, err := engine.Use[engine.Groups](s.engine, key)
	if err != nil {
		return err
	}
	made, results, err := groups.CreateGroup(c.UserContext(), req.Subject, members)
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, groupResponse{Success: true, Group: groupOf(made), Results: memberResults(req.Participants, results)})
}

// group is GET …/groups/{groupId}.
func (s *Server) group(c *fiber.Ctx, p store.Principal) error {
	id, err := pathGroup(c)
	if err != nil {
		return err
	}
	groups, _, err := capability[engine.Groups](s, c, p)
	if err != nil {
		return err
	}
	found, err := groups.FindGroup(c.UserContext(), id)
	if err != nil {
		return err
	}
	return ok(c, groupOf(found))
}

// changeGroup is PATCH …/groups/{groupId}. It answers with the group as it is then.
func (s *Server) changeGroup(c *fiber.Ctx, p store.Principal) error {
	key, id, err := s.groupKey(c, p)
	if err != nil {
		return err
	}
	var req changeGroupRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	groups, err := engine.Use[engine.Groups](s.engine, key)
	if err != nil {
		return err
	}
	err = groups.ChangeGroup(c.UserContext(), id, engine.GroupSettings{
		Subject: req.Subject, Description: req.Description, AnnounceOnly: req.AnnounceOnly, Locked: req.Locked,
	})
	if err != nil {
		return err
	}
	found, err := groups.FindGroup(c.UserContext(), id)
	if err != nil {
		return err
	}
	return ok(c, groupResponse{Success: true, Group: groupOf(found)})
}

// changeMembers is POST …/groups/{groupId}/participants.
func (s *Server) changeMembers(c *fiber.Ctx, p store.Principal) error {
	key, id, err := s.groupKey(c, p)
	if err != nil {
		return err
	}
	var req changeMembersRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	change := engine.MemberChange(req.Action)
	switch change {
	case engine.AddMembers, engine.RemoveMembers, engine.PromoteMembers, engine.DemoteMembers:
	default:
		return engine.Errorf(engine.CodeInvalid, "action must be add, remove, promote or demote")
	}
	if len(req.Participants) == 0 {
		return engine.Errorf(engine.CodeInvalid, "participants is required")
	}
	members, err := parseMembers(req.Participants)
	if err != nil {
		return err
	}
	groups, err := engine.Use[engine.Groups](s.engine, key)
	if err != nil {
		return err
	}
	results, err := groups.ChangeMembers(c.UserContext(), id, change, members)
	if err != nil {
		return err
	}
	shown := memberResults(req.Participants, results)
	return ok(c, memberResponse{
		Success: !slices.ContainsFunc(shown, func(r memberResult) bool { return !r.Success }), Results: shown,
	})
}

// leaveGroup is POST …/groups/{groupId}/leave.
func (s *Server) leaveGroup(c *fiber.Ctx, p store.Principal) error {
	key, id, err := s.groupKey(c, p)
	if err != nil {
		return err
	}
	groups, err := engine.Use[engine.Groups](s.engine, key)
	if err != nil {
		return err
	}
	if err := groups.ChangeGroup(c.UserContext(), id, engine.GroupSettings{Leave: true}); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// inviteLink is GET …/groups/{groupId}/invite-link.
func (s *Server) inviteLink(c *fiber.Ctx, p store.Principal) error { return s.invite(c, p, false) }

// resetInviteLink is POST …/groups/{groupId}/invite-link/reset: the old link is
// worth nothing from then on.
func (s *Server) resetInviteLink(c *fiber.Ctx, p store.Principal) error { return s.invite(c, p, true) }

func (s *Server) invite(c *fiber.Ctx, p store.Principal, reset bool) error {
	key, id, err := s.groupKey(c, p)
	if err != nil {
		return err
	}
	groups, err := engine.Use[engine.Groups](s.engine, key)
	if err != nil {
		return err
	}
	link, err := groups.InviteLink(c.UserContext(), id, reset)
	if err != nil {
		return err
	}
	return ok(c, inviteResponse{link})
}

// groupKey reads the session and the group from the path.
func (s *Server) groupKey(c *fiber.Ctx, p store.Principal) (engine.SessionKey, engine.JID, error) {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return key, "", err
	}
	id, err := pathGroup(c)
	return key, id, err
}
