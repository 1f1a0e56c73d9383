package cloudapi

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"wapid/engine"
	"wapid/httpapi/metabody"
)

// The longest that a profile may hold, in characters, as Meta has it.
const (
	longestAbout       = 139
	longestAddress     = 256
	longestDescription = 512
	longestEmail       = 128
	longestWebsite     = 256
	mostWebsites       = 2
)

// Profile is what GET /{phone}/whatsapp_business_profile tells of a number.
type Profile struct {
	About      string
	PictureURL string
	Business   engine.Business // empty for a number that is no business's
}

// Node is the profile as it is answered. What is not set is left out.
func (p Profile) Node(fields []string) Node {
	var n Node
	add := func(name, text string) {
		if text != "" {
			n = append(n, Member{name, text})
		}
	}
	add("about", p.About)
	add("address", p.Business.Address)
	add("description", p.Business.Description)
	add("email", p.Business.Email)
	add("profile_picture_url", p.PictureURL)
	if len(p.Business.Websites) > 0 {
		n = append(n, Member{"websites", p.Business.Websites})
	}
	add("vertical", Vertical(p.Business.Category))
	return append(n.Pick(fields), Member{"messaging_product", Product})
}

// Vertical is Meta's word for a category of WhatsApp Business, which comes in the language
// of whoever chose it: OTHER for one that is not known here, "" for none.
func Vertical(category string) string {
	switch c := strings.ToLower(category); {
	case c == "":
		return ""
	case strings.Contains(c, "automotive"):
		return "AUTO"
	case strings.Contains(c, "beauty"), strings.Contains(c, "spa "), strings.Contains(c, "salon"):
		return "BEAUTY"
	case strings.Contains(c, "apparel"), strings.Contains(c, "clothing"):
		return "APPAREL"
	case strings.Contains(c, "education"):
		return "EDU"
	case strings.Contains(c, "entertainment"):
		return "ENTERTAIN"
	case strings.Contains(c, "event"):
		return "EVENT_PLAN"
	case strings.Contains(c, "finance"), strings.Contains(c, "bank"):
		return "FINANCE"
	case strings.Contains(c, "grocery"), strings.Contains(c, "supermarket"):
		return "GROCERY"
	case strings.Contains(c, "government"), strings.Contains(c, "public service"):
		return "GOVT"
	case strings.Contains(c, "hotel"), strings.Contains(c, "lodging"):
		return "HOTEL"
	case strings.Contains(c, "medical"), strings.Contains(c, "health"):
		return "HEALTH"
	case strings.Contains(c, "non-profit"), strings.Contains(c, "nonprofit"):
		return "NONPROFIT"
	case strings.Contains(c, "professional service"):
		return "PROF_SERVICES"
	case strings.Contains(c, "shopping"), strings.Contains(c, "retail"):
		return "RETAIL"
	case strings.Contains(c, "travel"), strings.Contains(c, "transportation"):
		return "TRAVEL"
	case strings.Contains(c, "restaurant"):
		return "RESTAURANT"
	}
	return "OTHER"
}

// ProfileChange is what POST /{phone}/whatsapp_business_profile asks for.
type ProfileChange struct {
	About    *string
	Business engine.BusinessChange
	// Picture is the id of an uploaded picture; "" for none.
	Picture string
	// Vertical can't be changed: it may be given as it is. "" if it is not given.
	Vertical string
}

// OfBusiness tells whether only a business has what is to be changed.
func (c ProfileChange) OfBusiness() bool { return c.Business != (engine.BusinessChange{}) }

// ParseProfile reads the parameters of the request. It returns *Error.
func ParseProfile(params map[string]string) (c ProfileChange, err error) {
	if product, given := params["messaging_product"]; given && product != Product {
		return c, Errorf(CodeInvalidParameter, "messaging_product must be one of the following: %s", Product)
	}
	for _, m := range []struct {
		name    string
		longest int
		into    **string
	}{
		{"about", longestAbout, &c.About}, {"address", longestAddress, &c.Business.Address},
		{"description", longestDescription, &c.Business.Description}, {"email", longestEmail, &c.Business.Email},
	} {
		text, given := params[m.name]
		if !given {
			continue
		}
		if utf8.RuneCountInString(text) > m.longest {
			return c, Errorf(CodeInvalidParameter, "%s must be at most %d characters long", m.name, m.longest)
		}
		*m.into = &text
	}
	switch {
	case c.About != nil && strings.TrimSpace(*c.About) == "":
		return c, Errorf(CodeInvalidParameter, "about must not be empty")
	case c.Business.Email != nil && *c.Business.Email != "" && !isEmail(*c.Business.Email):
		return c, Errorf(CodeInvalidParameter, "email must be an address")
	}
	if raw, given := params["websites"]; given {
		websites, err := parseWebsites(raw)
		if err != nil {
			return c, err
		}
		c.Business.Websites = &websites
	}
	c.Picture, c.Vertical = params["profile_picture_handle"], strings.ToUpper(params["vertical"])
	return c, nil
}

func isEmail(s string) bool {
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && strings.Contains(host, ".") && !strings.ContainsAny(s, " \r\n\t")
}

// parseWebsites reads a list, or one address alone as forms give it.
func parseWebsites(raw string) ([]string, error) {
	websites := []string{}
	if strings.HasPrefix(strings.TrimSpace(raw), "[") {
		if err := json.Unmarshal([]byte(raw), &websites); err != nil {
			return nil, Errorf(CodeInvalidParameter, "websites must be a list of texts")
		}
	} else if raw != "" {
		websites = append(websites, raw)
	}
	if len(websites) > mostWebsites {
		return nil, Errorf(CodeInvalidParameter, "websites must have at most %d entries", mostWebsites)
	}
	for _, website := range websites {
		if !metabody.IsWebAddress(website) || utf8.RuneCountInString(website) > longestWebsite {
			return nil, Errorf(CodeInvalidParameter, "each of the websites must be an http or https URL of at most %d characters", longestWebsite)
		}
	}
	return websites, nil
}
