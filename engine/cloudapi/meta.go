package cloudapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"wapid/engine"
)

// metaError is an error as Meta's Graph API tells it, or an answer that is none of its.
type metaError struct {
	Status     int // of HTTP
	Code       int // Meta's; 0 if the answer is not in its form
	Subcode    int
	Message    string // may name people: for the log at debug level alone
	RetryAfter time.Duration
}

func (e *metaError) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("HTTP %d", e.Status)
	}
	if e.Subcode != 0 {
		return fmt.Sprintf("Meta's code %d/%d (HTTP %d)", e.Code, e.Subcode, e.Status)
	}
	return fmt.Sprintf("Meta's code %d (HTTP %d)", e.Code, e.Status)
}

// graphError is the body of an error (source: Meta's "Error codes" page).
type graphError struct {
	Error *struct {
		Message string `json:"message"`
		Code    int    `json:"code"`
		Subcode int    `json:"error_subcode"`
	} `json:"error"`
}

// retryAfter reads the header of that name, in seconds; 0 if it says nothing.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 24*60*60 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// Waits where Meta names none. Its limit for one pair of numbers is one message in six
// seconds on average.
const (
	waitForPair  = 6 * time.Second
	waitForLimit = time.Minute
)

// fate is what an error of Meta's means for the session as a whole.
type fate int

const (
	unharmed fate = iota
	lost          // the token or the number is gone: nothing works until the tenant acts
	banned        // Meta has locked the account
)

// fateOf tells what an error says of the session.
func fateOf(err error) fate {
	e, ok := errors.AsType[*metaError](err)
	if !ok {
		return unharmed
	}
	switch e.Code {
	case 190, 33: // the token is wrong or revoked; the number was deleted
		return lost
	case 131031:
		return banned
	}
	return unharmed
}

// refusesLogin tells whether what was answered to the question for the number will be
// answered again, however often it is asked.
func refusesLogin(err error) bool {
	e, ok := errors.AsType[*metaError](err)
	if !ok || e.Code == 0 {
		return false
	}
	return !passes(e.Code) && e.Status < http.StatusInternalServerError && e.Status != http.StatusTooManyRequests
}

// passes tells codes of trouble that is over some time.
func passes(code int) bool {
	switch code {
	case 1, 2, 4, 80007, 130429, 131000, 131016, 131056, 133016:
		return true
	}
	return false
}

// explainLogin says why Meta does not let a session speak as a number.
func explainLogin(err error) string {
	e, ok := errors.AsType[*metaError](err)
	if !ok {
		return "Meta's API did not answer"
	}
	switch {
	case e.Code == 190:
		return "Meta refuses the access token: it is wrong, expired or revoked (190)"
	case e.Code == 33, e.Code == 100 && e.Subcode == 33:
		return "Meta knows no such phone number id, or the access token may not use it (" + strconv.Itoa(e.Code) + ")"
	case e.Code == 3, e.Code == 10, e.Code >= 200 && e.Code < 300:
		return "the access token may not use this number (" + strconv.Itoa(e.Code) + ")"
	case e.Code == 131031, e.Code == 368:
		return "Meta has locked the account (" + strconv.Itoa(e.Code) + ")"
	case e.Code == 0:
		return "Meta's API answers with HTTP " + strconv.Itoa(e.Status)
	}
	return "Meta refuses the number (" + strconv.Itoa(e.Code) + ")"
}

// explainRefusal is the error of a request that Meta has certainly not carried out. Meta's
// own words may name the recipient, and stay behind as the cause's.
func explainRefusal(e *metaError) *engine.Error {
	code, message := meaning(e.Code, e.Subcode)
	if e.Code == 0 {
		code, message = engine.CodeSendRejected, "Meta's API refused the request"
		if e.Status == http.StatusTooManyRequests {
			code, message = engine.CodeRateLimited, "Meta's API asks to slow down"
		}
	}
	out := engine.WrapError(code, e, message)
	if e.Code != 0 {
		out.Message += " (Meta's code " + strconv.Itoa(e.Code) + ")"
	}
	if out.RetryAfter = e.RetryAfter; out.RetryAfter == 0 && code == engine.CodeRateLimited {
		out.RetryAfter = waitForLimit
		if e.Code == 131056 {
			out.RetryAfter = waitForPair
		}
	}
	return out
}

// meaning translates one of Meta's codes, of an answer as of a status (source: Meta's
// "Error codes" page).
func meaning(code, subcode int) (engine.Code, string) {
	switch code {
	case 190, 33:
		return engine.CodeSessionNotReady, "Meta does not take the session's access token or number any more"
	case 3, 10:
		return engine.CodeSendRejected, "the access token may not do this"
	case 4, 80007, 130429, 133016:
		return engine.CodeRateLimited, "Meta asks to slow down"
	case 131056:
		return engine.CodeRateLimited, "too many messages to this person: Meta asks to slow down"
	case 2, 131016:
		return engine.CodeSessionNotReady, "Meta's API is unavailable for the moment"
	case 1, 131000:
		return engine.CodeNetworkRefused, "Meta could not send it, and said no more"
	case 368, 131031:
		return engine.CodeSendRejected, "Meta has restricted the account"
	case 131021:
		return engine.CodeRecipientInvalid, "the recipient is the number itself"
	case 131030:
		return engine.CodeRecipientInvalid, "the app is in development mode: it may write to its test numbers alone"
	case 131026:
		return engine.CodeUndeliverable, "Meta can't deliver to this person, who may not be on WhatsApp"
	case 131047:
		return engine.CodeWindowClosed, "the person has not written for 24 hours: Meta takes templates alone until they do"
	case 131051:
		return engine.CodeNotSupported, "Meta's API does not take messages of this kind"
	case 131052, 131053:
		return engine.CodeMediaInvalid, "Meta's API can't use the file"
	case 131008, 131009:
		return engine.CodeSendRejected, "Meta finds the message invalid"
	case 100:
		if subcode == 33 {
			return engine.CodeNotFound, "Meta has no such object any more"
		}
		return engine.CodeSendRejected, "Meta finds the message invalid"
	}
	if code >= 200 && code < 300 {
		return engine.CodeSendRejected, "the access token may not do this"
	}
	return engine.CodeSendRejected, "Meta refused the message"
}
