package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"wapid/engine"
)

// Headers of a delivery. The first three are those of the Standard Webhooks
// specification, version 1.
const (
	HeaderID           = "Webhook-Id"          // the event's id, the same on every try
	HeaderTimestamp    = "Webhook-Timestamp"   // unix seconds of this try
	HeaderSignature    = "Webhook-Signature"   // v1,<base64>, several with a space between them
	HeaderRawSignature = "X-Webhook-Signature" // sha256=<hex> over the raw body
)

// envelope is the head of a delivery's body, in the documented order. The
// event's data, and the signature of a signed delivery, follow.
type envelope struct {
	TenantID  engine.TenantID  `json:"tenantId"`
	Event     engine.EventType `json:"event"`
	SessionID engine.SessionID `json:"sessionId"`
	Timestamp int64            `json:"timestamp"` // unix milliseconds
}

// signatureMember opens the last member of a signed body.
const signatureMember = `,"signature":"`

// Body is what is posted for an event. The data's bytes are taken as they are.
// With a secret, the last member is "signature": the HMAC-SHA256, in lower-case
// hex and keyed with the secret's own bytes, of the same text without that
// member. A receiver cuts it out of the raw body, or parses the body, removes
// it, and prints the rest the way JSON.stringify does.
func Body(e engine.Event, secret string) ([]byte, error) {
	head, err := engine.Canonical(envelope{e.Session.Tenant, e.Type, e.Session.ID, e.At.UnixMilli()})
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "the event can't be encoded")
	}
	body := make([]byte, 0, len(head)+len(e.Data)+96)
	body = append(body, head[:len(head)-1]...)
	body = append(body, `,"data":`...)
	body = append(body, e.Data...)
	body = append(body, '}')
	if secret == "" {
		return body, nil
	}
	signature := hex.EncodeToString(mac([]byte(secret), body))
	body = append(body[:len(body)-1], signatureMember...)
	body = append(body, signature...)
	return append(body, `"}`...), nil
}

// Sign sets the headers of one try at a time: the id and the timestamp always,
// both signatures if there is a secret. While secrets are rotated there are two,
// the new one first: the Standard Webhooks signature is made with each, the other
// with the new one.
func Sign(h http.Header, id engine.EventID, at time.Time, body []byte, secrets ...string) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	h.Set(HeaderID, string(id))
	h.Set(HeaderTimestamp, timestamp)
	var all []string
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		signed := mac(standardKey(secret), []byte(id), []byte("."), []byte(timestamp), []byte("."), body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(signed))
	}
	if len(all) == 0 {
		return
	}
	h.Set(HeaderSignature, strings.Join(all, " "))
	h.Set(HeaderRawSignature, "sha256="+hex.EncodeToString(mac([]byte(secrets[0]), body)))
}

// standardKey is the key of the Standard Webhooks signature: what the base64 of
// a whsec_ secret holds, or the bytes of any other secret.
func standardKey(secret string) []byte {
	if encoded, ok := strings.CutPrefix(secret, secretPrefix); ok {
		if key, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(key) > 0 {
			return key
		}
	}
	return []byte(secret)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
