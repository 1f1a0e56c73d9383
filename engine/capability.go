package engine

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"
)

// What a Conn may do beyond sending. A Conn that lacks one of these leaves it
// out, and Use answers CodeNotSupported. Unless a method says otherwise its
// errors are *Error with CodeSessionNotReady if the connection is not complete,
// CodeRateLimited, CodeInvalid for an address that is none, CodeNotFound or
// CodeRecipientInvalid for one that the network does not know or denies, and
// CodeNetworkRefused for what the network refuses otherwise.

// Media moves files to and from the network. Neither method holds a file whole
// in memory.
type Media interface {
	// Upload gives the file of a message to the network, encrypted where the network
	// does that: of a kind that HasMedia, to the chat that To names (channels take files
	// unencrypted). Of the attachment no more than its type and name count, if they are known.
	Upload(ctx context.Context, m Outgoing, plain io.ReadSeeker) (Upload, error)
	// Download fetches the file of a logged message, given its ref with Payload,
	// checks and decrypts it into an empty file, and leaves that at its beginning.
	// If the network has dropped the file the sender's phone, or our own, is asked
	// to upload it again. CodeMediaGone means that nobody has it any more.
	Download(ctx context.Context, m MessageRef, to *os.File) error
}

// Registration is what the network says of a phone number.
type Registration struct {
	Phone      string // digits, as asked
	OnWhatsApp bool
	Person     Person // of those who are
}

// Directory asks about people.
type Directory interface {
	// Check asks which phone numbers (digits) have an account, all at once.
	Check(ctx context.Context, phones []string) ([]Registration, error)
	// Contacts are the people whom the account knows.
	Contacts(ctx context.Context) ([]Acquaintance, error)
	// Avatar returns the picture of a person or group, or CodeNotFound if it has
	// none or hides it. The URL is the network's and ends some day.
	Avatar(ctx context.Context, of JID, preview bool) (Avatar, error)
	// Blocked are the people whom the account has blocked.
	Blocked(ctx context.Context) ([]Person, error)
	// Block blocks or unblocks a person.
	Block(ctx context.Context, who JID, blocked bool) error
	// Me is the account itself.
	Me(ctx context.Context) (Profile, error)
}

// Preparer asks ahead of time for what sending to people is going to need.
type Preparer interface {
	// Prepare has the network asked, in few questions for all, for what Send would ask
	// for each person in turn before a first message, such as identifiers and lists
	// of devices. What is known already is not asked for, addresses that are no person's
	// are passed over, and nothing is sent. It returns what it has learned of numbers
	// that it had to ask for; a number whose Registration says so has no account.
	// Nothing becomes wrong if the messages are never sent, or much later.
	Prepare(ctx context.Context, to []JID) ([]Registration, error)
}

// Acquaintance is a person whom the account knows by some name.
type Acquaintance struct {
	Person       Person
	Name         string // in the account's address book
	PushName     string // chosen by the person
	BusinessName string
}

// Avatar is a profile picture.
type Avatar struct {
	ID  string
	URL string
}

// Profile is an account as its owner sees it.
type Profile struct {
	Person       Person
	PushName     string
	BusinessName string
	Platform     string // of the phone, as told at linking
	About        string
	AvatarURL    string
}

// Groups administers group chats. A group that does not exist, or that the
// account is not in, is CodeNotFound; CodeForbidden is what only its admins may
// do. A change whose answer never came returns CodeSendOutcomeUnknown.
type Groups interface {
	ListGroups(ctx context.Context) ([]Group, error)
	FindGroup(ctx context.Context, group JID) (Group, error)
	// CreateGroup makes a group, and tells of each member how taking them in went.
	CreateGroup(ctx context.Context, subject string, members []JID) (Group, []MemberResult, error)
	// ChangeMembers adds, removes, promotes or demotes, and tells of each how that went.
	ChangeMembers(ctx context.Context, group JID, change MemberChange, members []JID) ([]MemberResult, error)
	// ChangeGroup sets what is not nil, one after the other in the order of the
	// fields, and leaves the group last. What came before a failure stays made.
	ChangeGroup(ctx context.Context, group JID, c GroupSettings) error
	// InviteLink returns the group's link, a new one with reset.
	InviteLink(ctx context.Context, group JID, reset bool) (string, error)
}

