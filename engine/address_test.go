package engine

import (
	"strings"
	"testing"
)

func TestParseRecipient(t *testing.T) {
	const number = JID("919876543210@s.whatsapp.net")
	for in, want := range map[string]JID{
		"919876543210":                     number,
		"+919876543210":                    number,
		"00919876543210":                   number,
		"  +91 98765 43210 ":               number,
		"+91 (98765) 432-10":               number,
		"91.98765/43210":                   number,
		"+91\u00a098765\u00a043210":        number,
		"919876543210@s.whatsapp.net":      number,
		" 919876543210@s.whatsapp.net ":    number,
		"(+91) 98765\u201143210":           number,
		"\u202a+91\u202f98765 43210\u202c": number,
		"\t+91 98765,43210":                number,
		"+44 (0)20 7946 0018":              "442079460018@s.whatsapp.net",
		"0044 (0) 20 7946 0018":            "442079460018@s.whatsapp.net",
		"4402079460018":                    "442079460018@s.whatsapp.net",
		"+39 06 1234 5678":                 "390612345678@s.whatsapp.net",
		"+49 (0) 151 1234 5678":            "4915112345678@s.whatsapp.net",
		"+52 1 999 123 4567":               "5219991234567@s.whatsapp.net", // gone from the plan since 2019, alive on WhatsApp
		"+54 9 11 2345 6789":               "5491123456789@s.whatsapp.net",
		"+999 123 456 789":                 "999123456789@s.whatsapp.net", // no country has it
		"15550001001":                      "15550001001@s.whatsapp.net",
		"1234567":                          "1234567@s.whatsapp.net",
		"123456789012345":                  "123456789012345@s.whatsapp.net",
		"123456789012345678@lid":           "123456789012345678@lid",
		"120363041234567890@g.us":          "120363041234567890@g.us",
		"4915112345678-1612345678@g.us":    "4915112345678-1612345678@g.us",
		"120363041234567890@newsletter":    "120363041234567890@newsletter",

		"":                                     "",
		"   ":                                  "",
		"+":                                    "",
		"00":                                   "",
		"123456":                               "",
		"1234567890123456":                     "",
		"0151 12345678":                        "",
		"000919876543210":                      "",
		"91987+6543210":                        "",
		"++919876543210":                       "",
		"+00919876543210":                      "",
		"91+9876543210":                        "",
		"919876543210 ext. 5":                  "",
		"919876543210;ext=5":                   "",
		"1-800-FLOWERS":                        "",
		"tel:+919876543210":                    "",
		"nine one nine":                        "",
		"٩١٩٨٧٦٥٤٣٢١٠":                         "",
		"919876543210x":                        "",
		"@s.whatsapp.net":                      "",
		"0919876543210@s.whatsapp.net":         "",
		"919876543210:12@s.whatsapp.net":       "",
		"+919876543210@s.whatsapp.net":         "",
		"919876543210@s.whatsapp.net@g.us":     "",
		"919876543210@c.us":                    "",
		"919876543210@":                        "",
		"919876543210@S.WHATSAPP.NET":          "",
		"status@broadcast":                     "",
		"-1612345678@g.us":                     "",
		"1-2-3@g.us":                           "",
		"@lid":                                 "",
		strings.Repeat("1", 21) + "@lid":       "",
		strings.Repeat("1", 41) + "@g.us":      "",
		"919876543210\n@s.whatsapp.net":        "",
		"919876543210\x00":                     "",
		"919876543210@s.whatsapp.net/resource": "",
	} {
		got, err := ParseRecipient(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseRecipient(%q) = %q, %v, want %q", in, got, err, want)
		}
		if err != nil && CodeOf(err) != CodeInvalid {
			t.Errorf("ParseRecipient(%q) fails with %s", in, CodeOf(err))
		}
	}
}

func TestJIDParts(t *testing.T) {
	for jid, want := range map[JID]struct {
		user, server string
		group        bool
	}{
		"1@g.us":            {"1", "g.us", true},
		"22@s.whatsapp.net": {"22", "s.whatsapp.net", false},
		"":                  {"", "", false},
		"x":                 {"x", "", false},
	} {
		if jid.User() != want.user || jid.Server() != want.server || jid.IsGroup() != want.group {
			t.Errorf("%q is %q at %q, group %v", jid, jid.User(), jid.Server(), jid.IsGroup())
		}
	}
	both := Person{Phone: "1@s.whatsapp.net", LID: "2@lid"}
	if both.Preferred() != both.Phone || (Person{LID: both.LID}).Preferred() != both.LID || (Person{}).Preferred() != "" {
		t.Error("the preferred address is the phone number, else the LID")
	}
}

func FuzzParseRecipient(f *testing.F) {
	for _, s := range []string{"+91 98765 43210", "+44 (0)20 7946 0018", "118847454096", "1@lid", "1-2@g.us", "a@b@c", "00", "\u00a0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		jid, err := ParseRecipient(s)
		if err != nil {
			if CodeOf(err) != CodeInvalid || jid != "" {
				t.Fatalf("%q: %q, %v", s, jid, err)
			}
			return
		}
		for _, r := range jid.User() {
			if (r < '0' || r > '9') && r != '-' {
				t.Fatalf("%q became %q", s, jid)
			}
		}
		if again, err := ParseRecipient(string(jid)); err != nil || again != jid {
			t.Fatalf("%q became %q, which becomes %q, %v", s, jid, again, err)
		}
	})
}

func BenchmarkParseRecipient(b *testing.B) {
	for name, number := range map[string]string{"digits": "919876543210", "written": "+91 98765-43210", "jid": "919876543210@s.whatsapp.net"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseRecipient(number); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
