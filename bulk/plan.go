package bulk

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	"wapid/engine"
)

// PhoneField is the placeholder that every recipient has: the number, or the
// part of the address before the @.
const PhoneField = "phone"

// Recipient is one entry of a request.
type Recipient struct {
	Phone  string            // as the caller gave it
	Fields map[string]string // what else the caller gave, by name
	Row    int               // its line in the file that it stands in, from 1; 0 for none
	Fault  string            // why it can't be used, if that is known already
}

// Rejected is an entry that is left out.
type Rejected struct {
	Index     int    // in the request, from 0
	Recipient string // as the caller gave it
	Reason    string
	Row       int // see Recipient
}

// Plan is what becomes of a request's recipients.
type Plan struct {
	Items      []Item // without message ids
	Duplicates []Rejected
	Invalid    []Rejected
}

// MakePlan checks the recipients of a text. An address that is given twice, in
// whatever form, gets one item, at the first place. One that can't be read, or that
// lacks a field which the text needs, is invalid, and so is one for whom unfit says
// what is wrong with the text once it is filled in.
func MakePlan(recipients []Recipient, text string, unfit func(text string) (reason string)) Plan {
	return MakePlanOf(slices.Values(recipients), text, unfit)
}

// MakePlanOf is MakePlan for recipients that are read one by one. It keeps nothing
// of a recipient but what its item needs.
func MakePlanOf(recipients iter.Seq[Recipient], text string, unfit func(text string) (reason string)) Plan {
	uses := placeholdersOf(text)
	var p Plan
	seen := make(map[engine.JID]int)
	i := -1
	for r := range recipients {
		i++
		reject := func(list *[]Rejected, reason string) {
			*list = append(*list, Rejected{i, strings.Clone(r.Phone), reason, r.Row})
		}
		to, reason := readNumber(r)
		if reason != "" {
			reject(&p.Invalid, reason)
			continue
		}
		if first, ok := seen[to]; ok {
			reject(&p.Duplicates, fmt.Sprintf("same address as recipient %d", first))
			continue
		}
		fields, reason := fieldsFor(uses, to, r.Fields)
		if reason == "" && len(uses) > 0 {
			reason = unfit(Fill(text, fields))
		}
		if reason != "" {
			reject(&p.Invalid, reason)
			continue
		}
		seen[to] = i
		p.Items = append(p.Items, Item{Index: len(p.Items), To: to, Fields: fields, State: ItemPending})
	}
	return p
}

// What spreadsheets and data frames make of numbers: digits are lost in the one,
// and one is won in the other.
var (
	shortened = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+$`)
	broken    = regexp.MustCompile(`^[+-]?[0-9]{6,}[.,][0-9]{1,2}$`)
)

// readNumber reads a recipient's address, or says why it can't be read. It never
// guesses what a number was.
func readNumber(r Recipient) (to engine.JID, reason string) {
	switch {
	case r.Fault != "":
		return "", r.Fault
	case shortened.MatchString(r.Phone):
		return "", "the number was shortened by a spreadsheet, as in 4.9151E+12: format its column as text"
	case broken.MatchString(r.Phone):
		return "", "the number has a decimal point, as in 491512345678.0: store it as text"
	}
	to, err := engine.ParseRecipient(r.Phone)
	if err != nil {
		return "", messageOf(err)
	}
	return to, ""
}

// OptedOut is the reason of those who are skipped because they have opted out.
const OptedOut = "has opted out of messages to many"

// Skip marks the items of those who have opted out as skipped, and tells which
// entries of the request they are. Their numbers are told as they are understood.
func (p *Plan) Skip(optedOut map[engine.JID]bool) (skipped []Rejected) {
	// Every entry is an item, a duplicate or invalid, and each list is in their order.
	duplicates, invalid := p.Duplicates, p.Invalid
	entry := 0
	for i := range p.Items {
		for ; ; entry++ {
			if len(duplicates) > 0 && duplicates[0].Index == entry {
				duplicates = duplicates[1:]
			} else if len(invalid) > 0 && invalid[0].Index == entry {
				invalid = invalid[1:]
			} else {
				break
			}
		}
		if it := &p.Items[i]; optedOut[it.To] {
			it.State, it.ErrorCode = ItemSkipped, CodeOptedOut
			skipped = append(skipped, Rejected{Index: entry, Recipient: it.To.User(), Reason: OptedOut})
		}
		entry++
	}
	return skipped
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
			fields[u.name] = strings.Clone(value) // it may be a part of a long row
		case !ok && u.required:
			return nil, fmt.Sprintf("the field %.64q of the message is missing", u.name)
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
