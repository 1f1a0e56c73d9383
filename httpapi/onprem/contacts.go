package onprem

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
func (o object) contacts() (cards []engine.Contact) {
	entries := o.list("contacts", maxContacts)
	if len(entries) == 0 {
		o.fail(CodeMissing, "contacts must have an entry")
	}
	for _, c := range entries {
		cards = append(cards, c.card())
	}
	return cards
}

func (o object) card() engine.Contact {
	name := o.needPart("name")
	c := engine.Contact{Name: strings.TrimSpace(name.needShort("formatted_name", maxContactName))}
	var v card
	last, first := name.short("last_name", maxContactName), name.short("first_name", maxContactName)
	if last == "" && first == "" {
		first = c.Name
	}
	v.line("N", last, first, name.short("middle_name", maxContactName), name.short("prefix", maxContactName), name.short("suffix", maxContactName))
	v.line("FN", c.Name)
	if org := o.part("org"); o.has("org") {
		v.given("ORG", org.short("company", maxContactText), org.short("department", maxContactText))
		v.given("TITLE", org.short("title", maxContactText))
	}
	v.given("BDAY", o.short("birthday", maxContactText))
	for _, p := range o.list("phones", maxContactParts) {
		phone, waID := p.short("phone", maxContactText), digitsOf(p.short("wa_id", maxContactText))
		if phone == "" && waID == "" {
			p.fail(CodeMissing, "%sphone is required", p.path)
		}
		property := "TEL" + typeOf(p, "CELL")
		if waID != "" {
			property += ";waid=" + waID
			c.Phone = cmp.Or(c.Phone, waID)
		}
		c.Phone = cmp.Or(c.Phone, digitsOf(phone))
		v.line(property, cmp.Or(phone, "+"+waID))
	}
	for _, e := range o.list("emails", maxContactParts) {
		v.given("EMAIL"+typeOf(e, "INTERNET"), e.short("email", maxContactText))
	}
	for _, a := range o.list("addresses", maxContactParts) {
		v.given("ADR"+typeOf(a, "HOME"), "", "", a.short("street", maxContactText), a.short("city", maxContactText),
			a.short("state", maxContactText), a.short("zip", maxContactText), a.short("country", maxContactText))
	}
	for _, u := range o.list("urls", maxContactParts) {
		v.given("URL"+typeOf(u, ""), u.short("url", maxContactText))
	}
	for _, i := range o.list("ims", maxContactParts) { // as phones write them
		if service := parameter(i.short("service", maxContactText)); service != "" {
			v.given("IMPP;X-SERVICE-TYPE="+service, i.short("user_id", maxContactText))
		}
	}
	c.VCard = v.String()
	return c
}

// typeOf is the parameter that says what something is, such as a phone number at home.
func typeOf(o object, otherwise string) string {
	if kind := cmp.Or(parameter(o.short("type", maxContactName)), otherwise); kind != "" {
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

// card is a vCard that is being written.
type card struct{ lines []string }

// line writes a property of one or several values.
func (c *card) line(property string, values ...string) {
	for i, v := range values {
		values[i] = escapeValue(v)
	}
	c.lines = append(c.lines, property+":"+strings.Join(values, ";"))
}

// given is line if any of the values holds something.
func (c *card) given(property string, values ...string) {
	if strings.Join(values, "") != "" {
		for len(values) > 1 && values[len(values)-1] == "" && !strings.HasPrefix(property, "ADR") {
			values = values[:len(values)-1]
		}
		c.line(property, values...)
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

func (c *card) String() string {
	return "BEGIN:VCARD\nVERSION:3.0\n" + strings.Join(c.lines, "\n") + "\nEND:VCARD"
}
