package httpapi

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// queryNumber reads a whole number of the query. It returns CodeInvalid.
func queryNumber(c *fiber.Ctx, name string, absent, least, most int) (int, error) {
	raw, given := queryValue(c, name)
	if !given {
		return absent, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < least || n > most {
		return 0, engine.Errorf(engine.CodeInvalid, "%s must be a number from %d to %d", name, least, most)
	}
	return n, nil
}

// querySessions are the sessions that a list is about: the one of ?sessionId=, or
// those that the key reaches, nil for all. One that the key does not reach has
// nothing to list, as has one that does not exist. It returns CodeInvalid.
func querySessions(c *fiber.Ctx, p store.Principal) ([]engine.SessionID, error) {
	raw, given := queryValue(c, "sessionId")
	if !given {
		return p.Sessions, nil
	}
	id, err := engine.ParseSessionID(raw)
	if err != nil {
		return nil, err
	}
	if !p.Reaches(id) {
		return []engine.SessionID{}, nil
	}
	return []engine.SessionID{id}, nil
}

// pagesOf is how many pages a list has.
func pagesOf(total, limit int) int { return (total + limit - 1) / limit }

// plainAddress shows a phone number as digits, as the document does, and any other
// address in full.
func plainAddress(j engine.JID) string {
	if j.Server() == engine.ServerPhone {
		return j.User()
	}
	return string(j)
}
