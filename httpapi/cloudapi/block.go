package cloudapi

import (
	"encoding/base64"
	"strings"

	"wapid/engine"
	"wapid/httpapi/metabody"
)

// MaxBlockUsers is how many people one request may block or unblock. Meta takes 1000; here
// each is a question to WhatsApp of its own, one after the other.
const MaxBlockUsers = 100

// codeBlocking is what a request fails with some of whose people could not be blocked.
const codeBlocking Code = 139100

// BlockUser is one person of a request that blocks or unblocks.
type BlockUser struct {
	Input string // as given
	// Who is "" for an input that is nobody's address; Fault says why.
	Who   engine.JID
	Fault *Error
}

// ParseBlockUsers reads the body of POST and DELETE /{phone}/block_users, whose syntax was
// checked. People are named by their numbers, or by the ids of metabody.UserID. One who can't be
// read does not keep the others from being blocked. It returns *Error.
func ParseBlockUsers(body []byte, number metabody.Number) ([]BlockUser, error) {
	o := metabody.Read(body)
	if p := o.Text("messaging_product"); p != "" && p != Product {
		o.Refuse("messaging_product", metabody.Invalid, "must be one of the following: %s", Product)
	}
	if !o.Has("block_users") {
		o.Refuse("block_users", metabody.Missing, "is required")
	}
	var people []BlockUser
	for _, entry := range o.List("block_users", MaxBlockUsers) {
		one := BlockUser{Input: entry.Text("user")}
		if one.Input == "" {
			one.Input = entry.Need("user_id")
		}
		if lid, ok := metabody.ParseUserID(one.Input); ok {
			one.Who = lid
		} else if jid, err := number(one.Input); err == nil {
			one.Who = jid
		} else {
			one.Fault = Errorf(CodeParameterValue, "user must be a phone number with its country code")
		}
		people = append(people, one)
	}
	return people, refusal(o)
}

// Blocking is the answer to a request that blocks or unblocks: Added or Removed is set.
type Blocking struct {
	Product string        `json:"messaging_product"`
	Users   blockUsers    `json:"block_users"`
	Errors  *blockFailure `json:"errors,omitempty"`
}

type blockUsers struct {
	Added   *[]blockedUser `json:"added_users,omitempty"`
	Removed *[]blockedUser `json:"removed_users,omitempty"`
	Failed  []failedUser   `json:"failed_users,omitempty"`
}

type blockedUser struct {
	Input  string `json:"input"`
	WaID   string `json:"wa_id,omitempty"`
	UserID string `json:"user_id,omitempty"`
}

type failedUser struct {
	Input  string         `json:"input"`
	WaID   string         `json:"wa_id,omitempty"`
	Errors []blockFailure `json:"errors"`
}

type blockFailure struct {
	Message string       `json:"message"`
	Type    string       `json:"type,omitempty"`
	Code    Code         `json:"code"`
	Data    blockDetails `json:"error_data"`
}

type blockDetails struct {
	Details string `json:"details"`
}

// NewBlocking begins an answer of which nobody is told yet.
func NewBlocking(blocked bool) *Blocking {
	b, done := &Blocking{Product: Product}, &[]blockedUser{}
	if blocked {
		b.Users.Added = done
	} else {
		b.Users.Removed = done
	}
	return b
}

// Done tells of a person who was blocked or unblocked.
func (b *Blocking) Done(u BlockUser) {
	done := b.Users.Added
	if done == nil {
		done = b.Users.Removed
	}
	one := blockedUser{Input: u.Input}
	one.WaID, one.UserID = named(u.Who)
	*done = append(*done, one)
}

// Failed tells of a person who was not, and why.
func (b *Blocking) Failed(u BlockUser, why *Error) {
	details := why.Details
	if details == "" {
		details = why.Code.Title()
	}
	waID, _ := named(u.Who)
	b.Users.Failed = append(b.Users.Failed, failedUser{Input: u.Input, WaID: waID,
		Errors: []blockFailure{{Message: why.message(), Code: why.Code, Data: blockDetails{details}}}})
	b.Errors = &blockFailure{Message: "(#139100) Failed to block/unblock users", Type: "OAuthException", Code: codeBlocking,
		Data: blockDetails{"Failed to block or unblock some users, see the block_users response list for details"}}
}

// named is a person's number, or the id of one of whom only a LID is known.
func named(who engine.JID) (waID, userID string) {
	return metabody.PhoneOf(who), metabody.UserID(who)
}

// BlockedNode is a blocked person as GET answers with it.
func BlockedNode(p engine.Person) Node {
	if p.Phone != "" {
		return Node{{"messaging_product", Product}, {"wa_id", p.Phone.User()}}
	}
	return Node{{"messaging_product", Product}, {"user_id", metabody.UserID(p.LID)}}
}

// PersonCursor is the place of a person in a list that is ordered by address.
func PersonCursor(p engine.Person) string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.Preferred()))
}

// ParsePersonCursor is the address that a cursor stands for.
func ParsePersonCursor(s string) (engine.JID, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || !strings.Contains(string(raw), "@") {
		return "", Errorf(CodeInvalidParameter, "after and before must be cursors of a page")
	}
	return engine.JID(raw), nil
}
