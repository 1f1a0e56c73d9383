package engine

import "time"

// MessageID is WhatsApp's id of a message: the sender chooses it, and the
// receiving devices drop a second stanza with an id that they already have.
type MessageID string

// Kind is what a message holds.
type Kind string

const (
	KindText        Kind = "text"
	KindImage       Kind = "image"
	KindVideo       Kind = "video"
	KindAudio       Kind = "audio"
	KindVoice       Kind = "voice"
	KindDocument    Kind = "document"
	KindSticker     Kind = "sticker"
	KindLocation    Kind = "location"
	KindContact     Kind = "contact"
	KindPoll        Kind = "poll"
	KindPollVote    Kind = "poll_vote"
	KindReaction    Kind = "reaction"
	KindEdit        Kind = "edit"
	KindRevoke      Kind = "revoke"
	KindUnsupported Kind = "unsupported"
)

// MaxTextLength is the longest text, in bytes of UTF-8, that is accepted for
// sending. WhatsApp's own apps stop at 65,536 characters.
const MaxTextLength = 65536

// Outgoing is a message that a tenant wants sent.
type Outgoing struct {
	ID   MessageID // fixed before anything is sent
	To   JID
	Kind Kind
	Text string // final text, header and footer included
}

// Sent is the network's word that it has taken a message.
type Sent struct {
	ID        MessageID
	Timestamp time.Time // the server's clock, whole seconds
	Recipient Person    // both addresses of the recipient where known; empty for groups
}

// MessageStatus is how far an outgoing message has come.
type MessageStatus string

const (
	MessagePending MessageStatus = "pending" // reserved, the network has not taken it yet
	MessageSent    MessageStatus = "sent"    // the network has taken it
	MessageFailed  MessageStatus = "failed"  // certainly not sent
	MessageUnknown MessageStatus = "unknown" // it may have been taken: a crash or a lost answer
)

// MessageOutcome is what became of an outgoing message.
type MessageOutcome struct {
	Status    MessageStatus
	SentAt    time.Time // of MessageSent
	Recipient Person    // of MessageSent; an address that is empty leaves the known one
	Code      Code      // of the others: why
}

// Direction of a message in the log.
type Direction string

const (
	Outbound Direction = "out"
	Inbound  Direction = "in"
)

// LoggedMessage is a row of a session's message log.
type LoggedMessage struct {
	Session   SessionKey
	ID        MessageID
	Direction Direction
	Chat      JID
	Peer      Person // recipient or sender
	Kind      Kind
	Text      string
	Status    MessageStatus // outbound only
	ErrorCode Code          // why it failed
	CreatedAt time.Time
	SentAt    time.Time // when the network took it; zero before
}

// Incoming is a message that somebody sent to a session, decrypted.
type Incoming struct {
	ID        MessageID
	Chat      JID // the group, or the sender's preferred address
	Sender    Person
	PushName  string // the name that the sender chose; may be empty
	Timestamp time.Time
	Kind      Kind
	Text      string // body, or caption of media
	IsGroup   bool
	HasMedia  bool
}
