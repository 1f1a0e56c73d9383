package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func TestKeysAreRandomOnes(t *testing.T) {
	good := NewKey()
	raw := good.raw[:]
	for _, test := range []struct {
		name, text string
		ok         bool
	}{
		{"base64", good.Text(), true},
		{"base64 with spaces around", " " + good.Text() + "\n", true},
		{"base64 without padding", strings.TrimRight(good.Text(), "="), true},
		{"hexadecimal", hex.EncodeToString(raw), true},
		{"upper-case hexadecimal", strings.ToUpper(hex.EncodeToString(raw)), true},
		{"nothing", "", false},
		{"a passphrase", "correct horse battery staple", false},
		{"31 bytes", hex.EncodeToString(raw[:31]), false},
		{"33 bytes", hex.EncodeToString(append(bytes.Clone(raw), 1)), false},
		{"zeros", strings.Repeat("00", KeySize), false},
		{"text in hexadecimal", hex.EncodeToString([]byte("a passphrase of thirty-two bytes")), false},
		{"counting up", hex.EncodeToString(steps(1)), false},
		{"counting up by seven", hex.EncodeToString(steps(7)), false},
		{"a half twice", hex.EncodeToString(append(bytes.Clone(raw[:16]), raw[:16]...)), false},
	} {
		key, err := ParseKey(test.text)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && len(test.text) > 8 && strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: the error tells the key: %v", test.name, err)
		}
		if err == nil && key.ID() != good.ID() {
			t.Errorf("%s: read as another key", test.name)
		}
	}
	if strings.Contains(good.String(), good.Text()) {
		t.Error("a key prints itself")
	}
	for range 1000 {
		if _, err := ParseKey(NewKey().Text()); err != nil {
			t.Fatalf("a random key was refused: %v", err)
		}
	}
}

func TestAValueOpensOnlyInItsPlace(t *testing.T) {
	box, other := randomBox(), randomBox()
	value := []byte("a private key")
	sealed := box.Seal(value, "session", "device", "address")
	if bytes.Contains(sealed, value) {
		t.Fatal("the value can be read")
	}
	if opened, err := box.Open(sealed, "session", "device", "address"); err != nil || !bytes.Equal(opened, value) {
		t.Fatalf("opened %q, %v", opened, err)
	}
	if bytes.Equal(sealed, box.Seal(value, "session", "device", "address")) {
		t.Error("the same value looks the same twice")
	}
	for name, place := range map[string][]string{
		"another row":       {"session", "device", "other"},
		"another device":    {"session", "other", "address"},
		"another table":     {"sender key", "device", "address"},
		"other borders":     {"session", "devic", "eaddress"},
		"a part less":       {"session", "deviceaddress"},
		"nothing":           nil,
		"an empty part too": {"session", "device", "address", ""},
	} {
		if _, err := box.Open(sealed, place...); !errors.Is(err, ErrNotSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := other.Open(sealed, "session", "device", "address"); !errors.Is(err, ErrNotSealed) {
		t.Errorf("another box: %v", err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := box.Open(changed, "session", "device", "address"); !errors.Is(err, ErrNotSealed) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := box.Open(sealed[:i], "session", "device", "address"); !errors.Is(err, ErrNotSealed) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := box.Open(value, "session", "device", "address"); !errors.Is(err, ErrNotSealed) {
		t.Errorf("a plain value was taken: %v", err)
	}
}

func TestABoxOfNothingChangesNothing(t *testing.T) {
	var none *Box
	value := []byte("plain")
	if &none.Seal(value, "x")[0] != &value[0] {
		t.Error("the value was copied")
	}
	if allocs := testing.AllocsPerRun(100, func() { _ = none.Seal(value, "session", "device", "address") }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if opened, err := none.Open(value, "x"); err != nil || &opened[0] != &value[0] {
		t.Errorf("opened %q, %v", opened, err)
	}
	if none.SealText("a", "x") != "a" {
		t.Error("a text was changed")
	}
}

func TestNothingAndTexts(t *testing.T) {
	box := randomBox()
	if box.Seal(nil, "x") != nil {
		t.Error("nil was sealed")
	}
	if opened, err := box.Open(nil, "x"); opened != nil || err != nil {
		t.Errorf("nil opened to %q, %v", opened, err)
	}
	if opened, err := box.Open(box.Seal([]byte{}, "x"), "x"); err != nil || opened == nil || len(opened) != 0 {
		t.Errorf("the empty value opened to %v, %v", opened, err)
	}
	if box.SealText("", "x") != "" {
		t.Error("the empty text was sealed")
	}
	text, err := box.OpenText(box.SealText("secret", "x"), "x")
	if err != nil || text != "secret" {
		t.Errorf("opened %q, %v", text, err)
	}
	for _, plain := range []string{"secret", "!!", strings.Repeat("A", 80)} {
		if _, err := box.OpenText(plain, "x"); !errors.Is(err, ErrNotSealed) {
			t.Errorf("%q was taken: %v", plain, err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	box, value := randomBox(), make([]byte, 1200)
	b.ReportAllocs()
	for b.Loop() {
		box.Seal(value, "session", "49170000000:3@s.whatsapp.net", "100000000000001_1:0")
	}
}

func steps(by byte) []byte {
	raw := make([]byte, KeySize)
	for i := range raw {
		raw[i] = 3 + by*byte(i)
	}
	return raw
}
