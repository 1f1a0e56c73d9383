package hub

import (
	"bytes"
	"encoding/json"
	"time"

	"wapid/engine"
)

// ContactBody is what a caller says of a contact; nil was not given.
type ContactBody struct {
	Phone  engine.JID // "" if it was not given
	Name   *string
	Tags   *[]string
	Custom *map[string]any // numbers are json.Number
}

// DecodeContact reads the body of contacts/create and of a change. It returns CodeInvalid.
func DecodeContact(raw []byte) (c ContactBody, err error) {
	var b struct {
		Phone  string          `json:"phone"`
		Name   *string         `json:"name"`
		Tags   *[]string       `json:"tags"`
		Custom json.RawMessage `json:"custom"`
	}
	if err := parse(raw, &b); err != nil {
		return c, err
	}
	if b.Phone != "" {
		who, err := engine.ParseRecipient(b.Phone)
		if err != nil || who.Server() != engine.ServerPhone {
			return c, invalid("phone must be a phone number of 7 to 15 digits that begins with its country code")
		}
		c.Phone = who
	}
	c.Name, c.Tags = b.Name, b.Tags
	if custom := bytes.TrimSpace(b.Custom); len(custom) > 0 && string(custom) != "null" {
		fields := make(map[string]any)
		d := json.NewDecoder(bytes.NewReader(custom))
		d.UseNumber()
		if err := d.Decode(&fields); err != nil {
			return ContactBody{}, invalid("custom must be an object")
		}
		for name, value := range fields {
			if value == nil {
				delete(fields, name)
			}
		}
		c.Custom = &fields
	}
	return c, nil
}

// Contact is an entry of the contacts book.
type Contact struct {
	ID        string         `json:"id"`
	Phone     string         `json:"phone"` // "+…"; "" if the number is not known
	Name      string         `json:"name"`
	PushName  string         `json:"push_name"` // that the person chose
	Tags      []string       `json:"tags"`
	Custom    map[string]any `json:"custom"`
	LID       engine.JID     `json:"lid,omitempty"`
	CreatedAt string         `json:"created_at"`
	UpdatedAt string         `json:"updated_at"`
}

// TellContact shows an entry.
func TellContact(id string, who engine.Person, name, pushName string, tags []string, custom map[string]any, created, updated time.Time) Contact {
	c := Contact{ID: id, Phone: Number(who.Phone), Name: name, PushName: pushName, Tags: tags, Custom: custom, LID: who.LID,
		CreatedAt: created.UTC().Format(time.RFC3339), UpdatedAt: updated.UTC().Format(time.RFC3339)}
	if c.Tags == nil {
		c.Tags = []string{}
	}
	if c.Custom == nil {
		c.Custom = map[string]any{}
	}
	return c
}
