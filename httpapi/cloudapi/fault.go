package cloudapi

import (
	"errors"
	"net/http"

	"wapid/engine"
	"wapid/httpapi/metabody"
)

// ErrorOf is the answer for an error of the engine, whatever its code. It knows the
// meaning of codes alone: who knows more, as of an object that is missing, says so
// itself. Codes that only HTTP knows keep the status that they have elsewhere.
func ErrorOf(e *engine.Error, status int) *Error {
	if code := CodeOf(e.Code); code != 0 {
		to := &Error{Code: code, Details: e.Message}
		switch e.Code {
		case engine.CodeUnauthorized:
			to.Message, to.Details = "Invalid OAuth access token - Cannot parse access token", ""
		case engine.CodeStopping:
			to.Status = http.StatusServiceUnavailable
		}
		return to
	}
	if status >= http.StatusInternalServerError {
		return &Error{Code: CodeUnknown, Status: status, Details: e.Message}
	}
	return &Error{Code: CodeInvalidParameter, Status: status, Details: e.Message}
}

// CodeOf is the number of an error of the engine, as answers and the statuses of
// messages have it; 0 for one that is HTTP's own.
func CodeOf(code engine.Code) Code {
	switch code {
	case engine.CodeInvalid, engine.CodeConflict, engine.CodeNotFound, engine.CodeSessionNotFound, engine.CodeAlreadyLinked, engine.CodeSessionLive:
		return CodeInvalidParameter
	case engine.CodeUnauthorized:
		return CodeToken
	case engine.CodeForbidden, engine.CodeSessionLimit:
		return CodePermission
	case engine.CodeTenantSuspended:
		return CodeLocked
	case engine.CodeSessionMoved:
		return CodeNumberUnregistered
	case engine.CodeSessionNotReady, engine.CodeSessionBusy, engine.CodeProxyFailed, engine.CodeStopping, engine.CodeMessageExpired:
		return CodeUnavailable
	case engine.CodeNotOnWhatsApp, engine.CodeRecipientInvalid, engine.CodeUndeliverable:
		return CodeUndeliverable
	case engine.CodeWindowClosed:
		return CodeReengagement
	case engine.CodeReachoutTimelock:
		return CodeSpamRate
	case engine.CodeRateLimited:
		return CodeThroughput
	case engine.CodeSentLimit:
		return CodeAccountLimit
	case engine.CodeNotSupported:
		return CodeUnsupportedType
	case engine.CodeEgressRefused, engine.CodeMediaInvalid:
		return CodeMediaUpload
	case engine.CodeMediaGone:
		return CodeMediaDownload
	case engine.CodeSendRejected, engine.CodeSendOutcomeUnknown, engine.CodeNetworkRefused, engine.CodeStorage, engine.CodeInternal:
		return CodeUnknown
	}
	return 0
}

// refusal is the answer for what is wrong with a body, nil for nothing.
func refusal(o metabody.Object) error {
	f, ok := errors.AsType[*metabody.Fault](o.Err())
	if !ok {
		return o.Err()
	}
	e := &Error{Code: CodeInvalidParameter, Details: f.Details}
	switch f.Reason {
	case metabody.Missing:
		e.Code = CodeParameterMissing
	case metabody.Value:
		e.Code = CodeParameterValue
	case metabody.Unsupported:
		e.Code = CodeUnsupportedType
	}
	return e
}
