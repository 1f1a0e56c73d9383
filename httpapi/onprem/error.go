package onprem

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"wapid/engine"
	"wapid/httpapi/metabody"
)

// Code is a number that clients of the On-Premises API branch on.
type Code int

// The codes that are given here, under the names of Meta's documentation.
const (
	CodeGeneric          Code = 1000
	CodeTooLong          Code = 1001
	CodeRecipientType    Code = 1002
	CodeDenied           Code = 1005
	CodeNotFound         Code = 1006
	CodeMissing          Code = 1008
	CodeValue            Code = 1009
	CodeNotReady         Code = 1011
	CodeUser             Code = 1013
	CodeInternal         Code = 1014
	CodeRate             Code = 1015
	CodeSelf             Code = 1021
	CodeIncapable        Code = 1026
	CodeLocked           Code = 1031
	CodeTemplateCount    Code = 2000
	CodeTemplateMissing  Code = 2001
	CodeTemplateTooLong  Code = 2002
	CodeTemplateMismatch Code = 2009
	CodeTemplateTaken    Code = 1004
)

// Codes of messages that have failed, as statuses have them, and of such that can't be
// told.
const (
	CodeExpired      Code = 410
	CodeSpamRate     Code = 471
	CodeSendFailed   Code = 500
	CodeUnknownType  Code = 501
	CodeReengagement Code = 470
)

// Title is what the documentation calls a code.
func (c Code) Title() string {
	switch c {
	case CodeTooLong:
		return "Message too long"
	case CodeRecipientType:
		return "Invalid recipient type"
	case CodeTemplateTaken:
		return "Resource already exists"
	case CodeDenied:
		return "Access denied"
	case CodeNotFound:
		return "Resource not found"
	case CodeMissing:
		return "Required parameter is missing"
	case CodeValue:
		return "Parameter value is not valid"
	case CodeNotReady:
		return "Service not ready"
	case CodeUser:
		return "User is not valid"
	case CodeInternal:
		return "Internal error"
	case CodeRate:
		return "Too many requests"
	case CodeSelf:
		return "Bad user"
	case CodeIncapable:
		return "Receiver incapable"
	case CodeLocked:
		return "Sender account locked"
	case CodeTemplateCount:
		return "Template parameter count mismatch"
	case CodeTemplateMissing:
		return "Template missing"
	case CodeTemplateTooLong:
		return "Template hydrated text too long"
	case CodeTemplateMismatch:
		return "Template parameter format mismatch"
	case CodeExpired:
		return "Message expired"
	case CodeReengagement:
		return "Re-engagement message"
	case CodeSpamRate:
		return "Spam rate limit hit"
	case CodeSendFailed:
		return "Message failed to send because of an unknown error"
	case CodeUnknownType:
		return "Unknown message type"
	}
	return "Generic error"
}

