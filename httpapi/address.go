package httpapi

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

// personBody is a person in answers. Either address may be missing where WhatsApp
// has not told it.
type personBody struct {
	JID         engine.JID `json:"jid,omitempty"`
	PhoneNumber string     `json:"phoneNumber,omitempty"` // digits
	LID         engine.JID `json:"lid,omitempty"`
}

func personOf(p engine.Person) personBody {
	return personBody{JID: p.Preferred(), PhoneNumber: p.Phone.User(), LID: p.LID}
}

// pathAddress reads a number or an address from the path, percent-decoded. It
// returns CodeInvalid.
func pathAddress(c *fiber.Ctx, name string) (engine.JID, error) {
	raw, err := url.PathUnescape(c.Params(name))
	if err != nil {
		return "", engine.Errorf(engine.CodeInvalid, "the %s in the path is not encoded properly", name)
	}
	return engine.ParseRecipient(raw)
}

// pathGroup reads a group's id from the path, with or without @g.us. It returns
// CodeInvalid.
func pathGroup(c *fiber.Ctx) (engine.JID, error) {
	raw, err := url.PathUnescape(c.Params("groupId"))
	if err != nil {
		return "", engine.Errorf(engine.CodeInvalid, "the group id in the path is not encoded properly")
	}
	if !strings.Contains(raw, "@") {
		raw += "@" + engine.ServerGroup
	}
	jid, err := engine.ParseRecipient(raw)
	if err != nil || !jid.IsGroup() {
		return "", engine.Errorf(engine.CodeInvalid, "the group id must look like 120363025246125486@g.us")
	}
	return jid, nil
}

// parsePerson reads the address of a person from a body. It returns CodeInvalid,
// also for groups and channels.
func parsePerson(field, raw string) (engine.JID, error) {
	if strings.TrimSpace(raw) == "" {
		return "", engine.Errorf(engine.CodeInvalid, "%s is required", field)
	}
	jid, err := engine.ParseRecipient(raw)
	if err != nil {
		return "", err
	}
	if server := jid.Server(); server != engine.ServerPhone && server != engine.ServerLID {
		return "", engine.Errorf(engine.CodeInvalid, "%s must be a person: a phone number, or an address that ends in @s.whatsapp.net or @lid", field)
	}
	return jid, nil
}
