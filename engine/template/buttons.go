package template

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The most buttons that a template may have, and the longest of their texts, in
// characters.
const (
	mostButtons       = 10
	longestButton     = 25
	longestURL        = 2000
	longestPhone      = 20
	longestCouponCode = 20
)

// mostOf is how many buttons of a type there may be; 0 for what is no type.
func mostOf(t ButtonType) int {
	switch t {
	case QuickReply:
		return mostButtons
	case URL:
		return 2
	case PhoneNumber, CopyCode, OTP:
		return 1
	}
	return 0
}

var phonePattern = regexp.MustCompile(`^\+?[0-9][0-9 ()-]{4,}$`)

func checkButtons(category Category, buttons []Button) error {
	if len(buttons) == 0 || len(buttons) > mostButtons {
		return errorf(Invalid, "buttons", "there must be 1 to %d", mostButtons)
	}
	count := make(map[ButtonType]int)
	groups := 0 // of quick replies and of others
	for i := range buttons {
		b := &buttons[i]
		b.Type = ButtonType(strings.ToUpper(string(b.Type)))
		limit := mostOf(b.Type)
		if limit == 0 {
			return errorf(Invalid, partOf(i), "type must be QUICK_REPLY, URL, PHONE_NUMBER, COPY_CODE or OTP: others can't be sent by a linked device")
		}
		if (b.Type == OTP) != (category == Authentication) {
			return errorf(Invalid, partOf(i), "OTP buttons are those of authentication templates, which have no others")
		}
		if count[b.Type]++; count[b.Type] > limit {
			return errorf(Invalid, "buttons", "there can't be more than %d of type %s", limit, b.Type)
		}
		if i == 0 || (b.Type == QuickReply) != (buttons[i-1].Type == QuickReply) {
			groups++
		}
		if err := checkButton(partOf(i), b); err != nil {
			return err
		}
	}
	if groups > 2 {
		return errorf(Invalid, "buttons", "quick replies must stand together, before or behind the others")
	}
	return nil
}

func checkButton(part string, b *Button) error {
	if b.Text == "" && (b.Type == OTP || b.Type == CopyCode) {
		b.Text = copyOTPText
	}
	switch {
	case strings.TrimSpace(b.Text) == "":
		return errorf(Invalid, part, "text is required")
	case utf8.RuneCountInString(b.Text) > longestButton:
		return errorf(TooLong, part, "text must not have more than %d characters", longestButton)
	case strings.ContainsAny(b.Text, "\r\n") || strings.Contains(b.Text, "{{"):
		return errorf(Invalid, part, "text can't have parameters or line breaks")
	}
	switch b.Type {
	case URL:
		return checkURL(part, b.URL)
	case PhoneNumber:
		if !phonePattern.MatchString(b.PhoneNumber) || len(b.PhoneNumber) > longestPhone {
			return errorf(Invalid, part, "phone_number must be a number with its country code, of at most %d characters", longestPhone)
		}
	}
	return nil
}

// checkURL demands a web address that has no parameter but one at its end.
func checkURL(part, address string) error {
	if utf8.RuneCountInString(address) > longestURL {
		return errorf(TooLong, part, "url must not have more than %d characters", longestURL)
	}
	if err := wellFormed(part, address); err != nil {
		return err
	}
	pieces, _ := split(address)
	for i, p := range pieces {
		if p.param != "" && (i != len(pieces)-1 || i == 0) {
			return errorf(Invalid, part, "url can have a parameter at its end only")
		}
	}
	u, err := url.Parse(fill(address, map[string]string{}))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return errorf(Invalid, part, "url must be an http or https URL")
	}
	return nil
}
