package engine

import (
	"context"
	"time"
)

// Store is what the engine needs remembered. Every method commits before it
// returns nil; a commit that somebody is answered for survives a power cut.
// Errors are *Error with CodeStorage unless a method says otherwise.
type Store interface {
	// ListAllSessions returns every tenant's sessions, oldest first. One whose
	// options can't be read has none, and says so.
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

	// ReserveMessage writes down an outgoing message before anything is sent: its
	// log row, its share of the tenant's day, its claim, the choices that it offers,
	// which can be answered for ChoiceTTL, and, if it is queued, its place in the outbox. What Recall finds settled is returned instead, with
	// nothing written. It returns CodeSentLimit, CodeTenantSuspended, CodeConflict,
	// CodeSessionNotFound for a queued message of a session that is gone, and
	// CodeInternal if the id is taken and Resume is not set.
	ReserveMessage(ctx context.Context, r Reservation) (Reserved, error)
	// Recall finds the message that an earlier request has reserved, by the claim
	// or, with Resume, by the message's id. Message.ID is empty if there is none.
	// It returns CodeConflict if the claim's key stands for another request.
	Recall(ctx context.Context, r Reservation) (Reserved, error)
	// FinishMessage moves an outgoing message on from queued, pending or unknown,
	// and appends EventMessageStatus for those who want it. One that failed gives
	// back its share of the day. A message that a receipt has moved further keeps
	// that status. It returns CodeNotFound if there is no such message and
	// CodeInternal if it is final already.
	FinishMessage(ctx context.Context, key SessionKey, id MessageID, o MessageOutcome) error
	// DiscardMessage removes the reservation of a message that was certainly not
	// sent and whose sender was told so, gives back its share of the day and
	// forgets its claim, if it had one. Only a pending row is removed.
	DiscardMessage(ctx context.Context, key SessionKey, id MessageID, c *Claim) error
	// InterruptMessages turns every pending message that is not in the outbox into
	// MessageUnknown, and puts those that were being sent from the outbox back. It
	// is called once at start: whoever waited for them is gone.
	InterruptMessages(ctx context.Context) error
	// FindLogged returns a session's messages of either direction with an id.
	FindLogged(ctx context.Context, key SessionKey, id MessageID) ([]LoggedMessage, error)

	// ListOutboxes returns the sessions for which messages wait, and when the first
	// of all those messages expires.
	ListOutboxes(ctx context.Context) (sessions []SessionKey, next time.Time, err error)
	// ClaimQueued takes the first message of a session's outbox, which from then on
	// is MessagePending; nil if there is none, or the tenant is suspended. What has
	// expired or was sent already is cleared away, and files are the spool files of that.
	ClaimQueued(ctx context.Context, key SessionKey) (q *Queued, files []string, err error)
	// ReturnQueued puts a claimed message back in its place.
	ReturnQueued(ctx context.Context, key SessionKey, id MessageID, unsure bool) error
	// FinishQueued is FinishMessage for a message of the outbox, which it leaves.
	FinishQueued(ctx context.Context, key SessionKey, id MessageID, o MessageOutcome) error
	// ExpireQueued ends messages whose time is over and that are not being sent:
	// failed with CodeMessageExpired, or unknown if a try may have gone through. It
	// returns their spool files.
	ExpireQueued(ctx context.Context) (files []string, err error)
	// FailQueued ends all messages of a session's outbox with the given code, or as
	// unknown where a try may have gone through. It returns their spool files.
	FailQueued(ctx context.Context, key SessionKey, code Code) (files []string, err error)
	// PurgeExpired deletes claims and uploads whose time is over.
	PurgeExpired(ctx context.Context) error

	// FindUpload returns what the network was given for a file before, if it still
	// holds that at the given time; a zero Upload if not. unencrypted tells uploads
	// to channels from others.
	FindUpload(ctx context.Context, key SessionKey, kind Kind, unencrypted bool, sha256 []byte, at time.Time) (Upload, error)
	// SaveUpload remembers an upload until it expires.
	SaveUpload(ctx context.Context, key SessionKey, kind Kind, unencrypted bool, sha256 []byte, u Upload) error
	// ListChatTimers returns the disappearing timers that are on, by chat address.
	ListChatTimers(ctx context.Context, key SessionKey) (map[JID]time.Duration, error)
	// SaveChatTimer notes a chat's timer as of a time, under each address of peer
	// as well unless the chat is a group. An older word than the known one is ignored.
	SaveChatTimer(ctx context.Context, key SessionKey, chat JID, peer Person, d time.Duration, at time.Time) error
	// MatchChatTimers gives a person's two addresses the timer that was named last
	// for either: they have turned out to be one chat.
	MatchChatTimers(ctx context.Context, key SessionKey, who Person) error

	// BeginIncoming writes the log row of an incoming message and its event,
	// with the deliveries of that event, in one transaction. A word by which people
	// opt out of bulk messages is heeded there as well. A message that answers an open
	// question of its chat has Details.Choice set, in the row and in the event, whose
	// data must be a MessageData then. committed waits for it and is
	// called once; what is begun one after the other is written in that order. fresh is
	// false, and nothing is written, if the session has the message already: one with the
	// same id, of the same sender, in the same chat. Senders choose their ids, so
	// the id alone names no message.
	BeginIncoming(ctx context.Context, m LoggedMessage, e Event) (committed func() (fresh bool, err error))
	// AdvanceMessages moves outgoing messages on as a receipt says, never back, and
	// appends EventMessageStatus for each that moved, in one transaction. Ids that
	// the session has not sent in that chat are ignored. It may take some milliseconds
	// longer than the others, as only the network waits for it.
	AdvanceMessages(ctx context.Context, key SessionKey, r Receipt) error
	// InsertNotice appends an event, unless the session has one of the same type
	// with the same id of the network's.
	InsertNotice(ctx context.Context, id string, e Event) (fresh bool, err error)
}

// Reservation is what is written down before a message is sent.
type Reservation struct {
	Message LoggedMessage // Outbound; MessagePending, or MessageQueued with Queued
	Claim   *Claim        // nil for none
	Queued  *Queued       // nil for a message that is sent at once
	Choices *Choices      // what it may be answered with; nil for nothing in particular
	Resume  bool          // see SendOptions
	Trace   string        // of the request, kept with the message; "" for none
}

// Reserved is what the log holds of a message that was reserved.
type Reserved struct {
	Message LoggedMessage // its ID is that of the earlier request, if there was one
	Earlier bool          // an earlier request has reserved it
	Settled bool          // nothing is to be sent: it has an outcome, or is queued
	Unsure  bool          // it is to be sent, and an earlier try may have gone through
}
