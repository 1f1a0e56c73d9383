package engine

import "testing"

func TestCanonicalEqualsJSONStringify(t *testing.T) {
	type body struct {
		Text string `json:"text"`
	}
	// The expected bytes are what JSON.stringify(JSON.parse(body)) prints in Node 20.
	for name, c := range map[string]struct{ in, want string }{
		"html is not escaped":        {"<a href='x'>&</a>", `{"text":"<a href='x'>&</a>"}`},
		"line separators are raw":    {"a\u2028b\u2029c", "{\"text\":\"a\u2028b\u2029c\"}"},
		"a typed escape stays":       {`\u2028`, `{"text":"\\u2028"}`},
		"backslash before separator": {"\\\u2028", "{\"text\":\"\\\\\u2028\"}"},
		"controls":                   {"\x00\x08\x0b\x0c\x1f\x7f", "{\"text\":\"\\u0000\\b\\u000b\\f\\u001f\x7f\"}"},
		"invalid UTF-8 is replaced":  {"a\xffb", "{\"text\":\"a\ufffdb\"}"},
		"emoji":                      {"👍🏽", `{"text":"👍🏽"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Canonical(body{c.in})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
