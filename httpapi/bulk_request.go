package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"wapid/bulk"
	"wapid/engine"
)

// bulkBodies is how much longer than others the body of a bulk request may be,
// its file not counted: a hundred thousand recipients with a name fit.
const bulkBodies = 16

// bulkRequest is what can be asked of the bulk route: everything that can be sent
// to one, to many.
type bulkRequest struct {
	sendRequest
	Recipients []json.RawMessage `json:"recipients"`
	DelayMin   *float64          `json:"delayMin"` // milliseconds
	DelayMax   *float64          `json:"delayMax"` // milliseconds

	StartAt      json.RawMessage `json:"startAt"` // RFC 3339, or unix milliseconds
	Windows      []bulkWindow    `json:"windows"`
	TimeZone     string          `json:"timeZone"` // of the windows; the tenant's unless given
	MaxPerHour   *int            `json:"maxPerHour"`
	Sessions     []string        `json:"sessions"` // beside the one of the path
	CheckNumbers bool            `json:"checkNumbers"`
}

// bulkWindow is a time of the day at which a job may send.
type bulkWindow struct {
	Days []string `json:"days"`
	From string   `json:"from"`
	To   string   `json:"to"`
}

// forMany names the types that make sense for many: the others are about one
// message in one chat.
var forMany = map[string]bool{
	"": true, "text": true, "image": true, "video": true, "document": true, "audio": true, "sticker": true,
	"poll": true, "location": true, "contact": true,
}

// Large jobs are taken a few at a time: a list of recipients takes many times its
// length while it is read and checked, some 200 MB for the largest.
const (
	mostBulk       = 3
	mostTenantBulk = 1
	// shortBulk is how long a body, in bytes, is taken at once.
	shortBulk = 64 << 10
	// bulkPatience is how long a request waits for others of its tenant.
	bulkPatience = 30 * time.Second
)

// enterBulk waits until the job of a request may be read; leave lets the next one
// in. It returns CodeRateLimited.
func (s *Server) enterBulk(c *fiber.Ctx, t engine.TenantID) (leave func(), err error) {
	if n := c.Request().Header.ContentLength(); n >= 0 && n <= shortBulk {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), s.bulkPatience)
	defer cancel()
	leave, err = s.jobs.enter(ctx, t)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &engine.Error{Code: engine.CodeRateLimited, Message: "other large bulk jobs are being taken; nothing was done", RetryAfter: s.bulkPatience}
	}
	return leave, err
}

// readBulk reads the body and puts the file that it brings into the spool. What it
// returns as sending is the caller's to discard, also after an error; see readSend
// for those.
func (s *Server) readBulk(c *fiber.Ctx) (in *sending, req bulkRequest, err error) {
	in = &sending{}
	if kind, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType)); err == nil && kind == "multipart/form-data" {
		if !plainEncoding(c) {
			return in, req, errCompressed()
		}
		return s.readBulkForm(uploadOf(c), params["boundary"])
	}
	if err := checkMedia(c.Get(fiber.HeaderContentType), c.Get(fiber.HeaderContentEncoding)); err != nil {
		return in, req, err
	}
	file := &lateFile{spool: s.spool, limit: s.maxMedia}
	defer file.discard()
	decoder := &base64Writer{to: file}
	h := sha256.New()
	rest, err := divert(io.TeeReader(uploadOf(c), h), c.Request().Header.ContentLength(), "mediaBase64", decoder, bulkBodies*s.maxBody)
	if err != nil {
		return in, req, err
	}
	if err := parseJSON(rest, &req); err != nil {
		return in, req, err
	}
	if err := decoder.finish(); err != nil {
		return in, req, err
	}
	in.request, in.digest, in.hint.MIME = req.sendRequest, h.Sum(nil), decoder.mimeType
	if in.file, err = file.finish(); err != nil {
		return in, req, err
	}
	if req.MediaBase64 != "" && in.file.Path == "" {
		return in, req, engine.Errorf(engine.CodeInvalid, "mediaBase64 holds no bytes")
	}
	return in, req, nil
}

