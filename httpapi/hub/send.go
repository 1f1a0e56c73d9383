package hub

import (
	"bytes"
	"encoding/json"
	"path"
	"strconv"
	"strings"

	"wapid/engine"
)

// MostVariables is how many variables a template can be given.
const MostVariables = 100

// maxPlace bounds the name and the address of a location, in bytes.
const maxPlace = 1024

// Send is a request to send, as it was understood.
type Send struct {
	// Message has neither an id nor a file. Of a template only To is set.
	Message engine.Outgoing
	// MediaURL is set for every kind that has a file, and FileName if the caller gave it.
	// Of a template it is the file of the header.
	MediaURL, FileName string
	// Template is the name of a template, or its id; "" for none.
	Template  string
	Language  string // "" for any that the template has
	Variables map[string]string
	// Session and From say who sends: a session's id, or its number in digits; at most one is set.
	Session engine.SessionID
	From    string
	// ReplyTo is the id of a message that this one answers, as the caller has it.
	ReplyTo string
}

type sendBody struct {
	To        string          `json:"to"`
	Message   string          `json:"message"`
	Type      string          `json:"type"`
	Template  string          `json:"template"`
	Language  string          `json:"language"`
	Variables json.RawMessage `json:"variables"`
	MediaURL  string          `json:"media_url"`
	Caption   string          `json:"caption"`
	FileName  string          `json:"filename"`
	Session   string          `json:"session"`
	From      string          `json:"from"`
	ReplyTo   string          `json:"reply_to"`
	Latitude  *float64        `json:"latitude"`
	Longitude *float64        `json:"longitude"`
	Name      string          `json:"name"`
	Address   string          `json:"address"`
}

// DecodeSend reads the body of messages/send. It returns CodeInvalid.
func DecodeSend(raw []byte) (Send, error) {
	var b sendBody
	if err := parse(raw, &b); err != nil {
		return Send{}, err
	}
	for _, f := range []struct{ name, text string }{
		{"template", b.Template}, {"language", b.Language}, {"filename", b.FileName}, {"reply_to", b.ReplyTo},
	} {
		if err := short(f.name, f.text); err != nil {
			return Send{}, err
		}
	}
	s := Send{FileName: b.FileName, ReplyTo: b.ReplyTo}
	if err := b.setSender(&s); err != nil {
		return Send{}, err
	}
	if strings.TrimSpace(b.To) == "" {
		return Send{}, invalid("to is required")
	}
	to, err := engine.ParseRecipient(b.To)
	if err != nil {
		return Send{}, err
	}
	s.Message.To = to
	if b.Template != "" || b.Type == "template" {
		err = b.setTemplate(&s)
	} else {
		err = b.setMessage(&s)
	}
	if err != nil {
		return Send{}, err
	}
	return s, nil
}

// setSender reads which session is to send, which may be left open.
func (b sendBody) setSender(s *Send) error {
	if b.Session != "" && b.From != "" {
		return invalid("give either session or from")
	}
	if b.Session != "" {
		id, err := engine.ParseSessionID(b.Session)
		s.Session = id
		return err
	}
	if b.From == "" {
		return nil
	}
	own, err := engine.ParseRecipient(b.From)
	if err != nil || own.Server() != engine.ServerPhone {
		return invalid("from must be the phone number of one of your sessions, with its country code")
	}
	s.From = own.User()
	return nil
}

func (b sendBody) setTemplate(s *Send) (err error) {
	switch {
	case b.Template == "":
		return invalid("template is required with the type template")
	case b.Type != "" && b.Type != "template" && b.Type != "text":
		return invalid("type must be template where a template is given")
	case b.Caption != "":
		return invalid("caption does not go with a template")
	}
	s.Template, s.Language, s.MediaURL = b.Template, b.Language, b.MediaURL // the file of its header
	s.Variables, err = variables(b.Variables)
	return err
}

func (b sendBody) setMessage(s *Send) error {
	kind := engine.Kind(b.Type)
	if kind == "" {
		kind = engine.KindText
		if b.MediaURL != "" {
			kind = kindOfFile(b.MediaURL, b.FileName)
		}
	}
	s.Message.Kind = kind
	switch kind {
	case engine.KindText:
		s.Message.Text = b.Message
		if strings.TrimSpace(b.Message) == "" {
			return invalid("message is required")
		}
		if b.MediaURL != "" || b.Caption != "" {
			return invalid("media_url and caption do not go with the type text")
		}
	case engine.KindImage, engine.KindVideo, engine.KindDocument:
		if b.Caption != "" && b.Message != "" && b.Caption != b.Message {
			return invalid("give either message or caption")
		}
		s.Message.Text = b.Caption
		if b.Caption == "" {
			s.Message.Text = b.Message
		}
	case engine.KindAudio, engine.KindVoice, engine.KindSticker:
		if b.Caption != "" || b.Message != "" {
			return invalid("message and caption do not go with the type %s", kind)
		}
	case engine.KindLocation:
		return b.setLocation(&s.Message)
	default:
		return invalid("type must be text, image, video, document, audio, voice, sticker, location or template")
	}
	if len(s.Message.Text) > engine.MaxTextLength {
		return invalid("message is longer than %d bytes", engine.MaxTextLength)
	}
	if !kind.HasMedia() {
		return nil
	}
	if b.MediaURL == "" {
		return invalid("media_url is required with the type %s", kind)
	}
	s.MediaURL = b.MediaURL
	return nil
}

