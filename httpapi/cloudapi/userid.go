package cloudapi

import (
	"strings"

	"wapid/engine"
)

// unknownCountry stands where Meta's ids of people have their country: that of somebody
// of whom only a LID is known is not.
const unknownCountry = "ZZ"

// UserID is how somebody is named whose number is not known: in the form of Meta's
// business-scoped user ids, a country and then what is the person's own. It is "" for
// an address that is no LID.
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
