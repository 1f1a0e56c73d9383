package httpapi

import (
	"slices"
	"strings"

	"wapid/engine"
)

// sendRequest is what can be asked of the send route. Its fields' names are those
// of JSON and of multipart forms alike.
type sendRequest struct {
	To              string        `json:"to"`
	Message         string        `json:"message"`
	Type            string        `json:"type"`
	Header          string        `json:"header"`
	Footer          string        `json:"footer"`
	MediaURL        string        `json:"mediaUrl"`
	MediaBase64     string        `json:"mediaBase64"` // a mark that it was given: the text itself goes to the spool
	MediaMimeType   string        `json:"mediaMimeType"`
	FileName        string        `json:"fileName"`
	PTT             bool          `json:"ptt"`
	Options         []string      `json:"options"`
	SelectableCount *int          `json:"selectableCount"`
	Latitude        *float64      `json:"latitude"`
	Longitude       *float64      `json:"longitude"`
	LocationName    string        `json:"locationName"`
	LocationAddress string        `json:"locationAddress"`
	Contacts        []sendContact `json:"contacts"`
	Emoji           *string       `json:"emoji"`
	MessageID       string        `json:"messageId"`
	QuotedMessageID string        `json:"quotedMessageId"`
	Mentions        []string      `json:"mentions"`
	LinkPreview     bool          `json:"linkPreview"`
	ViewOnce        bool          `json:"viewOnce"`
	Choices         []sendChoice  `json:"choices"`
	ChoicesStyle    string        `json:"choicesStyle"`
	CallbackData    string        `json:"callbackData"`

	// hasFile tells that a multipart form brought the file.
	hasFile bool
}

// sendContact is a card: a name with a phone number, or a vCard.
type sendContact struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
	VCard string `json:"vcard"`
}

// Fields that go with several types.
var (
	mediaFields = []string{"mediaUrl", "mediaBase64", "file", "mediaMimeType", "fileName", "quotedMessageId"}
	textFields  = []string{"message", "header", "footer", "mentions"}
	asked       = []string{"choices", "choicesStyle"}
)

// fieldsOf names the fields that go with a type beside to, type and callbackData, nil
// if there is no such type.
func fieldsOf(kind string) []string {
	switch kind {
	case "text":
		return slices.Concat(textFields, asked, []string{"quotedMessageId", "linkPreview"})
	case "image", "video":
		return slices.Concat(textFields, mediaFields, asked, []string{"viewOnce"})
	case "document":
		return slices.Concat(textFields, mediaFields, asked)
	case "audio":
		return slices.Concat(mediaFields, []string{"message", "header", "footer", "ptt", "viewOnce"})
	case "sticker":
		return mediaFields
	case "poll":
		return []string{"message", "header", "footer", "options", "selectableCount", "quotedMessageId"}
	case "location":
		return []string{"message", "latitude", "longitude", "locationName", "locationAddress", "quotedMessageId"}
	case "contact":
		return []string{"contacts", "quotedMessageId"}
	case "reaction":
		return []string{"messageId", "emoji"}
	case "edit":
		return slices.Concat(textFields, []string{"messageId"})
	case "revoke":
		return []string{"messageId"}
	}
	return nil
}

// given names the fields that hold something. What is empty, false or null counts
// as absent, save an emoji: an empty one takes a reaction back.
func (r sendRequest) given() []string {
	var names []string
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"message", r.Message != ""}, {"header", r.Header != ""}, {"footer", r.Footer != ""},
		{"mediaUrl", r.MediaURL != ""}, {"mediaBase64", r.MediaBase64 != ""}, {"file", r.hasFile},
		{"mediaMimeType", r.MediaMimeType != ""}, {"fileName", r.FileName != ""}, {"ptt", r.PTT},
		{"options", len(r.Options) > 0}, {"selectableCount", r.SelectableCount != nil},
		{"latitude", r.Latitude != nil}, {"longitude", r.Longitude != nil},
		{"locationName", r.LocationName != ""}, {"locationAddress", r.LocationAddress != ""},
		{"contacts", len(r.Contacts) > 0}, {"emoji", r.Emoji != nil}, {"messageId", r.MessageID != ""},
		{"quotedMessageId", r.QuotedMessageID != ""}, {"mentions", len(r.Mentions) > 0},
		{"linkPreview", r.LinkPreview}, {"viewOnce", r.ViewOnce},
		{"choices", len(r.Choices) > 0}, {"choicesStyle", r.ChoicesStyle != ""},
	} {
		if f.given {
			names = append(names, f.name)
		}
	}
	return names
}

