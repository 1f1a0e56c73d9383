package cloudapi

import (
	"strings"
	"testing"

	"wapid/engine"
)

func TestWAMIDsAreMadeAsMetas(t *testing.T) {
	for want, w := range map[string]WAMID{
		"wamid.HBgMOTE5ODc2NTQzMjEwFQIAERgUM0VCMEI0MzBBOEI3RjZDMUQyRTMA": {User: "919876543210", Outgoing: true, ID: "3EB0B430A8B7F6C1D2E3"},
		"wamid.HBgMOTE5ODc2NTQzMjEwFQIAEhgUM0VCMEI0MzBBOEI3RjZDMUQyRTMA": {User: "919876543210", ID: "3EB0B430A8B7F6C1D2E3"},
		"wamid.HBgSMTIwMzYzMDAwMDAwMDAwMDAwFQIAERgBQQA=":                 {User: "120363000000000000", Outgoing: true, ID: "A"},
	} {
		if got := w.String(); got != want {
			t.Errorf("%+v is %s, want %s", w, got, want)
		}
		if got, ok := ParseWAMID(want); !ok || got != w {
			t.Errorf("%s is %+v, %v", want, got, ok)
		}
	}
	long := WAMID{User: "1-2", ID: engine.MessageID(strings.Repeat("x", maxMessageID))}
	if got, ok := ParseWAMID(long.String()); !ok || got != long {
		t.Errorf("a long one is %+v, %v", got, ok)
	}
	if got, ok := ParseWAMID("3EB0B430A8B7F6C1D2E3"); !ok || got != (WAMID{ID: "3EB0B430A8B7F6C1D2E3"}) {
		t.Errorf("the network's own is %+v, %v", got, ok)
	}
}

func TestWAMIDsThatAreNone(t *testing.T) {
	const good = "wamid.HBgMOTE5ODc2NTQzMjEwFQIAERgUM0VCMEI0MzBBOEI3RjZDMUQyRTMA"
	for _, s := range []string{"", "wamid.", good + "AAAA", good[:len(good)-4], "wamid." + good[7:], "wamid.====", "a b", "ä",
		strings.Repeat("x", maxMessageID+1), WAMID{ID: "A"}.String(), WAMID{User: "1", ID: "a b"}.String(), WAMID{User: "1"}.String(),
		strings.Replace(good, "FQIAERg", "FQIAExg", 1)} {
		if w, ok := ParseWAMID(s); ok {
			t.Errorf("%q is taken for %+v", s, w)
		}
	}
}

// What is taken for an id has one form only, so that ids can be compared as text.
func FuzzParseWAMID(f *testing.F) {
	f.Add("wamid.HBgMOTE5ODc2NTQzMjEwFQIAERgUM0VCMEI0MzBBOEI3RjZDMUQyRTMA")
	f.Add("wamid.HBgMOTE5ODc2NTQzMjEwFQIAEhgUM0VCMEI0MzBBOEI3RjZDMUQyRTMA")
	f.Add("3EB0B430A8B7F6C1D2E3")
	f.Add("wamid.HBiAAA==")
	f.Fuzz(func(t *testing.T, s string) {
		w, ok := ParseWAMID(s)
		if !ok {
			return
		}
		if w.ID == "" || w.User == "" && string(w.ID) != s || w.User != "" && w.String() != s {
			t.Errorf("%q is %+v, which is %q", s, w, w)
		}
	})
}
