// Package enginetest holds one suite that every engine.Network must pass. A
// network's own tests call Exercise with a Harness that reaches the far side.
package enginetest

import (
	"context"
	"testing"

	"wapid/engine"
)

// Harness connects the suite to a network under test.
type Harness struct {
	// Open opens the network with an empty device store. The harness closes it
	// when the test ends.
	Open func(t *testing.T) engine.Network
	// Phone makes an account of its own, with a phone that is online.
	Phone func(t *testing.T) Phone
}

// Phone is an account on the far side. Its methods may be called from any goroutine.
type Phone interface {
	// Person is the account under all of its addresses.
	Person() engine.Person
	// Scan answers a QR code and returns when the account has linked the device,
	// or the error that ended the attempt.
	Scan(ctx context.Context, code string) error
	// Settle waits until the account has nothing more to tell to a device that it
	// has just linked.
	Settle(ctx context.Context, device engine.DeviceID) error
	// SendText writes to an account.
	SendText(ctx context.Context, to engine.JID, text string) (engine.MessageID, error)
	// AwaitText waits until the phone has decrypted a message, and returns its
	// text and how often it came.
	AwaitText(ctx context.Context, id engine.MessageID) (text string, copies int, err error)
	// SendFile sends a file to an account, as an image.
	SendFile(ctx context.Context, to engine.JID, data []byte) (engine.MessageID, error)
	// AwaitShown waits until the phone has decrypted a message, and returns what its
	// owner sees of it.
	AwaitShown(ctx context.Context, id engine.MessageID) (Shown, error)
	// AwaitRead waits until the phone shows that somebody has read a message that
	// it has sent.
	AwaitRead(ctx context.Context, id engine.MessageID) error
	// Acknowledged tells whether the network believes that a message has been
	// delivered to a linked device of this account.
	Acknowledged(device engine.DeviceID, id engine.MessageID) bool
	// Unlink removes a linked device from the account.
	Unlink(ctx context.Context, device engine.DeviceID) error
	// Cut ends the connections of the account's linked devices without a word.
	Cut(t *testing.T)
}

// Enroller is a Phone of a network without QR codes and without lasting connections: a
// session is given credentials instead, is linked and ready with its first Connect, and
// what it fails to commit comes again by itself.
type Enroller interface {
	Phone
	// Enrol lets the session speak as the account from its next Pair on.
	Enrol(t *testing.T, key engine.SessionKey)
}

// address is how others write to a phone: its LID, where it has one.
func address(p Phone) engine.JID {
	if lid := p.Person().LID; lid != "" {
		return lid
	}
	return p.Person().Phone
}
