package simnet

import (
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// Place is a point on the map, in degrees, with an optional name and address.
type Place struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name"`
	Address   string  `json:"address"`
}

// Card is a contact to share: a display name and a phone number in digits.
type Card struct {
	Name   string `json:"name"`
	Number string `json:"number"`
}

// locationMessage shares a fixed place.
func locationMessage(p Place) *waE2E.Message {
	return &waE2E.Message{LocationMessage: &waE2E.LocationMessage{
		DegreesLatitude:  proto.Float64(p.Latitude),
		DegreesLongitude: proto.Float64(p.Longitude),
		Name:             orNil(p.Name),
		Address:          orNil(p.Address),
	}}
}

// liveLocationMessage shares a moving position. Each update has a higher
// sequence number than the one before.
func liveLocationMessage(p Place, caption string, sequence int64) *waE2E.Message {
	return &waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{
		DegreesLatitude:  proto.Float64(p.Latitude),
		DegreesLongitude: proto.Float64(p.Longitude),
		AccuracyInMeters: proto.Uint32(10),
		Caption:          orNil(caption),
		SequenceNumber:   proto.Int64(sequence),
	}}
}

// contactMessage shares one contact, or several in one message.
func contactMessage(cards ...Card) *waE2E.Message {
	contacts := make([]*waE2E.ContactMessage, 0, len(cards))
	for _, card := range cards {
		contacts = append(contacts, &waE2E.ContactMessage{DisplayName: proto.String(card.Name), Vcard: proto.String(card.vCard())})
	}
	if len(contacts) == 1 {
		return &waE2E.Message{ContactMessage: contacts[0]}
	}
	return &waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{
		DisplayName: proto.String(fmt.Sprintf("%d contacts", len(contacts))),
		Contacts:    contacts,
	}}
}

// vCard writes a card as phones do: version 3.0, with the account in waid.
func (c Card) vCard() string {
	name := strings.NewReplacer("\\", "\\\\", ";", "\\;", ",", "\\,", "\n", "\\n").Replace(c.Name)
	return strings.Join([]string{
		"BEGIN:VCARD", "VERSION:3.0", "N:;" + name + ";;;", "FN:" + name,
		"TEL;type=CELL;type=VOICE;waid=" + c.Number + ":+" + c.Number, "END:VCARD",
	}, "\n")
}
