package realtime

import (
	"strings"

	"github.com/google/uuid"

	"wapid/engine"
)

// MessageID is the UUID of a message of a session: the same whenever and to whomever
// it is told.
func MessageID(key engine.SessionKey, id engine.MessageID) string {
	return derive("message", string(key.Tenant), string(key.ID), string(id))
}

// ContactID is the UUID of a person who is not in the contacts book, or of a group.
func ContactID(tenant engine.TenantID, chat engine.JID) string {
	return derive("contact", string(tenant), string(chat))
}

func derive(parts ...string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("wapid\x00"+strings.Join(parts, "\x00"))).String()
}
