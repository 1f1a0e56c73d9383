package metabody

import (
	"strings"

	"wapid/engine"
)

// Card is a contact card of a message in a webhook.
type Card struct {
	Name      cardName      `json:"name"`
	Phones    []cardPhone   `json:"phones,omitempty"`
	Emails    []cardEmail   `json:"emails,omitempty"`
	URLs      []cardURL     `json:"urls,omitempty"`
	Addresses []cardAddress `json:"addresses,omitempty"`
	Org       *cardOrg      `json:"org,omitempty"`
	Birthday  string        `json:"birthday,omitempty"`
}

type cardName struct {
	FormattedName string `json:"formatted_name"`
	FirstName     string `json:"first_name,omitempty"`
	LastName      string `json:"last_name,omitempty"`
	MiddleName    string `json:"middle_name,omitempty"`
	Prefix        string `json:"prefix,omitempty"`
	Suffix        string `json:"suffix,omitempty"`
}

type cardPhone struct {
	Phone string `json:"phone"`
	Type  string `json:"type,omitempty"`
	WAID  string `json:"wa_id,omitempty"`
}

type cardEmail struct {
	Email string `json:"email"`
	Type  string `json:"type,omitempty"`
}

type cardURL struct {
	URL  string `json:"url"`
	Type string `json:"type,omitempty"`
}

type cardAddress struct {
	Street  string `json:"street,omitempty"`
	City    string `json:"city,omitempty"`
	State   string `json:"state,omitempty"`
	Zip     string `json:"zip,omitempty"`
	Country string `json:"country,omitempty"`
	Type    string `json:"type,omitempty"`
}

type cardOrg struct {
	Company    string `json:"company,omitempty"`
	Department string `json:"department,omitempty"`
	Title      string `json:"title,omitempty"`
}

// mostCardLines bounds what is read of a vCard, which a stranger has written.
const mostCardLines = 200

// Cards reads contact cards. Of a vCard that says little the message's own words count.
func Cards(list []engine.Contact) []Card {
	out := make([]Card, 0, len(list))
	for _, c := range list {
		to := Card{}
		for _, line := range unfolded(c.VCard) {
			to.take(line)
		}
		if to.Name.FormattedName == "" {
			to.Name.FormattedName = c.Name
		}
		if len(to.Phones) == 0 && c.Phone != "" {
			to.Phones = []cardPhone{{Phone: "+" + c.Phone, WAID: c.Phone}}
		}
		out = append(out, to)
	}
	return out
}

// unfolded are the lines of a vCard: one that begins with a space goes on with the line
// before it.
func unfolded(vcard string) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(vcard, "\r\n", "\n"), "\n") {
		switch {
		case len(lines) > 0 && line != "" && (line[0] == ' ' || line[0] == '\t'):
			lines[len(lines)-1] += line[1:]
		case len(lines) == mostCardLines:
			return lines
		case line != "":
			lines = append(lines, line)
		}
	}
	return lines
}

// take reads one line: "item1.TEL;type=CELL;waid=4915:+49 15".
func (c *Card) take(line string) {
	head, text, found := strings.Cut(line, ":")
	if !found {
		return
	}
	params := strings.Split(head, ";")
	name := params[0]
	if _, after, grouped := strings.Cut(name, "."); grouped {
		name = after
	}
	kind, waID := cardParams(params[1:])
	part := cardParts(text)
	switch strings.ToUpper(name) {
	case "FN":
		c.Name.FormattedName = plainText(text)
	case "N":
		c.Name.LastName, c.Name.FirstName, c.Name.MiddleName, c.Name.Prefix, c.Name.Suffix = part(0), part(1), part(2), part(3), part(4)
	case "TEL":
		c.Phones = append(c.Phones, cardPhone{Phone: plainText(text), Type: kind, WAID: waID})
	case "EMAIL":
		c.Emails = append(c.Emails, cardEmail{Email: plainText(text), Type: kind})
	case "URL":
		c.URLs = append(c.URLs, cardURL{URL: plainText(text), Type: kind})
	case "ADR":
		c.Addresses = append(c.Addresses, cardAddress{Street: part(2), City: part(3), State: part(4), Zip: part(5), Country: part(6), Type: kind})
	case "ORG":
		c.org().Company, c.org().Department = part(0), part(1)
	case "TITLE":
		c.org().Title = plainText(text)
	case "BDAY":
		c.Birthday = plainText(text)
	}
}

func (c *Card) org() *cardOrg {
	if c.Org == nil {
		c.Org = &cardOrg{}
	}
	return c.Org
}

// cardParams are a line's type and, of a phone, the account's number.
func cardParams(params []string) (kind, waID string) {
	for _, p := range params {
		key, value, named := strings.Cut(p, "=")
		switch {
		case !named: // vCard 2.1 names the type alone
			kind = typeWord(kind, key)
		case strings.EqualFold(key, "type"):
			for word := range strings.SplitSeq(strings.Trim(value, `"`), ",") {
				kind = typeWord(kind, word)
			}
		case strings.EqualFold(key, "waid"):
			waID = value
		}
	}
	return kind, waID
}

// typeWord is the first type of a line that says more than that it is a voice line or
// the preferred one.
func typeWord(known, word string) string {
	word = strings.ToUpper(word)
	switch word {
	case "", "VOICE", "PREF", "INTERNET":
		return known
	}
	if known != "" {
		return known
	}
	return word
}

// cardParts takes a value apart at its semicolons.
func cardParts(text string) func(i int) string {
	parts := []string{""}
	for i := 0; i < len(text); i++ {
		last := len(parts) - 1
		switch {
		case text[i] == '\\' && i+1 < len(text):
			parts[last] += text[i : i+2]
			i++
		case text[i] == ';':
			parts = append(parts, "")
		default:
			parts[last] += text[i : i+1]
		}
	}
	return func(i int) string {
		if i >= len(parts) {
			return ""
		}
		return plainText(parts[i])
	}
}

// plainText is a value without its escapes.
func plainText(text string) string {
	return strings.TrimSpace(strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\:`, ":", `\\`, `\`).Replace(text))
}
