package cloudapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"wapid/engine"
)

// WebhookObject is what an app subscribes to: business accounts.
const WebhookObject = "whatsapp_business_account"

// fieldTypes are the events that a field tells of.
func fieldTypes(field string) []engine.EventType {
	switch field {
	case FieldMessages:
		return []engine.EventType{engine.EventMessage, engine.EventMessageStatus}
	case FieldTemplateStatus:
		return []engine.EventType{engine.EventTemplate}
	}
	return nil
}

// WebhookFields are the fields of a webhook that are told.
func WebhookFields() []string { return []string{FieldMessages, FieldTemplateStatus} }

// TypesOf are the events that fields tell of, given as a list with commas or as JSON;
// none where none is named. Fields of which nothing is ever told are passed over. It
// returns *Error for a list of which nothing is left.
func TypesOf(fields string) (types []engine.EventType, err error) {
	fields = strings.Trim(strings.TrimSpace(fields), "[]")
	if fields == "" {
		return nil, nil
	}
	for field := range strings.SplitSeq(fields, ",") {
		for _, t := range fieldTypes(strings.Trim(strings.TrimSpace(field), `"'`)) {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	if len(types) == 0 {
		return nil, Errorf(CodeInvalidParameter, "fields names nothing that is told here; there are %s", strings.Join(WebhookFields(), ", "))
	}
	return append(types, engine.EventTest), nil
}

// FieldsOf are the fields by which events are told.
func FieldsOf(types []engine.EventType) (fields []string) {
	for _, field := range WebhookFields() {
		if slices.ContainsFunc(fieldTypes(field), func(t engine.EventType) bool { return slices.Contains(types, t) }) {
			fields = append(fields, field)
		}
	}
	return fields
}

// Unverified is the answer about a callback that did not show that it knows the verify
// token. status is that of its answer, 0 for none; why says more where there is more
// than a status to say.
func Unverified(status int, why string) *Error {
	if status != 0 && why == "" {
		why = fmt.Sprintf("HTTP Status Code = %d; HTTP Message = %s", status, http.StatusText(status))
	}
	return &Error{Code: CodeCallback, Message: "(#2200) Callback verification failed with the following errors: " + why}
}

// SubscribedApps is the answer of GET /{waba}/subscribed_apps.
type SubscribedApps struct {
	Data []SubscribedApp `json:"data"`
}

// SubscribedApp is the tenant's app, where it is subscribed to the business account.
type SubscribedApp struct {
	App      AppLink `json:"whatsapp_business_api_data"`
	Override string  `json:"override_callback_uri,omitempty"`
}

// AppLink names an app.
type AppLink struct {
	ID   string `json:"id"`
	Link string `json:"link,omitempty"`
	Name string `json:"name"`
}

// Subscriptions is the answer of GET /{app}/subscriptions.
type Subscriptions struct {
	Data []Subscription `json:"data"`
}

// Subscription is what an app's callback is told.
type Subscription struct {
	Object string              `json:"object"`
	URL    string              `json:"callback_url"`
	Active bool                `json:"active"`
	Fields []SubscriptionField `json:"fields"`
}

// SubscriptionField is a field of a webhook.
type SubscriptionField struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Subscribed is what an endpoint is told, as an app's subscription.
func Subscribed(url string, active bool, types []engine.EventType) Subscription {
	s := Subscription{Object: WebhookObject, URL: url, Active: active, Fields: []SubscriptionField{}}
	for _, field := range FieldsOf(types) {
		s.Fields = append(s.Fields, SubscriptionField{Name: field, Version: "v23.0"})
	}
	return s
}

// WebhookConfiguration is where a number's events go: the first of these that is set
// gets them.
type WebhookConfiguration struct {
	Phone string `json:"phone_number,omitempty"`
	WABA  string `json:"whatsapp_business_account,omitempty"`
	App   string `json:"application,omitempty"`
}
