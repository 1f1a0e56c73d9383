package engine

import (
	"context"
	"time"
)

// Store is what the engine needs remembered. Every method commits before it
// returns nil; a commit that somebody is answered for survives a power cut.
// Errors are *Error with CodeStorage unless a method says otherwise.
type Store interface {
	// ListAllSessions returns every tenant's sessions, oldest first.
	ListAllSessions(ctx context.Context) ([]Session, error)
	// InsertSession adds a session. It returns CodeInvalid if it exists.
	InsertSession(ctx context.Context, s Session) error
	// ConfigureSession changes a session's label and options. It returns
	// CodeSessionNotFound.
	ConfigureSession(ctx context.Context, key SessionKey, name string, o SessionOptions) error
	// SaveState replaces a session's state and appends events in one
	// transaction, provided that its status and intent are still those of from.
	// It returns CodeSessionNotFound if there is no such session and
	// CodeInternal if its state is another one.
	SaveState(ctx context.Context, key SessionKey, from, to State, at time.Time, events ...Event) error
	// DeleteSession removes the session's row. Its messages and events stay in
	// the log. It returns nil if the row is already gone.
	DeleteSession(ctx context.Context, key SessionKey) error

	// InsertMessage reserves an outgoing message before anything is sent.
	InsertMessage(ctx context.Context, m LoggedMessage) error
	// FinishMessage moves an outgoing message on from pending or unknown. It
	// returns CodeNotFound if there is no such message and CodeInternal if it is
	// final already.
	FinishMessage(ctx context.Context, key SessionKey, id MessageID, o MessageOutcome) error
	// DiscardMessage removes the reservation of a message that was certainly not
	// sent and whose sender was told so. Only a pending row is removed.
	DiscardMessage(ctx context.Context, key SessionKey, id MessageID) error
	// InterruptMessages turns every pending message into MessageUnknown. It is
	// called once at start: whoever waited for them is gone.
	InterruptMessages(ctx context.Context) error

	// InsertIncoming writes the log row of an incoming message and its event,
	// with the deliveries of that event, in one transaction. fresh is false, and
	// nothing is written, if the session has the message already: one with the
	// same id, of the same sender, in the same chat. Senders choose their ids, so
	// the id alone names no message.
	InsertIncoming(ctx context.Context, m LoggedMessage, e Event) (fresh bool, err error)
}
