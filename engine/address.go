package engine

import "strings"

// JID is a WhatsApp address: user@server, without a device part.
type JID string

// Servers of the addresses that a tenant may name.
const (
	ServerPhone      = "s.whatsapp.net"
	ServerLID        = "lid"
	ServerGroup      = "g.us"
	ServerNewsletter = "newsletter"
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
	default:
		return "", Errorf(CodeInvalid, "recipient must end in @s.whatsapp.net, @lid, @g.us or @newsletter")
	}
	if !valid {
		return "", Errorf(CodeInvalid, "recipient is not a valid WhatsApp address")
	}
	return JID(user + "@" + server), nil
}

func parseNumber(s string) (string, error) {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && i == 0, r == ' ', r == '-', r == '(', r == ')', r == '.', r == '/', r == '\u00a0':
		default:
			return "", Errorf(CodeInvalid, "recipient must be a phone number with its country code, or a full JID")
		}
	}
	digits := strings.TrimPrefix(b.String(), "00")
	if len(digits) < 7 || len(digits) > 15 || digits[0] == '0' {
		return "", Errorf(CodeInvalid, "recipient must be a phone number of 7 to 15 digits that begins with its country code")
	}
	return digits, nil
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
