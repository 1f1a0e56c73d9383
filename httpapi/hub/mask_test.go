package hub

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for text, want := range map[string]string{
		"Call me at +91 98765 43210 now": "Call me at +•• ••••• ••••• now",
		"(040) 123-4567":                 "(•••) •••-••••",
		"tel:+49.30.1234567":             "tel:+••.••.•••••••",
		"@919876543210 look":             "@•••••••••••• look",
		"https://wa.me/919876543210?x=1": "https://wa.me/••••••••••••?x=1",
		"Your code is 482913":            "Your code is ••••••",
		"Order 12345":                    "Order •••••",
		"At 10:30 for 99 rupees":         "At 10:30 for 99 rupees",
		"Room 1204":                      "Room 1204",
		"९८७६५ ४३२१०":                    "••••• •••••",
		"９８７６５４３２１０":                     "••••••••••",
		"9\u200b8\u200b7\u200b6\u200b5":  "•\u200b•\u200b•\u200b•\u200b•",
		"9️⃣8️⃣7️⃣6️⃣5️⃣":                "•️⃣•️⃣•️⃣•️⃣•️⃣",
		"9\u00a08\u202f7 – 6 — 5":        "•\u00a0•\u202f• – • — •",
		"a 12\n345 b":                    "a 12\n345 b",
		"⑨⑧⑦⑥⑤":                          "•••••",
		"9876[543]210 9876!5432":         "••••[•••]••• ••••!••••",
		"9<8>7|6=5;4":                    "•<•>•|•=•;•",
		"98\u066b76\u066b54":             "••\u066b••\u066b••",
		"🔟🔟🔟🔟🔟":                          "•••••",
		"":                               "",
	} {
		if got := Mask(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"Asha Kumar": "A. K.", "asha": "A.", "Asha Devi Kumar": "A. D.", "+91 98765 43210": "", "": "", "<script>": "",
		"Ünal Öz": "Ü. Ö.", "😀 Ben": "B.", "आशा कुमार": "आ. क.", "123 Asha": "A.",
	} {
		if got := Initials(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// What was masked holds no number that would be masked, and nothing else has changed.
func FuzzMask(f *testing.F) {
	for _, text := range []string{"+91 98765 43210", "a1b2c3d4e5", "1\u200b2-3(4)5", "١٢٣٤٥", "12 34:56"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Mask(text)
		if again := Mask(got); again != got {
			t.Fatalf("%q becomes %q, and then %q", text, got, again)
		}
		run := 0
		for _, r := range got {
			if isDigit(r) {
				run++
			} else {
				run = 0
			}
			if run >= fewestDigits {
				t.Fatalf("%q becomes %q", text, got)
			}
		}
		was, is := []rune(text), []rune(got)
		if len(was) != len(is) {
			t.Fatalf("%q becomes %q, of another length", text, got)
		}
		for i := range was {
			if was[i] != is[i] && (is[i] != masked || !isDigit(was[i])) {
				t.Fatalf("%q becomes %q", text, got)
			}
		}
		if name := Initials(text); strings.ContainsFunc(name, isDigit) || len([]rune(name)) > 5 {
			t.Fatalf("%q becomes %q", text, name)
		}
	})
}
