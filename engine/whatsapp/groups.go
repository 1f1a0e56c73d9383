package whatsapp

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

var _ engine.Groups = (*conn)(nil)

// ListGroups implements engine.Groups.
func (c *conn) ListGroups(ctx context.Context) ([]engine.Group, error) {
	var list []engine.Group
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		joined, err := l.client.GetJoinedGroups(ctx)
		if err != nil {
			return err
		}
		list = make([]engine.Group, 0, len(joined))
		for _, info := range joined {
			group, err := l.groupOf(ctx, info)
			if err != nil {
				return err
			}
			list = append(list, group)
		}
		return nil
	})
	return list, err
}

// FindGroup implements engine.Groups.
func (c *conn) FindGroup(ctx context.Context, group engine.JID) (engine.Group, error) {
	var found engine.Group
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		info, err := l.groupInfo(ctx, group)
		if err == nil {
			found, err = l.groupOf(ctx, info)
		}
		return err
	})
	return found, err
}

// CreateGroup implements engine.Groups. The network makes the group even if it
// takes in none of those that were named.
func (c *conn) CreateGroup(ctx context.Context, subject string, members []engine.JID) (engine.Group, []engine.MemberResult, error) {
	var made engine.Group
	var results []engine.MemberResult
	err := c.change(ctx, func(ctx context.Context, l *link) error {
		people, err := l.memberAddresses(ctx, members)
		if err != nil {
			return err
		}
		info, err := l.client.CreateGroup(ctx, whatsmeow.ReqCreateGroup{Name: subject, Participants: people})
		if code := refusedWith(err); code == 400 || code == 406 {
			return engine.WrapError(engine.CodeInvalid, err, "WhatsApp does not take this subject or these participants")
		}
		if err != nil {
			return err
		}
		if results, err = l.resultsOf(ctx, members, people, info.Participants); err != nil {
			return err
		}
		made, err = l.groupOf(ctx, info)
		return err
	})
	return made, results, err
}

// ChangeMembers implements engine.Groups.
func (c *conn) ChangeMembers(ctx context.Context, group engine.JID, change engine.MemberChange, members []engine.JID) ([]engine.MemberResult, error) {
	var results []engine.MemberResult
	err := c.change(ctx, func(ctx context.Context, l *link) error {
		jid, err := parseGroup(group)
		if err != nil {
			return err
		}
		people, err := l.memberAddresses(ctx, members)
		if err != nil {
			return err
		}
		answers, err := l.client.UpdateGroupParticipants(ctx, jid, people, whatsmeow.ParticipantChange(change))
		if err != nil {
			return l.explainGroup(ctx, jid, err)
		}
		results, err = l.resultsOf(ctx, members, people, answers)
		return err
	})
	return results, err
}

// ChangeGroup implements engine.Groups. It makes the changes in the order of the
// fields and stops at the first that fails.
func (c *conn) ChangeGroup(ctx context.Context, group engine.JID, s engine.GroupSettings) error {
	return c.change(ctx, func(ctx context.Context, l *link) error {
		jid, err := parseGroup(group)
		if err != nil {
			return err
		}
		if s.Subject != nil {
			err = l.client.SetGroupName(ctx, jid, *s.Subject)
		}
		if err == nil && s.Description != nil {
			err = l.describeGroup(ctx, jid, *s.Description)
		}
		if err == nil && s.AnnounceOnly != nil {
			err = l.client.SetGroupAnnounce(ctx, jid, *s.AnnounceOnly)
		}
		if err == nil && s.Locked != nil {
			err = l.client.SetGroupLocked(ctx, jid, *s.Locked)
		}
		if err == nil && s.Leave {
			// whatsmeow does not look at what the server says of the one group.
			if _, err = l.client.GetGroupInfo(ctx, jid); err == nil {
				err = l.client.LeaveGroup(ctx, jid)
			}
		}
		return l.explainGroup(ctx, jid, err)
	})
}

// describeGroup names the description that it replaces, as the server wants it.
// Taking away what is not there is nothing to do.
func (l *link) describeGroup(ctx context.Context, group types.JID, text string) error {
	info, err := l.client.GetGroupInfo(ctx, group)
	if err != nil || info.Topic == text {
		return err
	}
	return l.client.SetGroupTopic(ctx, group, info.TopicID, "", text)
}

// InviteLink implements engine.Groups.
func (c *conn) InviteLink(ctx context.Context, group engine.JID, reset bool) (string, error) {
	var invite string
	err := c.query(ctx, reset, func(ctx context.Context, l *link) error {
		jid, err := parseGroup(group)
		if err != nil {
			return err
		}
		invite, err = l.client.GetGroupInviteLink(ctx, jid, reset)
		return l.explainGroup(ctx, jid, err)
	})
	return invite, err
}

