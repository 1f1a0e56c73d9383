package webhooks

import (
	"slices"
	"testing"
)

// The webhook that 360dialog's API has set for a number gets that number's events alone,
// and takes none from those that the Graph API knows.
func TestOriginOfANumberIsNoneOfTheGraphAPI(t *testing.T) {
	origins := []Origin{OriginD360("15550001111"), OriginD360("15550002222"), OriginWABA, OriginPhone("15550001111"), OriginNone}
	for phone, want := range map[string][]bool{
		"15550001111": {true, false, false, true, true},
		"15550002222": {false, true, true, false, true},
		"15550003333": {false, false, true, false, true},
		"":            {false, false, true, false, true},
	} {
		if got := Nearest(phone, origins); !slices.Equal(got, want) {
			t.Errorf("an event of %q goes to %v, want %v", phone, got, want)
		}
	}
	for origin, want := range map[Origin]string{OriginD360("15550001111"): "15550001111", OriginPhone("1"): "1", OriginApp: "", OriginNone: ""} {
		if got := origin.Phone(); got != want {
			t.Errorf("the number of %q is %q, want %q", origin, got, want)
		}
	}
}
