package onprem

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"wapid/engine"
)

// ID is what a message is called. Clients put it into paths, so it holds letters, digits,
// - and _ alone: WhatsApp's own id of the message, and behind a - what tells apart
// messages that have the same one. It is "o" for what was sent from here, and else a few
// letters that stand for the chat and the sender.
type ID struct {
	Message engine.MessageID
	Suffix  string // "" for an id that was given without
}

const (
	sentSuffix = "o"
	// oddPrefix begins ids that hold other characters, in base64. No id of WhatsApp's begins
	// so: they are in upper case.
	oddPrefix = "b64_"
)

// SentID is the id of a message that was sent.
func SentID(id engine.MessageID) ID { return ID{Message: id, Suffix: sentSuffix} }

// ReceivedID is the id of a message that was received. origin is what tells it from
// others with the same id: its chat and sender.
func ReceivedID(id engine.MessageID, origin string) ID {
	sum := sha256.Sum256([]byte(origin))
	return ID{Message: id, Suffix: strings.ToLower(base32.StdEncoding.EncodeToString(sum[:5]))}
}

// Sent tells whether the message was sent from here.
func (id ID) Sent() bool { return id.Suffix == sentSuffix }

// String writes the id.
func (id ID) String() string {
	text := string(id.Message)
	if !plain(text) || strings.HasPrefix(text, oddPrefix) {
		text = oddPrefix + base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	return text + "-" + id.Suffix
}

// longestID is how long an id may be, in bytes.
const longestID = 256

// ParseID reads an id, also one without a suffix. ok is false for what is none.
func ParseID(text string) (id ID, ok bool) {
	if text == "" || len(text) > longestID {
		return ID{}, false
	}
	for _, r := range text {
		if r <= ' ' || r > '~' || r == '/' {
			return ID{}, false
		}
	}
	message, suffix := text, ""
	if i := strings.LastIndexByte(text, '-'); i > 0 && isSuffix(text[i+1:]) {
		message, suffix = text[:i], text[i+1:]
	}
	if odd, found := strings.CutPrefix(message, oddPrefix); found {
		raw, err := base64.RawURLEncoding.DecodeString(odd)
		if err != nil || len(raw) == 0 {
			return ID{}, false
		}
		message = string(raw)
	}
	return ID{Message: engine.MessageID(message), Suffix: suffix}, true
}

func isSuffix(s string) bool {
	if s == sentSuffix {
		return true
	}
	return len(s) == 8 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// plain tells whether an id may stand as it is.
func plain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return s != ""
}

// Files that were received have a decimal id; here they have it in the last digits of a
// UUID of version 8, whose others are 0. Files that were uploaded have one of version 4.
const (
	receivedHead = "00000000-0000-8000-8"
	receivedBits = 60
)

// ReceivedMediaID writes the decimal id of a file as a UUID. It is below 2^53.
func ReceivedMediaID(id int64) string {
	hex := fmt.Sprintf("%015x", uint64(id)&(1<<receivedBits-1))
	return receivedHead + hex[:3] + "-" + hex[3:]
}

// ParseReceivedMediaID reads what ReceivedMediaID has written.
func ParseReceivedMediaID(text string) (id int64, ok bool) {
	rest, found := strings.CutPrefix(strings.ToLower(text), receivedHead)
	first, last, dash := strings.Cut(rest, "-")
	if !found || !dash || len(first) != 3 || len(last) != 12 {
		return 0, false
	}
	n, err := strconv.ParseUint(first+last, 16, receivedBits)
	return int64(n), err == nil && n > 0
}

// Namespace stands for the business account that templates belong to: a UUID with
// underscores, the same for the same account.
func Namespace(account string) string {
	sum := sha256.Sum256([]byte("namespace " + account))
	return fmt.Sprintf("%x_%x_%x_%x_%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