// Group is a group chat.
type Group struct {
	ID           JID
	Subject      string
	Description  string
	Owner        Person
	CreatedAt    time.Time
	AnnounceOnly bool // only admins may write
	Locked       bool // only admins may change subject, picture and description
	Expiration   time.Duration
	Members      []Member
}

// Member is a member of a group.
type Member struct {
	Person Person
	Admin  bool
	Owner  bool
}

// MemberChange is what happens to members of a group.
type MemberChange string

const (
	AddMembers     MemberChange = "add"
	RemoveMembers  MemberChange = "remove"
	PromoteMembers MemberChange = "promote"
	DemoteMembers  MemberChange = "demote"
)

// MemberResult is how a change went for one person. Code is empty if it went
// well; else it is the network's number, such as 403 or 409.
type MemberResult struct {
	Person Person
	Code   int
}

// GroupSettings are changes to a group; nil leaves a setting as it is.
type GroupSettings struct {
	Subject      *string
	Description  *string
	AnnounceOnly *bool
	Locked       *bool
	Leave        bool
}

// Typing is what a chat partner is shown.
type Typing string

const (
	TypingText  Typing = "typing"
	TypingVoice Typing = "recording"
	TypingStop  Typing = "paused"
)

// Presence shows the account to others.
type Presence interface {
	// SetAvailable says whether the account is online. Only while it is are others
	// shown that it types.
	SetAvailable(ctx context.Context, available bool) error
	SetTyping(ctx context.Context, chat JID, t Typing) error
}

// Receipts tells senders what became of their messages, and keeps chats tidy.
type Receipts interface {
	// Known fills in the other address of a person, where the network has told it
	// before. It asks nothing, and returns an empty Person for other addresses.
	Known(ctx context.Context, who JID) (Person, error)
	// MarkRead tells the sender of messages of one chat that they were read, or
	// with played that they were listened to. In a group all are of one sender.
	MarkRead(ctx context.Context, chat JID, sender Person, ids []MessageID, played bool, at time.Time) error
	// Archive puts a chat away, or back, on all devices of the account. last is
	// the newest message of the chat; its ID is empty if there is none.
	Archive(ctx context.Context, chat JID, archived bool, last MessageRef, at time.Time) error
}

// Linking is what a connection that is being paired can be asked for. It needs
// a QR code that waits to be scanned, or a passkey that is asked for. CodeInvalid
// says that the network does not take the number or the answer.
type Linking interface {
	// PairingCode asks for a code that the owner of a phone number (digits) types
	// into the phone instead of scanning. It replaces an earlier one.
	PairingCode(ctx context.Context, phone string) (PairingCode, error)
	// AnswerPasskey gives the authenticator's answer to the challenge: the JSON of
	// a WebAuthn PublicKeyCredential.
	AnswerPasskey(ctx context.Context, credential json.RawMessage) error
	// ConfirmPasskey says that the code shown here and on the phone is the same.
	ConfirmPasskey(ctx context.Context) error
}

// Use returns a capability of a session's connection, which must be ready. The
// connection may end at any time; its methods then say so. It returns
// CodeSessionNotFound, CodeSessionNotReady and CodeNotSupported.
func Use[T any](e *Engine, key SessionKey) (T, error) {
	var none T
	w, err := e.find(key)
	if err != nil {
		return none, err
	}
	conn := w.view.Load().conn
	if conn == nil {
		return none, w.notReady()
	}
	able, ok := conn.(T)
	if !ok {
		return none, Errorf(CodeNotSupported, "this network can't do that")
	}
	return able, nil
}
