package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"wapid/engine"
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
	if strings.ContainsFunc(subject, unicode.IsControl) {
		return engine.Errorf(engine.CodeInvalid, "subject must not contain control characters")
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
