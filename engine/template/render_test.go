package template

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

const orderTemplate = `{"name":"order","language":"en","category":"UTILITY","components":[
	{"type":"HEADER","format":"TEXT","text":"Order {{1}}"},
	{"type":"BODY","text":"Hi {{1}}, {{2}} by {{3}}."},
	{"type":"FOOTER","text":"Lucky Shrub"},
	{"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"Thanks"},{"type":"QUICK_REPLY","text":"Stop"},
		{"type":"URL","text":"Track","url":"https://x.example/t/{{1}}"},{"type":"PHONE_NUMBER","text":"Call","phone_number":"+4915112345678"}]}]}`

const orderValues = `[
	{"type":"header","parameters":[{"type":"text","text":"#7"}]},
	{"type":"body","parameters":[{"type":"text","text":"Asha"},
		{"type":"currency","currency":{"fallback_value":"₹100.99","code":"INR","amount_1000":100990}},
		{"type":"date_time","date_time":{"fallback_value":"Friday"}}]},
	{"type":"button","sub_type":"quick_reply","index":"1","parameters":[{"type":"payload","payload":"stop-now"}]},
	{"type":"button","sub_type":"URL","index":2,"parameters":[{"type":"text","text":"77"}]}]`

func parsed(t testing.TB, raw string) Values {
	t.Helper()
	v, err := ParseComponents(json.RawMessage(raw))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRenderText(t *testing.T) {
	m, err := Render(checked(t, orderTemplate), parsed(t, orderValues))
	if err != nil {
		t.Fatal(err)
	}
	want := Message{Header: "Order #7", Body: "Hi Asha, ₹100.99 by Friday.", Footer: "Lucky Shrub",
		Lines:   []string{"Track: https://x.example/t/77", "Call: +4915112345678"},
		Replies: []Reply{{Payload: "Thanks", Title: "Thanks"}, {Payload: "stop-now", Title: "Stop"}}}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("%+v\nwant %+v", m, want)
	}
	const text = "*Order #7*\n\nHi Asha, ₹100.99 by Friday.\n\n_Lucky Shrub_\n\nTrack: https://x.example/t/77\nCall: +4915112345678"
	if m.Text() != text {
		t.Errorf("in words: %q", m.Text())
	}
}

func TestRenderMediaAndPlaces(t *testing.T) {
	for format, c := range map[string]struct{ value, text string }{
		"IMAGE":    {`{"type":"image","image":{"id":1000000000000001}}`, "Hi"},
		"VIDEO":    {`{"type":"video","video":{"link":"https://x.example/v.mp4"}}`, "Hi"},
		"DOCUMENT": {`{"type":"document","document":{"link":"https://x.example/d","filename":"d.pdf"}}`, "Hi"},
		"LOCATION": {`{"type":"location","location":{"latitude":"-33.45","longitude":-70.66,"name":"Shop","address":"1 Way"}}`,
			"Shop\n1 Way\nhttps://maps.google.com/?q=-33.45,-70.66\n\nHi"},
	} {
		tpl := checked(t, withComponents(`{"type":"HEADER","format":"`+format+`"},{"type":"BODY","text":"Hi"}`))
		m, err := Render(tpl, parsed(t, `[{"type":"header","parameters":[`+c.value+`]}]`))
		if err != nil || m.Text() != c.text {
			t.Errorf("%s: %q (%v)", format, m.Text(), err)
			continue
		}
		if (m.Media == nil) != (format == "LOCATION") || m.Media != nil && string(m.Media.Kind) != strings.ToLower(format) {
			t.Errorf("%s: %+v", format, m.Media)
		}
		for other, want := range map[string]Fault{
			`[]`: Mismatch,
			`[{"type":"header","parameters":[{"type":"text","text":"x"}]}]`:                                  Mismatch,
			`[{"type":"header","parameters":[` + c.value + `,` + c.value + `]}]`:                             Count,
			`[{"type":"header","parameters":[` + c.value + `]},{"type":"body","parameters":[{"text":"x"}]}]`: Count,
		} {
			if _, err := Render(tpl, parsed(t, other)); faultOf(err) != want {
				t.Errorf("%s with %s: %v, want %s", format, other, err, want)
			}
		}
	}
}

