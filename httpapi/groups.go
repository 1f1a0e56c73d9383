package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// Bounds of what is worth asking of the network, which has its own.
const (
	maxGroupSubject     = 100  // characters
	maxGroupDescription = 2048 // characters
	maxGroupMembers     = 256  // in one request
)

type groupBody struct {
	ID           engine.JID   `json:"id"`
	Subject      string       `json:"subject"`
	Description  string       `json:"description,omitempty"`
	Owner        *personBody  `json:"owner,omitempty"`
	CreatedAt    string       `json:"createdAt,omitempty"`
	AnnounceOnly bool         `json:"announceOnly"`
	Locked       bool         `json:"locked"`
	ExpiresIn    int64        `json:"expiresIn,omitempty"` // seconds
	Size         int          `json:"size"`
	Participants []memberBody `json:"participants,omitempty"`
}

type memberBody struct {
	personBody
	IsAdmin bool `json:"isAdmin"`
	IsOwner bool `json:"isOwner"`
}

// memberResult is how a change went for one of the participants of a request.
type memberResult struct {
	Participant string `json:"participant"` // as given
	personBody
	Success bool   `json:"success"`
	Status  int    `json:"status,omitempty"` // WhatsApp's number for why not
	Error   string `json:"error,omitempty"`
}

type groupsResponse struct {
	Groups []groupBody `json:"groups"`
}

type groupResponse struct {
	Success bool           `json:"success"`
	Group   groupBody      `json:"group"`
	Results []memberResult `json:"results,omitempty"`
}

type memberResponse struct {
	Success bool           `json:"success"` // for every participant
	Results []memberResult `json:"results"`
}

type createGroupRequest struct {
	Subject      string   `json:"subject"`
	Participants []string `json:"participants"`
}

type changeGroupRequest struct {
	Subject      *string `json:"subject"`
	Description  *string `json:"description"`
	AnnounceOnly *bool   `json:"announceOnly"`
	Locked       *bool   `json:"locked"`
}

type changeMembersRequest struct {
	Action       string   `json:"action"`
	Participants []string `json:"participants"`
}

type inviteResponse struct {
	InviteLink string `json:"inviteLink"`
}

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

// check refuses a request that changes nothing, and values that no group has.
func (r changeGroupRequest) check() error {
	if r == (changeGroupRequest{}) {
		return engine.Errorf(engine.CodeInvalid, "give at least one of subject, description, announceOnly and locked")
	}
	if r.Description != nil && utf8.RuneCountInString(*r.Description) > maxGroupDescription {
		return engine.Errorf(engine.CodeInvalid, "description is longer than %d characters", maxGroupDescription)
	}
	if r.Subject != nil {
		return checkSubject(*r.Subject)
	}
	return nil
}

func checkSubject(subject string) error {
	if strings.TrimSpace(subject) == "" {
		return engine.Errorf(engine.CodeInvalid, "subject is required")
	}
	if utf8.RuneCountInString(subject) > maxGroupSubject {
		return engine.Errorf(engine.CodeInvalid, "subject is longer than %d characters", maxGroupSubject)
	}
	return nil
}

func parseMembers(participants []string) ([]engine.JID, error) {
	if len(participants) > maxGroupMembers {
		return nil, engine.Errorf(engine.CodeInvalid, "participants may hold %d people at most", maxGroupMembers)
	}
	members := make([]engine.JID, len(participants))
	for i, raw := range participants {
		jid, err := parsePerson(fmt.Sprintf("participants[%d]", i), raw)
		if err != nil {
			return nil, err
		}
		if slices.Contains(members[:i], jid) {
			return nil, engine.Errorf(engine.CodeInvalid, "participants[%d] is named twice", i)
		}
		members[i] = jid
	}
	return members, nil
}

func groupOf(g engine.Group) groupBody {
	body := groupBody{
		ID: g.ID, Subject: g.Subject, Description: g.Description, AnnounceOnly: g.AnnounceOnly, Locked: g.Locked,
		ExpiresIn: int64(g.Expiration.Seconds()), Size: len(g.Members),
	}
	if g.Owner != (engine.Person{}) {
		owner := personOf(g.Owner)
		body.Owner = &owner
	}
	if !g.CreatedAt.IsZero() {
		body.CreatedAt = isoMillis(g.CreatedAt)
	}
	for _, m := range g.Members {
		body.Participants = append(body.Participants, memberBody{personOf(m.Person), m.Admin, m.Owner})
	}
	return body
}

func memberResults(participants []string, results []engine.MemberResult) []memberResult {
	shown := make([]memberResult, len(results))
	for i, r := range results {
		shown[i] = memberResult{Participant: participants[i], personBody: personOf(r.Person), Success: r.Code == 0, Status: r.Code}
		if r.Code != 0 {
			shown[i].Error = whyNotMember(r.Code)
		}
	}
	return shown
}

// whyNotMember says in words what WhatsApp says in numbers, as far as is known
// (source: what users of Baileys and whatsmeow report).
func whyNotMember(code int) string {
	switch code {
	case http.StatusUnauthorized:
		return "this person has blocked the account"
	case http.StatusForbidden:
		return "this person's privacy settings don't allow it; send an invite link"
	case http.StatusNotFound:
		return "this person is not on WhatsApp, or not in the group"
	case http.StatusRequestTimeout:
		return "this person has left the group a short while ago"
	case http.StatusConflict:
		return "this person is in the group already"
	}
	return "WhatsApp refused it"
}
