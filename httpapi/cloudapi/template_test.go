package cloudapi

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/engine/template"
)

func TestFields(t *testing.T) {
	for parameter, want := range map[string][]string{
		"":                         nil,
		"name":                     {"name"},
		" name , status,,":         {"name", "status"},
		"components{type,text},id": {"components", "id"},
		"data.limit(5){a,b},name":  {"data", "name"},
		"}},x":                     {"}}", "x"},
		"a(b,c)":                   {"a"},
	} {
		if got := Fields(parameter); !reflect.DeepEqual(got, want) {
			t.Errorf("%q asks for %q, want %q", parameter, got, want)
		}
	}
}

func TestNodeKeepsItsOrder(t *testing.T) {
	n := Node{{"b", 1}, {"a", []string{"x"}}, {"id", "7"}}
	for _, c := range []struct {
		fields []string
		want   string
	}{{nil, `{"b":1,"a":["x"],"id":"7"}`}, {[]string{"a"}, `{"a":["x"],"id":"7"}`}, {[]string{"none"}, `{"id":"7"}`}} {
		if got, err := json.Marshal(n.Pick(c.fields)); err != nil || string(got) != c.want {
			t.Errorf("%v: %s (%v), want %s", c.fields, got, err, c.want)
		}
	}
	if got, err := json.Marshal(Node(nil)); err != nil || string(got) != `{}` {
		t.Errorf("no members: %s (%v)", got, err)
	}
}

// Clients branch on these numbers.
func TestTemplateErrors(t *testing.T) {
	for fault, code := range map[template.Fault]Code{template.Count: 132000, template.Mismatch: 132012, template.TooLong: 132005,
		template.Missing: 131008, template.Invalid: 100} {
		err := TemplateUnfit(&template.Error{Fault: fault, Part: "body", Detail: "x"})
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != code || e.Details != "body: x" || e.HTTPStatus() != 400 {
			t.Errorf("%s is %v", fault, err)
		}
	}
	other := engine.Errorf(engine.CodeStorage, "x")
	if err := TemplateUnfit(other); err != error(other) {
		t.Errorf("another error is %v", err)
	}
	if err := TemplateUnfit(nil); err != nil {
		t.Errorf("none is %v", err)
	}
	if e := TemplateUnknown("hello", "en"); e.HTTPStatus() != 404 || e.Error() != "(#132001) Template name does not exist in the translation: template name (hello) does not exist in en" {
		t.Errorf("%d %v", e.HTTPStatus(), e)
	}
}

func TestParseTemplateEdit(t *testing.T) {
	was, err := ParseTemplate([]byte(`{"name":"a","language":"en","category":"UTILITY","components":[{"type":"BODY","text":"Hi {{1}}"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	edit, err := ParseTemplateEdit([]byte(`{"category":"MARKETING"}`))
	if err != nil {
		t.Fatal(err)
	}
	is, err := edit(was)
	if err != nil || is.Category != template.Marketing || is.Components[0].Text != "Hi {{1}}" || is.ParameterFormat != template.Positional {
		t.Errorf("%+v, %v", is, err)
	}
	edit, err = ParseTemplateEdit([]byte(`{"components":[{"type":"BODY","text":"Hi {{name}}"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if is, err = edit(is); err != nil || is.ParameterFormat != template.Named || is.Category != template.Marketing {
		t.Errorf("%+v, %v", is, err)
	}
	if _, err := ParseTemplateEdit([]byte(`{"category":null}`)); err == nil {
		t.Error("an edit of nothing is taken")
	}
}

func TestParseProfile(t *testing.T) {
	c, err := ParseProfile(map[string]string{"messaging_product": "whatsapp", "about": "x", "email": "", "websites": "https://x.example", "vertical": "retail"})
	if err != nil || *c.About != "x" || *c.Business.Email != "" || !reflect.DeepEqual(*c.Business.Websites, []string{"https://x.example"}) ||
		c.Business.Address != nil || !c.OfBusiness() || c.Vertical != "RETAIL" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = ParseProfile(map[string]string{"about": strings.Repeat("ä", 139)}); err != nil || c.OfBusiness() {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []map[string]string{{"about": strings.Repeat("ä", 140)}, {"about": " "}, {"email": "a@b"}, {"email": "@b.c"}, {"websites": "[1]"}, {"websites": "x.example"},
		{"websites": `["https://a.b","https://a.b","https://a.b"]`}, {"address": strings.Repeat("x", 257)}, {"description": strings.Repeat("x", 513)}} {
		if _, err := ParseProfile(bad); err == nil {
			t.Errorf("%.60v is taken", bad)
		}
	}
}

func TestVertical(t *testing.T) {
	for category, want := range map[string]string{"": "", "Restaurant": "RESTAURANT", "Shopping & Retail": "RETAIL", "Beauty, Spa and Salon": "BEAUTY",
		"Non-profit Organization": "NONPROFIT", "Kfz-Werkstatt": "OTHER", "Finance and Banking": "FINANCE"} {
		if got := Vertical(category); got != want {
			t.Errorf("%q is %q, want %q", category, got, want)
		}
	}
}

// FuzzTemplateBodies: whatever comes as a template, an edit or a list of people is read or
// refused in Meta's words.
func FuzzTemplateBodies(f *testing.F) {
	for _, seed := range []string{`{"name":"a","language":"en","category":"UTILITY","components":[{"type":"BODY","text":"Hi {{1}}"},{"type":"BUTTONS","buttons":[{"type":"URL","text":"x","url":"https://x/{{1}}","example":["y"]}]}]}`,
		`{"components":[null,{"type":"HEADER","format":"IMAGE"}]}`, `{"messaging_product":"whatsapp","block_users":[{"user":"+49 151 1"},{"user":null},{"user_id":"DE.123"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) || len(body) == 0 || body[0] != '{' {
			return // what looseBody lets through
		}
		made, err := ParseTemplate(body)
		if err == nil {
			if _, err := json.Marshal(TemplateNode("1", made, nil)); err != nil {
				t.Errorf("%s can't be shown: %v", body, err)
			}
		}
		_, err2 := ParseTemplateEdit(body)
		people, err3 := ParseBlockUsers(body, engine.ParseRecipient)
		for _, err := range []error{err, err2, err3} {
			if _, own := errors.AsType[*Error](err); err != nil && !own {
				t.Errorf("%s: %v", body, err)
			}
		}
		if err3 == nil {
			answer := NewBlocking(true)
			for _, u := range people {
				if (u.Who == "") != (u.Fault != nil) {
					t.Errorf("%s: %+v", body, u)
				}
				if u.Fault != nil {
					answer.Failed(u, u.Fault)
				} else {
					answer.Done(u)
				}
			}
			if _, err := json.Marshal(answer); err != nil {
				t.Error(err)
			}
		}
	})
}
