package engine

import (
	"strings"
	"time"
)

// SessionID names a session within its tenant. The tenant chooses it.
type SessionID string

// SessionKey names a session in the whole daemon.
type SessionKey struct {
	Tenant TenantID
	ID     SessionID
}

// longestSessionID is in bytes.
const longestSessionID = 64

// ParseSessionID checks a caller's session id: 1 to 64 letters, digits and
// ". _ @ + -", beginning with a letter or digit. It returns CodeInvalid.
func ParseSessionID(s string) (SessionID, error) {
	if !usableSessionID(s) {
		return "", Errorf(CodeInvalid, "sessionId must be 1 to 64 letters, digits or . _ @ + - and begin with a letter or digit")
	}
	return SessionID(s), nil
}

// usableSessionID keeps session ids usable as a path segment and in a log. Most
// requests name one.
func usableSessionID(s string) bool {
	if s == "" || len(s) > longestSessionID {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && strings.IndexByte("._@+-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// Status is where a session stands, in the words of the public API.
type Status string

const (
	StatusInitializing    Status = "initializing"     // starting up
	StatusQRReady         Status = "qr_ready"         // a QR code waits to be scanned
	StatusPasskeyRequired Status = "passkey_required" // the account asks for its passkey before it links
	StatusAuthenticated   Status = "authenticated"    // scanned, finalizing the connection
	StatusReady           Status = "ready"            // connected, can send and receive
	StatusDisconnected    Status = "disconnected"     // not connected; Reason says why
)

// Reason says why a session is disconnected; it is empty in any other status.
type Reason string

const (
	ReasonNetwork        Reason = "network"         // connection lost; the daemon reconnects by itself
	ReasonLoggedOut      Reason = "logged_out"      // the account removed this device; it must be linked again
	ReasonQRTimeout      Reason = "qr_timeout"      // nobody scanned; creating the session again starts over
	ReasonReplaced       Reason = "replaced"        // the same device logged in elsewhere; nothing happens until asked
	ReasonBanned         Reason = "banned"          // temporarily banned; Until says until when
	ReasonClientOutdated Reason = "client_outdated" // WhatsApp refuses this client version; nothing happens until asked
	ReasonStopped        Reason = "stopped"         // the tenant stopped it
	ReasonPairingFailed  Reason = "pairing_failed"  // linking was refused or broke; creating it again starts over
	ReasonMoved          Reason = "moved"           // its device was exported and lives elsewhere; nothing happens until it is reclaimed
	ReasonUnreadable     Reason = "unreadable"      // its options are damaged in the database; nothing happens until they are set anew
)

// Intent is what the tenant wants of a session, kept apart from what it is.
type Intent string

const (
	IntentRun    Intent = "run"
	IntentStop   Intent = "stop"
	IntentMoved  Intent = "moved"  // exported: another daemon may use the device
	IntentDelete Intent = "delete" // being removed; a restart finishes the removal
)

// DeviceID names a linked device in its network's own device store. It is
// opaque to the engine; empty means that the session is not linked.
type DeviceID string

// Identity is whom a linked session speaks as.
type Identity struct {
	Device DeviceID
	Person Person // both addresses of the account, without a device
}

// merge takes over what newer knows and keeps the rest.
func (id Identity) merge(newer Identity) Identity {
	if newer.Device != "" {
		id.Device = newer.Device
	}
	if newer.Person.Phone != "" {
		id.Person.Phone = newer.Person.Phone
	}
	if newer.Person.LID != "" {
		id.Person.LID = newer.Person.LID
	}
	return id
}

// State is the durable part of a session's condition.
type State struct {
	Status   Status
	Reason   Reason
	Until    time.Time // end of a ban; zero if there is none or it is unknown
	Intent   Intent
	Identity Identity
	// RefusedVersion is the client version that the network called outdated. A
	// daemon with another version tries again after its restart.
	RefusedVersion string
	// Reachout is a restriction of the account; it outlives connections.
	Reachout Timelock
}

// Timelock is the durable part of a reach-out timelock. The zero value is none.
type Timelock struct {
	Locked bool
	Until  time.Time // zero if WhatsApp did not say
}

func (t Timelock) inForce(now time.Time) bool {
	return t.Locked && (t.Until.IsZero() || now.Before(t.Until))
}

// Session is a linked WhatsApp number, or one that is about to be linked.
type Session struct {
	Key     SessionKey
	Name    string // the tenant's label, may be empty
	Options SessionOptions
	// Unreadable says that the options could not be read from the store. Without
	// them the session might go another way to the network than its tenant wants:
	// it is not run.
	Unreadable bool
	State      State
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// QR is one QR code of a pairing.
type QR struct {
	Code      string // the raw text that the code shows
	ExpiresAt time.Time
	Attempt   int // 1 for the first code of this pairing
	Of        int // how many codes there are in all, as far as is known
}

// PairingCode is what the owner of a phone types into it to link the session.
type PairingCode struct {
	Code      string // 8 letters and digits
	ExpiresAt time.Time
}

// RestrictionKind names a limit that WhatsApp has put on an account.
type RestrictionKind string

// RestrictionReachout is the reach-out timelock: the account can't write to
// people who have not written to it (ack error 463).
const RestrictionReachout RestrictionKind = "reachout_timelock"

// Restriction is a limit in force on a session that is otherwise ready.
type Restriction struct {
	Kind  RestrictionKind
	Until time.Time // zero if WhatsApp did not say
}

// Snapshot is everything that a status request answers, taken at one instant.
type Snapshot struct {
	Session
	QR           *QR // set in StatusQRReady only
	Restrictions []Restriction
	// NextAttempt is when the daemon tries to connect again; zero if it is not waiting to.
	NextAttempt time.Time
	// PairingCode was asked for and can be typed into the phone; set in StatusQRReady only.
	PairingCode *PairingCode
	// Passkey is the challenge that the account's owner must answer; set in StatusPasskeyRequired only.
	Passkey []byte
	// PasskeyCode is set once the passkey was accepted: what the phone shows too.
	PasskeyCode string
}
