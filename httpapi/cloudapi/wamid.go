package cloudapi

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"wapid/engine"
)

// WAMID is a message's id as the Cloud API has it. It holds the id of the network's own,
// which is unique within a chat and a sender only.
type WAMID struct {
	// User is whom the message was written to, or who wrote it: the digits of a phone
	// number, and where that is not known, or of a group, the part of the address
	// before the @. It is "" for an id that was given without.
	User     string
	Outgoing bool
	ID       engine.MessageID
}

const wamidPrefix = "wamid."

// The form is that of Meta's own ids, which decode as a struct of Thrift's compact
// protocol: a struct of user and the number 1, a bool that is true for what the business
// has sent, and the id.
const (
	fieldStruct = 0x1c // the next field, a struct
	fieldText   = 0x18 // the next field, a text with its length before it
	fieldNumber = 0x15
	numberOne   = 0x02 // zigzag
	fieldTrue   = 0x11
	fieldFalse  = 0x12
	structEnd   = 0x00
)

// maxWAMIDUser is the longest user in an id, in bytes; groups have the longest.
const maxWAMIDUser = 64

// maxMessageID is the longest id of the network's own, in bytes.
const maxMessageID = 128

// String is the id in Meta's form. User and ID must have been checked.
func (w WAMID) String() string {
	b := append(make([]byte, 0, 16+len(w.User)+len(w.ID)), fieldStruct)
	b = appendText(b, w.User)
	b = append(b, fieldNumber, numberOne, structEnd)
	if w.Outgoing {
		b = append(b, fieldTrue)
	} else {
		b = append(b, fieldFalse)
	}
	b = append(appendText(b, string(w.ID)), structEnd)
	return wamidPrefix + base64.StdEncoding.EncodeToString(b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(append(b, fieldText), uint64(len(s))), s...)
}

// ParseWAMID reads an id that String has made. One without the prefix is taken for the
// network's own, of a direction and a user that are not known: ok is true, and User "".
func ParseWAMID(s string) (w WAMID, ok bool) {
	text, prefixed := strings.CutPrefix(s, wamidPrefix)
	if !prefixed {
		return WAMID{ID: engine.MessageID(s)}, plausible(s, maxMessageID)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) == 0 || b[0] != fieldStruct {
		return WAMID{}, false
	}
	user, b, ok := cutText(b[1:], maxWAMIDUser)
	if !ok || len(b) < 4 || !slices.Equal(b[:3], []byte{fieldNumber, numberOne, structEnd}) || b[3] != fieldTrue && b[3] != fieldFalse {
		return WAMID{}, false
	}
	w = WAMID{User: user, Outgoing: b[3] == fieldTrue}
	id, b, ok := cutText(b[4:], maxMessageID)
	if !ok || !slices.Equal(b, []byte{structEnd}) {
		return WAMID{}, false
	}
	w.ID = engine.MessageID(id)
	return w, true
}

// cutText reads a text of 1 to most bytes that print.
func cutText(b []byte, most int) (text string, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != fieldText {
		return "", nil, false
	}
	n, size := binary.Uvarint(b[1:])
	if size <= 0 || size != len(binary.AppendUvarint(nil, n)) || n > uint64(len(b)-1-size) {
		return "", nil, false
	}
	b = b[1+size:]
	text = string(b[:n])
	return text, b[n:], plausible(text, most)
}

// plausible tells whether a text is 1 to most characters of ASCII that print and leave
// no space.
func plausible(s string, most int) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= most
}

// IsOf tells whether the id names a logged message, of which the network's own id is the
// same: senders choose those, so two people's messages may share one.
func (w WAMID) IsOf(m engine.LoggedMessage) bool {
	switch w.User {
	case "", m.Peer.Phone.User(), m.Peer.LID.User(), m.Chat.User():
		return true
	}
	return false
}
