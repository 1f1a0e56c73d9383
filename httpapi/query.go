package httpapi

import (
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

// maxWait is how long a status request may wait, in seconds.
const maxWait = 60

// longestQuoted is how much of an unknown parameter's name is told, in bytes.
const longestQuoted = 64

// checkQuery refuses parameters that are not known and ones that are given
// twice: a slip in ?logout=false must not unlink a number. It returns CodeInvalid
// with the name of the first such parameter.
func checkQuery(c *fiber.Ctx, known []string) error {
	var err error
	var seen []string
	c.Context().QueryArgs().VisitAll(func(key, _ []byte) {
		name := string(key)
		switch {
		case err != nil:
		case !slices.Contains(known, name):
			err = engine.Errorf(engine.CodeInvalid, "unknown query parameter %q", name[:min(len(name), longestQuoted)])
		case slices.Contains(seen, name):
			err = engine.Errorf(engine.CodeInvalid, "the query parameter %q is given twice", name)
		}
		seen = append(seen, name)
	})
	return err
}

// queryValue reads a parameter; given tells whether it is there, if only empty.
func queryValue(c *fiber.Ctx, name string) (value string, given bool) {
	args := c.Context().QueryArgs()
	return string(args.Peek(name)), args.Has(name)
}

// queryWait reads how many seconds a request may wait: 0 to maxWait. It returns
// CodeInvalid.
func queryWait(c *fiber.Ctx) (time.Duration, error) {
	raw, given := queryValue(c, "wait")
	if !given {
		return 0, nil
	}
	seconds, err := strconv.Atoi(raw)
	if err != nil || seconds < 0 || seconds > maxWait {
		return 0, engine.Errorf(engine.CodeInvalid, "wait must be a number of seconds from 0 to %d", maxWait)
	}
	return time.Duration(seconds) * time.Second, nil
}

// queryBool reads a true or false from the query. It returns CodeInvalid.
func queryBool(c *fiber.Ctx, name string, absent bool) (bool, error) {
	raw, given := queryValue(c, name)
	if !given {
		return absent, nil
	}
	value, err := strconv.ParseBool(raw)
	if err != nil {
		return false, engine.Errorf(engine.CodeInvalid, "%s must be true or false", name)
	}
	return value, nil
}

// queryWithin reads a whole number within bounds. It returns CodeInvalid.
func queryWithin(c *fiber.Ctx, name string, absent, least, most int) (int, error) {
	raw, given := queryValue(c, name)
	if !given {
		return absent, nil
	}
	value, err := strconv.Atoi(raw)
	if err != nil || value < least || value > most {
		return 0, engine.Errorf(engine.CodeInvalid, "%s must be a number from %d to %d", name, least, most)
	}
	return value, nil
}
