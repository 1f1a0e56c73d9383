package engine

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// JID is a WhatsApp address: user@server, without a device part.
type JID string

// Servers of the addresses that a tenant may name.
const (
	ServerPhone      = "s.whatsapp.net"
	ServerLID        = "lid"
	ServerGroup      = "g.us"
	ServerNewsletter = "newsletter"
	// ServerBSUID is of people of whom Meta's official API tells no number: the user is
	// the id that it knows them by towards one business, such as US.13491208655302741918.
	ServerBSUID = "bsuid"
)

// Person is a WhatsApp account under both of its addresses. Either may be
// empty where the network has not told it.
type Person struct {
	Phone JID // 919876543210@s.whatsapp.net
	LID   JID // 123456789012345@lid
}

// Preferred is the phone-number address where it is known, else the LID.
func (p Person) Preferred() JID {
	if p.Phone != "" {
		return p.Phone
	}
	return p.LID
}

// Person is who stands at an address as far as that says: nobody for a group's, or
// for what is none.
func (j JID) Person() Person {
	switch j.Server() {
	case ServerPhone:
		return Person{Phone: j}
	case ServerLID, ServerBSUID: // neither tells a number
		return Person{LID: j}
	}
	return Person{}
}

// User is the part before the @.
func (j JID) User() string {
	user, _, _ := strings.Cut(string(j), "@")
	return user
}

// Server is the part after the @.
func (j JID) Server() string {
	_, server, _ := strings.Cut(string(j), "@")
	return server
}

// IsGroup tells whether the address names a group chat.
func (j JID) IsGroup() bool { return j.Server() == ServerGroup }

// ParseRecipient turns what a caller gives as a recipient into an address: a
// phone number with its country code, with or without "+", a leading "00",
// spaces and punctuation, or a full JID of a person, group or newsletter.
// E.164 allows at most 15 digits; 7 is the least that is accepted. It returns
// CodeInvalid.
func ParseRecipient(s string) (JID, error) {
	s = strings.TrimSpace(s)
	if user, server, ok := strings.Cut(s, "@"); ok {
		return parseJID(user, server)
	}
	digits, err := parseNumber(s)
	if err != nil {
		return "", err
	}
	return JID(digits + "@" + ServerPhone), nil
}

func parseJID(user, server string) (JID, error) {
	valid := false
	switch server {
	case ServerPhone:
		valid = isDigits(user) && len(user) >= 7 && len(user) <= 15 && user[0] != '0'
	case ServerLID, ServerNewsletter:
		valid = isDigits(user) && len(user) <= 20
	case ServerGroup:
		// Groups made before 2021 are "creator-timestamp".
		a, b, two := strings.Cut(user, "-")
		valid = isDigits(a) && (!two || isDigits(b)) && len(user) <= 40
	case ServerBSUID:
		valid = isBSUID(user)
	default:
		return "", Errorf(CodeInvalid, "recipient must end in @s.whatsapp.net, @lid, @g.us or @newsletter")
	}
	if !valid {
		return "", Errorf(CodeInvalid, "recipient is not a valid WhatsApp address")
	}
	return JID(user + "@" + server), nil
}

// parseNumber reads a phone number in international notation into the digits of
// E.164. A trunk prefix behind the country code, as in "+44 (0)20…", is left out
// where the country's numbering plan has one.
func parseNumber(s string) (string, error) {
	digits, err := dialled(s)
	if err != nil {
		return "", err
	}
	if len(digits) < 7 || len(digits) > 16 || digits[0] == '0' { // one more than E.164 for a trunk prefix
		return "", errNumber()
	}
	digits = canonical(digits)
	if len(digits) > 15 {
		return "", errNumber()
	}
	return digits, nil
}

func errNumber() error {
	return Errorf(CodeInvalid, "recipient must be a phone number of 7 to 15 digits that begins with its country code")
}

// dialled keeps the digits of a number and checks what stands between them. The
// marks of text direction come with numbers that were copied out of address books.
func dialled(s string) (string, error) {
	var b strings.Builder
	plus := false
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && b.Len() == 0 && !plus:
			plus = true
		case strings.ContainsRune(" \t-().,/~\u00a0\u00ad\u200b\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2212", r):
		case r >= '\u200e' && r <= '\u200f', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		default:
			return "", Errorf(CodeInvalid, "recipient must be a phone number with its country code, or a full JID")
		}
	}
	if plus {
		return b.String(), nil
	}
	return strings.TrimPrefix(b.String(), "00"), nil
}

// canonical corrects the digits by the numbering plan of their country, where
// that makes a number of a possible length. What the plan does not know stays as
// it is: WhatsApp has accounts under numbers that no plan lists any more.
func canonical(digits string) string {
	const anyRegion = "ZZ"
	n, err := phonenumbers.Parse("+"+digits, anyRegion)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE {
		return digits
	}
	corrected := strings.TrimPrefix(phonenumbers.Format(n, phonenumbers.E164), "+")
	if len(corrected) < 7 {
		return digits
	}
	return corrected
}

// isBSUID tells whether s has the form of Meta's business-scoped user ids: a country's
// two letters, a dot, and up to 128 letters, digits and, in ids that several businesses
// share, dots.
func isBSUID(s string) bool {
	country, id, ok := strings.Cut(s, ".")
	if !ok || len(country) != 2 || id == "" || len(id) > 128 {
		return false
	}
	for _, c := range country {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '.' {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	if s == "" {
		return false
	}
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}
