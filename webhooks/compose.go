package webhooks

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"wapid/engine"
)

// HeaderHubSignature is the signature of Meta's platform: sha256=<hex> over the raw
// body, keyed with the app's secret.
const HeaderHubSignature = "X-Hub-Signature-256"

// compose makes what one try posts: the body in the endpoint's format, and the headers
// that are ours. The endpoint's own headers come on top of the format's, never over
// signatures.
func (s *sender) compose(ctx context.Context, e Endpoint, v engine.Event, at time.Time) (msg Post, err error) {
	secrets := e.Secrets(at)
	inHeader := secrets
	switch e.Format {
	case FormatWapiConnect, "":
		inBody := ""
		switch {
		case len(secrets) == 0:
		case e.SignatureMode == SignBody:
			inBody, inHeader = secrets[0], nil
		case e.SignatureMode != SignHeader:
			inBody = secrets[0]
		}
		msg.Body, err = Body(v, inBody)
	case FormatStandard:
		msg.Body, err = StandardBody(v)
	default:
		if s.encode == nil {
			return msg, engine.Errorf(engine.CodeInternal, "there is no encoder of the format %s", e.Format)
		}
		msg, err = s.encode(ctx, e, v)
	}
	if err != nil || msg.Nothing {
		return msg, err
	}
	header := make(http.Header, 8+len(e.Headers))
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", s.userAgent)
	for name, values := range msg.Header {
		header[name] = values
	}
	for name, value := range e.Headers {
		header.Set(name, value)
	}
	Sign(header, v.ID, at, msg.Body, inHeader...)
	if e.Format == FormatMeta && len(secrets) > 0 {
		// Meta's receivers know one signature: the new secret's from the first moment on.
		header.Set(HeaderHubSignature, "sha256="+hex.EncodeToString(mac([]byte(secrets[0]), msg.Body)))
	}
	msg.Header = header
	return msg, nil
}

// standardPayload is what the Standard Webhooks specification recommends as a body.
type standardPayload struct {
	Type      engine.EventType `json:"type"`
	Timestamp string           `json:"timestamp"` // RFC 3339, UTC, when it happened
	SessionID engine.SessionID `json:"sessionId,omitempty"`
}

// StandardBody is an event in the format of Standard Webhooks: type, timestamp, and the
// same data as in the default format.
func StandardBody(e engine.Event) ([]byte, error) {
	head, err := engine.Canonical(standardPayload{e.Type, e.At.UTC().Format("2006-01-02T15:04:05.000Z"), e.Session.ID})
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "the event can't be encoded")
	}
	body := make([]byte, 0, len(head)+len(e.Data)+16)
	body = append(body, head[:len(head)-1]...)
	body = append(body, `,"data":`...)
	body = append(body, e.Data...)
	return append(body, '}'), nil
}
