package cloudapi

import (
	"encoding/json"
	"strconv"
	"time"

	"wapid/engine"
)

// received is a message as a webhook tells it. Type names the member that is filled;
// types of which nothing is known have none of these.
type received struct {
	ID        string  `json:"id"`
	From      string  `json:"from"`
	FromUser  string  `json:"from_user_id"`
	Group     string  `json:"group_id"`
	Timestamp seconds `json:"timestamp"`
	Type      string  `json:"type"`
	Context   *struct {
		ID        string `json:"id"`
		From      string `json:"from"`
		Forwarded bool   `json:"forwarded"`
		Often     bool   `json:"frequently_forwarded"`
	} `json:"context"`
	Text *struct {
		Body string `json:"body"`
	} `json:"text"`
	Image    *inFile  `json:"image"`
	Video    *inFile  `json:"video"`
	Audio    *inFile  `json:"audio"`
	Voice    *inFile  `json:"voice"` // of the On-Premises API
	Document *inFile  `json:"document"`
	Sticker  *inFile  `json:"sticker"`
	Location *inPlace `json:"location"`
	Contacts []card   `json:"contacts"`
	Reaction *struct {
		WAMID string `json:"message_id"`
		Emoji string `json:"emoji"`
	} `json:"reaction"`
	Button *struct {
		Text    string `json:"text"`
		Payload string `json:"payload"`
	} `json:"button"`
	Interactive *struct {
		Type   string  `json:"type"`
		Button *option `json:"button_reply"`
		List   *option `json:"list_reply"`
	} `json:"interactive"`
}

type inFile struct {
	ID       string `json:"id"`
	MIME     string `json:"mime_type"`
	Hash     string `json:"sha256"`
	Caption  string `json:"caption"`
	FileName string `json:"filename"`
	Voice    bool   `json:"voice"`
	Animated bool   `json:"animated"`
}

type inPlace struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name"`
	Address   string  `json:"address"`
}

// seconds are unix seconds, which Meta writes as a text.
type seconds int64

// UnmarshalJSON implements json.Unmarshaler. What is no time is none.
func (s *seconds) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && n > 0 && n < 1<<40 {
		*s = seconds(n)
	}
	return nil
}

// at is the time, or otherwise one that is known.
func (s seconds) at(otherwise time.Time) time.Time {
	if s == 0 {
		return otherwise
	}
	return time.Unix(int64(s), 0)
}

// person is who stands behind a number and a business-scoped user id. The id is the
// address only of people whose number Meta does not tell.
func person(number, user string) engine.Person {
	if phone := digits(number); phone != "" && phone == number {
		return engine.Person{Phone: engine.JID(phone + "@" + engine.ServerPhone)}
	}
	if user == "" {
		return engine.Person{}
	}
	id, err := engine.ParseRecipient(user + "@" + engine.ServerBSUID)
	if err != nil {
		return engine.Person{}
	}
	return engine.Person{LID: id}
}

// mine translates a wamid that a message names: of our own messages our id is known.
type mine func(wamid string) (id engine.MessageID, own bool, err error)

// convert makes a message of what a webhook tells. ok is false for what is no message
// of anybody's. Its errors are those of own.
func convert(raw json.RawMessage, v value, now time.Time, own mine) (m engine.Incoming, ok bool, err error) {
	var r received
	if json.Unmarshal(raw, &r) != nil {
		r = skeleton(raw)
	}
	sender, name := v.sender(r)
	if r.ID == "" || len(r.ID) > maxWAMID || sender == (engine.Person{}) {
		return m, false, nil
	}
	m = engine.Incoming{ID: engine.MessageID(r.ID), Chat: sender.Preferred(), Sender: sender, PushName: name, Timestamp: r.Timestamp.at(now)}
	p := payload{WAMID: r.ID}
	r.fill(&m, &p)
	if err := r.refer(&m, own); err != nil {
		return m, false, err
	}
	m.Payload, err = p.marshal()
	return m, err == nil, err
}

// maxWAMID is in bytes; Meta's own have some 60.
const maxWAMID = 512

// skeleton reads what every message has of one whose content is not what it should be:
// it is told as one of a type that nobody knows.
func skeleton(raw json.RawMessage) (r received) {
	var s struct {
		ID        string  `json:"id"`
		From      string  `json:"from"`
		FromUser  string  `json:"from_user_id"`
		Timestamp seconds `json:"timestamp"`
		Type      string  `json:"type"`
	}
	if json.Unmarshal(raw, &s) != nil {
		return received{}
	}
	return received{ID: s.ID, From: s.From, FromUser: s.FromUser, Timestamp: s.Timestamp, Type: s.Type}
}