func (l *link) groupInfo(ctx context.Context, group engine.JID) (*types.GroupInfo, error) {
	jid, err := parseGroup(group)
	if err != nil {
		return nil, err
	}
	info, err := l.client.GetGroupInfo(ctx, jid)
	switch refusedWith(err) {
	case 401, 403, 404, 410:
		return nil, noSuchGroup(err)
	}
	return info, err
}

// explainGroup translates what the server says to a change of a group. It says
// "forbidden" (403) to one who is not in the group, and also, as Baileys' users
// report, to a member who is no admin: being allowed to look tells the two apart.
// "not-authorized" (401) is for members (source: whatsmeow, GetGroupInviteLink).
func (l *link) explainGroup(ctx context.Context, group types.JID, err error) error {
	switch refusedWith(err) {
	case 404, 410:
		return noSuchGroup(err)
	case 401:
		return notAllowed(err)
	case 403:
		if _, lookErr := l.client.GetGroupInfo(ctx, group); lookErr == nil {
			return notAllowed(err)
		}
		return noSuchGroup(err)
	case 406:
		return engine.WrapError(engine.CodeInvalid, err, "WhatsApp does not take this value")
	case 409:
		return engine.WrapError(engine.CodeNetworkRefused, err, "somebody else has changed the group at this moment")
	}
	return err
}

func noSuchGroup(cause error) error {
	return engine.WrapError(engine.CodeNotFound, cause, "there is no such group, or this account is not in it")
}

func notAllowed(cause error) error {
	return engine.WrapError(engine.CodeForbidden, cause, "the group lets only its admins do this, and this account is none")
}

func parseGroup(group engine.JID) (types.JID, error) {
	jid, err := types.ParseJID(string(group))
	if err != nil || jid.Server != types.GroupServer || jid.User == "" {
		return jid, engine.WrapError(engine.CodeInvalid, err, "this is not the address of a group")
	}
	return jid, nil
}

// memberAddresses finds the addresses by which people are named to the server.
// A number whose LID is not known goes as it is: the server resolves it, or says
// that it can't.
func (l *link) memberAddresses(ctx context.Context, members []engine.JID) ([]types.JID, error) {
	people := make([]types.JID, len(members))
	for i, member := range members {
		jid, err := l.addressed(ctx, member)
		if err != nil {
			return nil, err
		}
		if jid.Server != types.DefaultUserServer && jid.Server != types.HiddenUserServer {
			return nil, engine.Errorf(engine.CodeInvalid, "a participant is not the address of a person")
		}
		people[i] = jid
	}
	return people, nil
}

// unansweredMember is the result of a person whom the server's answer leaves out, in
// the server's own terms: it can't be done.
const unansweredMember = 500

// resultsOf puts the server's answers beside the people whom they are about, in
// the order in which those were named.
func (l *link) resultsOf(ctx context.Context, members []engine.JID, asked []types.JID, answers []types.GroupParticipant) ([]engine.MemberResult, error) {
	byAddress := make(map[types.JID]types.GroupParticipant, 2*len(answers))
	for _, a := range answers {
		for _, jid := range []types.JID{a.JID, a.PhoneNumber, a.LID} {
			if !jid.IsEmpty() {
				byAddress[jid.ToNonAD()] = a
			}
		}
	}
	results := make([]engine.MemberResult, len(members))
	for i, jid := range asked {
		given, err := types.ParseJID(string(members[i]))
		if err != nil {
			return nil, err
		}
		who, err := l.completed(ctx, personOf(given, jid))
		if err != nil {
			return nil, err
		}
		results[i] = engine.MemberResult{Person: who, Code: unansweredMember}
		// The answer may go by the address that was not asked by.
		for _, address := range []engine.JID{engine.JID(jid.String()), who.LID, who.Phone} {
			parsed, err := types.ParseJID(string(address))
			if a, answered := byAddress[parsed]; err == nil && answered {
				results[i].Code = a.Error
				if results[i].Person, err = l.completed(ctx, personOf(given, jid, a.PhoneNumber, a.LID)); err != nil {
					return nil, err
				}
				break
			}
		}
	}
	return results, nil
}

// groupOf converts a group. Those whom the server could not take in are not members.
func (l *link) groupOf(ctx context.Context, info *types.GroupInfo) (engine.Group, error) {
	group := engine.Group{
		ID: engine.JID(info.JID.String()), Subject: info.Name, Description: info.Topic, CreatedAt: info.GroupCreated,
		AnnounceOnly: info.IsAnnounce, Locked: info.IsLocked,
		Expiration: time.Duration(info.DisappearingTimer) * time.Second,
	}
	var err error
	if group.Owner, err = l.completed(ctx, personOf(info.OwnerJID, info.OwnerPN)); err != nil {
		return group, err
	}
	for _, p := range info.Participants {
		if p.Error != 0 {
			continue
		}
		person, err := l.completed(ctx, personOf(p.JID, p.PhoneNumber, p.LID))
		if err != nil {
			return group, err
		}
		group.Members = append(group.Members, engine.Member{Person: person, Admin: p.IsAdmin, Owner: p.IsSuperAdmin})
	}
	return group, nil
}
