package template

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// define reads a definition as Meta's API is given it.
func define(t testing.TB, raw string) Template {
	t.Helper()
	var in struct {
		Name            string          `json:"name"`
		Language        string          `json:"language"`
		Category        Category        `json:"category"`
		ParameterFormat ParameterFormat `json:"parameter_format"`
		Components      []Component     `json:"components"`
	}
	if err := json.Unmarshal([]byte(raw), &in); err != nil {
		t.Fatal(err)
	}
	return Template{Name: in.Name, Language: in.Language, Category: in.Category, ParameterFormat: in.ParameterFormat, Components: in.Components}
}

// checked is a definition that Check takes.
func checked(t testing.TB, raw string) Template {
	t.Helper()
	tpl, err := Check(define(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

// withComponents is a definition with these components.
func withComponents(components string) string {
	return `{"name":"a","language":"en_US","category":"UTILITY","components":[` + components + `]}`
}

func faultOf(err error) Fault {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fault
	}
	return ""
}

func TestCheckFillsIn(t *testing.T) {
	tpl := checked(t, `{"name":"order_1","language":"pt_BR","category":"marketing","components":[
		{"type":"header","text":"Hi {{name}}"},{"type":"body","text":"{{name}}, {{order_id}}"},
		{"type":"buttons","buttons":[{"type":"quick_reply","text":"Yes"}]}]}`)
	if tpl.Category != Marketing || tpl.Status != Approved || tpl.ParameterFormat != Named {
		t.Errorf("%+v", tpl)
	}
	if h := tpl.component(Header); h.Format != Text {
		t.Errorf("the header is a %q", h.Format)
	}
	if b := tpl.component(Buttons); b.Buttons[0].Type != QuickReply {
		t.Errorf("the button is a %q", b.Buttons[0].Type)
	}
	if got := tpl.Parameters(); !reflect.DeepEqual(got, []string{"name", "order_id"}) {
		t.Errorf("parameters %q", got)
	}
	again, err := Check(tpl)
	if err != nil || !reflect.DeepEqual(again, tpl) {
		t.Errorf("checked twice: %+v (%v)", again, err)
	}
	if plain := checked(t, withComponents(`{"type":"BODY","text":"Hi"}`)); plain.ParameterFormat != Positional {
		t.Errorf("without parameters the format is %q", plain.ParameterFormat)
	}
}

// TestCheckLeavesItsArgument: what the caller holds is not changed.
func TestCheckLeavesItsArgument(t *testing.T) {
	given := define(t, withComponents(`{"type":"body","text":"Hi"},{"type":"buttons","buttons":[{"type":"quick_reply","text":"Yes"}]}`))
	if _, err := Check(given); err != nil {
		t.Fatal(err)
	}
	if given.Components[0].Type != "body" || given.Components[1].Buttons[0].Type != "quick_reply" {
		t.Errorf("changed to %+v", given.Components)
	}
}

func TestCheckAuthentication(t *testing.T) {
	tpl := checked(t, `{"name":"code","language":"en","category":"AUTHENTICATION","components":[
		{"type":"BODY","add_security_recommendation":true},{"type":"FOOTER","code_expiration_minutes":5},
		{"type":"BUTTONS","buttons":[{"type":"OTP","otp_type":"COPY_CODE"}]}]}`)
	if got := tpl.component(Body).Text; got != codeText+adviceText {
		t.Errorf("body %q", got)
	}
	if got := tpl.component(Footer).Text; got != "This code expires in 5 minutes." {
		t.Errorf("footer %q", got)
	}
	if got := tpl.component(Buttons).Buttons[0].Text; got != "Copy code" {
		t.Errorf("button %q", got)
	}
}

func TestCheckRefuses(t *testing.T) {
	const body = `{"type":"BODY","text":"Hi"}`
	buttons := func(list string) string {
		return withComponents(body + `,{"type":"BUTTONS","buttons":[` + list + `]}`)
	}
	const quick = `{"type":"QUICK_REPLY","text":"Yes"}`
	const page = `{"type":"URL","text":"See","url":"https://x.example/{{1}}"}`
	long := strings.Repeat("ä", 2001)
	for raw, want := range map[string]Fault{
		`{"language":"en","category":"UTILITY","components":[` + body + `]}`:                                                              Invalid,
		`{"name":"Order","language":"en","category":"UTILITY","components":[` + body + `]}`:                                               Invalid,
		`{"name":"a-b","language":"en","category":"UTILITY","components":[` + body + `]}`:                                                 Invalid,
		`{"name":"` + strings.Repeat("a", 513) + `","language":"en","category":"UTILITY","components":[` + body + `]}`:                    TooLong,
		`{"name":"a","language":"EN","category":"UTILITY","components":[` + body + `]}`:                                                   Invalid,
		`{"name":"a","language":"","category":"UTILITY","components":[` + body + `]}`:                                                     Invalid,
		`{"name":"a","language":"en","category":"NEWS","components":[` + body + `]}`:                                                      Invalid,
		`{"name":"a","language":"en","category":"UTILITY","parameter_format":"X","components":[` + body + `]}`:                            Invalid,
		`{"name":"a","language":"en","category":"UTILITY","parameter_format":"POSITIONAL","components":[{"type":"BODY","text":"{{x}}"}]}`: Invalid,
		`{"name":"a","language":"en","category":"UTILITY","parameter_format":"NAMED","components":[{"type":"BODY","text":"{{1}}"}]}`:      Invalid,
		withComponents(``):                                                      Invalid,
		withComponents(`{"type":"BODY","text":" "}`):                            Invalid,
		withComponents(`{"type":"BODY","text":"{{1}} {{3}}"}`):                  Invalid,
		withComponents(`{"type":"BODY","text":"{{2}}"}`):                        Invalid,
		withComponents(`{"type":"BODY","text":"{{1}} {{name}}"}`):               Invalid,
		withComponents(`{"type":"BODY","text":"{{1"}`):                          Invalid,
		withComponents(`{"type":"BODY","text":"` + long[:1025*2] + `"}`):        TooLong,
		withComponents(body + `,` + body):                                       Invalid,
		withComponents(body + `,{"type":"CAROUSEL"}`):                           Invalid,
		withComponents(body + `,{"type":"FOOTER","text":"{{1}}"}`):              Invalid,
		withComponents(body + `,{"type":"FOOTER","text":"` + long[:122] + `"}`): TooLong,
		withComponents(body + `,{"type":"HEADER","text":"{{1}} {{2}}"}`):        Invalid,
		withComponents(body + `,{"type":"HEADER","text":"` + long[:122] + `"}`): TooLong,
		withComponents(body + `,{"type":"HEADER","format":"GIF"}`):              Invalid,
		withComponents(body + `,{"type":"HEADER","format":"IMAGE","text":"x"}`): Invalid,
		withComponents(body + `,{"type":"HEADER","format":"TEXT"}`):             Invalid,
		buttons(``): Invalid,
		buttons(strings.Repeat(quick+",", 10) + quick):                                            Invalid,
		buttons(page + "," + page + "," + page):                                                   Invalid,
		buttons(quick + "," + page + "," + quick):                                                 Invalid,
		buttons(`{"type":"FLOW","text":"x"}`):                                                     Invalid,
		buttons(`{"type":"OTP","otp_type":"COPY_CODE"}`):                                          Invalid,
		buttons(`{"type":"QUICK_REPLY"}`):                                                         Invalid,
		buttons(`{"type":"QUICK_REPLY","text":"{{1}}"}`):                                          Invalid,
		buttons(`{"type":"QUICK_REPLY","text":"` + long[:52] + `"}`):                              TooLong,
		buttons(`{"type":"URL","text":"x"}`):                                                      Invalid,
		buttons(`{"type":"URL","text":"x","url":"ftp://x"}`):                                      Invalid,
		buttons(`{"type":"URL","text":"x","url":"{{1}}"}`):                                        Invalid,
		buttons(`{"type":"URL","text":"x","url":"https://x/{{1}}/y"}`):                            Invalid,
		buttons(`{"type":"URL","text":"x","url":"https://x/` + long + `"}`):                       TooLong,
		buttons(`{"type":"PHONE_NUMBER","text":"x","phone_number":"none"}`):                       Invalid,
		`{"name":"a","language":"en","category":"AUTHENTICATION","components":[{"type":"BODY"}]}`: Invalid,
		`{"name":"a","language":"en","category":"AUTHENTICATION","components":[{"type":"BODY","text":"no code"},{"type":"BUTTONS","buttons":[{"type":"OTP"}]}]}`:                               Invalid,
		`{"name":"a","language":"en","category":"AUTHENTICATION","components":[{"type":"BODY"},{"type":"FOOTER","code_expiration_minutes":91},{"type":"BUTTONS","buttons":[{"type":"OTP"}]}]}`: Invalid,
		`{"name":"a","language":"en","category":"AUTHENTICATION","components":[{"type":"BODY"},{"type":"BUTTONS","buttons":[` + quick + `]}]}`:                                                 Invalid,
	} {
		if _, err := Check(define(t, raw)); faultOf(err) != want {
			t.Errorf("%.200s: %v, want %s", raw, err, want)
		}
	}
}
