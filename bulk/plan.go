package bulk

import (
	"fmt"

	"wapid/engine"
)

// PhoneField is the placeholder that every recipient has: the number, or the
// part of the address before the @.
const PhoneField = "phone"

// Recipient is one entry of a request.
type Recipient struct {
	Phone  string            // as the caller gave it
	Fields map[string]string // what else the caller gave, by name
}

// Rejected is an entry that is left out.
type Rejected struct {
	Index     int    // in the request, from 0
	Recipient string // as the caller gave it
	Reason    string
}

// Plan is what becomes of a request's recipients.
type Plan struct {
	Items      []Item // without message ids
	Duplicates []Rejected
	Invalid    []Rejected
}

// MakePlan checks the recipients of a text. An address that is given twice, in
// whatever form, gets one item, at the first place. One that can't be read, that
// lacks a field which the text needs, or whose text does not fit once it is
// filled in, is invalid.
func MakePlan(recipients []Recipient, text string, fits func(text string) bool) Plan {
	uses := placeholdersOf(text)
	p := Plan{Items: make([]Item, 0, len(recipients))}
	seen := make(map[engine.JID]int, len(recipients))
	for i, r := range recipients {
		to, err := engine.ParseRecipient(r.Phone)
		if err != nil {
			p.Invalid = append(p.Invalid, Rejected{i, r.Phone, messageOf(err)})
			continue
		}
		if first, ok := seen[to]; ok {
			p.Duplicates = append(p.Duplicates, Rejected{i, r.Phone, fmt.Sprintf("same address as recipient %d", first)})
			continue
		}
		fields, reason := fieldsFor(uses, to, r.Fields)
		if reason == "" && len(uses) > 0 && !fits(Fill(text, fields)) {
			reason = "the message is too long with this recipient's fields"
		}
		if reason != "" {
			p.Invalid = append(p.Invalid, Rejected{i, r.Phone, reason})
			continue
		}
		seen[to] = i
		p.Items = append(p.Items, Item{Index: len(p.Items), To: to, Fields: fields, State: ItemPending})
	}
	return p
}

// fieldsFor keeps what the text uses of a recipient's fields, or says what is missing.
func fieldsFor(uses []placeholderUse, to engine.JID, given map[string]string) (fields map[string]string, missing string) {
	if len(uses) == 0 {
		return nil, ""
	}
	fields = make(map[string]string, len(uses))
	for _, u := range uses {
		value, ok := given[u.name]
		if u.name == PhoneField {
			value, ok = to.User(), true
		}
		switch {
		case ok && value != "":
			fields[u.name] = value
		case !ok && u.required:
			return nil, fmt.Sprintf("the field %q of the message is missing", u.name)
		}
	}
	return fields, ""
}

// messageOf is what a caller may read of an error.
func messageOf(err error) string {
	if e, ok := err.(*engine.Error); ok {
		return e.Message
	}
	return "the recipient can't be used"
}
