package cloudapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"wapid/engine"
)

// How long Meta's API may take. Files have time as they go, see media.go.
const (
	callPatience = 30 * time.Second
	maxAnswer    = 1 << 20 // bytes of an answer that is read
)

// errNoAnswer says that a request may have been carried out.
var errNoAnswer = errors.New("no answer came that can be read")

// graph is Meta's API for one number. It is safe for concurrent use.
type graph struct {
	client *http.Client
	number Number
}

// url is where an object of Meta's is.
func (g *graph) url(path string, query url.Values) string {
	u := g.number.BaseURL + "/" + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u
}

// call makes a request of the API and reads its answer into a pointer; nil ignores it.
// Its error is a *metaError for what Meta has answered; one that errors.Is errNoAnswer
// if the request may have been carried out; and any other if it certainly was not.
func (g *graph) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return engine.WrapError(engine.CodeInternal, err, "a request to Meta's API can't be encoded")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, g.url(path, query), bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return g.do(req, into)
}

// do sends a request with the number's token. Its errors are those of call.
func (g *graph) do(req *http.Request, into any) error {
	var left atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { left.Store(true) }}
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	req.Header.Set("Authorization", "Bearer "+g.number.AccessToken)
	resp, err := g.client.Do(req)
	if err != nil {
		if left.Load() {
			return errors.Join(errNoAnswer, concealed(err))
		}
		return concealed(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return errors.Join(errNoAnswer, concealed(err))
	}
	return readAnswer(resp, raw, into)
}

// concealed is an error of the HTTP client without the URL, which names the number.
func concealed(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// readAnswer tells a success from an error. A success that can't be read, and a
// failure of the server's that is not in Meta's form, leave open what has happened.
func readAnswer(resp *http.Response, raw []byte, into any) error {
	failure := &metaError{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	var told graphError
	if json.Unmarshal(raw, &told) == nil && told.Error != nil && (told.Error.Code != 0 || resp.StatusCode >= 300) {
		failure.Code, failure.Subcode, failure.Message = told.Error.Code, told.Error.Subcode, told.Error.Message
		return failure
	}
	switch {
	case resp.StatusCode >= 500:
		return errors.Join(errNoAnswer, failure)
	case resp.StatusCode < 200 || resp.StatusCode >= 300:
		return failure
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return errors.Join(errNoAnswer, err)
	}
	return nil
}

// phoneNumber is what Meta tells of a number.
type phoneNumber struct {
	ID      string `json:"id"`
	Display string `json:"display_phone_number"`
	Name    string `json:"verified_name"`
}

// self asks for the session's own number.
func (g *graph) self(ctx context.Context) (p phoneNumber, err error) {
	query := url.Values{"fields": {"id,display_phone_number,verified_name"}}
	return p, g.call(ctx, http.MethodGet, g.number.PhoneNumberID, query, nil, &p)
}
