package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/template"
	"wapid/store"
)

func greeting(name, language string) template.Template {
	return template.Template{Name: name, Language: language, Category: template.Utility, ParameterFormat: template.Positional, Status: template.Approved,
		Components: []template.Component{{Type: template.Body, Text: "Hi {{1}} of " + language}}}
}

// told lists what EventTemplate has said to a tenant, and forgets nothing.
func told(t *testing.T, s *store.Store, tenant engine.TenantID) (words []string) {
	t.Helper()
	events, err := s.ListEvents(t.Context(), tenant, "", 1000)
	must(t, err)
	for _, e := range events {
		if e.Type != engine.EventTemplate {
			continue
		}
		var d engine.TemplateData
		must(t, json.Unmarshal(e.Data, &d))
		if e.Session.ID != "" || d.ID == "" || d.Category == "" || len(d.GraphID) != 15 {
			t.Errorf("%+v of session %q", d, e.Session.ID)
		}
		words = append(words, d.Name+" "+d.Language+" "+d.Status+" "+d.Reason)
	}
	return words
}

func TestTemplates(t *testing.T) {
	now := start
	s := open(t, store.Options{Clock: func() time.Time { return now }})
	ctx := t.Context()
	must(t, s.InsertTenant(ctx, engine.Tenant{ID: "other", Name: "Other", CreatedAt: start}))
	one, fresh, err := s.InsertTemplate(ctx, store.DefaultTenant, greeting("hello", "en_US"))
	if err != nil || !fresh || one.ID == "" || !one.CreatedAt.Equal(start) {
		t.Fatalf("%+v %t, %v", one, fresh, err)
	}
	again, fresh, err := s.InsertTemplate(ctx, store.DefaultTenant, template.Template{Name: "hello", Language: "en_US"})
	if err != nil || fresh || again.ID != one.ID || len(again.Components) != 1 {
		t.Errorf("%+v %t, %v", again, fresh, err)
	}
	_, fresh, err = s.InsertTemplate(ctx, store.DefaultTenant, greeting("hello", "de"))
	if err != nil || !fresh {
		t.Errorf("another language: %t, %v", fresh, err)
	}
	theirs, fresh, err := s.InsertTemplate(ctx, "other", greeting("hello", "en_US"))
	if err != nil || !fresh {
		t.Errorf("another tenant: %t, %v", fresh, err)
	}
	_, _, err = s.InsertTemplate(ctx, "nobody", greeting("hello", "en_US"))
	wantCode(t, err, engine.CodeNotFound)

	found, err := s.FindTemplate(ctx, store.DefaultTenant, one.ID)
	if err != nil || found.Components[0].Text != "Hi {{1}} of en_US" || found.Category != template.Utility || !found.CreatedAt.Equal(start) {
		t.Errorf("%+v, %v", found, err)
	}
	_, err = s.FindTemplate(ctx, "other", one.ID)
	wantCode(t, err, engine.CodeNotFound)
	for language, want := range map[string]string{"en_US": "en_US", "de": "de", "": "en_US"} {
		if found, err := s.FindTemplateNamed(ctx, store.DefaultTenant, "hello", language); err != nil || found.Language != want {
			t.Errorf("in %q: %+v, %v", language, found, err)
		}
	}
	for _, language := range []string{"en", "en_GB", "EN_US"} {
		_, err := s.FindTemplateNamed(ctx, store.DefaultTenant, "hello", language)
		wantCode(t, err, engine.CodeNotFound)
	}

	ids, err := s.FindGraphIDs(ctx, store.DefaultTenant, store.GraphTemplate)
	if err != nil || len(ids) != 2 || ids[string(one.ID)] == 0 {
		t.Errorf("graph ids %v, %v", ids, err)
	}
	now = now.Add(time.Minute)
	edited, err := s.UpdateTemplate(ctx, store.DefaultTenant, one.ID, func(t template.Template) (template.Template, error) {
		t.Name, t.Language, t.Category = "renamed", "fr", template.Marketing
		t.Components = []template.Component{{Type: template.Body, Text: "Bye"}}
		return t, nil
	})
	if err != nil || edited.Name != "hello" || edited.Language != "en_US" || edited.Category != template.Marketing || !edited.UpdatedAt.Equal(now) {
		t.Errorf("%+v, %v", edited, err)
	}
	_, err = s.UpdateTemplate(ctx, store.DefaultTenant, one.ID, func(t template.Template) (template.Template, error) {
		return template.Template{}, engine.Errorf(engine.CodeInvalid, "no")
	})
	wantCode(t, err, engine.CodeInvalid)
	if found, err := s.FindTemplate(ctx, store.DefaultTenant, one.ID); err != nil || found.Components[0].Text != "Bye" || !found.CreatedAt.Equal(start) {
		t.Errorf("%+v, %v", found, err)
	}
	_, err = s.UpdateTemplate(ctx, "other", one.ID, func(t template.Template) (template.Template, error) { return t, nil })
	wantCode(t, err, engine.CodeNotFound)

	wantCode(t, s.DeleteTemplates(ctx, store.DefaultTenant, "hello", theirs.ID), engine.CodeNotFound)
	wantCode(t, s.DeleteTemplates(ctx, store.DefaultTenant, "other_name", one.ID), engine.CodeNotFound)
	wantCode(t, s.DeleteTemplates(ctx, store.DefaultTenant, "", ""), engine.CodeNotFound)
	must(t, s.DeleteTemplates(ctx, store.DefaultTenant, "hello", one.ID))
	_, err = s.FindGraphObject(ctx, store.DefaultTenant, ids[string(one.ID)])
	wantCode(t, err, engine.CodeNotFound)
	if n, err := s.CountTemplates(ctx, store.DefaultTenant, store.TemplatePage{}); n != 1 || err != nil {
		t.Errorf("%d left, %v", n, err)
	}
	must(t, s.DeleteTemplates(ctx, store.DefaultTenant, "hello", ""))
	wantCode(t, s.DeleteTemplates(ctx, store.DefaultTenant, "hello", ""), engine.CodeNotFound)
	if _, err := s.FindTemplate(ctx, "other", theirs.ID); err != nil {
		t.Errorf("the other's is gone too: %v", err)
	}
	if got, want := told(t, s, store.DefaultTenant), []string{"hello en_US APPROVED created", "hello de APPROVED created", "hello en_US APPROVED edited",
		"hello en_US DELETED deleted", "hello de DELETED deleted"}; !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
	if got := told(t, s, "other"); len(got) != 1 {
		t.Errorf("the other is told %q", got)
	}
}

