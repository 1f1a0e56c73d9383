package engine

import (
	"errors"
	"fmt"
	"time"
)

// Code is the machine-readable half of an error. Codes are words of the domain;
// which HTTP status one becomes is the business of package httpapi alone.
type Code string

const (
	CodeInvalid            Code = "INVALID_REQUEST"        // the caller's input can't be used as it is
	CodeUnauthorized       Code = "UNAUTHORIZED"           // no key, or a wrong one
	CodeNotFound           Code = "NOT_FOUND"              // no such resource for this tenant
	CodeSessionNotFound    Code = "SESSION_NOT_FOUND"      // no such session for this tenant
	CodeSessionNotReady    Code = "SESSION_NOT_READY"      // the session is not connected, nothing was sent
	CodeAlreadyLinked      Code = "ALREADY_LINKED"         // the session is linked to an account, nothing was done
	CodeSessionBusy        Code = "SESSION_BUSY"           // the session is being removed, or can't take the request now
	CodeSessionMoved       Code = "SESSION_MOVED"          // the session was exported to another server, nothing was done
	CodeSessionLive        Code = "SESSION_LIVE"           // a session is in use that must not be, nothing was done
	CodeNotOnWhatsApp      Code = "NOT_ON_WHATSAPP"        // the number has no WhatsApp account, nothing was sent
	CodeRecipientInvalid   Code = "RECIPIENT_INVALID"      // no such group or LID, or the account may not write there, nothing was sent
	CodeReachoutTimelock   Code = "REACHOUT_TIMELOCK"      // WhatsApp refuses first contacts for a while, nothing was sent
	CodeWindowClosed       Code = "WINDOW_CLOSED"          // the recipient has not written for 24 hours: Meta takes templates alone then, nothing was sent
	CodeRateLimited        Code = "RATE_LIMITED"           // the network or the daemon asks to slow down, nothing was sent
	CodeSendRejected       Code = "SEND_REJECTED"          // WhatsApp's server refused the message
	CodeSendOutcomeUnknown Code = "SEND_OUTCOME_UNKNOWN"   // the message may or may not have been taken
	CodeUndeliverable      Code = "RECIPIENT_UNREACHABLE"  // no device of the recipient could be encrypted for
	CodeNotSupported       Code = "NOT_SUPPORTED"          // this network can't do it
	CodeEgressRefused      Code = "URL_REFUSED"            // a caller's URL points where it must not
	CodeProxyFailed        Code = "PROXY_FAILED"           // WhatsApp can't be reached through a proxy
	CodeForbidden          Code = "FORBIDDEN"              // the key may not do this
	CodeTenantSuspended    Code = "TENANT_SUSPENDED"       // the operator has suspended the tenant
	CodeSentLimit          Code = "SENT_LIMIT_EXCEEDED"    // the tenant's daily limit is reached, nothing was sent
	CodeSessionLimit       Code = "SESSION_LIMIT_EXCEEDED" // the tenant has as many sessions as it may have
	CodeConflict           Code = "IDEMPOTENCY_CONFLICT"   // the idempotency key was used for another request
	CodeMessageExpired     Code = "MESSAGE_EXPIRED"        // a queued message was not sent within its time to live
	CodeMediaInvalid       Code = "MEDIA_INVALID"          // a file can't be fetched, is too large, or is not of its kind, nothing was sent
	CodeMediaGone          Code = "MEDIA_GONE"             // nobody has the file any more
	CodeNetworkRefused     Code = "NETWORK_REFUSED"        // WhatsApp refused what was asked, and said no more
	CodeStorage            Code = "STORAGE_UNAVAILABLE"    // our own database refused, nothing was done
	CodeStopping           Code = "STOPPING"               // the daemon is shutting down, nothing was done
	CodeInternal           Code = "INTERNAL_ERROR"         // a defect of ours
)

// Error is the one error type that crosses package borders with a meaning for
// the caller. Message is shown to callers and holds no secret, number or body;
// Cause is for the log.
type Error struct {
	Code    Code
	Message string
	// MessageID is set where the error tells of a message that has an id already.
	MessageID MessageID
	// RetryAfter says how long to wait before the same request may succeed; 0 if unknown.
	RetryAfter time.Duration
	// Limit and Used are set with CodeSentLimit and CodeSessionLimit.
	Limit, Used int
	Cause       error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error with a formatted caller-facing message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WrapError makes an Error around a cause that only the log shows.
func WrapError(code Code, cause error, message string) *Error {
	return &Error{Code: code, Message: message, Cause: cause}
}

// CodeOf returns the code of the first Error in err's chain, CodeInternal for
// any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