func (b sendBody) setLocation(m *engine.Outgoing) error {
	switch {
	case b.Latitude == nil || b.Longitude == nil:
		return invalid("latitude and longitude are required with the type location")
	case *b.Latitude < -90 || *b.Latitude > 90 || *b.Longitude < -180 || *b.Longitude > 180:
		return invalid("latitude must be from -90 to 90 degrees, and longitude from -180 to 180")
	case len(b.Name) > maxPlace || len(b.Address) > maxPlace:
		return invalid("name and address must not be longer than %d bytes", maxPlace)
	case b.Message != "" || b.Caption != "" || b.MediaURL != "":
		return invalid("message, caption and media_url do not go with the type location")
	}
	m.Location = &engine.Location{Latitude: *b.Latitude, Longitude: *b.Longitude, Name: b.Name, Address: b.Address}
	return nil
}

// kindOfFile guesses from the ending of a file's name or URL; a document holds anything.
func kindOfFile(url, name string) engine.Kind {
	if name == "" {
		name, _, _ = strings.Cut(url, "?")
		name, _, _ = strings.Cut(name, "#")
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png":
		return engine.KindImage
	case ".mp4", ".3gp":
		return engine.KindVideo
	case ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".amr":
		return engine.KindAudio
	case ".webp":
		return engine.KindSticker
	}
	return engine.KindDocument
}

// variables reads an object of names, or numbers, and their values; a list stands for the
// numbers from 1 on. Values are texts, or numbers and truth values as they were written.
func variables(raw json.RawMessage) (map[string]string, error) {
	trimmed := bytes.TrimSpace(raw)
	all := make(map[string]string)
	switch {
	case len(trimmed) == 0 || string(trimmed) == "null":
		return all, nil
	case trimmed[0] == '[':
		var list []json.RawMessage
		if err := json.Unmarshal(trimmed, &list); err != nil {
			return nil, invalid("variables must be an object")
		}
		for i, one := range list {
			value, err := scalar(one)
			if err != nil {
				return nil, err
			}
			all[strconv.Itoa(i+1)] = value
		}
	default:
		var named map[string]json.RawMessage
		if err := json.Unmarshal(trimmed, &named); err != nil {
			return nil, invalid("variables must be an object")
		}
		for name, one := range named {
			if string(one) == "null" {
				continue
			}
			value, err := scalar(one)
			if err != nil {
				return nil, err
			}
			all[name] = value
		}
	}
	if len(all) > MostVariables {
		return nil, invalid("variables must not have more than %d entries", MostVariables)
	}
	return all, nil
}

// scalar is a single value as a text.
func scalar(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", invalid("the values in variables must be texts or numbers")
		}
		return text, nil
	case '{', '[', 'n':
		return "", invalid("the values in variables must be texts or numbers")
	}
	return string(raw), nil
}

// Change is what is asked of a message that exists: to be marked as read, or another text.
type Change struct {
	Read bool
	Text string // of an edit
	// Session says whose message it is, where that is not clear from its id.
	Session engine.SessionID
}

// DecodeChange reads the body of PUT messages/{id}. It returns CodeInvalid.
func DecodeChange(raw []byte) (c Change, err error) {
	var b struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Session string `json:"session"`
	}
	if err := parse(raw, &b); err != nil {
		return c, err
	}
	if b.Session != "" {
		if c.Session, err = engine.ParseSessionID(b.Session); err != nil {
			return Change{}, err
		}
	}
	switch {
	case b.Status != "" && b.Message != "":
		return Change{}, invalid("give either status or message")
	case b.Status != "" && b.Status != "read":
		return Change{}, invalid("status must be read")
	case b.Status != "":
		c.Read = true
	case strings.TrimSpace(b.Message) == "":
		return Change{}, invalid("status or message is required")
	case len(b.Message) > engine.MaxTextLength:
		return Change{}, invalid("message is longer than %d bytes", engine.MaxTextLength)
	}
	c.Text = b.Message
	return c, nil
}

// Sent is the answer to messages/send.
type Sent struct {
	Success   bool   `json:"success"`
	MessageID string `json:"message_id"`
	Status    string `json:"status"`
	To        string `json:"to"`
}
