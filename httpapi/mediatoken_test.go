package httpapi

import (
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// A token opens for whom and until when it was signed, with the key that signed it, and
// not once a single character of it was changed.
func TestMediaTokens(t *testing.T) {
	now := time.Unix(1708243200, 0)
	key := newMediaKey()
	token := key.sign("acme", 123456789012345, now.Add(mediaTokenLife))
	tenant, id, err := key.open(token, now)
	if tenant != "acme" || id != 123456789012345 || err != nil {
		t.Fatalf("%q %d %v", tenant, id, err)
	}
	if strings.ContainsAny(token, "./+=:") {
		t.Errorf("the token %q does not go into every path", token)
	}
	for i := range token {
		changed := []byte(token)
		if changed[i]++; changed[i] == 'z'+1 {
			changed[i] = 'a'
		}
		if _, _, err := key.open(string(changed), now); engine.CodeOf(err) != engine.CodeNotFound {
			t.Fatalf("changed at %d: %v", i, err)
		}
	}
	for name, open := range map[string]func() error{
		"another key": func() error { _, _, err := newMediaKey().open(token, now); return err },
		"too late":    func() error { _, _, err := key.open(token, now.Add(mediaTokenLife)); return err },
		"cut off":     func() error { _, _, err := key.open(token[:40], now); return err },
		"empty":       func() error { _, _, err := key.open("", now); return err },
		"longer":      func() error { _, _, err := key.open(token+"AAAA", now); return err },
	} {
		if err := open(); engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}