// outgoing checks a request and makes the message of it, without an id and without
// its file. It returns CodeInvalid.
func (r sendRequest) outgoing() (engine.Outgoing, error) {
	var m engine.Outgoing
	if r.Type == "" {
		r.Type = "text"
	}
	fields := fieldsOf(r.Type)
	if fields == nil {
		return m, engine.Errorf(engine.CodeInvalid, "type must be text, image, video, document, audio, poll, sticker, location, "+
			"contact, reaction, edit or revoke")
	}
	for _, name := range r.given() {
		if !slices.Contains(fields, name) {
			return m, engine.Errorf(engine.CodeInvalid, "%s does not go with type %s", name, r.Type)
		}
	}
	if strings.TrimSpace(r.To) == "" {
		return m, engine.Errorf(engine.CodeInvalid, "to is required")
	}
	var err error
	if m.To, err = engine.ParseRecipient(r.To); err != nil {
		return engine.Outgoing{}, err
	}
	if err = r.setContent(&m); err == nil {
		err = r.setText(&m)
	}
	if err == nil {
		err = r.setChoices(&m)
	}
	if err == nil {
		err = r.setReferences(&m)
	}
	if err == nil {
		err = r.setCallback(&m)
	}
	if err != nil {
		return engine.Outgoing{}, err
	}
	return m, nil
}

// setText composes text and captions, and limits them.
func (r sendRequest) setText(m *engine.Outgoing) error {
	switch m.Kind {
	case engine.KindText, engine.KindEdit:
		if strings.TrimSpace(r.Message) == "" {
			return errMissing("message")
		}
		fallthrough
	case engine.KindImage, engine.KindVideo, engine.KindDocument, engine.KindAudio, engine.KindVoice:
		// WhatsApp has no captions under audio: the API takes one, and only the
		// message log keeps it.
		m.Text = compose(r.Header, r.Message, r.Footer)
	case engine.KindLocation:
		m.Text = r.Message
	}
	if len(m.Text) > engine.MaxTextLength {
		return engine.Errorf(engine.CodeInvalid, "message with header and footer is longer than %d bytes", engine.MaxTextLength)
	}
	return nil
}

// setReferences names the messages and people that the message refers to.
func (r sendRequest) setReferences(m *engine.Outgoing) error {
	m.ViewOnce = r.ViewOnce
	if r.ViewOnce && m.Kind == engine.KindAudio {
		return engine.Errorf(engine.CodeInvalid, "viewOnce goes with audio only if ptt is true")
	}
	if r.QuotedMessageID != "" {
		id, err := messageID("quotedMessageId", r.QuotedMessageID)
		if err != nil {
			return err
		}
		m.Quoted = &engine.MessageRef{ID: id}
	}
	if len(r.Mentions) > maxMentions {
		return engine.Errorf(engine.CodeInvalid, "mentions must not have more than %d entries", maxMentions)
	}
	for i, raw := range r.Mentions {
		jid, err := engine.ParseRecipient(raw)
		if err != nil || jid.Server() != engine.ServerPhone && jid.Server() != engine.ServerLID {
			return engine.Errorf(engine.CodeInvalid, "mentions[%d] must be a phone number with its country code, or a person's JID", i)
		}
		if !slices.Contains(m.Mentions, jid) {
			m.Mentions = append(m.Mentions, jid)
		}
	}
	return nil
}

// messageID checks an id that a caller names.
func messageID(field, s string) (engine.MessageID, error) {
	valid := len(s) <= maxMessageID
	for i := 0; valid && i < len(s); i++ {
		valid = s[i] > ' ' && s[i] <= '~'
	}
	if !valid {
		return "", engine.Errorf(engine.CodeInvalid, "%s must be the id of a message", field)
	}
	return engine.MessageID(s), nil
}

func errMissing(field string) error {
	return engine.Errorf(engine.CodeInvalid, "%s is required", field)
}

// compose puts a bold header above and an italic footer below a message, each
// only if it is given.
func compose(header, message, footer string) string {
	var parts []string
	if header != "" {
		parts = append(parts, "*"+header+"*")
	}
	if message != "" {
		parts = append(parts, message)
	}
	if footer != "" {
		parts = append(parts, "_"+footer+"_")
	}
	return strings.Join(parts, "\n\n")
}
