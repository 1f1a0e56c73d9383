package cloudapi

import (
	"encoding/json"
	"errors"
	"fmt"

	"wapid/engine/template"
)

// Subcodes that go with CodeInvalidParameter when a template is made or deleted. They are
// not in Meta's documentation, but in what people show of its answers.
const (
	subcodeNameTaken       = 2388024
	subcodeTooLong         = 2388040
	subcodeTemplateMissing = 2593002
)

// ParseTemplate reads the body that makes a template, and checks it.
func ParseTemplate(body []byte) (template.Template, error) {
	var in struct {
		Name            string                   `json:"name"`
		Language        string                   `json:"language"`
		Category        template.Category        `json:"category"`
		ParameterFormat template.ParameterFormat `json:"parameter_format"`
		Components      []template.Component     `json:"components"`
	}
	if err := readTemplate(body, &in); err != nil {
		return template.Template{}, err
	}
	t, err := template.Check(template.Template{Name: in.Name, Language: in.Language, Category: in.Category,
		ParameterFormat: in.ParameterFormat, Components: in.Components})
	if err != nil {
		return t, TemplateRefused(err)
	}
	return t, nil
}

// ParseTemplateEdit reads the body that edits a template: edit makes of the one that is
// there what it becomes. It is nil for a body that changes nothing.
func ParseTemplateEdit(body []byte) (edit func(template.Template) (template.Template, error), err error) {
	var in struct {
		Category        template.Category        `json:"category"`
		ParameterFormat template.ParameterFormat `json:"parameter_format"`
		Components      []template.Component     `json:"components"`
	}
	if err := readTemplate(body, &in); err != nil {
		return nil, err
	}
	if in.Category == "" && in.Components == nil {
		return nil, Errorf(CodeInvalidParameter, "category or components is required")
	}
	return func(t template.Template) (template.Template, error) {
		if in.Category != "" {
			t.Category = in.Category
		}
		if in.Components != nil {
			t.Components, t.ParameterFormat = in.Components, in.ParameterFormat
		}
		t, err := template.Check(t)
		if err != nil {
			return t, TemplateRefused(err)
		}
		return t, nil
	}, nil
}

func readTemplate(body []byte, into any) error {
	err := json.Unmarshal(body, into)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return Errorf(CodeInvalidParameter, "%s has a value of the wrong type", e.Field)
	}
	if err != nil {
		return Errorf(CodeInvalidParameter, "the body can't be read as a template")
	}
	return nil
}

// TemplateRefused is the answer to a definition that breaks a rule: err is of
// template.Check. Any other error is returned as it is.
func TemplateRefused(err error) error {
	e, ok := errors.AsType[*template.Error](err)
	if !ok {
		return err
	}
	to := &Error{Code: CodeInvalidParameter, Message: "Invalid parameter", Details: e.Error(), UserTitle: "Message template can't be saved", UserMessage: e.Error()}
	if e.Fault == template.TooLong {
		to.Subcode = subcodeTooLong
	}
	return to
}

// TemplateNameTaken is the answer where there is a template of the name in the language.
func TemplateNameTaken(language string) *Error {
	return &Error{Code: CodeInvalidParameter, Subcode: subcodeNameTaken, Message: "Invalid parameter",
		UserTitle:   "Content in this language already exists",
		UserMessage: fmt.Sprintf("There is already content in %s for this template. You can create a new template and try again.", language)}
}

// TemplateNotFound is the answer where there is nothing to delete.
func TemplateNotFound() *Error {
	return &Error{Code: CodeInvalidParameter, Subcode: subcodeTemplateMissing, Message: "Invalid parameter",
		UserTitle: "Message Template Not Found", UserMessage: "There is no message template of this name or id."}
}

// TemplateUnknown is the answer where a message names a template that there is not.
func TemplateUnknown(name, language string) *Error {
	return Errorf(CodeTemplateMissing, "template name (%s) does not exist in %s", name, language)
}

// TemplateUnfit is the answer where a message's values don't fit its template: err is of
// template.ParseComponents or template.Render. Any other error is returned as it is.
func TemplateUnfit(err error) error {
	e, ok := errors.AsType[*template.Error](err)
	if !ok {
		return err
	}
	code := CodeInvalidParameter
	switch e.Fault {
	case template.Count:
		code = CodeParameterCount
	case template.Mismatch:
		code = CodeTemplateFormat
	case template.TooLong:
		code = CodeTemplateTooLong
	case template.Missing:
		code = CodeParameterMissing
	}
	return Errorf(code, "%s", e.Error())
}

// TemplateMade is the answer to a template that was made.
type TemplateMade struct {
	ID       string            `json:"id"`
	Status   template.Status   `json:"status"`
	Category template.Category `json:"category"`
}

// TemplateEdited is the answer to one that was edited.
type TemplateEdited struct {
	Success  bool              `json:"success"`
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Category template.Category `json:"category"`
}
