package metabody

import (
	"strings"

	"wapid/engine"
)

// Number reads a phone number as it is given to a recipient's address.
type Number func(string) (engine.JID, error)

// Group is a member that is the id of a group, with or without its server.
func (o Object) Group(name string) engine.JID {
	id := o.Need(name)
	if !strings.Contains(id, "@") {
		id = strings.TrimSpace(id) + "@" + engine.ServerGroup
	}
	group, err := engine.ParseRecipient(id)
	if err != nil || !group.IsGroup() {
		o.Refuse(name, Value, "must be the id of a group")
	}
	return group
}

// unknownCountry stands where Meta's ids of people have their country: that of somebody
// of whom only a LID is known is not.
const unknownCountry = "ZZ"

// UserID is how somebody is named whose number is not known: in the form of Meta's
// business-scoped user ids, a country and then what is the person's own. It is "" for
// an address that is no LID, and a LID never takes the place of a number.
func UserID(lid engine.JID) string {
	if lid.Server() != engine.ServerLID {
		return ""
	}
	return unknownCountry + "." + lid.User()
}

// ParseUserID reads what UserID has made, whatever country it names; ok is false for
// anything else.
func ParseUserID(s string) (lid engine.JID, ok bool) {
	country, digits, cut := strings.Cut(s, ".")
	if !cut || len(country) != 2 || strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", false
	}
	lid, err := engine.ParseRecipient(digits + "@" + engine.ServerLID)
	return lid, err == nil
}

// PhoneOf is the number of somebody's address, "" for one that is none.
func PhoneOf(who engine.JID) string { return who.Person().Phone.User() }
