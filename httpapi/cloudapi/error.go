package cloudapi

import (
	"fmt"
	"net/http"
	"strings"
)

// Code is a number that clients of the Cloud API branch on.
type Code int

// The codes that are given here, under the names of Meta's documentation.
const (
	CodeAppLimit           Code = 4
	CodePermission         Code = 10
	CodeNumberDeleted      Code = 33
	CodeInvalidParameter   Code = 100
	CodeToken              Code = 190
	CodeBlocked            Code = 368
	CodeCallback           Code = 2200
	CodePath               Code = 2500
	CodeAccountLimit       Code = 80007
	CodeThroughput         Code = 130429
	CodeUnknown            Code = 131000
	CodeParameterMissing   Code = 131008
	CodeParameterValue     Code = 131009
	CodeUnavailable        Code = 131016
	CodeSelf               Code = 131021
	CodeUndeliverable      Code = 131026
	CodeLocked             Code = 131031
	CodeReengagement       Code = 131047
	CodeSpamRate           Code = 131048
	CodeUnsupportedType    Code = 131051
	CodeMediaDownload      Code = 131052
	CodeMediaUpload        Code = 131053
	CodePairRate           Code = 131056
	CodeParameterCount     Code = 132000
	CodeTemplateMissing    Code = 132001
	CodeTemplateTooLong    Code = 132005
	CodeTemplatePolicy     Code = 132007
	CodeTemplateFormat     Code = 132012
	CodeNumberUnregistered Code = 133010
)

// subcodeMissing goes with CodeInvalidParameter where an object does not exist.
const subcodeMissing = 33

// Title is what the documentation calls a code.
func (c Code) Title() string {
	switch c {
	case CodeAppLimit:
		return "Application request limit reached"
	case CodePermission:
		return "Application does not have permission for this action"
	case CodeNumberDeleted, CodeParameterValue:
		return "Parameter value is not valid"
	case CodeInvalidParameter:
		return "Invalid parameter"
	case CodeToken:
		return "Invalid OAuth access token"
	case CodeBlocked:
		return "Temporarily blocked for policies violations"
	case CodeCallback:
		return "Callback verification failed"
	case CodePath:
		return "Unknown path components"
	case CodeAccountLimit:
		return "Rate limit issues"
	case CodeThroughput:
		return "Rate limit hit"
	case CodeParameterMissing:
		return "Required parameter is missing"
	case CodeUnavailable:
		return "Service unavailable"
	case CodeSelf:
		return "Recipient cannot be sender"
	case CodeUndeliverable:
		return "Message undeliverable"
	case CodeLocked:
		return "Account has been locked"
	case CodeReengagement:
		return "Re-engagement message"
	case CodeSpamRate:
		return "Spam rate limit hit"
	case CodeUnsupportedType:
		return "Unsupported message type"
	case CodeMediaDownload:
		return "Media download error"
	case CodeMediaUpload:
		return "Media upload error"
	case CodePairRate:
		return "(Business Account, Consumer Account) pair rate limit hit"
	case CodeParameterCount:
		return "Number of parameters does not match the expected number of params"
	case CodeTemplateMissing:
		return "Template name does not exist in the translation"
	case CodeTemplateTooLong:
		return "Translated text too long"
	case CodeTemplatePolicy:
		return "Template format character policy violated"
	case CodeTemplateFormat:
		return "Parameter format does not match format in the created template"
	case CodeNumberUnregistered:
		return "Account not registered"
	}
	return "Something went wrong"
}

// status is the HTTP status that goes with a code.
func (c Code) status() int {
	switch c {
	case CodeToken:
		return http.StatusUnauthorized
	case CodePermission, CodeBlocked, CodeLocked:
		return http.StatusForbidden
	case CodeTemplateMissing:
		return http.StatusNotFound
	case CodeAppLimit, CodeAccountLimit, CodeThroughput, CodeSpamRate, CodePairRate:
		return http.StatusTooManyRequests
	case CodeUnknown, CodeUnavailable:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// Error is an answer that is no success. Details is shown to callers, and holds no
// secret, number or text of theirs.
type Error struct {
	Code    Code
	Status  int    // of HTTP; 0 for the one that goes with the code
	Subcode int    // 0 for none
	Type    string // "" for OAuthException
	Message string // "" for "(#code) title"
	Details string // "" for none
	// UserTitle and UserMessage are for people who use a client's program; "" for none.
	UserTitle, UserMessage string
}

// Errorf makes an Error whose details are formatted.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Details: fmt.Sprintf(format, args...)}
}

// Missing is the answer about an object that does not exist, or is another's, or is
// not of the kind that the request is for. method is the request's, id as it was given.
func Missing(method, id string) *Error {
	return &Error{Code: CodeInvalidParameter, Subcode: subcodeMissing, Type: "GraphMethodException",
		Message: fmt.Sprintf("Unsupported %s request. Object with ID '%s' does not exist, cannot be loaded due to missing permissions, "+
			"or does not support this operation. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api",
			strings.ToLower(method), id)}
}

// Error implements error.
func (e *Error) Error() string {
	if e.Details != "" {
		return e.message() + ": " + e.Details
	}
	return e.message()
}

func (e *Error) message() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("(#%d) %s", e.Code, e.Code.Title())
}

// HTTPStatus is the status of the answer.
func (e *Error) HTTPStatus() int {
	if e.Status != 0 {
		return e.Status
	}
	return e.Code.status()
}

// Answer is the body of the answer, a Failure.
func (e *Error) Answer() any {
	f := failure{Message: e.message(), Type: e.Type, Code: e.Code, Subcode: e.Subcode, UserTitle: e.UserTitle, UserMessage: e.UserMessage}
	if f.Type == "" {
		f.Type = "OAuthException"
	}
	if e.Details != "" {
		f.Data = &errorData{Product: Product, Details: e.Details}
	}
	return Failure{f}
}

// Failure is the body of an answer that is no success.
type Failure struct {
	Error failure `json:"error"`
}

type failure struct {
	Message     string     `json:"message"`
	Type        string     `json:"type"`
	Code        Code       `json:"code"`
	Subcode     int        `json:"error_subcode,omitempty"`
	UserTitle   string     `json:"error_user_title,omitempty"`
	UserMessage string     `json:"error_user_msg,omitempty"`
	Data        *errorData `json:"error_data,omitempty"`
	Trace       string     `json:"fbtrace_id"`
}

type errorData struct {
	Product string `json:"messaging_product"`
	Details string `json:"details"`
}

// Product is what the Cloud API calls WhatsApp in its bodies.
const Product = "whatsapp"

// Traced is the body with the id of the request, by which its operator finds it in the
// log. It is what Meta calls fbtrace_id.
func (f Failure) Traced(id string) any {
	f.Error.Trace = id
	return f
}
