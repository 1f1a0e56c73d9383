package baileys

// Event is one line that the client printed. Kind says which, and with it which
// fields are set:
//
//	qr            QR
//	paired        (linked; the network asks for a restart next)
//	open          ID (own phone number with the device), LID
//	caughtUp      (what was queued has been delivered)
//	me            ID, LID, Name
//	close         Code (Baileys' DisconnectReason), Error
//	message       ID, Chat, ChatAlt, Participant, ParticipantAlt, FromMe,
//	              Delivery, PushName, Type, Text; for files MIME,
//	              DeclaredSHA256, MediaSHA256 or MediaError; Stub for messages
//	              without content; Quoted, QuotedType, Mentions, Expires, Once,
//	              Voice, Place, Cards and Options where there are any
//	status        ID, Chat, Status (see the constants), Stubs (codes of errors);
//	              a lower one can hide a higher one that came at the same time
//	receipt       ID, Chat, From, State (delivered, inactive, read, sender, retry …)
//	edited        ID, Text
//	revoked       ID
//	reaction      ID (of the message reacted to), Text, From
//	vote          ID (of the poll, which must be the client's own), People (the
//	              options picked)
//	timelock      On (the account may not write to strangers)
//	presence      Chat, State
//	history       (a part of the history was taken in)
//	group         Group, Subject
//	participants  Group, Action, From, People
//	changed       Group, Subject, Text (the description)
//	done, failed  Tag, Error, and what a command returns
type Event struct {
	Kind string `json:"event"`
	Tag  int    `json:"tag"`

	ID             string   `json:"id"`
	LID            string   `json:"lid"`
	Name           string   `json:"name"`
	QR             string   `json:"qr"`
	PairingCode    string   `json:"pairingCode"`
	Code           int      `json:"code"`
	Error          string   `json:"error"`
	Chat           string   `json:"chat"`
	ChatAlt        string   `json:"chatAlt"`
	Participant    string   `json:"participant"`
	ParticipantAlt string   `json:"participantAlt"`
	From           string   `json:"from"`
	FromMe         bool     `json:"fromMe"`
	Delivery       string   `json:"kind"` // "notify", or "append" for what was queued
	PushName       string   `json:"pushName"`
	Type           string   `json:"type"`
	Text           string   `json:"text"`
	MIME           string   `json:"mime"`
	DeclaredSHA256 string   `json:"declaredSha256"` // hex, as the message says
	MediaSHA256    string   `json:"mediaSha256"`    // hex, of the decrypted file
	MediaError     string   `json:"mediaError"`
	Quoted         string   `json:"quoted"` // the id of the message that is replied to
	QuotedType     string   `json:"quotedType"`
	Mentions       []string `json:"mentions"`
	Expires        int      `json:"expires"` // seconds
	Once           bool     `json:"once"`    // to be viewed once
	Voice          bool     `json:"voice"`
	Place          string   `json:"place"`   // latitude and longitude, with a blank between
	Cards          []string `json:"cards"`   // vCards
	Options        []string `json:"options"` // of a poll
	Stub           int      `json:"stub"`
	Stubs          []string `json:"stubs"`
	Status         int      `json:"status"`
	State          string   `json:"state"`
	Group          string   `json:"group"`
	Subject        string   `json:"subject"`
	Action         string   `json:"action"`
	Invite         string   `json:"invite"`
	People         []string `json:"people"`
	On             bool     `json:"on"`
	Found          []Found  `json:"found"`
}

// Found says whether a number is on WhatsApp, and under which address.
type Found struct {
	JID    string `json:"jid"`
	Exists bool   `json:"exists"`
}

// What Status of a message means (source: WebMessageInfo.Status).
const (
	StatusError     = 0
	StatusSent      = 2 // the server has it
	StatusDelivered = 3
	StatusRead      = 4
	StatusPlayed    = 5
)

// StubCiphertext stands in for a message that could not be decrypted (source:
// WebMessageInfo.StubType).
const StubCiphertext = 2

// Codes of close events (source: Baileys' DisconnectReason).
const (
	CloseLoggedOut = 401
	CloseReplaced  = 440
	CloseRestart   = 515
)

// Command is one order to the client. Do names it; the other fields are its
// arguments:
//
//	text           To, Text, Quote (a message id, optional)
//	image          To, File, Caption
//	poll           To, Text, People (the options)
//	rename         Text (the own name, through the app state)
//	timelock                         → On
//	block          To, On
//	react          ID, Text
//	edit           ID, Text
//	revoke         ID
//	read           ID
//	typing         To, On
//	subscribe      To
//	exists         Number            → Found
//	pairingCode    Number            → PairingCode
//	groupCreate    Subject, People   → Group, Subject, Text, People ("JID role")
//	groupMetadata  Group             → Group, Subject, Text, People ("JID role")
//	groupMembers   Group, Action (add, remove, promote, demote), People
//	                                 → People ("JID status")
//	groupSubject   Group, Subject
//	groupDescribe  Group, Text
//	groupSetting   Group, Action (announcement, not_announcement, locked, unlocked)
//	groupLink      Group             → Invite
//	groupJoin      Text (the code)   → Group
//	groupLeave     Group
//	groupAll                         → People (the groups' JIDs)
//	logout
//
// What sends a message returns its ID.
type Command struct {
	Tag     int      `json:"tag"`
	Do      string   `json:"do"`
	ID      string   `json:"id,omitempty"`
	To      string   `json:"to,omitempty"`
	Text    string   `json:"text,omitempty"`
	Quote   string   `json:"quote,omitempty"`
	File    string   `json:"file,omitempty"`
	Caption string   `json:"caption,omitempty"`
	On      bool     `json:"on,omitempty"`
	Number  string   `json:"number,omitempty"`
	Group   string   `json:"group,omitempty"`
	Subject string   `json:"subject,omitempty"`
	Action  string   `json:"action,omitempty"`
	People  []string `json:"people,omitempty"`
}
