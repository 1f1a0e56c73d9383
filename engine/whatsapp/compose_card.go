package whatsapp

import (
	"fmt"
	"math"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// maxVCard is the largest card that is sent, in bytes. Assumed: what a phone's
// address book exports is smaller, except for photographs, which clients drop.
const maxVCard = 64 << 10

// composeLocation shares a fixed point. A live location would have to be followed
// by updates for as long as it is shown.
func composeLocation(m engine.Outgoing) (*waE2E.Message, error) {
	l := m.Location
	switch {
	case l == nil:
		return nil, engine.Errorf(engine.CodeInvalid, "a location message needs a location")
	case l.Live:
		return nil, engine.Errorf(engine.CodeNotSupported, "live locations can't be sent")
	case !within(l.Latitude, 90) || !within(l.Longitude, 180):
		return nil, engine.Errorf(engine.CodeInvalid, "latitude must be within ±90 and longitude within ±180 degrees")
	}
	return &waE2E.Message{LocationMessage: &waE2E.LocationMessage{
		DegreesLatitude:  proto.Float64(l.Latitude),
		DegreesLongitude: proto.Float64(l.Longitude),
		Name:             optional(l.Name),
		Address:          optional(l.Address),
		Comment:          optional(m.Text),
	}}, nil
}

func within(degrees, limit float64) bool { return math.Abs(degrees) <= limit } // false for NaN

// composeContacts shares one card, or several in one message.
func composeContacts(m engine.Outgoing) (*waE2E.Message, error) {
	var cards []*waE2E.ContactMessage
	for _, c := range m.Contacts {
		card, err := card(c)
		if err != nil {
			return nil, err
		}
		cards = append(cards, card)
	}
	switch len(cards) {
	case 0:
		return nil, engine.Errorf(engine.CodeInvalid, "a contact message needs a contact")
	case 1:
		return &waE2E.Message{ContactMessage: cards[0]}, nil
	}
	return &waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{
		DisplayName: proto.String(fmt.Sprintf("%d contacts", len(cards))), // as phones title it
		Contacts:    cards,
	}}, nil
}

func card(c engine.Contact) (*waE2E.ContactMessage, error) {
	text := c.VCard
	if text == "" {
		made, err := vCard(c)
		if err != nil {
			return nil, err
		}
		text = made
	}
	name, err := checkVCard(text)
	if err != nil {
		return nil, err
	}
	if c.Name != "" {
		name = c.Name
	}
	return &waE2E.ContactMessage{DisplayName: proto.String(name), Vcard: proto.String(text)}, nil
}

// vCard writes a card as phones do: RFC 2426, which asks for N and FN, with the
// WhatsApp account in the parameter waid (source: Baileys' documentation of
// contact messages).
func vCard(c engine.Contact) (string, error) {
	digits := strings.TrimPrefix(c.Phone, "+")
	if strings.TrimSpace(c.Name) == "" || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", engine.Errorf(engine.CodeInvalid, "a contact needs a name and a phone number in digits, or a vCard")
	}
	name := vCardEscapes().Replace(c.Name)
	return strings.Join([]string{
		"BEGIN:VCARD", "VERSION:3.0", "N:;" + name + ";;;", "FN:" + name,
		"TEL;type=CELL;waid=" + digits + ":+" + digits, "END:VCARD",
	}, "\n"), nil
}

// vCardEscapes protects what has a meaning in a value (RFC 2426, section 4). A
// line end of any kind becomes \n: it must not begin a property of its own.
func vCardEscapes() *strings.Replacer {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`)
}

// checkVCard looks at the outside of a card and returns the name that it gives.
func checkVCard(text string) (name string, err error) {
	lines := strings.Split(strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n"), "\n")
	property := func(line string) string {
		head, _, _ := strings.Cut(line, ":")
		head, _, _ = strings.Cut(head, ";")
		return strings.ToUpper(head[strings.LastIndexByte(head, '.')+1:]) // without "item1."
	}
	versions, cards := 0, 0
	for _, line := range lines {
		_, value, _ := strings.Cut(line, ":")
		switch property(line) {
		case "VERSION":
			versions++
		case "BEGIN":
			cards++
		case "FN":
			name = strings.TrimSpace(strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n", `\N`, "\n").Replace(value))
		}
	}
	switch {
	case len(text) > maxVCard:
		return "", engine.Errorf(engine.CodeInvalid, "a vCard can't be larger than %d bytes", maxVCard)
	case cards != 1 || versions != 1 || name == "" ||
		!strings.EqualFold(strings.TrimSpace(lines[0]), "BEGIN:VCARD") ||
		!strings.EqualFold(strings.TrimSpace(lines[len(lines)-1]), "END:VCARD"):
		return "", engine.Errorf(engine.CodeInvalid, "a vCard is one card from BEGIN:VCARD to END:VCARD with VERSION and FN")
	}
	return name, nil
}