// sender is who sent a message, and the name that the person has chosen.
func (v value) sender(r received) (engine.Person, string) {
	who, name := person(r.From, r.FromUser), ""
	for _, c := range v.Contacts {
		switch {
		case c.WAID != "" && c.WAID == r.From, c.User != "" && c.User == r.FromUser, len(v.Contacts) == 1:
			name = c.Profile.Name
			if who == (engine.Person{}) {
				who = person(c.WAID, c.User)
			}
			return who, name
		}
	}
	return who, name
}

// fill sets the kind and what goes with it.
func (r received) fill(m *engine.Incoming, p *payload) {
	m.Kind = engine.KindUnsupported
	switch {
	case r.Group != "":
		m.Details.Unsupported = "group"
		return
	case r.Type == "text" && r.Text != nil:
		m.Kind, m.Text = engine.KindText, r.Text.Body
	case r.Type == "image" && r.Image != nil:
		r.Image.fill(m, p, engine.KindImage)
	case r.Type == "video" && r.Video != nil:
		r.Video.fill(m, p, engine.KindVideo)
	case r.Type == "audio" && r.Audio != nil && !r.Audio.Voice:
		r.Audio.fill(m, p, engine.KindAudio)
	case r.Type == "audio" && r.Audio != nil:
		r.Audio.fill(m, p, engine.KindVoice)
	case r.Type == "voice" && r.Voice != nil:
		r.Voice.fill(m, p, engine.KindVoice)
	case r.Type == "document" && r.Document != nil:
		r.Document.fill(m, p, engine.KindDocument)
	case r.Type == "sticker" && r.Sticker != nil:
		r.Sticker.fill(m, p, engine.KindSticker)
	case r.Type == "location" && r.Location != nil:
		l := *r.Location
		m.Kind, m.Text = engine.KindLocation, l.Name
		m.Details.Location = &engine.Location{Latitude: l.Latitude, Longitude: l.Longitude, Name: l.Name, Address: l.Address}
	case r.Type == "contacts" && len(r.Contacts) > 0:
		m.Kind, m.Text = engine.KindContact, r.Contacts[0].Name.Formatted
		for _, c := range r.Contacts {
			m.Details.Contacts = append(m.Details.Contacts, c.contact())
		}
	case r.Type == "reaction" && r.Reaction != nil:
		m.Kind, m.Text = engine.KindReaction, r.Reaction.Emoji
		m.Details.Reaction = &engine.Reaction{MessageID: engine.MessageID(r.Reaction.WAMID), Emoji: r.Reaction.Emoji}
	case r.Type == "button" && r.Button != nil:
		r.chosen(m, engine.StyleQuickReply, option{ID: r.Button.Payload, Title: r.Button.Text})
	case r.Type == "interactive" && r.Interactive != nil && r.Interactive.Button != nil:
		r.chosen(m, engine.StyleButton, *r.Interactive.Button)
	case r.Type == "interactive" && r.Interactive != nil && r.Interactive.List != nil:
		r.chosen(m, engine.StyleList, *r.Interactive.List)
	case r.Type == "interactive" && r.Interactive != nil && r.Interactive.Type != "":
		m.Details.Unsupported = r.Interactive.Type
	case r.Type != "":
		m.Details.Unsupported = r.Type
	default:
		m.Details.Unsupported = "unknown"
	}
}

// chosen makes the message one that answers a question.
func (r received) chosen(m *engine.Incoming, style engine.ChoiceStyle, o option) {
	m.Kind, m.Text = engine.KindText, o.Title
	m.Details.Choice = &engine.ChosenInfo{Style: style, ID: o.ID, Title: o.Title, Description: o.Description}
}

// fill makes the message one with a file. Meta tells neither its size nor how large a
// picture is.
func (f inFile) fill(m *engine.Incoming, p *payload, kind engine.Kind) {
	m.Kind, m.Text, m.HasMedia = kind, f.Caption, true
	p.Media, p.Hash = f.ID, hexHash(f.Hash)
	m.Details.Media = &engine.MediaInfo{MimeType: f.MIME, FileName: f.FileName, SHA256: p.Hash, Animated: f.Animated}
}

// refer sets what a message replies or reacts to.
func (r received) refer(m *engine.Incoming, own mine) error {
	if t := m.Details.Reaction; t != nil && t.MessageID != "" {
		id, fromMe, err := own(string(t.MessageID))
		if err != nil {
			return err
		}
		t.MessageID, t.FromMe = id, fromMe
	}
	if r.Context == nil {
		return nil
	}
	m.Details.Forwarded = r.Context.Forwarded || r.Context.Often
	if r.Context.ID == "" || m.Kind == engine.KindReaction {
		return nil
	}
	id, _, err := own(r.Context.ID)
	if err != nil {
		return err
	}
	if c := m.Details.Choice; c != nil {
		c.MessageID = id
	}
	m.Details.Quoted = &engine.QuotedInfo{MessageID: id, From: person(r.Context.From, "").Preferred()}
	return nil
}
