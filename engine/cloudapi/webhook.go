package cloudapi

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"wapid/engine"
)

// MaxWebhook is the largest webhook that Meta sends, in bytes (assumed from its pages).
const MaxWebhook = 3 << 20

// maxNumbers is how many numbers one webhook may be about. Strangers can send
// webhooks, and each number costs a look into the store.
const maxNumbers = 64

// What strangers send is read without room for what it holds: a body of so many bytes may
// grow to thirty times that. Longer ones are read once they are signed, mostLarge at a time.
const (
	smallWebhook = 64 << 10 // bytes
	mostLarge    = 2
	// maxNameless is how long a body may be whose statuses name no number: every app
	// secret is tried on those.
	maxNameless = 4 << 10
)

// nameless is the number of statuses that name none.
const nameless = ""

// numbersIn finds the ids of the numbers that a body names, wherever they stand in it:
// whose app secret may have signed it is asked before it is read. It returns CodeInvalid
// for more than maxNumbers.
func numbersIn(body []byte) (ids []string, err error) {
	for {
		_, rest, more := bytes.Cut(body, []byte(`"phone_number_id"`))
		if !more {
			return ids, nil
		}
		body = rest
		rest, isName := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":"))
		rest, isText := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"`))
		end := bytes.IndexByte(rest[:min(len(rest), maxIDDigits+1)], '"')
		if !isName || !isText || end < 0 || !isID(string(rest[:end])) || slices.Contains(ids, string(rest[:end])) {
			continue
		}
		if ids = append(ids, string(rest[:end])); len(ids) > maxNumbers {
			return nil, engine.Errorf(engine.CodeInvalid, "a webhook may be about %d numbers", maxNumbers)
		}
	}
}

// envelope is the body of a webhook. What it does not know is left out.
type envelope struct {
	Object string `json:"object"`
	Entry  []struct {
		Changes []struct {
			Field string          `json:"field"`
			Value json.RawMessage `json:"value"` // its form goes with the field
		} `json:"changes"`
	} `json:"entry"`
}

// value is what a change of the field "messages" holds.
type value struct {
	Metadata struct {
		PhoneNumberID string `json:"phone_number_id"`
	} `json:"metadata"`
	Contacts []struct {
		WAID    string `json:"wa_id"`
		User    string `json:"user_id"`
		Profile struct {
			Name string `json:"name"`
		} `json:"profile"`
	} `json:"contacts"`
	Messages []json.RawMessage `json:"messages"`
	Statuses []json.RawMessage `json:"statuses"`
}

// parseWebhook reads a webhook and returns its changes that tell of messages, by the
// number that they are about. Statuses may name none, as in samples of Meta's that others
// print: the app secret tells whose they are. It returns CodeInvalid for what is none.
func parseWebhook(body []byte) (map[string][]value, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, engine.WrapError(engine.CodeInvalid, err, "the body is not a webhook of Meta's")
	}
	if e.Object != "whatsapp_business_account" {
		return nil, engine.Errorf(engine.CodeInvalid, "the body is not a webhook of a WhatsApp Business Account")
	}
	found := make(map[string][]value)
	for _, entry := range e.Entry {
		for _, c := range entry.Changes {
			if c.Field != "messages" {
				continue
			}
			var v value
			if err := json.Unmarshal(c.Value, &v); err != nil {
				return nil, engine.WrapError(engine.CodeInvalid, err, "a change in the webhook can't be read")
			}
			id := v.Metadata.PhoneNumberID
			if id == nameless && (len(v.Statuses) == 0 || len(v.Messages) > 0 || len(body) > maxNameless) {
				return nil, engine.Errorf(engine.CodeInvalid, "a change in the webhook names no phone_number_id")
			}
			if found[id] = append(found[id], v); len(found) > maxNumbers {
				return nil, engine.Errorf(engine.CodeInvalid, "a webhook may be about %d numbers", maxNumbers)
			}
		}
	}
	return found, nil
}

// signedBy tells whether X-Hub-Signature-256 is what the owner of an app secret writes
// above a body.
func signedBy(secret string, body []byte, signature string) bool {
	given, ok := strings.CutPrefix(signature, "sha256=")
	if !ok || secret == "" {
		return false
	}
	mac, err := hex.DecodeString(given)
	if err != nil {
		return false
	}
	want := hmac.New(sha256.New, []byte(secret))
	want.Write(body)
	return hmac.Equal(mac, want.Sum(nil))
}
