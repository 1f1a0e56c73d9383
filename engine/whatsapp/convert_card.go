package whatsapp

import (
	"math"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"wapid/engine"
)

// placeOf reads coordinates; nil if they are not on the map. Six decimals are 11
// centimetres, and as many as every JSON library prints alike.
func placeOf(m interface {
	GetDegreesLatitude() float64
	GetDegreesLongitude() float64
}) *engine.Location {
	latitude, longitude := m.GetDegreesLatitude(), m.GetDegreesLongitude()
	// Said so that what is no number is not on the map either.
	if !(math.Abs(latitude) <= 90 && math.Abs(longitude) <= 180) {
		return nil
	}
	return &engine.Location{Latitude: sixDecimals(latitude), Longitude: sixDecimals(longitude)}
}

// sixDecimals rounds. Adding zero turns the negative zero, which JavaScript
// prints as 0, into that.
func sixDecimals(f float64) float64 { return math.Round(f*1e6)/1e6 + 0 }

func contactsOf(cards ...*waE2E.ContactMessage) []engine.Contact {
	var out []engine.Contact
	for _, c := range cards {
		out = append(out, engine.Contact{Name: c.GetDisplayName(), Phone: numberIn(c.GetVcard()), VCard: c.GetVcard()})
	}
	return out
}

// numberIn is the phone number of a vCard, in digits: the first that is said to
// have a WhatsApp account (the parameter waid), else the first of all; "" if
// there is none.
func numberIn(vCard string) (number string) {
	// A line that begins with a space goes on with the one before it (RFC 2426, 2.6).
	vCard = strings.NewReplacer("\r\n ", "", "\n ", "", "\r\n", "\n").Replace(vCard)
	for line := range strings.SplitSeq(vCard, "\n") {
		name, value, ok := strings.Cut(line, ":")
		name, parameters, _ := strings.Cut(name, ";")
		if _, after, grouped := strings.Cut(name, "."); grouped { // item1.TEL
			name = after
		}
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "TEL") {
			continue
		}
		for parameter := range strings.SplitSeq(parameters, ";") {
			key, id, _ := strings.Cut(parameter, "=")
			if id = digitsOf(id); strings.EqualFold(key, "waid") && id != "" {
				return id
			}
		}
		if number == "" {
			number = digitsOf(value)
		}
	}
	return number
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