// message is what every recipient is sent, but for the file. It returns CodeInvalid.
func (r bulkRequest) message() (engine.Outgoing, error) {
	switch {
	case r.To != "":
		return engine.Outgoing{}, engine.Errorf(engine.CodeInvalid, "to does not go with a bulk job, recipients does")
	case r.QuotedMessageID != "":
		return engine.Outgoing{}, engine.Errorf(engine.CodeInvalid, "quotedMessageId does not go with a bulk job")
	case len(r.Choices) > 0 || r.ChoicesStyle != "":
		return engine.Outgoing{}, engine.Errorf(engine.CodeInvalid, "choices do not go with a bulk job")
	case fieldsOf(r.Type) != nil && !forMany[r.Type]:
		return engine.Outgoing{}, engine.Errorf(engine.CodeInvalid, "type %s can't be sent to many", r.Type)
	}
	one := r.sendRequest
	one.To = "0@" + engine.ServerLID // nobody: each item has its own
	m, err := one.outgoing()
	m.To = ""
	return m, err
}

// delays reads how far apart the sends are. It returns CodeInvalid.
func (r bulkRequest) delays() (low, high time.Duration, err error) {
	low, high = bulk.DefaultDelayMin, bulk.DefaultDelayMax
	for _, d := range []struct {
		name  string
		given *float64
		into  *time.Duration
	}{{"delayMin", r.DelayMin, &low}, {"delayMax", r.DelayMax, &high}} {
		if d.given == nil {
			continue
		}
		if most := float64(bulk.MaxDelay.Milliseconds()); *d.given < 0 || *d.given > most {
			return 0, 0, engine.Errorf(engine.CodeInvalid, "%s must be from 0 to %.0f milliseconds", d.name, most)
		}
		*d.into = time.Duration(*d.given) * time.Millisecond
	}
	switch {
	case low <= high:
		return low, high, nil
	case r.DelayMax == nil: // only the lower one is given, above the usual upper one
		return low, low, nil
	case r.DelayMin == nil:
		return high, high, nil
	}
	return 0, 0, engine.Errorf(engine.CodeInvalid, "delayMin must not be greater than delayMax")
}

// plan reads the recipients, a number, an address or an object each. It returns
// CodeInvalid for an entry that is neither; one that names nobody is the plan's to tell.
func (r bulkRequest) plan(m engine.Outgoing) (bulk.Plan, error) {
	switch {
	case len(r.Recipients) == 0:
		return bulk.Plan{}, errMissing("recipients")
	case len(r.Recipients) > bulk.MaxRecipients:
		return bulk.Plan{}, engine.Errorf(engine.CodeInvalid, "recipients must not have more than %d entries", bulk.MaxRecipients)
	}
	list := make([]bulk.Recipient, len(r.Recipients))
	for i, raw := range r.Recipients {
		var err error
		if list[i], err = parseRecipient(i, raw); err != nil {
			return bulk.Plan{}, err
		}
	}
	return bulk.MakePlan(list, m.Text, unfitFor(m)), nil
}

// unfitFor tells why a text that was filled in can't be that of a message, or "".
func unfitFor(m engine.Outgoing) func(text string) (reason string) {
	return func(text string) string {
		tooLong := len(text) > engine.MaxTextLength
		if m.Poll != nil {
			tooLong = utf8.RuneCountInString(text) > maxQuestion
		}
		switch {
		case tooLong:
			return "the message is too long with this recipient's fields"
		case text == "" && (m.Kind == engine.KindText || m.Poll != nil): // a file may go without a caption
			return "the message is empty with this recipient's fields"
		}
		return ""
	}
}

func parseRecipient(i int, raw json.RawMessage) (bulk.Recipient, error) {
	if phone, ok := parseScalar(raw); ok {
		return bulk.Recipient{Phone: phone}, nil
	}
	if len(raw) == 0 || raw[0] != '{' {
		return bulk.Recipient{}, engine.Errorf(engine.CodeInvalid, "recipients[%d] must be a phone number or an object with a phone", i)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return bulk.Recipient{}, engine.WrapError(engine.CodeInvalid, err, "recipients can't be read")
	}
	fields := make(map[string]string, len(object))
	for name, value := range object {
		if bytes.Equal(value, []byte("null")) {
			continue
		}
		text, ok := parseScalar(value)
		if !ok {
			return bulk.Recipient{}, engine.Errorf(engine.CodeInvalid, "%s of recipients[%d] must be a string or a number", quoteName(name), i)
		}
		fields[name] = text
	}
	phone, ok := fields[bulk.PhoneField]
	if !ok {
		return bulk.Recipient{}, engine.Errorf(engine.CodeInvalid, "phone of recipients[%d] is required", i)
	}
	return bulk.Recipient{Phone: phone, Fields: fields}, nil
}

// parseScalar reads a string, or a number as it is written.
func parseScalar(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 {
		return "", false
	}
	if raw[0] == '"' {
		return text, json.Unmarshal(raw, &text) == nil
	}
	if raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
		return string(raw), true
	}
	return "", false
}
