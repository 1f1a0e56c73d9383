package webhooks

import "strings"

// Origin says which place of Meta's Graph API an endpoint was set at. Of the three that
// an event may concern only the nearest gets it: the number's, else the account's, else
// the app's. Endpoints without an origin are independent of them.
type Origin string

const (
	OriginNone Origin = ""
	OriginApp  Origin = "app"
	OriginWABA Origin = "waba"
)

const (
	phoneOrigin = "phone:"
	d360Origin  = "d360:"
)

// OriginPhone is the place of a number, given as digits.
func OriginPhone(digits string) Origin { return Origin(phoneOrigin + digits) }

// OriginD360 is where 360dialog's API sets the webhook of a number, given as digits. It is
// no place of the Graph API: its endpoint gets the number's events beside those.
func OriginD360(digits string) Origin { return Origin(d360Origin + digits) }

// Phone is the number of a number's place, "" for every other.
func (o Origin) Phone() string {
	for _, prefix := range []string{phoneOrigin, d360Origin} {
		if digits, ok := strings.CutPrefix(string(o), prefix); ok {
			return digits
		}
	}
	return ""
}

// rank is how near a place is to an event of a number; 0 if it gets none of it.
func (o Origin) rank(phone string) int {
	switch {
	case o == OriginApp:
		return 1
	case o == OriginWABA:
		return 2
	case phone != "" && o == OriginPhone(phone):
		return 3
	}
	return 0
}

// Nearest tells of each origin whether its endpoint gets an event of a number, "" for
// an event that belongs to none.
func Nearest(phone string, origins []Origin) []bool {
	best := 0
	for _, o := range origins {
		best = max(best, o.rank(phone))
	}
	gets := make([]bool, len(origins))
	for i, o := range origins {
		gets[i] = o == OriginNone || o.rank(phone) == best && best > 0 || phone != "" && o == OriginD360(phone)
	}
	return gets
}
