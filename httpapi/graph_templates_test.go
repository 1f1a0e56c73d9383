package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/engine/template"
	"wapid/store"
)

// wabaID is the decimal id of a tenant's business account.
func (d *daemon) wabaID(tenant engine.TenantID) string {
	d.t.Helper()
	id, err := d.store.GraphID(d.t.Context(), tenant, store.GraphWABA, "")
	if err != nil {
		d.t.Fatal(err)
	}
	return formatGraphID(id)
}

// graphBody is graphCall with a body.
func (d *daemon) graphBody(method, path, key, body string) reply {
	d.t.Helper()
	return d.do(call{method: method, path: path, body: body, header: map[string]string{"Authorization": "Bearer " + key}})
}

func definition(name, language, components string) string {
	return fmt.Sprintf(`{"name":%q,"language":%q,"category":"UTILITY","components":[%s]}`, name, language, components)
}

const plainBody = `{"type":"BODY","text":"Hi {{1}} & <{{2}}>","example":{"body_text":[["Asha","7"]]}}`

func TestGraphTemplates(t *testing.T) {
	d := start(t)
	waba := d.wabaID(store.DefaultTenant)
	list := "/graph/" + waba + "/message_templates"
	r := d.graphBody(http.MethodPost, list, d.key, definition("hello", "en_US", plainBody))
	id := d.idOf(r)
	if want := `{"id":"` + id + `","status":"APPROVED","category":"UTILITY"}`; r.body != want {
		t.Errorf("made as %s, want %s", r.body, want)
	}
	german := d.idOf(d.graphBody(http.MethodPost, list, d.key, definition("hello", "de", plainBody)))
	other := d.idOf(d.graphBody(http.MethodPost, list, d.key, definition("other", "de", `{"type":"BODY","text":"Hallo"}`)))

	r = d.graphBody(http.MethodPost, list, d.key, definition("hello", "de", plainBody))
	d.refusedAs(r, http.StatusBadRequest, 100)
	if !strings.Contains(r.body, `"error_subcode":2388024,"error_user_title":"Content in this language already exists"`) {
		t.Errorf("a name that is taken: %s", r.body)
	}
	r = d.graphBody(http.MethodPost, list, d.key, definition("long", "de", `{"type":"BODY","text":"`+strings.Repeat("x", 1025)+`"}`))
	if d.refusedAs(r, http.StatusBadRequest, 100); !strings.Contains(r.body, `"error_subcode":2388040`) {
		t.Errorf("a body that is too long: %s", r.body)
	}
	for _, body := range []string{`{}`, definition("A b", "de", plainBody), definition("x", "de", `{"type":"CAROUSEL"}`), `{"name":7}`, `{"components":{}}`,
		`{"name":"x","language":"de","category":"UTILITY","components":[null]}`} {
		d.refusedAs(d.graphBody(http.MethodPost, list, d.key, body), http.StatusBadRequest, 100)
	}

	shown := d.graphCall(http.MethodGet, "/graph/"+id, d.key)
	want := `{"name":"hello","parameter_format":"POSITIONAL","components":[` + plainBody + `],"language":"en_US","status":"APPROVED","category":"UTILITY","id":"` + id + `"}`
	if plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(shown.body); plain != want {
		t.Errorf("shown as %s\nwant %s", plain, want)
	}
	for query, names := range map[string]string{
		"":                        other + " " + german + " " + id,
		"?name=hello":             german + " " + id,
		"?name=hell":              "",
		"?name_or_content=HALLO":  other,
		"?language=de&limit=5000": other + " " + german,
		"?status=approved":        other + " " + german + " " + id,
		"?status=REJECTED":        "",
		"?category=MARKETING":     "",
	} {
		if got := d.templateIDs(list + query); got != names {
			t.Errorf("%s finds %s, want %s", query, got, names)
		}
	}
	if r := d.graphCall(http.MethodGet, list+"?name=other&fields=status,components{type},quality_score,nonsense", d.key); !strings.HasPrefix(r.body,
		`{"data":[{"components":[{"type":"BODY","text":"Hallo"}],"status":"APPROVED","id":"`+other+`","quality_score":{"score":"UNKNOWN"}}],`) {
		t.Errorf("with fields: %s", r.body)
	}
	for _, query := range []string{"?limit=0", "?limit=x", "?after=x", "?before=%27", "?after=01HZZZZZZZZZZZZZZZZZZZZZZZ&before=01HZZZZZZZZZZZZZZZZZZZZZZZ"} {
		d.refusedAs(d.graphCall(http.MethodGet, list+query, d.key), http.StatusBadRequest, 100)
	}

	r = d.graphBody(http.MethodPost, "/graph/"+other, d.key, `{"category":"marketing","components":[{"type":"BODY","text":"Moin {{name}}"}]}`)
	if r.body != `{"success":true,"id":"`+other+`","name":"other","category":"MARKETING"}` {
		t.Errorf("edited: %s", r.body)
	}
	d.refusedAs(d.graphBody(http.MethodPost, "/graph/"+other, d.key, `{"components":[{"type":"BODY","text":"{{2}}"}]}`), http.StatusBadRequest, 100)
	d.refusedAs(d.graphBody(http.MethodPost, "/graph/"+other, d.key, `{"name":"renamed"}`), http.StatusBadRequest, 100)
	if r := d.graphCall(http.MethodGet, "/graph/"+other, d.key); !strings.Contains(r.body, "Moin") || !strings.Contains(r.body, `"NAMED"`) {
		t.Errorf("after the edit: %s", r.body)
	}

	for _, query := range []string{"?name=nobody", "?name=hello&hsm_id=" + other, "?name=hello&hsm_id=" + waba, "?name=hello&hsm_id=x", ""} {
		d.refusedAs(d.graphCall(http.MethodDelete, list+query, d.key), http.StatusBadRequest, 100)
	}
	d.wants(d.graphCall(http.MethodDelete, list+"?name=hello&hsm_id="+german, d.key), http.StatusOK, "")
	if got := d.templateIDs(list); got != other+" "+id {
		t.Errorf("left are %s", got)
	}
	d.wants(d.graphCall(http.MethodDelete, list+"?name=hello", d.key), http.StatusOK, "")
	for _, gone := range []string{id, german} {
		d.refusedAs(d.graphCall(http.MethodGet, "/graph/"+gone, d.key), http.StatusBadRequest, 100)
	}
}

