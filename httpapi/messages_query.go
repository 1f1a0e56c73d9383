package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// longestSearch is how long a searched text may be, in characters.
const longestSearch = 256

// messageFilter reads what of the log is wanted. It returns CodeInvalid.
func messageFilter(c *fiber.Ctx, p store.Principal, accounts map[engine.SessionID]engine.Person) (f store.MessageFilter, err error) {
	if f.Sessions, err = querySessions(c, p); err != nil {
		return f, err
	}
	if f.Direction, err = queryWord(c, "direction", engine.Outbound, engine.Inbound); err != nil {
		return f, err
	}
	if f.Status, err = queryWord(c, "status", messageStatuses()...); err != nil {
		return f, err
	}
	if f.Kind, err = queryWord(c, "type", messageKinds()...); err != nil {
		return f, err
	}
	if f.To, f.OwnTo, err = queryAddress(c, "to", accounts); err != nil {
		return f, err
	}
	if f.From, f.OwnFrom, err = queryAddress(c, "from", accounts); err != nil {
		return f, err
	}
	if f.Since, err = queryTime(c, "since"); err != nil {
		return f, err
	}
	if f.Until, err = queryTime(c, "until"); err != nil {
		return f, err
	}
	f.Text, _ = queryValue(c, "q")
	if !utf8.ValidString(f.Text) || utf8.RuneCountInString(f.Text) > longestSearch {
		return f, engine.Errorf(engine.CodeInvalid, "q must be a text of at most %d characters", longestSearch)
	}
	return f, nil
}

func messageStatuses() []engine.MessageStatus {
	return []engine.MessageStatus{
		engine.MessageQueued, engine.MessagePending, engine.MessageSent, engine.MessageDelivered, engine.MessageRead,
		engine.MessagePlayed, engine.MessageFailed, engine.MessageUnknown, engine.MessageReceived,
	}
}

func messageKinds() []engine.Kind {
	return []engine.Kind{
		engine.KindText, engine.KindImage, engine.KindVideo, engine.KindAudio, engine.KindVoice, engine.KindDocument,
		engine.KindSticker, engine.KindLocation, engine.KindContact, engine.KindPoll, engine.KindPollVote,
		engine.KindReaction, engine.KindEdit, engine.KindRevoke, engine.KindUnsupported,
	}
}

// queryAddress reads an address and tells which sessions have it for their own.
func queryAddress(c *fiber.Ctx, name string, accounts map[engine.SessionID]engine.Person) (j engine.JID, own []engine.SessionID, err error) {
	raw, given := queryValue(c, name)
	if !given {
		return "", nil, nil
	}
	if j, err = engine.ParseRecipient(raw); err != nil {
		return "", nil, engine.Errorf(engine.CodeInvalid, "%s must be a phone number with its country code, or a full JID", name)
	}
	for id, person := range accounts {
		if person.Phone == j || person.LID == j {
			own = append(own, id)
		}
	}
	return j, own, nil
}

// queryCursor reads where a list goes on; nil for its beginning. It returns CodeInvalid.
func queryCursor(c *fiber.Ctx) (*store.MessageCursor, error) {
	raw, given := queryValue(c, "cursor")
	if !given {
		return nil, nil
	}
	if _, both := queryValue(c, "page"); both {
		return nil, engine.Errorf(engine.CodeInvalid, "cursor and page exclude each other")
	}
	var at store.MessageCursor
	text, err := base64.RawURLEncoding.DecodeString(raw)
	if err == nil {
		err = json.Unmarshal(text, &[]any{&at.At, &at.Seq})
	}
	if err != nil {
		return nil, engine.Errorf(engine.CodeInvalid, "cursor must be the nextCursor of a list")
	}
	return &at, nil
}

func writeCursor(at store.MessageCursor) string {
	// What can't be encoded is not in it.
	text, _ := json.Marshal([]any{at.At, at.Seq})
	return base64.RawURLEncoding.EncodeToString(text)
}

// queryTime reads a time: ISO 8601 with a time zone, a day of UTC, or unix
// milliseconds. It returns CodeInvalid.
func queryTime(c *fiber.Ctx, name string) (time.Time, error) {
	raw, given := queryValue(c, name)
	if !given {
		return time.Time{}, nil
	}
	t, err := parseTime(raw)
	if err != nil {
		return time.Time{}, engine.Errorf(engine.CodeInvalid, "%s must be a time as 2026-03-08T10:30:00Z, or unix milliseconds", name)
	}
	return t, nil
}

// parseTime reads what queryTime takes. It returns CodeInvalid.
func parseTime(raw string) (time.Time, error) {
	if ms, err := strconv.ParseInt(raw, 10, 64); err == nil && ms > 0 && ms < 1<<48 {
		return time.UnixMilli(ms), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, raw); err == nil {
			return t, nil
		}
	}
	return time.Time{}, engine.Errorf(engine.CodeInvalid, "not a time")
}

// queryWord reads one of some words. It returns CodeInvalid.
func queryWord[T ~string](c *fiber.Ctx, name string, words ...T) (T, error) {
	raw, given := queryValue(c, name)
	if !given {
		return "", nil
	}
	list := ""
	for _, w := range words {
		if raw == string(w) {
			return w, nil
		}
		list += ", " + string(w)
	}
	return "", engine.Errorf(engine.CodeInvalid, "%s must be one of %s", name, list[2:])
}
