package engine

import (
	"time"
)

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

// HasMedia tells whether messages of this kind carry a file.
func (k Kind) HasMedia() bool {
	switch k {
	case KindImage, KindVideo, KindAudio, KindVoice, KindDocument, KindSticker:
		return true
	}
	return false
}

// MaxTextLength is the longest text, in bytes of UTF-8, that is accepted for
// sending. WhatsApp's own apps stop at 65,536 characters.
const MaxTextLength = 65536

// Outgoing is a message that a tenant wants sent. It can be kept as JSON.
type Outgoing struct {
	ID   MessageID // fixed before anything is sent
	To   JID
	Kind Kind
	// Text is final: a body with header and footer, a caption, a poll's question,
	// a reaction's emoji (empty takes it back), the new text of an edit.
	Text       string
	Attachment *Attachment  `json:",omitempty"` // of every kind that HasMedia
	Poll       *Poll        `json:",omitempty"` // of KindPoll
	Location   *Location    `json:",omitempty"` // of KindLocation
	Contacts   []Contact    `json:",omitempty"` // of KindContact
	Target     *MessageRef  `json:",omitempty"` // of reactions, edits and revocations
	Quoted     *MessageRef  `json:",omitempty"` // what this replies to
	Mentions   []JID        `json:",omitempty"` // people; each is "@user" in the text
	Preview    *LinkPreview `json:",omitempty"` // of KindText
	ViewOnce   bool         `json:",omitempty"` // of images, videos and voice notes
	Choices    *Choices     `json:",omitempty"` // of texts and files; see there
	// CallbackData is the caller's own, at most MaxCallbackData characters. It comes
	// back with every EventMessageStatus of the message and goes nowhere else.
	CallbackData string `json:",omitempty"`
	// Expiration is the chat's disappearing timer; 0 for none. The engine sets it.
	Expiration time.Duration `json:",omitempty"`
}

// Attachment is the file of an outgoing message. Its bytes lie in a file of the
// daemon's own until the network holds them.
type Attachment struct {
	Path      string        // of the plain bytes, in the daemon's spool; whoever made the file removes it
	Size      int64         // bytes
	SHA256    []byte        // of the plain bytes
	MIME      string        // as told to the recipient
	FileName  string        // of documents
	Width     int           // pixels; 0 if not known
	Height    int           // pixels; 0 if not known
	Duration  time.Duration // of audio and video; 0 if not known
	Animated  bool          // of stickers
	Thumbnail []byte        // JPEG; may be empty
	Upload    *Upload       `json:",omitempty"` // set once the network holds the bytes
}

// Upload is a network's word that it holds a file's bytes. Ref is opaque.
type Upload struct {
	Ref       []byte
	ExpiresAt time.Time // the network may forget the bytes then; zero if it did not say
}

// Poll is a question with options.
type Poll struct {
	Question   string   `json:"question"`
	Options    []string `json:"options"`
	Selectable int      `json:"selectableCount"` // how many may be chosen; 0 means any number
}

// Location is a point on the map.
type Location struct {
	Latitude  float64 `json:"latitude"`  // degrees
	Longitude float64 `json:"longitude"` // degrees
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
	Live      bool    `json:"live,omitempty"`
}

// Contact is a person's card.
type Contact struct {
	Name  string `json:"name"`
	Phone string `json:"phone,omitempty"` // digits; the first of the card
	VCard string `json:"vcard,omitempty"`
}

// LinkPreview is shown under a text that holds its URL.
type LinkPreview struct {
	URL         string // as it stands in the text
	Title       string
	Description string
	Thumbnail   []byte // JPEG; may be empty
}

// MessageRef names a message that exists. Callers of Engine.Send give ID alone;
// the engine finds the rest in the session's log, by chat and id.
type MessageRef struct {
	ID      MessageID
	Chat    JID
	FromMe  bool
	Sender  Person // empty if FromMe
	Kind    Kind
	Text    string
	Payload []byte `json:",omitempty"` // LoggedMessage.Payload
}

// Sent is the network's word that it has taken a message.
type Sent struct {
	ID        MessageID
	Timestamp time.Time // the server's clock, whole seconds
	Recipient Person    // both addresses of the recipient where known; empty for groups
	// Payload is the network's own form of what was sent, opaque; see LoggedMessage.
	Payload []byte
}

// MessageStatus is how far a message has come. An outgoing one moves forward only:
// queued, pending, sent, delivered, read, played; failed and unknown end it
// unless a later word of the network shows that it arrived.
type MessageStatus string

const (
	MessageQueued    MessageStatus = "queued"    // durable, to be sent when the session can
	MessagePending   MessageStatus = "pending"   // being sent, the network has not taken it yet
	MessageSent      MessageStatus = "sent"      // the network has taken it
	MessageDelivered MessageStatus = "delivered" // a device of the recipient has it
	MessageRead      MessageStatus = "read"      // the recipient has seen it
	MessagePlayed    MessageStatus = "played"    // the recipient has played it
	MessageFailed    MessageStatus = "failed"    // certainly not sent
	MessageUnknown   MessageStatus = "unknown"   // it may have been taken: a crash or a lost answer
	MessageReceived  MessageStatus = "received"  // of incoming messages
)

// MessageOutcome is what became of an outgoing message.
type MessageOutcome struct {
	Status    MessageStatus
	SentAt    time.Time // of MessageSent
	Recipient Person    // of MessageSent; an address that is empty leaves the known one
	Payload   []byte    // of MessageSent
	Code      Code      // of the others: why
	Release   *Claim    // a claim to forget, so that the same request is tried anew; nil for none
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
	PushName  string // inbound only
	Kind      Kind
	Text      string
	Details   Details
	// Payload is the network's own form of the message, opaque: what is needed to
	// quote it, to count votes on it or to fetch its file. It may be empty.
	Payload   []byte
	Status    MessageStatus
	ErrorCode Code // why it failed
	CreatedAt time.Time
	SentAt    time.Time // when the network took it, or when its sender sent it; zero before
	StatusAt  time.Time // when the status last moved
	// CallbackData is Outgoing.CallbackData. It is written with the row; only
	// EventMessageStatus tells it, not what reads the log.
	CallbackData string
}

// Incoming is a message that somebody sent to a session, decrypted.
type Incoming struct {
	ID        MessageID
	Chat      JID // the group, or the sender's preferred address
	Sender    Person
	PushName  string // the name that the sender chose; may be empty
	Timestamp time.Time
	Kind      Kind
	Text      string // body, caption, question, emoji
	IsGroup   bool
	HasMedia  bool
	Details   Details
	Payload   []byte // see LoggedMessage
	// Expiration is the disappearing timer that the chat has by this message; nil
	// if the message says nothing about it, 0 if it is off.
	Expiration *time.Duration
}
