package cloudapi

import (
	"strings"
	"unicode/utf8"

	"wapid/engine"
)

// Limits of Meta's API, in characters.
const (
	maxText    = 4096
	maxCaption = 1024
)

// outgoing is the body of POST /{phone_number_id}/messages.
type outgoing struct {
	Product     string       `json:"messaging_product"`
	Recipient   string       `json:"recipient_type"`
	To          string       `json:"to,omitempty"`
	User        string       `json:"recipient,omitempty"` // in the place of To, a business-scoped user id
	Type        string       `json:"type"`
	Context     *reference   `json:"context,omitempty"`
	Text        *outText     `json:"text,omitempty"`
	Image       *outFile     `json:"image,omitempty"`
	Video       *outFile     `json:"video,omitempty"`
	Audio       *outFile     `json:"audio,omitempty"`
	Document    *outFile     `json:"document,omitempty"`
	Sticker     *outFile     `json:"sticker,omitempty"`
	Location    *outPlace    `json:"location,omitempty"`
	Contacts    []card       `json:"contacts,omitempty"`
	Reaction    *reaction    `json:"reaction,omitempty"`
	Interactive *interactive `json:"interactive,omitempty"`
	// Callback comes back with every status of the message: our own id.
	Callback engine.MessageID `json:"biz_opaque_callback_data"`
}

type (
	reference struct {
		WAMID string `json:"message_id"`
	}
	outText struct {
		Body    string `json:"body"`
		Preview bool   `json:"preview_url"`
	}
	outFile struct {
		ID       string `json:"id"`
		Caption  string `json:"caption,omitempty"`
		FileName string `json:"filename,omitempty"`
		Voice    bool   `json:"voice,omitempty"`
	}
	outPlace struct {
		Latitude  float64 `json:"latitude"`
		Longitude float64 `json:"longitude"`
		Name      string  `json:"name,omitempty"`
		Address   string  `json:"address,omitempty"`
	}
	reaction struct {
		WAMID string `json:"message_id"`
		Emoji string `json:"emoji"`
	}
)

// compose makes the body of a message. about is the wamid of what it reacts to or
// replies to. It returns CodeNotSupported for what Meta's API does not take, and
// CodeInvalid for what is too long for it.
func compose(m engine.Outgoing, about string) (outgoing, error) {
	out := outgoing{Product: "whatsapp", Recipient: "individual", Callback: m.ID}
	switch m.To.Server() {
	case engine.ServerPhone:
		out.To = m.To.User()
	case engine.ServerBSUID:
		out.User = m.To.User()
	default:
		return out, unsupported("messages to groups, channels and LIDs")
	}
	if m.ViewOnce {
		return out, unsupported("messages that can be viewed once")
	}
	if len(m.Mentions) > 0 {
		return out, unsupported("mentions")
	}
	if m.Quoted != nil {
		out.Context = &reference{about}
	}
	if m.Choices != nil && m.Choices.Form == engine.InteractiveNative {
		return out, out.ask(m)
	}
	return out, out.fill(m, about)
}

func unsupported(what string) error {
	return engine.Errorf(engine.CodeNotSupported, "Meta's official API has no %s", what)
}