func TestRenderNamed(t *testing.T) {
	tpl := checked(t, withComponents(`{"type":"BODY","text":"{{first}} {{last}} {{first}}"}`))
	m, err := Render(tpl, parsed(t, `[{"type":"body","parameters":[{"type":"text","parameter_name":"last","text":"Rao"},{"type":"text","parameter_name":"first","text":"Asha"}]}]`))
	if err != nil || m.Body != "Asha Rao Asha" {
		t.Errorf("%q (%v)", m.Body, err)
	}
	for raw, want := range map[string]Fault{
		`[{"type":"body","parameters":[{"type":"text","parameter_name":"last","text":"Rao"}]}]`:                                                        Count,
		`[{"type":"body","parameters":[{"type":"text","parameter_name":"last","text":"Rao"},{"type":"text","parameter_name":"other","text":"Asha"}]}]`: Mismatch,
		`[{"type":"body","parameters":[{"type":"text","text":"Rao"},{"type":"text","text":"Asha"}]}]`:                                                  Mismatch,
	} {
		if _, err := Render(tpl, parsed(t, raw)); faultOf(err) != want {
			t.Errorf("%s: %v, want %s", raw, err, want)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	tpl := checked(t, orderTemplate)
	for _, c := range []struct {
		change func(*Values)
		want   Fault
		detail string
	}{
		{func(v *Values) { v.Body = v.Body[:1] }, Count, "body: number of localizable_params (1) does not match the expected number of params (3)"},
		{func(v *Values) { v.Header = nil }, Count, "header: number of localizable_params (0) does not match the expected number of params (1)"},
		{func(v *Values) { v.Body[0] = Value{Type: ImageValue, Media: &Media{ID: "1"}} }, Mismatch, "body: Format mismatch, expected TEXT, received IMAGE"},
		{func(v *Values) { v.Header[0].Text = strings.Repeat("x", 60) }, TooLong, ""},
		{func(v *Values) { v.Body[0].Text = strings.Repeat("x", 1024) }, TooLong, ""},
		{func(v *Values) { v.Buttons = v.Buttons[:1] }, Missing, ""},
		{func(v *Values) { v.Buttons[1].Index = 9 }, Count, ""},
		{func(v *Values) { v.Buttons[1].Index = 1 }, Count, ""},
		{func(v *Values) { v.Buttons[1].Type = CopyCode }, Mismatch, ""},
		{func(v *Values) {
			v.Buttons[1].Type, v.Buttons = URL, append(v.Buttons, ButtonValue{Type: PhoneNumber, Index: 3, Text: "x"})
		}, Mismatch, ""},
	} {
		v := parsed(t, orderValues)
		c.change(&v)
		_, err := Render(tpl, v)
		if faultOf(err) != c.want || c.detail != "" && err.Error() != c.detail {
			t.Errorf("%v, want %s %s", err, c.want, c.detail)
		}
	}
	alone := checked(t, withComponents(`{"type":"BODY","text":"{{1}}"}`))
	long := Values{Body: []Value{{Type: TextValue, Text: strings.Repeat("x", 32768)}}}
	if _, err := Render(alone, long); err != nil {
		t.Errorf("a body alone may be longer: %v", err)
	}
	long.Body[0].Text += "x"
	if _, err := Render(alone, long); faultOf(err) != TooLong {
		t.Errorf("a body alone of any length: %v", err)
	}
}

func TestRenderCodes(t *testing.T) {
	tpl := checked(t, `{"name":"code","language":"en","category":"AUTHENTICATION","components":[{"type":"BODY"},{"type":"BUTTONS","buttons":[{"type":"OTP","otp_type":"ONE_TAP"}]}]}`)
	m, err := Render(tpl, parsed(t, `[{"type":"body","parameters":[{"type":"text","text":"1234"}]},{"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"1234"}]}]`))
	if err != nil || m.Text() != "*1234* is your verification code." {
		t.Errorf("%q (%v)", m.Text(), err)
	}
	if _, err := Render(tpl, parsed(t, `[{"type":"body","parameters":[{"type":"text","text":"1234"}]}]`)); faultOf(err) != Missing {
		t.Errorf("without the button's value: %v", err)
	}
	coupon := checked(t, withComponents(`{"type":"BODY","text":"Save"},{"type":"BUTTONS","buttons":[{"type":"COPY_CODE","text":"Copy","example":"X"}]}`))
	m, err = Render(coupon, parsed(t, `[{"type":"button","sub_type":"copy_code","index":0,"parameters":[{"type":"coupon_code","coupon_code":"SAVE25"}]}]`))
	if err != nil || m.Text() != "Save\n\nCopy: SAVE25" {
		t.Errorf("%q (%v)", m.Text(), err)
	}
	for code, want := range map[string]Fault{"": Missing, strings.Repeat("x", 21): TooLong} {
		if _, err := Render(coupon, Values{Buttons: []ButtonValue{{Type: CopyCode, Text: code}}}); faultOf(err) != want {
			t.Errorf("the code %q: %v", code, err)
		}
	}
}

func TestParseComponentsRefuses(t *testing.T) {
	for raw, want := range map[string]Fault{
		`{}`:                                Invalid,
		`[{"type":"sidebar"}]`:              Invalid,
		`[{"type":"body"},{"type":"BODY"}]`: Invalid,
		`[{"type":"body","parameters":[{"type":"gif"}]}]`:                                                      Invalid,
		`[{"type":"body","parameters":[{"type":"text"}]}]`:                                                     Missing,
		`[{"type":"body","parameters":[{"type":"text","text":""}]}]`:                                           Missing,
		`[{"type":"body","parameters":[{"type":"currency"}]}]`:                                                 Missing,
		`[{"type":"header","parameters":[{"type":"image","image":{}}]}]`:                                       Missing,
		`[{"type":"header","parameters":[{"type":"image","image":{"id":"1","link":"https://x"}}]}]`:            Missing,
		`[{"type":"header","parameters":[{"type":"location","location":{"latitude":"91","longitude":"0"}}]}]`:  Missing,
		`[{"type":"header","parameters":[{"type":"location","location":{"latitude":"NaN","longitude":"0"}}]}]`: Missing,
		`[{"type":"footer","parameters":[{"type":"text","text":"x"}]}]`:                                        Count,
		`[{"type":"button","sub_type":"url","parameters":[{"text":"x"}]}]`:                                     Missing,
		`[{"type":"button","sub_type":"url","index":"x","parameters":[{"text":"x"}]}]`:                         Invalid,
		`[{"type":"button","sub_type":"url","index":10,"parameters":[{"text":"x"}]}]`:                          Invalid,
		`[{"type":"button","sub_type":"flow","index":0}]`:                                                      Invalid,
		`[{"type":"button","sub_type":"url","index":0}]`:                                                       Missing,
		`[{"type":"button","sub_type":"url","index":0,"parameters":[{"text":"x"},{"text":"y"}]}]`:              Count,
	} {
		if v, err := ParseComponents(json.RawMessage(raw)); faultOf(err) != want {
			t.Errorf("%s: %+v, %v, want %s", raw, v, err, want)
		}
	}
	for _, raw := range []string{"", "null", "[]", `[{"type":"body","parameters":null}]`} {
		if v, err := ParseComponents(json.RawMessage(raw)); err != nil || len(v.Body) != 0 {
			t.Errorf("%q: %+v (%v)", raw, v, err)
		}
	}
}

func TestValuesByName(t *testing.T) {
	tpl := checked(t, withComponents(`{"type":"HEADER","text":"{{shop}}"},{"type":"BODY","text":"{{name}} at {{shop}}"},{"type":"BUTTONS","buttons":[{"type":"URL","text":"See","url":"https://x.example/{{order}}"}]}`))
	given := map[string]string{"shop": "Lucky", "name": "Asha", "order": "7", "extra": "x"}
	v, err := tpl.ValuesByName(given)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Render(tpl, v)
	if err != nil || m.Text() != "*Lucky*\n\nAsha at Lucky\n\nSee: https://x.example/7" {
		t.Errorf("%q (%v)", m.Text(), err)
	}
	for _, name := range tpl.Parameters() {
		without := make(map[string]string)
		for k, v := range given {
			if k != name {
				without[k] = v
			}
		}
		_, err := tpl.ValuesByName(without)
		if e, ok := err.(*Error); !ok || e.Fault != Missing || e.Name != name {
			t.Errorf("without %s: %v", name, err)
		}
	}
	numbered := checked(t, withComponents(`{"type":"BODY","text":"{{2}} then {{1}}"}`))
	if v, err = numbered.ValuesByName(map[string]string{"1": "a", "2": "b"}); err != nil {
		t.Fatal(err)
	}
	if m, err = Render(numbered, v); err != nil || m.Body != "b then a" {
		t.Errorf("%q (%v)", m.Body, err)
	}
	picture := checked(t, withComponents(`{"type":"HEADER","format":"IMAGE"},{"type":"BODY","text":"Hi"}`))
	if _, err := picture.ValuesByName(nil); faultOf(err) != Mismatch {
		t.Errorf("a picture by name: %v", err)
	}
}

// FuzzParseComponents: whatever components say, they are refused or can be rendered or
// refused, and no text gets longer than it may.
func FuzzParseComponents(f *testing.F) {
	tpl := checked(f, orderTemplate)
	f.Add([]byte(orderValues))
	f.Add([]byte(`[{"type":"header","parameters":[{"type":"location","location":{"latitude":1e309,"longitude":"x"}}]}]`))
	f.Add([]byte(`[{"type":"button","index":-1}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := ParseComponents(raw)
		if err != nil {
			if faultOf(err) == "" {
				t.Errorf("%s: %v", raw, err)
			}
			return
		}
		if m, err := Render(tpl, v); err == nil && (len(m.Replies) != 2 || len([]rune(m.Body)) > longestBody) {
			t.Errorf("%s becomes %+v", raw, m)
		}
	})
}