// Pages go on where the page before ended, also when that template is gone, and back.
func TestListTemplates(t *testing.T) {
	s := open(t, store.Options{})
	ctx := t.Context()
	must(t, s.InsertTenant(ctx, engine.Tenant{ID: "other", Name: "Other", CreatedAt: start}))
	_, _, err := s.InsertTemplate(ctx, "other", greeting("theirs", "en"))
	must(t, err)
	for i := range 5 {
		g := greeting(fmt.Sprintf("t_%d", i), []string{"en", "de"}[i%2])
		if i == 3 {
			g.Category = template.Marketing
		}
		_, _, err := s.InsertTemplate(ctx, store.DefaultTenant, g)
		must(t, err)
	}
	names := func(p store.TemplatePage) (list []store.Template, words string, more bool) {
		t.Helper()
		list, more, err := s.ListTemplates(ctx, store.DefaultTenant, p)
		must(t, err)
		for _, one := range list {
			words += one.Name[2:]
		}
		return list, words, more
	}
	first, words, more := names(store.TemplatePage{Limit: 2})
	if words != "43" || !more {
		t.Fatalf("%s, %t", words, more)
	}
	second, words, more := names(store.TemplatePage{Limit: 2, After: first[1].ID})
	if words != "21" || !more {
		t.Fatalf("%s, %t", words, more)
	}
	must(t, s.DeleteTemplates(ctx, store.DefaultTenant, second[1].Name, ""))
	if _, words, more := names(store.TemplatePage{Limit: 2, After: second[1].ID}); words != "0" || more {
		t.Errorf("%s, %t", words, more)
	}
	if _, words, more := names(store.TemplatePage{Limit: 2, Before: second[0].ID}); words != "43" || more {
		t.Errorf("back: %s, %t", words, more)
	}
	if _, words, more := names(store.TemplatePage{Limit: 1, Before: second[0].ID}); words != "3" || !more {
		t.Errorf("back by one: %s, %t", words, more)
	}
	for p, want := range map[store.TemplatePage]string{
		{Name: "t_0"}:                   "0",
		{Name: "t_"}:                    "",
		{Language: "de"}:                "3",
		{Category: template.Marketing}:  "3",
		{Category: template.Utility}:    "420",
		{Status: template.Approved}:     "4320",
		{Status: "REJECTED"}:            "",
		{Text: "T_2"}:                   "2",
		{Text: "of de"}:                 "3",
		{Text: "%"}:                     "",
		{Language: "en", Text: "hi {{"}: "420",
	} {
		p.Limit = 10
		if _, words, more := names(p); words != want || more {
			t.Errorf("%+v: %s, want %s", p, words, want)
		}
	}
}
