package engine

import (
	"context"
	"time"
)

// Network is the seam to a WhatsApp network. An implementation is safe for
// concurrent use by many sessions.
type Network interface {
	// Pair prepares a connection that links a new device once Connect is called.
	Pair(ctx context.Context, line Line, h Handler) (Conn, error)
	// Open prepares a connection for a device that is already linked. It returns
	// ErrNoDevice if the network's store does not hold it (any more).
	Open(ctx context.Context, line Line, device DeviceID, h Handler) (Conn, error)
	// Forget deletes a device's keys here, without a word to the network. A
	// device that is already gone is not an error.
	Forget(ctx context.Context, device DeviceID) error
	// NewMessageID makes an id of the form that the network's own clients use.
	NewMessageID() MessageID
	// Info describes the network for banners, health checks and logs.
	Info() NetworkInfo
}

// Line says whose a connection is, and which way it goes. A connection keeps to
// its line: another way needs another connection.
type Line struct {
	Session SessionKey
	// Proxy is SessionOptions.Proxy: sockets and files go through it or not at all.
	Proxy string
}

// NetworkInfo describes a network.
type NetworkInfo struct {
	Simulated bool
	// Version is the client version that connections announce.
	Version string
}

// Conn is one session's connection. Its owner calls Connect, Logout and Close
// one at a time; Send may be called concurrently with anything. What a Conn can
// do beyond sending are the interfaces of capability.go.
type Conn interface {
	// Connect dials and returns once the socket is up and the login is under
	// way, or with an error. What becomes of it arrives as signals. On a linked
	// device's connection it may be called again after an error, and after
	// SignalDropped with DropNetwork or DropRestart; any other connection is
	// closed once it has ended.
	Connect(ctx context.Context) error
	// Send returns when the network has taken the message, or with an *Error:
	// CodeSessionNotReady, CodeNotOnWhatsApp, CodeRecipientInvalid,
	// CodeReachoutTimelock, CodeRateLimited, CodeSendRejected, CodeUndeliverable and CodeNotSupported
	// mean that nothing was sent, as do CodeInvalid for an address that is none
	// and CodeStorage; CodeSendOutcomeUnknown means that it may have been.
	// Sending again under the same id is then safe: a device drops an id that it has. With
	// ErrSentOnce among the causes it is of no use either.
	Send(ctx context.Context, m Outgoing) (Sent, error)
	// Logout unlinks the device from the account and deletes its keys here. The
	// connection must be ready. After nil it has ended, and no signal says so.
	Logout(ctx context.Context) error
	// Close ends the connection and returns when its goroutines have stopped and
	// no call to the Handler is under way. It is idempotent.
	Close()
}

// Handler is how a connection reports to its session. The engine sets every field.
type Handler struct {
	// Signal takes news of the connection. It never blocks.
	Signal func(Signal)
	// Linking is called before the device's side of a pairing is confirmed to
	// the network. An error refuses the pairing.
	Linking func(ctx context.Context, id Identity) error
	// Receive begins to commit an incoming message, and committed says how that has
	// ended; it must be called, once, and ctx must last until then. What is received one
	// after the other is told in that order. Only after nil may the message be acknowledged to
	// the network; after an error it must come again.
	Receive func(ctx context.Context, m Incoming) (committed func() error)
	// Receipt commits what became of messages that the session sent. As with
	// Receive, only nil lets it be acknowledged.
	Receipt func(ctx context.Context, r Receipt) error
	// Notice commits a change of a group, a call or a chat's timer; the first two
	// once per type and ID. As with Receive, only nil lets it be acknowledged.
	Notice func(ctx context.Context, n Notice) error
}

// Receipt is the network's word that messages have got further.
type Receipt struct {
	Chat JID
	By   Person // the recipient, or one member of a group
	IDs  []MessageID
	// Status is MessageDelivered, MessageRead or MessagePlayed. Networks that tell later
	// what became of a message also say MessageSent, which counts for one whose outcome
	// is unknown, and MessageFailed, for one that nothing has shown to have arrived; that is
	// CodeSessionBusy while the message is being sent, and to be said again.
	Status MessageStatus
	At     time.Time
	Code   Code // of MessageFailed: why
}

// Notice is something other than a message: a change of a group or a call, which
// the tenant is told of, or a chat's disappearing timer, which is only kept. At
// least one of them is set, and never both Group and Call.
type Notice struct {
	// ID tells one notice from another of its type; the network's own id, or one
	// that is made of what it said. A timer alone has none.
	ID    string
	At    time.Time
	Group *GroupChange
	Call  *Call
	Timer *ChatTimer
}

// ChatTimer is the disappearing timer of a chat.
type ChatTimer struct {
	Chat  JID
	Peer  Person // empty for groups
	After time.Duration
}

// Signal is news of a connection: one of the Signal… types below.
type Signal interface{ signal() }

// SignalQR brings the next QR code of a pairing.
type SignalQR struct {
	Code      string
	ExpiresAt time.Time
	Left      int // codes that follow this one, as far as is known
}

// SignalQRTimeout says that the last QR code ran out. The connection is closed;
// no SignalDropped follows.
type SignalQRTimeout struct{}

// SignalPasskey says that the account wants its passkey before it links.
// Challenge is what the authenticator must sign.
type SignalPasskey struct{ Challenge []byte }

// SignalPasskeyCode says that the passkey was accepted, and what the account's
// phone shows now: the owner is to compare it before ConfirmPasskey.
type SignalPasskeyCode struct{ Code string }

// SignalPaired says that the device is linked and stored. The network now ends
// the connection; the session is ready only after the one that follows.
type SignalPaired struct{ Identity Identity }

// SignalPairingFailed says that linking was refused or broke. Keys that were
// stored for it are gone.
type SignalPairingFailed struct{ Err error }

// SignalReady says that the login is complete: messages can be sent.
type SignalReady struct{ Identity Identity }

// SignalRestricted says that the account is under a restriction, or, with a
// past Until, that it no longer is.
type SignalRestricted struct {
	Restriction Restriction
	Lifted      bool
}

// SignalDropped says that the connection ended by itself.
type SignalDropped struct {
	Cause DropCause
	Until time.Time // end of a ban, where the network said
	Err   error     // for the log; may be nil
}

// DropCause decides what follows the end of a connection.
type DropCause string

const (
	DropNetwork   DropCause = "network"    // try again, with backoff
	DropRestart   DropCause = "restart"    // the server asked to reconnect (515): at once
	DropReplaced  DropCause = "replaced"   // another login of this device: not until asked
	DropLoggedOut DropCause = "logged_out" // the device is no longer linked; its keys are gone
	DropBanned    DropCause = "banned"     // not before Until
	DropOutdated  DropCause = "outdated"   // this client version is refused: not until asked
)

func (SignalQR) signal()            {}
func (SignalQRTimeout) signal()     {}
func (SignalPasskey) signal()       {}
func (SignalPasskeyCode) signal()   {}
func (SignalPaired) signal()        {}
func (SignalPairingFailed) signal() {}
func (SignalReady) signal()         {}
func (SignalRestricted) signal()    {}
func (SignalDropped) signal()       {}

// ErrNoDevice says that a network's store holds no such device.
var ErrNoDevice = Errorf(CodeNotFound, "the device is not in the device store")
