package httpapi

import (
	"strings"
	"unicode/utf8"

	"wapid/engine"
)

// Limits of what a message may hold. Those of polls are the ones of WhatsApp's
// apps; the others are assumed to be far beyond what anybody sends.
const (
	maxQuestion     = 255 // characters
	minOptions      = 2
	maxOptions      = 12
	maxOption       = 100 // characters
	maxContacts     = 100
	maxVCard        = 64 << 10 // bytes
	maxContactName  = 256      // bytes
	maxPlace        = 1024     // bytes of a location's name or address
	maxMentions     = 1024
	maxMessageID    = 128 // bytes
	maxEmoji        = 64  // bytes: families of people with skin tones are long
	longestMediaURL = 8 << 10
)

// setContent sets the kind and what goes with it beside text and references. The
// type is known to exist.
func (r sendRequest) setContent(m *engine.Outgoing) error {
	m.Kind = engine.Kind(r.Type)
	switch r.Type {
	case "audio":
		if r.PTT {
			m.Kind = engine.KindVoice
		}
	case "poll":
		return r.setPoll(m)
	case "location":
		return r.setLocation(m)
	case "contact":
		return r.setContacts(m)
	case "reaction":
		if r.Emoji == nil {
			return engine.Errorf(engine.CodeInvalid, "emoji is required; an empty one takes the reaction back")
		}
		if m.Text = *r.Emoji; len(m.Text) > maxEmoji {
			return engine.Errorf(engine.CodeInvalid, "emoji must be a single emoji")
		}
		return r.setTarget(m)
	case "edit", "revoke":
		return r.setTarget(m)
	}
	if m.Kind.HasMedia() {
		return r.checkMediaSource()
	}
	return nil
}

func (r sendRequest) setTarget(m *engine.Outgoing) error {
	if r.MessageID == "" {
		return errMissing("messageId")
	}
	id, err := messageID("messageId", r.MessageID)
	if err != nil {
		return err
	}
	m.Target = &engine.MessageRef{ID: id}
	return nil
}

// checkMediaSource wants the file in exactly one way.
func (r sendRequest) checkMediaSource() error {
	sources := 0
	for _, given := range []bool{r.MediaURL != "", r.MediaBase64 != "", r.hasFile} {
		if given {
			sources++
		}
	}
	switch {
	case sources == 0:
		return engine.Errorf(engine.CodeInvalid, "type %s needs mediaUrl, mediaBase64 or a file in a multipart form", r.Type)
	case sources > 1:
		return engine.Errorf(engine.CodeInvalid, "mediaUrl, mediaBase64 and a file in a multipart form exclude each other")
	case len(r.MediaURL) > longestMediaURL:
		return engine.Errorf(engine.CodeInvalid, "mediaUrl is longer than %d bytes", longestMediaURL)
	}
	return nil
}

func (r sendRequest) setPoll(m *engine.Outgoing) error {
	if strings.TrimSpace(r.Message) == "" {
		return engine.Errorf(engine.CodeInvalid, "message is required: it is the poll's question")
	}
	question := compose(r.Header, r.Message, r.Footer)
	if utf8.RuneCountInString(question) > maxQuestion {
		return engine.Errorf(engine.CodeInvalid, "message with header and footer must not be longer than %d characters in a poll", maxQuestion)
	}
	if len(r.Options) < minOptions || len(r.Options) > maxOptions {
		return engine.Errorf(engine.CodeInvalid, "options must have %d to %d entries", minOptions, maxOptions)
	}
	seen := make(map[string]bool)
	for i, o := range r.Options {
		switch {
		case strings.TrimSpace(o) == "":
			return engine.Errorf(engine.CodeInvalid, "options[%d] is empty", i)
		case utf8.RuneCountInString(o) > maxOption:
			return engine.Errorf(engine.CodeInvalid, "options[%d] is longer than %d characters", i, maxOption)
		case seen[o]:
			return engine.Errorf(engine.CodeInvalid, "options[%d] is there twice", i)
		}
		seen[o] = true
	}
	selectable := 1
	if r.SelectableCount != nil {
		selectable = *r.SelectableCount
	}
	if selectable < 0 || selectable > len(r.Options) {
		return engine.Errorf(engine.CodeInvalid, "selectableCount must be from 0, for any number, to the number of options")
	}
	m.Text = question
	m.Poll = &engine.Poll{Question: question, Options: r.Options, Selectable: selectable}
	return nil
}

