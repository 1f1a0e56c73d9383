package httpapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"wapid/engine"
)

// sample has every shape that a request body has or will have.
type sample struct {
	Text  string            `json:"text"`
	Count int               `json:"count"`
	Small int8              `json:"small"`
	Ratio float64           `json:"ratio"`
	On    *bool             `json:"on"`
	List  []part            `json:"list"`
	One   part              `json:"one"`
	Words map[string]string `json:"words"`
	Any   any               `json:"any"`
	Raw   json.RawMessage   `json:"raw"`
	none  string
	Skip  string `json:"-"`
	Plain string
}

type part struct {
	Name string `json:"name"`
}

func TestParseJSONAccepts(t *testing.T) {
	on := true
	for name, c := range map[string]struct {
		body string
		want sample
	}{
		"empty object":       {`{}`, sample{}},
		"space around":       {" \r\n\t{} \n", sample{}},
		"scalars":            {`{"text":"a","count":-3,"ratio":1.5,"on":true}`, sample{Text: "a", Count: -3, Ratio: 1.5, On: &on}},
		"null is absent":     {`{"text":null,"count":null,"on":null,"list":null,"one":null}`, sample{}},
		"nested":             {`{"list":[{"name":"x"},{}],"one":{"name":"y"}}`, sample{List: []part{{"x"}, {}}, One: part{"y"}}},
		"map":                {`{"words":{"A":"1","a":"2"}}`, sample{Words: map[string]string{"A": "1", "a": "2"}}},
		"anything":           {`{"any":{"Text":[1]}}`, sample{Any: map[string]any{"Text": []any{1.0}}}},
		"raw":                {`{"raw":{"z":[1, 2]}}`, sample{Raw: json.RawMessage(`{"z":[1, 2]}`)}},
		"escapes":            {`{"text":"\"\\\/\b\f\n\r\t\u00e9\\u0000\\ud800"}`, sample{Text: "\"\\/\b\f\n\r\té\\u0000\\ud800"}},
		"escaped pair":       {`{"text":"\ud83d\udc4d\uD83C\uDFFD"}`, sample{Text: "👍🏽"}},
		"raw emoji":          {`{"text":"👍🏽"}`, sample{Text: "👍🏽"}},
		"literal U+FFFD":     {`{"text":"�\ufffd"}`, sample{Text: "��"}},
		"escaped field name": {`{"te\u0078t":"a"}`, sample{Text: "a"}},
		"depth at the limit": {`{"any":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`, sample{Any: nested(maxDepth)}},
	} {
		t.Run(name, func(t *testing.T) {
			var got sample
			if err := parseJSON([]byte(c.body), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func nested(depth int) any {
	v := any([]any{})
	for range depth - 1 {
		v = []any{v}
	}
	return v
}

func TestParseJSONRefuses(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"nothing":               {"", "empty"},
		"space":                 {" \n", "empty"},
		"a space of Unicode":    {"\u00a0{}", "not valid JSON"},
		"array":                 {`[]`, "must be a JSON object"},
		"null":                  {`null`, "must be a JSON object"},
		"string":                {`"x"`, "must be a JSON object"},
		"number":                {`1`, "must be a JSON object"},
		"cut off":               {`{"text":"a"`, "not valid JSON, near byte 11"},
		"trailing object":       {`{} {}`, "not valid JSON"},
		"trailing text":         {`{}x`, "not valid JSON"},
		"trailing comma":        {`{"text":"a",}`, "not valid JSON"},
		"comment":               {`{/* */}`, "not valid JSON"},
		"single quotes":         {`{'text':'a'}`, "not valid JSON"},
		"form":                  {`to=1&message=a`, "not valid JSON"},
		"raw control":           {"{\"text\":\"a\nb\"}", "not valid JSON"},
		"raw NUL":               {"{\"text\":\"a\x00b\"}", "not valid JSON"},
		"NaN":                   {`{"ratio":NaN}`, "not valid JSON"},
		"byte order mark":       {"\ufeff{}", "not valid JSON"},
		"bad UTF-8":             {"{\"text\":\"\xff\"}", "not valid UTF-8"},
		"surrogate as UTF-8":    {"{\"text\":\"\xed\xa0\x80\"}", "not valid UTF-8"},
		"escaped NUL":           {`{"text":"a\u0000"}`, "NUL"},
		"escaped NUL in a name": {`{"\u0000":1}`, "NUL"},
		"high half":             {`{"text":"\ud83d"}`, "surrogate"},
		"high half, then text":  {`{"text":"\ud83dabcdef"}`, "surrogate"},
		"two high halves":       {`{"text":"\ud83d\ud83d"}`, "surrogate"},
		"low half":              {`{"text":"\uDC4D"}`, "surrogate"},
		"half at the very end":  {`{"text":"\ud83d\\u"}`, "surrogate"},
		"unknown":               {`{"texte":"a"}`, `unknown field "texte"`},
		"unknown and nested":    {`{"list":[{},{"nom":1}]}`, `unknown field "list[1].nom"`},
		"other case":            {`{"Text":"a"}`, `unknown field "Text"`},
		"field without a tag":   {`{"Plain":"a"}`, `unknown field "Plain"`},
		"hidden field":          {`{"-":"a"}`, `unknown field "-"`},
		"empty name":            {`{"":1}`, `unknown field ""`},
		"twice":                 {`{"text":"a","text":"b"}`, `field "text" is given twice`},
		"twice, once escaped":   {`{"text":"a","\u0074ext":"b"}`, `field "text" is given twice`},
		"twice in a map":        {`{"words":{"a":"1","a":"2"}}`, `field "words.a" is given twice`},
		"twice in anything":     {`{"any":[{"a":1,"a":2}]}`, `field "any[0].a" is given twice`},
		"number for a string":   {`{"text":1}`, `"text" must be a string, not a number`},
		"object for a string":   {`{"text":{"a":1}}`, `"text" must be a string, not an object`},
		"array for a string":    {`{"text":["a"]}`, `"text" must be a string, not an array`},
		"boolean for a string":  {`{"text":true}`, `"text" must be a string, not a boolean`},
		"string for a number":   {`{"count":"1"}`, `"count" must be a number, not a string`},
		"string for a boolean":  {`{"on":"true"}`, `"on" must be a boolean, not a string`},
		"object for an array":   {`{"list":{}}`, `"list" must be an array, not an object`},
		"array for an object":   {`{"one":[]}`, `"one" must be an object, not an array`},
		"wrong element":         {`{"list":["x"]}`, `"list[0]" must be an object, not a string`},
		"fraction":              {`{"count":1.5}`, "count is out of range or not a whole number"},
		"too large":             {`{"small":128}`, "small is out of range"},
		"far too large":         {`{"ratio":1e999}`, "ratio is out of range"},
		"too deep":              {`{"any":` + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + `}`, "nested deeper"},
		"depth bomb":            {strings.Repeat(`{"any":`, 200000), "not valid JSON"},
		"closed depth bomb":     {`{"any":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`, "nested deeper"},
		"long name":             {`{"` + strings.Repeat("x", 5000) + `":1}`, `unknown field "` + strings.Repeat("x", 64) + "…"},
		"quotes in a name":      {`{"a\"b\n":1}`, `unknown field "a\"b\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := parseJSON([]byte(c.body), new(sample))
			if engine.CodeOf(err) != engine.CodeInvalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want CodeInvalid with %q", err, c.want)
			}
		})
	}
}

func TestCheckMedia(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, encoding string
		refused               bool
	}{
		"undeclared":          {"", "", false},
		"json":                {"application/json", "", false},
		"other case":          {"Application/JSON", "", false},
		"with charset":        {"application/json; charset=utf-8", "", false},
		"quoted charset":      {`application/json;charset="UTF-8"`, "", false},
		"charset in slang":    {"application/json; charset=utf8", "", false},
		"identity":            {"application/json", "identity", false},
		"form, as curl -d":    {"application/x-www-form-urlencoded", "", true},
		"multipart":           {"multipart/form-data; boundary=x", "", true},
		"text":                {"text/plain", "", true},
		"latin 1":             {"application/json; charset=iso-8859-1", "", true},
		"UTF-16":              {"application/json; charset=utf-16", "", true},
		"another json":        {"application/problem+json", "", true},
		"no media type":       {";;", "", true},
		"compressed":          {"application/json", "gzip", true},
		"compressed, unnamed": {"", "br", true},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkMedia(c.contentType, c.encoding)
			if refused := engine.CodeOf(err) == CodeUnsupportedMedia; refused != c.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzParseJSON holds parseJSON against encoding/json: what it accepts is valid,
// and decodes to the same value; what it refuses is refused as the caller's fault.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`{"text":"a","count":1,"list":[{"name":"b"}],"any":{"x":[null,true,1e3]}}`,
		`{"text":"\ud83d\udc4d\u0000"}`, `{"text":"\ud83d`, `{"Text":1,"text":2}`, `{"any":[[[[]]]]}`, `[]`, "\x00", `{"raw":1}`,
		`{"to":"919876543210","message":"Hello"}`, `{"ratio":1E400}`, `{"small":300}`, `{"words":{"a":"b"}}`, `{"any":"\\u0000\\"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got, want sample
		err := parseJSON(body, &got)
		if err != nil {
			if engine.CodeOf(err) != engine.CodeInvalid {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, encoding/json makes %+v of it", got, want)
		}
		if got.none+got.Skip+got.Plain != "" {
			t.Fatalf("a field without a name was set: %+v", got)
		}
		if strings.ContainsRune(got.Text, 0) {
			t.Fatal("a NUL came through")
		}
	})
}
