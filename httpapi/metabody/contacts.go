package metabody

import (
	"cmp"
	"strings"
	"unicode"

	"wapid/engine"
)

// Limits of contacts. What a card may hold is far more than anybody writes into one.
const (
	maxContacts     = 257
	maxContactName  = 256 // characters
	maxContactParts = 50  // phones, mail addresses and so on, each
	maxContactText  = 1000
)

// contacts reads cards, and writes them as vCards (RFC 2426), which is what WhatsApp
// sends.
func (o Object) contacts() (cards []engine.Contact) {
	entries := o.List("contacts", maxContacts)
	if len(entries) == 0 {
		o.Refuse("contacts", Missing, "must have an entry")
	}
	for _, c := range entries {
		cards = append(cards, c.card())
	}
	return cards
}

// card is one of them.
func (o Object) card() engine.Contact {
	name := o.NeedPart("name")
	c := engine.Contact{Name: strings.TrimSpace(name.NeedShort("formatted_name", maxContactName))}
	var v vCard
	last, first := name.Short("last_name", maxContactName), name.Short("first_name", maxContactName)
	if last == "" && first == "" {
		first = c.Name
	}
	v.line("N", last, first, name.Short("middle_name", maxContactName), name.Short("prefix", maxContactName), name.Short("suffix", maxContactName))
	v.line("FN", c.Name)
	if org := o.Part("org"); o.Has("org") {
		v.given("ORG", org.Short("company", maxContactText), org.Short("department", maxContactText))
		v.given("TITLE", org.Short("title", maxContactText))
	}
	v.given("BDAY", o.Short("birthday", maxContactText))
	for _, p := range o.List("phones", maxContactParts) {
		phone, waID := p.Short("phone", maxContactText), digitsOf(p.Short("wa_id", maxContactText))
		if phone == "" && waID == "" {
			p.Refuse("phone", Missing, "is required")
		}
		property := "TEL" + typeOf(p, "CELL")
		if waID != "" {
			property += ";waid=" + waID
			c.Phone = cmp.Or(c.Phone, waID)
		}
		c.Phone = cmp.Or(c.Phone, digitsOf(phone))
		v.line(property, cmp.Or(phone, "+"+waID))
	}
	for _, e := range o.List("emails", maxContactParts) {
		v.given("EMAIL"+typeOf(e, "INTERNET"), e.Short("email", maxContactText))
	}
	for _, a := range o.List("addresses", maxContactParts) {
		v.given("ADR"+typeOf(a, "HOME"), "", "", a.Short("street", maxContactText), a.Short("city", maxContactText),
			a.Short("state", maxContactText), a.Short("zip", maxContactText), a.Short("country", maxContactText))
	}
	for _, u := range o.List("urls", maxContactParts) {
		v.given("URL"+typeOf(u, ""), u.Short("url", maxContactText))
	}
	for _, i := range o.List("ims", maxContactParts) { // as phones write them
		if service := parameter(i.Short("service", maxContactText)); service != "" {
			v.given("IMPP;X-SERVICE-TYPE="+service, i.Short("user_id", maxContactText))
		}
	}
	c.VCard = v.String()
	return c
}

// typeOf is the parameter that says what something is, such as a phone number at home.
func typeOf(o Object, otherwise string) string {
	if kind := cmp.Or(parameter(o.Short("type", maxContactName)), otherwise); kind != "" {
		return ";type=" + kind
	}
	return ""
}

// parameter keeps what may stand in a parameter of a property without quotes.
func parameter(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`":;,=\`, r) {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// vCard is one that is being written.
type vCard struct{ lines []string }

// line writes a property of one or several values.
func (v *vCard) line(property string, values ...string) {
	for i, value := range values {
		values[i] = escapeValue(value)
	}
	v.lines = append(v.lines, property+":"+strings.Join(values, ";"))
}

// given is line if any of the values holds something.
func (v *vCard) given(property string, values ...string) {
	if strings.Join(values, "") != "" {
		for len(values) > 1 && values[len(values)-1] == "" && !strings.HasPrefix(property, "ADR") {
			values = values[:len(values)-1]
		}
		v.line(property, values...)
	}
}

// escapeValue protects what has a meaning in a value.
func escapeValue(s string) string {
	s = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

func (v *vCard) String() string {
	return "BEGIN:VCARD\nVERSION:3.0\n" + strings.Join(v.lines, "\n") + "\nEND:VCARD"
}