// templateIDs are the ids on a page.
func (d *daemon) templateIDs(path string) string {
	d.t.Helper()
	var page struct{ Data []struct{ ID string } }
	r := d.graphCall(http.MethodGet, path, d.key)
	if err := json.Unmarshal([]byte(r.body), &page); err != nil || r.status != http.StatusOK {
		d.t.Fatalf("%s answers %d %s", path, r.status, r.body)
	}
	ids := make([]string, len(page.Data))
	for i, one := range page.Data {
		ids[i] = one.ID
	}
	return strings.Join(ids, " ")
}

// Some clients follow paging.next with no header at all: it is a URL with all that the
// next page needs, and there is none on the last.
func TestGraphTemplatePages(t *testing.T) {
	d := start(t)
	for i := range 5 {
		made, err := template.Check(template.Template{Name: fmt.Sprintf("t_%d", i), Language: "en", Category: template.Utility,
			Components: []template.Component{{Type: template.Body, Text: "Hi"}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.store.InsertTemplate(t.Context(), store.DefaultTenant, made); err != nil {
			t.Fatal(err)
		}
	}
	type page struct {
		Data   []struct{ Name, Status string }
		Paging struct{ Next, Previous string }
	}
	follow := func(url string) (p page, names string) {
		t.Helper()
		path, ours := strings.CutPrefix(url, d.url)
		if !ours {
			t.Fatalf("%q is not on %s", url, d.url)
		}
		r := d.do(call{method: http.MethodGet, path: path})
		if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != http.StatusOK {
			t.Fatalf("%s answers %d %s", path, r.status, r.body)
		}
		for _, one := range p.Data {
			names += one.Name[2:]
			if one.Status != "" {
				t.Errorf("the fields are forgotten: %+v", one)
			}
		}
		return p, names
	}
	first := d.url + "/graph/" + d.wabaID(store.DefaultTenant) + "/message_templates?limit=2&fields=name&access_token=" + d.key
	p, names := follow(first)
	if names != "43" || p.Paging.Previous != "" {
		t.Fatalf("first %s, %+v", names, p.Paging)
	}
	second, names := follow(p.Paging.Next)
	if names != "21" {
		t.Fatalf("second %s", names)
	}
	third, names := follow(second.Paging.Next)
	if names != "0" || third.Paging.Next != "" {
		t.Fatalf("third %s, %+v", names, third.Paging)
	}
	if back, names := follow(third.Paging.Previous); names != "21" || back.Paging.Next == "" {
		t.Errorf("back %s, %+v", names, back.Paging)
	}
	if back, names := follow(second.Paging.Previous); names != "43" || back.Paging.Previous != "" {
		t.Errorf("back at the first %s, %+v", names, back.Paging)
	}
	r := d.graphCall(http.MethodGet, "/graph/"+d.wabaID(store.DefaultTenant)+"/message_templates?limit=2", d.key)
	if strings.Contains(r.body, d.key) {
		t.Errorf("a key that came in a header is told: %s", r.body)
	}
}

// Nobody sees, edits or deletes another tenant's templates, or makes some in its account.
func TestGraphTemplatesOfOthers(t *testing.T) {
	d := start(t)
	list := "/graph/" + d.wabaID(store.DefaultTenant) + "/message_templates"
	id := d.idOf(d.graphBody(http.MethodPost, list, d.key, definition("mine", "en", plainBody)))
	theirs := "/graph/" + d.wabaID("other") + "/message_templates"
	for _, r := range []reply{
		d.graphCall(http.MethodGet, list, d.otherKey),
		d.graphBody(http.MethodPost, list, d.otherKey, definition("x", "en", plainBody)),
		d.graphCall(http.MethodDelete, list+"?name=mine", d.otherKey),
		d.graphCall(http.MethodGet, "/graph/"+id, d.otherKey),
		d.graphBody(http.MethodPost, "/graph/"+id, d.otherKey, `{"category":"MARKETING"}`),
		d.graphCall(http.MethodDelete, theirs+"?name=mine&hsm_id="+id, d.otherKey),
		d.graphCall(http.MethodDelete, theirs+"?name=mine", d.otherKey),
	} {
		d.refusedAs(r, http.StatusBadRequest, 100)
	}
	if r := d.graphCall(http.MethodGet, theirs, d.otherKey); r.body != `{"data":[]}` {
		t.Errorf("the other has %s", r.body)
	}
	if r := d.graphCall(http.MethodGet, "/graph/"+id, d.key); r.status != http.StatusOK || !strings.Contains(r.body, "UTILITY") {
		t.Errorf("mine is %d %s", r.status, r.body)
	}
}

// What a template becomes is a message like any other.
func TestRenderTemplate(t *testing.T) {
	d := start(t)
	for _, raw := range []string{
		definition("plain", "en", plainBody),
		definition("asks", "en", `{"type":"HEADER","text":"Order"},{"type":"BODY","text":"Ready?"},{"type":"FOOTER","text":"Us"},
			{"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"Yes"},{"type":"URL","text":"See","url":"https://x.example"}]}`),
		definition("picture", "en", `{"type":"HEADER","format":"IMAGE"},{"type":"BODY","text":"Look"}`),
	} {
		d.wants(d.graphBody(http.MethodPost, "/graph/"+d.wabaID(store.DefaultTenant)+"/message_templates", d.key, raw), http.StatusOK, "")
	}
	render := func(name, values string) (m draft, file string, err error) {
		t.Helper()
		v, err := template.ParseComponents([]byte(values))
		if err != nil {
			t.Fatal(err)
		}
		file, err = d.server.renderTemplate(t.Context(), store.DefaultTenant, name, "en", v, &m)
		return m, file, err
	}
	m, _, err := render("plain", `[{"type":"body","parameters":[{"type":"text","text":"Asha"},{"type":"text","text":"7"}]}]`)
	if err != nil || m.message.Kind != engine.KindText || m.message.Text != "Hi Asha & <7>" || m.message.Choices != nil {
		t.Errorf("%+v, %v", m.message, err)
	}
	m, _, err = render("asks", `[]`)
	if err != nil || m.message.Text != "Ready?\n\nSee: https://x.example" {
		t.Errorf("%+v, %v", m.message, err)
	}
	if c := m.message.Choices; c == nil || c.Style != engine.StyleQuickReply || c.Header != "Order" || c.Footer != "Us" ||
		len(c.Options) != 1 || c.Options[0] != (engine.Choice{ID: "Yes", Title: "Yes"}) {
		t.Errorf("choices %+v", c)
	}
	m, file, err := render("picture", `[{"type":"header","parameters":[{"type":"image","image":{"link":"https://x.example/a.png"}}]}]`)
	if err != nil || m.message.Kind != engine.KindImage || m.mediaURL != "https://x.example/a.png" || file != "" || m.message.Text != "Look" {
		t.Errorf("%+v %q, %v", m, file, err)
	}
	m, file, err = render("picture", `[{"type":"header","parameters":[{"type":"image","image":{"id":"77"}}]}]`)
	if err != nil || m.mediaURL != "" || file != "77" {
		t.Errorf("%+v %q, %v", m, file, err)
	}
	if _, _, err := render("nobody", ""); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("no such template: %v", err)
	}
	if _, err := d.server.renderTemplate(t.Context(), "other", "plain", "en", template.Values{}, &draft{}); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("another tenant's: %v", err)
	}
}