// status is the HTTP status that goes with a code.
func (c Code) status() int {
	switch c {
	case CodeDenied, CodeLocked:
		return http.StatusForbidden
	case CodeNotFound, CodeTemplateMissing:
		return http.StatusNotFound
	case CodeNotReady:
		return http.StatusPreconditionFailed
	case CodeRate:
		return http.StatusTooManyRequests
	case CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// Error is an answer that is no success. Details is shown to callers, and holds no
// secret, number or text of theirs.
type Error struct {
	Code    Code
	Status  int // of HTTP; 0 for the one that goes with the code
	Details string
}

// Errorf makes an Error whose details are formatted.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Details: fmt.Sprintf(format, args...)}
}

// refusal is the answer for what is wrong with a body, nil for nothing.
func refusal(o metabody.Object) error {
	f, ok := errors.AsType[*metabody.Fault](o.Err())
	if !ok {
		return o.Err()
	}
	e := &Error{Code: CodeValue, Details: f.Details}
	switch f.Reason {
	case metabody.Missing:
		e.Code = CodeMissing
	case metabody.TooLong:
		e.Code = CodeTooLong
	}
	return e
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("(%d) %s: %s", e.Code, e.Code.Title(), e.Details) }

// HTTPStatus is the status of the answer.
func (e *Error) HTTPStatus() int {
	if e.Status != 0 {
		return e.Status
	}
	return e.Code.status()
}

// Answer is the body of the answer. Programs that were written for 360dialog show what
// its gateway says in meta, and many look nowhere else: it stands there as well.
func (e *Error) Answer() any {
	message := e.Code.Title()
	if e.Details != "" {
		message += ": " + e.Details
	}
	return failure{
		Errors: []fault{{Code: e.Code, Title: e.Code.Title(), Details: e.Details}},
		Meta:   failureMeta{newMeta(), newGateMeta(e.HTTPStatus(), message)},
	}
}

type failure struct {
	Errors []fault     `json:"errors"`
	Meta   failureMeta `json:"meta"`
}

type failureMeta struct {
	Meta
	gateMeta
}

type fault struct {
	Code    Code   `json:"code"`
	Title   string `json:"title"`
	Details string `json:"details,omitempty"`
	Href    string `json:"href,omitempty"`
}

// Meta goes with most answers: what the API says of itself.
type Meta struct {
	Status  string `json:"api_status"`
	Version string `json:"version"`
}

// apiVersion is the last version but some of the On-Premises API, as 360dialog served it.
const apiVersion = "2.53.1"

func newMeta() Meta { return Meta{Status: "stable", Version: apiVersion} }

// Gate is an answer of 360dialog's gateway in front of the API, which has a form of its
// own: a key that means nothing, or a path that it does not pass on.
type Gate struct {
	Status  int
	Message string
}

// Error implements error.
func (g *Gate) Error() string { return g.Message }

// HTTPStatus is the status of the answer.
func (g *Gate) HTTPStatus() int { return g.Status }

// Answer is the body of the answer.
func (g *Gate) Answer() any { return gateBody{Meta: newGateMeta(g.Status, g.Message)} }

type gateBody struct {
	Meta gateMeta `json:"meta"`
}

// gateMeta is what the gateway says of a failure. Older clients read the names with underscores.
type gateMeta struct {
	Code       int    `json:"httpCode"`
	Message    string `json:"developerMessage"`
	Success    bool   `json:"success"`
	OldCode    int    `json:"http_code"`
	OldMessage string `json:"developer_message"`
}

func newGateMeta(status int, message string) gateMeta {
	return gateMeta{Code: status, Message: message, OldCode: status, OldMessage: message}
}

// BadKey is the answer to a key that is missing, wrong or over.
func BadKey() *Gate {
	return &Gate{Status: http.StatusUnauthorized, Message: "Invalid api_key or token expired"}
}

// Blocked is the answer about a path that is not served.
func Blocked(path string) *Gate {
	if len(path) > 256 {
		path = path[:256]
	}
	return &Gate{Status: http.StatusForbidden, Message: "This URL " + (&url.URL{Path: strings.ToValidUTF8(path, "")}).EscapedPath() + " is blocked"}
}

// ErrorOf is the answer for an error of the engine, whatever its code. Codes that only
// HTTP knows keep the status that they have elsewhere.
func ErrorOf(e *engine.Error, status int) interface {
	error
	HTTPStatus() int
	Answer() any
} {
	if e.Code == engine.CodeUnauthorized {
		return BadKey()
	}
	code := codeOf(e.Code)
	to := &Error{Code: code, Details: e.Message}
	switch {
	case code == 0 && status >= http.StatusInternalServerError:
		to.Code, to.Status = CodeInternal, status
	case code == 0:
		to.Code, to.Status = CodeGeneric, status
	case e.Code == engine.CodeStopping:
		to.Status = http.StatusServiceUnavailable
	}
	return to
}

// codeOf is the number of an error of the engine; 0 for one that is HTTP's own.
func codeOf(code engine.Code) Code {
	switch code {
	case engine.CodeInvalid, engine.CodeConflict, engine.CodeAlreadyLinked, engine.CodeSessionLive, engine.CodeNotSupported,
		engine.CodeEgressRefused, engine.CodeMediaInvalid:
		return CodeValue
	case engine.CodeForbidden, engine.CodeSessionLimit:
		return CodeDenied
	case engine.CodeTenantSuspended:
		return CodeLocked
	case engine.CodeNotFound, engine.CodeSessionNotFound, engine.CodeMediaGone:
		return CodeNotFound
	case engine.CodeSessionNotReady, engine.CodeSessionBusy, engine.CodeSessionMoved, engine.CodeProxyFailed, engine.CodeStopping:
		return CodeNotReady
	case engine.CodeNotOnWhatsApp, engine.CodeRecipientInvalid:
		return CodeUser
	case engine.CodeUndeliverable:
		return CodeIncapable
	case engine.CodeRateLimited, engine.CodeReachoutTimelock, engine.CodeSentLimit:
		return CodeRate
	case engine.CodeSendRejected, engine.CodeSendOutcomeUnknown, engine.CodeNetworkRefused, engine.CodeStorage, engine.CodeInternal, engine.CodeMessageExpired:
		return CodeInternal
	}
	return 0
}

// statusCodeOf tells why a message has failed.
func statusCodeOf(code engine.Code) Code {
	switch code {
	case engine.CodeNotOnWhatsApp, engine.CodeRecipientInvalid:
		return CodeUser
	case engine.CodeUndeliverable:
		return CodeIncapable
	case engine.CodeMessageExpired:
		return CodeExpired
	case engine.CodeReachoutTimelock, engine.CodeRateLimited, engine.CodeSentLimit:
		return CodeSpamRate
	case engine.CodeTenantSuspended:
		return CodeLocked
	case engine.CodeEgressRefused, engine.CodeMediaInvalid, engine.CodeMediaGone:
		return CodeValue
	}
	return CodeSendFailed
}
