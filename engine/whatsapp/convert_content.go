package whatsapp

import (
	"encoding/hex"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"wapid/engine"
)

// content is what a message holds by itself.
type content struct {
	kind    engine.Kind
	text    string // body, caption, question
	media   bool
	details engine.Details
}

// contentOf reads a message without its envelopes. What refers to another
// message is read by changeOf.
func contentOf(m *waE2E.Message) content {
	switch {
	case m.GetConversation() != "":
		return content{kind: engine.KindText, text: m.GetConversation()}
	case m.GetExtendedTextMessage() != nil:
		return content{kind: engine.KindText, text: m.GetExtendedTextMessage().GetText()}
	case m.GetImageMessage() != nil:
		i := m.GetImageMessage()
		return file(engine.KindImage, i.GetCaption(), mediaOf(i), i.GetViewOnce())
	case m.GetVideoMessage() != nil:
		return videoIn(m.GetVideoMessage())
	case m.GetPtvMessage() != nil: // a video note is a video without a caption
		return videoIn(m.GetPtvMessage())
	case m.GetAudioMessage() != nil:
		a := m.GetAudioMessage()
		kind, info := engine.KindAudio, mediaOf(a)
		if a.GetPTT() {
			kind = engine.KindVoice
		}
		info.Seconds = int64(a.GetSeconds())
		return file(kind, "", info, a.GetViewOnce())
	case m.GetDocumentMessage() != nil:
		d := m.GetDocumentMessage()
		info := mediaOf(d)
		info.FileName = d.GetFileName()
		return file(engine.KindDocument, d.GetCaption(), info, false)
	case m.GetStickerMessage() != nil:
		s := m.GetStickerMessage()
		info := mediaOf(s)
		info.Animated = s.GetIsAnimated() || s.GetIsLottie()
		return file(engine.KindSticker, "", info, false)
	}
	return cardOf(m)
}

// somethingStored is what the messages with files have in common.
type somethingStored interface {
	GetMimetype() string
	GetFileLength() uint64
	GetFileSHA256() []byte
}

// maxExact is the largest number that every receiver's JSON parser reads exactly.
const maxExact = 1 << 53

func mediaOf(m somethingStored) *engine.MediaInfo {
	info := &engine.MediaInfo{MimeType: m.GetMimetype(), SHA256: hex.EncodeToString(m.GetFileSHA256())}
	if size := m.GetFileLength(); size <= maxExact { // the sender may say anything
		info.Size = int64(size)
	}
	if len(info.SHA256) != 64 {
		info.SHA256 = ""
	}
	if picture, ok := m.(interface {
		GetWidth() uint32
		GetHeight() uint32
	}); ok {
		info.Width, info.Height = int(picture.GetWidth()), int(picture.GetHeight())
	}
	return info
}

func file(kind engine.Kind, caption string, info *engine.MediaInfo, viewOnce bool) content {
	return content{kind: kind, text: caption, media: true, details: engine.Details{Media: info, ViewOnce: viewOnce}}
}

// hasFile tells whether a message says where its file lies.
func hasFile(m *waE2E.Message) bool {
	field := contentField(m)
	if field == nil || field.Message() == nil || field.IsList() || field.IsMap() {
		return false
	}
	path := field.Message().Fields().ByName("directPath")
	return path != nil && m.ProtoReflect().Get(field).Message().Has(path)
}

func videoIn(v *waE2E.VideoMessage) content {
	info := mediaOf(v)
	info.Seconds = int64(v.GetSeconds())
	return file(engine.KindVideo, v.GetCaption(), info, v.GetViewOnce())
}

// cardOf reads the kinds without a file.
func cardOf(m *waE2E.Message) content {
	for _, poll := range []*waE2E.PollCreationMessage{
		m.GetPollCreationMessage(), m.GetPollCreationMessageV2(), m.GetPollCreationMessageV3(),
		m.GetPollCreationMessageV5(), m.GetPollCreationMessageV6(),
	} {
		if poll != nil {
			return pollIn(poll)
		}
	}
	switch {
	case m.GetLocationMessage() != nil:
		l := m.GetLocationMessage()
		if place := placeOf(l); place != nil {
			place.Name, place.Address, place.Live = l.GetName(), l.GetAddress(), l.GetIsLive()
			return content{kind: engine.KindLocation, text: firstOf(l.GetComment(), l.GetName()), details: engine.Details{Location: place}}
		}
	case m.GetLiveLocationMessage() != nil:
		if place := placeOf(m.GetLiveLocationMessage()); place != nil {
			place.Live = true
			return content{kind: engine.KindLocation, text: m.GetLiveLocationMessage().GetCaption(), details: engine.Details{Location: place}}
		}
	case m.GetContactMessage() != nil:
		c := m.GetContactMessage()
		return content{kind: engine.KindContact, text: c.GetDisplayName(), details: engine.Details{Contacts: contactsOf(c)}}
	case m.GetContactsArrayMessage() != nil:
		c := m.GetContactsArrayMessage()
		return content{kind: engine.KindContact, text: c.GetDisplayName(), details: engine.Details{Contacts: contactsOf(c.GetContacts()...)}}
	}
	if answer, ok := answerIn(m); ok {
		return answer
	}
	c := content{kind: engine.KindUnsupported}
	if field := contentField(m); field != nil {
		c.details.Unsupported = string(field.Name())
	}
	return c
}

func pollIn(m *waE2E.PollCreationMessage) content {
	poll := &engine.Poll{Question: m.GetName(), Options: []string{}, Selectable: int(m.GetSelectableOptionsCount())}
	for _, option := range m.GetOptions() {
		poll.Options = append(poll.Options, option.GetOptionName())
	}
	return content{kind: engine.KindPoll, text: poll.Question, details: engine.Details{Poll: poll}}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
