package simnet

import (
	"errors"
	"net/http"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// controlAct makes a phone say or do something in a chat that is more than a
// text or a file. Which fields count depends on the kind.
func (s *Server) controlAct(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Kind     string          `json:"kind"`
		To       string          `json:"to"`
		ID       types.MessageID `json:"id"`   // the message that it is about
		Text     string          `json:"text"` // words, emoji, question or caption, a button's id
		Options  []string        `json:"options"`
		Choices  int             `json:"choices"`
		People   []string        `json:"people"`
		After    float64         `json:"after"` // seconds
		Place    Place           `json:"place"`
		Sequence int64           `json:"sequence"`
		Contacts []Card          `json:"contacts"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	to, err := controlJID(body.To)
	if err != nil {
		return nil, err
	}
	people, err := controlPeople(body.People)
	if err != nil {
		return nil, err
	}
	ctx, after := r.Context(), time.Duration(body.After*float64(time.Second))
	var id types.MessageID
	switch body.Kind {
	case "reply":
		id, err = p.Reply(ctx, to, body.ID, body.Text)
	case "mention":
		id, err = p.Mention(ctx, to, body.Text, people...)
	case "forward":
		id, err = p.Forward(ctx, to, body.ID)
	case "react":
		id, err = p.React(ctx, to, body.ID, body.Text)
	case "edit":
		id, err = p.Edit(ctx, to, body.ID, body.Text)
	case "revoke":
		id, err = p.Revoke(ctx, to, body.ID)
	case "disappearing":
		id, err = p.SendDisappearing(ctx, to, body.Text, after)
	case "timer":
		id, err = p.SetTimer(ctx, to, after)
	case "location":
		id, err = p.SendLocation(ctx, to, body.Place)
	case "live_location":
		id, err = p.SendLiveLocation(ctx, to, body.Place, body.Text, body.Sequence)
	case "contacts":
		if len(body.Contacts) == 0 {
			return nil, badf("contacts are missing")
		}
		id, err = p.SendContacts(ctx, to, body.Contacts...)
	case "poll":
		if len(body.Options) < 2 {
			return nil, badf("a poll needs two options")
		}
		id, err = p.SendPoll(ctx, to, body.Text, body.Options, body.Choices)
	case "vote":
		id, err = p.Vote(ctx, to, body.ID, body.Options...)
	case "tap":
		id, err = p.Tap(ctx, to, body.ID, body.Text)
	default:
		return nil, badf("unknown kind %q", body.Kind)
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": id}, nil
}

// controlVotes counts a poll on a phone: options by the voter's number.
func (s *Server) controlVotes(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	picked, err := p.Votes(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	votes := make(map[string][]string, len(picked))
	for voter, options := range picked {
		votes[voter.User] = append([]string{}, options...)
	}
	return map[string]any{"votes": votes}, nil
}

func controlPeople(texts []string) ([]types.JID, error) {
	people := make([]types.JID, len(texts))
	for i, text := range texts {
		var err error
		if people[i], err = controlJID(text); err != nil {
			return nil, err
		}
	}
	return people, nil
}

// controlCreateGroup makes a group with the phone as its admin.
func (s *Server) controlCreateGroup(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Subject string   `json:"subject"`
		Members []string `json:"members"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	members, err := controlPeople(body.Members)
	if err != nil {
		return nil, err
	}
	group, err := p.CreateGroup(r.Context(), body.Subject, members...)
	if err != nil {
		return nil, err
	}
	return map[string]any{"group": group}, nil
}

// controlJoinGroup lets a phone join by an invite link.
func (s *Server) controlJoinGroup(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Link string `json:"link"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	group, waiting, err := p.JoinGroup(r.Context(), body.Link)
	if err != nil {
		return nil, err
	}
	return map[string]any{"group": group, "waiting": waiting}, nil
}

// controlGroupLink shows a group's invite link to one of its admins.
func (s *Server) controlGroupLink(r *http.Request) (any, error) {
	p, group, err := s.controlGroup(r)
	if err != nil {
		return nil, err
	}
	link, err := p.GroupLink(r.Context(), group, false)
	if err != nil {
		return nil, err
	}
	return map[string]string{"link": link}, nil
}

// controlChangeGroup lets a phone administer or leave a group.
func (s *Server) controlChangeGroup(r *http.Request) (any, error) {
	p, group, err := s.controlGroup(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Action string   `json:"action"`
		People []string `json:"people"`
		Text   string   `json:"text"`
		On     bool     `json:"on"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	people, err := controlPeople(body.People)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	switch body.Action {
	case "add":
		err = p.AddMembers(ctx, group, people...)
	case "remove":
		err = p.RemoveMembers(ctx, group, people...)
	case "promote":
		err = p.Promote(ctx, group, people...)
	case "demote":
		err = p.Demote(ctx, group, people...)
	case "leave":
		err = p.LeaveGroup(ctx, group)
	case "subject":
		err = p.SetGroupSubject(ctx, group, body.Text)
	case "description":
		err = p.SetGroupDescription(ctx, group, body.Text)
	case "announce":
		err = p.SetGroupAnnounce(ctx, group, body.On)
	case "lock":
		err = p.SetGroupLocked(ctx, group, body.On)
	case "approval":
		err = p.SetGroupApproval(ctx, group, body.On)
	case "decide":
		var failures []error
		for _, person := range people {
			failures = append(failures, p.DecideRequest(ctx, group, person, body.On))
		}
		err = errors.Join(failures...)
	case "reset_link":
		_, err = p.GroupLink(ctx, group, true)
	default:
		return nil, badf("unknown action %q", body.Action)
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{}, nil
}

func (s *Server) controlGroup(r *http.Request) (*Phone, types.JID, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, types.EmptyJID, err
	}
	group, err := types.ParseJID(r.PathValue("group"))
	if err != nil || group.Server != types.GroupServer {
		return nil, types.EmptyJID, badf("%q is not a group", r.PathValue("group"))
	}
	return p, group, nil
}
