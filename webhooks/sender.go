package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"wapid/engine"
)

// sendTimeout bounds one try, from dialling to the end of what is read of the
// answer.
const sendTimeout = 15 * time.Second

// answerTimeout bounds what is read of an answer whose status is known: nobody
// waits for a receiver that never ends it.
const answerTimeout = time.Second

// sender posts deliveries.
type sender struct {
	client    *http.Client
	userAgent string
	trace     func(context.Context, engine.Event) (context.Context, string, func(int)) // nil for none
	encode    func(context.Context, Endpoint, engine.Event) (Post, error)              // nil for none but the default format
}

// result is what became of one try. The error is for the attempt's row alone:
// receivers fail, and that is not news for the log.
type result struct {
	attempt    Attempt
	delivered  bool
	retryAfter time.Duration // the receiver's wish; 0 if it has none
	unsent     bool          // nothing was sent, which says nothing of the receiver
	unencoded  error         // why there was nothing to send
}

// post tries a delivery once. Any 2xx answer is success; a redirect is not
// followed, as it would be a URL that the tenant did not give.
func (s *sender) post(ctx context.Context, e Endpoint, v engine.Event, now func() time.Time) result {
	began := now()
	r := result{attempt: Attempt{At: began}}
	msg, err := s.compose(ctx, e, v, began)
	if err != nil || msg.Nothing {
		r.attempt.Duration = now().Sub(began)
		r.unsent, r.unencoded, r.delivered = true, err, msg.Nothing
		r.attempt.Error = wordNothing
		if err != nil {
			r.attempt.Error = wordUnencoded
		}
		return r
	}
	parent, end := "", func(int) {}
	if s.trace != nil {
		ctx, parent, end = s.trace(ctx, v)
	}
	status, header, text, err := s.exchange(ctx, e, msg, parent)
	end(status)
	r.attempt.Duration = now().Sub(began)
	r.attempt.Status = status
	if err != nil {
		r.attempt.Error = describe(err)
		if errors.Is(context.Cause(ctx), errPressed) {
			r.attempt.Error = wordTimeout
		}
		return r
	}
	r.attempt.Body = text
	r.delivered = status/100 == 2
	if !r.delivered {
		r.retryAfter = retryAfter(header, now())
	}
	return r
}

func (s *sender) exchange(ctx context.Context, e Endpoint, msg Post, parent string) (int, http.Header, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(msg.Body))
	if err != nil {
		return 0, nil, "", err
	}
	req.Header = msg.Header
	if parent != "" {
		req.Header.Set("Traceparent", parent)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// What follows is the bare connection, which neither a context nor the
		// client's timeout ends: reading it would take as long as the receiver likes.
		return resp.StatusCode, resp.Header, "", nil
	}
	defer time.AfterFunc(answerTimeout, cancel).Stop()
	// The status has decided; a body that breaks off is kept as far as it came.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, MaxAttemptBody))
	return resp.StatusCode, resp.Header, strings.ToValidUTF8(string(text), "\ufffd"), nil
}

const (
	wordTimeout = "timeout"
	// Words for tries that sent nothing.
	wordNothing   = "not sent: the format has no words for this"
	wordUnencoded = "the event can't be told in this format"
	// wordNoAddress is one word for a name that does not exist and for one whose
	// address is refused, so that nobody learns which names there are inside.
	wordNoAddress = "no address that may be connected to"
)

// describe puts a failure into a few words that a tenant may read. They name no
// address: an error's own text may tell what a name resolves to inside.
func describe(err error) string {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	switch {
	case Refused(err):
		return wordNoAddress
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), timedOut(err):
		return wordTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &verify), errors.As(err, &authority):
		return "certificate not valid"
	case errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return "TLS failed"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "host unreachable"
	}
	return "request failed"
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