// fill sets the type and what goes with it.
func (out *outgoing) fill(m engine.Outgoing, about string) (err error) {
	switch m.Kind {
	case engine.KindText:
		out.Type, out.Text = "text", &outText{Body: m.Text, Preview: m.Preview != nil}
		return tooLong(m.Text, maxText, "text")
	case engine.KindImage:
		out.Type = "image"
		out.Image, err = fileOf(m)
	case engine.KindVideo:
		out.Type = "video"
		out.Video, err = fileOf(m)
	case engine.KindAudio, engine.KindVoice:
		out.Type = "audio"
		if out.Audio, err = fileOf(m); err == nil {
			out.Audio.Caption, out.Audio.Voice = "", m.Kind == engine.KindVoice
		}
	case engine.KindDocument:
		out.Type = "document"
		if out.Document, err = fileOf(m); err == nil {
			out.Document.FileName = m.Attachment.FileName
		}
	case engine.KindSticker:
		out.Type = "sticker"
		if out.Sticker, err = fileOf(m); err == nil {
			out.Sticker.Caption = ""
		}
	case engine.KindLocation:
		if m.Location == nil {
			return engine.Errorf(engine.CodeInvalid, "the location is missing")
		}
		l := *m.Location
		out.Type, out.Location = "location", &outPlace{l.Latitude, l.Longitude, l.Name, l.Address}
	case engine.KindContact:
		out.Type = "contacts"
		for _, c := range m.Contacts {
			out.Contacts = append(out.Contacts, cardOf(c))
		}
	case engine.KindReaction:
		out.Type, out.Reaction = "reaction", &reaction{about, m.Text}
	case engine.KindPoll:
		return unsupported("polls")
	case engine.KindEdit, engine.KindRevoke:
		return unsupported("way to change a message that was sent")
	default:
		return unsupported("messages of this kind")
	}
	return err
}

func fileOf(m engine.Outgoing) (*outFile, error) {
	if m.Attachment == nil || m.Attachment.Upload == nil || len(m.Attachment.Upload.Ref) == 0 {
		return nil, engine.Errorf(engine.CodeInternal, "a file was not uploaded before its message")
	}
	return &outFile{ID: string(m.Attachment.Upload.Ref), Caption: m.Text}, tooLong(m.Text, maxCaption, "caption")
}

func tooLong(text string, most int, what string) error {
	if utf8.RuneCountInString(text) > most {
		return engine.Errorf(engine.CodeInvalid, "Meta's official API takes %d characters of %s", most, what)
	}
	return nil
}

// card is a contact, in a message of either direction.
type card struct {
	Name   cardName    `json:"name"`
	Phones []cardPhone `json:"phones,omitempty"`
}

type cardName struct {
	Formatted string `json:"formatted_name"`
	First     string `json:"first_name,omitempty"`
}

type cardPhone struct {
	Phone string `json:"phone,omitempty"`
	Type  string `json:"type,omitempty"`
	WAID  string `json:"wa_id,omitempty"`
}

// cardOf is a card with the name and the first number; the rest of a vCard stays behind.
func cardOf(c engine.Contact) card {
	name := c.Name
	if name == "" {
		name = "+" + c.Phone
	}
	out := card{Name: cardName{Formatted: name, First: name}} // Meta wants a part beside the whole
	if c.Phone != "" {
		out.Phones = []cardPhone{{Phone: "+" + c.Phone, Type: "CELL", WAID: c.Phone}}
	}
	return out
}

// contact is a card that was received.
func (c card) contact() engine.Contact {
	out := engine.Contact{Name: c.Name.Formatted}
	for _, p := range c.Phones {
		if out.Phone = digits(p.WAID); out.Phone == "" {
			out.Phone = digits(p.Phone)
		}
		if out.Phone != "" {
			break
		}
	}
	out.VCard = vcard(c)
	return out
}

// vcard writes the name and the numbers of a card as vCard 3.0.
func vcard(c card) string {
	escape := strings.NewReplacer("\\", "\\\\", ";", "\\;", ",", "\\,", "\n", "\\n", "\r", "")
	var b strings.Builder
	b.WriteString("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:" + escape.Replace(c.Name.Formatted) + "\r\nN:;" + escape.Replace(c.Name.Formatted) + ";;;\r\n")
	for _, p := range c.Phones {
		waid := ""
		if id := digits(p.WAID); id != "" {
			waid = ";waid=" + id
		}
		if number := digits(p.Phone); number != "" {
			b.WriteString("TEL;TYPE=CELL" + waid + ":+" + number + "\r\n")
		}
	}
	b.WriteString("END:VCARD\r\n")
	return b.String()
}
