package template

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The longest texts that a definition may hold, in characters, and the most of what it
// may have.
const (
	longestTemplateName = 512
	longestHeader       = 60
	longestBody         = 1024
	longestFooter       = 60
	mostExpiry          = 90 // minutes
)

var (
	namePattern     = regexp.MustCompile(`^[a-z0-9_]+$`)
	languagePattern = regexp.MustCompile(`^[a-z]{2,3}(_[A-Z]{2,3})?$`)
)

// What an authentication template says that has no text of its own.
const (
	codeText    = "*{{1}}* is your verification code."
	adviceText  = " For your security, do not share this code."
	expiryText  = "This code expires in %d minutes."
	copyOTPText = "Copy code"
)

// Check returns a definition as it is kept: words that Meta knows in capitals, what
// follows from the rest filled in, and approved. Where no parameter format is given it
// is read off the parameters. It fails with an *Error of Invalid or TooLong.
//
// Rules that only serve Meta's review are not enforced: examples may be missing, and a
// body may begin or end with a parameter.
func Check(t Template) (Template, error) {
	t.Category = categoryOf(string(t.Category))
	t.ParameterFormat = ParameterFormat(strings.ToUpper(string(t.ParameterFormat)))
	t.Status = Approved
	t.Components = slices.Clone(t.Components)
	switch {
	case t.Name == "":
		return t, errorf(Invalid, "name", "is required")
	case !namePattern.MatchString(t.Name):
		return t, errorf(Invalid, "name", "may have lower-case letters a to z, digits and underscores only")
	case len(t.Name) > longestTemplateName:
		return t, errorf(TooLong, "name", "must not have more than %d characters", longestTemplateName)
	case !languagePattern.MatchString(t.Language):
		return t, errorf(Invalid, "language", "must be a code such as en or pt_BR")
	case t.Category == "":
		return t, errorf(Invalid, "category", "must be MARKETING, UTILITY or AUTHENTICATION")
	}
	seen := make(map[ComponentType]bool)
	for i := range t.Components {
		c := &t.Components[i]
		c.Type = ComponentType(strings.ToUpper(string(c.Type)))
		c.Buttons = slices.Clone(c.Buttons)
		if seen[c.Type] {
			return t, errorf(Invalid, "components", "there is more than one %s", c.Type)
		}
		seen[c.Type] = true
		if err := checkComponent(t.Category, c); err != nil {
			return t, err
		}
	}
	if !seen[Body] {
		return t, errorf(Invalid, "components", "a BODY is required")
	}
	if t.Category == Authentication && (seen[Header] || !seen[Buttons]) {
		return t, errorf(Invalid, "components", "an authentication template has a BODY and an OTP button, and no HEADER")
	}
	return checkParameters(t)
}

// categoryOf is "" for what is no category. The words of before 2022 stand for those of
// today.
func categoryOf(s string) Category {
	switch s = strings.ToUpper(s); s {
	case "MARKETING", "UTILITY", "AUTHENTICATION":
		return Category(s)
	case "TRANSACTIONAL", "ACCOUNT_UPDATE", "PAYMENT_UPDATE", "PERSONAL_FINANCE_UPDATE", "SHIPPING_UPDATE",
		"RESERVATION_UPDATE", "ISSUE_RESOLUTION", "APPOINTMENT_UPDATE", "TRANSPORTATION_UPDATE", "TICKET_UPDATE",
		"ALERT_UPDATE", "AUTO_REPLY":
		return Utility
	case "OTP":
		return Authentication
	}
	return ""
}

func checkComponent(category Category, c *Component) error {
	switch c.Type {
	case Header:
		return checkHeader(c)
	case Body:
		if category == Authentication && c.Text == "" {
			c.Text = codeText
			if c.SecurityAdvice {
				c.Text += adviceText
			}
		}
		return checkText("body", c.Text, longestBody)
	case Footer:
		switch {
		case category != Authentication || c.ExpiresIn == 0:
		case c.ExpiresIn < 1 || c.ExpiresIn > mostExpiry:
			return errorf(Invalid, "footer", "code_expiration_minutes must be from 1 to %d", mostExpiry)
		case c.Text == "":
			c.Text = fmt.Sprintf(expiryText, c.ExpiresIn)
		}
		if err := checkText("footer", c.Text, longestFooter); err != nil {
			return err
		}
		if len(params(c.Text)) > 0 {
			return errorf(Invalid, "footer", "can't have parameters")
		}
		return nil
	case Buttons:
		return checkButtons(category, c.Buttons)
	}
	return errorf(Invalid, "components", "a component must be a HEADER, BODY, FOOTER or BUTTONS: others can't be sent by a linked device")
}

func checkHeader(c *Component) error {
	c.Format = Format(strings.ToUpper(string(c.Format)))
	if c.Format == "" {
		c.Format = Text
	}
	switch {
	case c.Format.isMedia(), c.Format == Location:
		if c.Text != "" {
			return errorf(Invalid, "header", "a header of format %s has no text", c.Format)
		}
		return nil
	case c.Format != Text:
		return errorf(Invalid, "header", "format must be TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION")
	}
	if err := checkText("header", c.Text, longestHeader); err != nil {
		return err
	}
	if len(params(c.Text)) > 1 {
		return errorf(Invalid, "header", "can have one parameter at most")
	}
	return nil
}

// checkText demands a text of at most so many characters whose places can be read.
func checkText(part, text string, longest int) error {
	if strings.TrimSpace(text) == "" {
		return errorf(Invalid, part, "text is required")
	}
	if utf8.RuneCountInString(text) > longest {
		return errorf(TooLong, part, "text must not have more than %d characters", longest)
	}
	return wellFormed(part, text)
}

// wellFormed demands that the places of a text can be read.
func wellFormed(part, text string) error {
	if _, err := split(text); err != nil {
		return errorf(Invalid, part, "%s", err.(*Error).Detail)
	}
	return nil
}

// checkParameters demands that all parameters are of one format, and numbers without
// gaps. The place in a URL may be {{1}} in either.
func checkParameters(t Template) (Template, error) {
	texts := map[string][]string{"header": params(t.component(Header).Text), "body": params(t.component(Body).Text)}
	for _, part := range []string{"header", "body"} {
		names := texts[part]
		for _, name := range names {
			format := Named
			if _, isNumber := numberOf(name); isNumber {
				format = Positional
			}
			if t.ParameterFormat == "" {
				t.ParameterFormat = format
			}
			if format != t.ParameterFormat {
				return t, errorf(Invalid, part, "parameters must be numbers {{1}} with the format POSITIONAL, or names {{first_name}} with NAMED, and not both")
			}
		}
		if t.ParameterFormat == Positional {
			for i := range names {
				if !slices.Contains(names, fmt.Sprint(i+1)) {
					return t, errorf(Invalid, part, "parameters must be numbered from {{1}} without gaps")
				}
			}
		}
	}
	switch t.ParameterFormat {
	case "":
		t.ParameterFormat = Positional
	case Positional, Named:
	default:
		return t, errorf(Invalid, "parameter_format", "must be POSITIONAL or NAMED")
	}
	if t.Category == Authentication && len(texts["body"]) != 1 {
		return t, errorf(Invalid, "body", "an authentication template has one parameter, the code")
	}
	return t, nil
}
