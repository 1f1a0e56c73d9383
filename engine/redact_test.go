package engine

import "testing"

func TestRedactTakesNumbersOut(t *testing.T) {
	for in, want := range map[string]string{
		"no LID found for 919876543210@s.whatsapp.net":                           "no LID found for #@s.whatsapp.net",
		"to 123456789012345:2@lid failed":                                        "to #:2@lid failed",
		"dial tcp 127.0.0.1:54321: refused (503)":                                "dial tcp 127.0.0.1:54321: refused (503)",
		"no LID found for 123456789012345@lid after 3 of 10000 tries, error 463": "no LID found for #@lid after 3 of 10000 tries, error 463",
		"": "",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, expected %q", in, got, want)
		}
	}
}