func (r sendRequest) setLocation(m *engine.Outgoing) error {
	switch {
	case r.Latitude == nil:
		return errMissing("latitude")
	case r.Longitude == nil:
		return errMissing("longitude")
	case *r.Latitude < -90 || *r.Latitude > 90:
		return engine.Errorf(engine.CodeInvalid, "latitude must be from -90 to 90 degrees")
	case *r.Longitude < -180 || *r.Longitude > 180:
		return engine.Errorf(engine.CodeInvalid, "longitude must be from -180 to 180 degrees")
	case len(r.LocationName) > maxPlace:
		return engine.Errorf(engine.CodeInvalid, "locationName is longer than %d bytes", maxPlace)
	case len(r.LocationAddress) > maxPlace:
		return engine.Errorf(engine.CodeInvalid, "locationAddress is longer than %d bytes", maxPlace)
	}
	m.Location = &engine.Location{Latitude: *r.Latitude, Longitude: *r.Longitude, Name: r.LocationName, Address: r.LocationAddress}
	return nil
}

func (r sendRequest) setContacts(m *engine.Outgoing) error {
	if len(r.Contacts) == 0 || len(r.Contacts) > maxContacts {
		return engine.Errorf(engine.CodeInvalid, "contacts must have 1 to %d entries", maxContacts)
	}
	for i, c := range r.Contacts {
		card, err := c.card()
		if err != nil {
			return engine.Errorf(engine.CodeInvalid, "contacts[%d]%s", i, err.Error())
		}
		m.Contacts = append(m.Contacts, card)
	}
	return nil
}

// cardFault continues a sentence that begins with where the contact stands.
type cardFault string

func (f cardFault) Error() string { return string(f) }

func (c sendContact) card() (engine.Contact, error) {
	name := strings.TrimSpace(c.Name)
	switch {
	case (c.Phone == "") == (c.VCard == ""):
		return engine.Contact{}, cardFault(" needs either phone or vcard")
	case len(name) > maxContactName || strings.ContainsAny(name, "\r\n"):
		return engine.Contact{}, cardFault(".name must be one short line")
	case c.VCard != "":
		return vCard(name, c.VCard)
	case name == "":
		return engine.Contact{}, cardFault(".name is required")
	}
	jid, err := engine.ParseRecipient(c.Phone)
	if err != nil || jid.Server() != engine.ServerPhone {
		return engine.Contact{}, cardFault(".phone must be a phone number with its country code")
	}
	return engine.Contact{Name: name, Phone: jid.User()}, nil
}

// vCard takes a ready card (RFC 6350). Without a name beside it the card's own
// formatted name is shown.
func vCard(name, card string) (engine.Contact, error) {
	card = strings.TrimSpace(card)
	upper := strings.ToUpper(card)
	if len(card) > maxVCard || !strings.HasPrefix(upper, "BEGIN:VCARD") || !strings.HasSuffix(upper, "END:VCARD") {
		return engine.Contact{}, cardFault(".vcard must be one vCard, from BEGIN:VCARD to END:VCARD")
	}
	if name == "" {
		for line := range strings.Lines(card) {
			property, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			property, _, _ = strings.Cut(property, ";")
			if strings.EqualFold(property, "FN") && len(value) <= maxContactName {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	if name == "" {
		return engine.Contact{}, cardFault(".name is required, as the vcard has no FN line")
	}
	return engine.Contact{Name: name, VCard: card}, nil
}
