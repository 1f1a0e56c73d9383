package cloudapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"wapid/engine"
)

// DefaultBaseURL is where Meta's Graph API is.
const DefaultBaseURL = "https://graph.facebook.com/v23.0"

// Limits of what a tenant gives. Meta documents none; its access tokens have some 200 bytes.
const (
	MaxSecret    = 4096 // bytes of a token or secret
	maxIDDigits  = 20
	devicePrefix = "cloud:"
)

// Number is a number of Meta's Cloud API, and what a session needs to speak as it.
type Number struct {
	Session engine.SessionKey
	// Device is what the engine calls it. It changes when Meta has taken the number
	// away, so that the old one names nothing any more.
	Device        engine.DeviceID
	PhoneNumberID string // digits
	WABA          string // digits; empty where it was not given
	BaseURL       string // with the version, without a slash at its end
	AccessToken   string
	AppSecret     string
	// VerifyHash is HashVerifyToken of the token that Meta shows when it asks whether
	// the webhook is ours.
	VerifyHash string
	CreatedAt  time.Time
	// Unreadable says that the secrets can't be read from the store.
	Unreadable bool
}

// Message is an outgoing message as Meta knows it.
type Message struct {
	ID    engine.MessageID // ours
	WAMID string           // Meta's; empty while nobody knows whether Meta has it
	Chat  engine.JID       // as it was sent to
}

// Store is what the network needs remembered. Every method commits before it returns
// nil. Errors are *engine.Error: CodeNotFound where a method says so, CodeStorage otherwise.
type Store interface {
	// FindCloudNumber returns the number of a session, or CodeNotFound.
	FindCloudNumber(ctx context.Context, key engine.SessionKey) (Number, error)
	// FindCloudDevice returns the number that a device names, or CodeNotFound.
	FindCloudDevice(ctx context.Context, device engine.DeviceID) (Number, error)
	// ListCloudNumbers returns all sessions' numbers with an id of Meta's.
	ListCloudNumbers(ctx context.Context, phoneNumberID string) ([]Number, error)
	// KnowsVerifyToken tells whether any number has a verify token of this hash.
	KnowsVerifyToken(ctx context.Context, hash string) (bool, error)
	// RenameCloudDevice gives a number another device. It returns CodeNotFound.
	RenameCloudDevice(ctx context.Context, from, to engine.DeviceID) error
	// DeleteCloudDevice forgets a number. One that is already gone is not an error.
	DeleteCloudDevice(ctx context.Context, device engine.DeviceID) error

	// BeginCloudMessage writes down that a message is about to be given to Meta. If it
	// was before, what is known of that is returned, and fresh is false.
	BeginCloudMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID, chat engine.JID) (m Message, fresh bool, err error)
	// FinishCloudMessage notes the wamid of a message.
	FinishCloudMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID, wamid string) error
	// CancelCloudMessage forgets a message that Meta certainly does not have.
	CancelCloudMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID) error
	// FindCloudMessage finds a message by its wamid or, if that is not known, by our id,
	// and notes the wamid then. It returns CodeNotFound.
	FindCloudMessage(ctx context.Context, key engine.SessionKey, wamid string, id engine.MessageID) (Message, error)
	// FindWAMID returns the wamid of a message, or CodeNotFound.
	FindWAMID(ctx context.Context, key engine.SessionKey, id engine.MessageID) (string, error)
	// FindNewestReceived returns the newest incoming message of a chat, among those
	// with the given ids if there are any. It returns CodeNotFound.
	FindNewestReceived(ctx context.Context, key engine.SessionKey, chat engine.JID, among []engine.MessageID) (engine.MessageID, error)
}

// IsDevice tells whether a device is one of this network's.
func IsDevice(d engine.DeviceID) bool { return strings.HasPrefix(string(d), devicePrefix) }

// NewDevice makes a name for a number.
func NewDevice() engine.DeviceID { return engine.DeviceID(devicePrefix + rand.Text()) }

// HashVerifyToken is what is kept of a verify token: it is only ever compared.
func HashVerifyToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Check returns CodeInvalid, in words that repeat no secret, for what can't be a number
// of Meta's. Its base URL is for whoever knows which addresses may be reached.
func (n Number) Check() error {
	switch {
	case !isID(n.PhoneNumberID):
		return engine.Errorf(engine.CodeInvalid, "phoneNumberId must be the digits of Meta's id of the number, not the number itself")
	case n.WABA != "" && !isID(n.WABA):
		return engine.Errorf(engine.CodeInvalid, "wabaId must be the digits of Meta's id of the WhatsApp Business Account")
	case !isSecret(n.AccessToken):
		return engine.Errorf(engine.CodeInvalid, "accessToken must be 1 to %d printable ASCII characters without spaces", MaxSecret)
	case !isSecret(n.AppSecret):
		return engine.Errorf(engine.CodeInvalid, "appSecret must be 1 to %d printable ASCII characters without spaces", MaxSecret)
	}
	return nil
}

func isID(s string) bool { return len(s) <= maxIDDigits && digits(s) == s && s != "" && s[0] != '0' }

func isSecret(s string) bool {
	if s == "" || len(s) > MaxSecret {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// digits keeps the digits of a text.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
