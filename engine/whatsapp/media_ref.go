package whatsapp

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow"

	"wapid/engine"
)

// assumedLifetime is how long an upload is relied on if its address does not say
// when it ends. Assumed; whatsmeow and Baileys know of no number, and media links
// seen in the wild end after two to four weeks.
const assumedLifetime = 7 * 24 * time.Hour

// mediaRef is what an engine.Upload's Ref holds: all that a message has to say of
// the bytes that the media host has taken. It is kept as JSON and holds a key.
type mediaRef struct {
	Class      whatsmeow.MediaType `json:"class"` // what the key was derived for
	URL        string              `json:"url"`
	DirectPath string              `json:"path"`
	Key        []byte              `json:"key,omitempty"` // empty if the bytes are not encrypted
	SHA256     []byte              `json:"sha256"`
	EncSHA256  []byte              `json:"encSha256,omitempty"`
	Length     uint64              `json:"length"`           // of the plain bytes
	Handle     string              `json:"handle,omitempty"` // of files for channels
	Animated   bool                `json:"animated,omitempty"`
	At         int64               `json:"at"` // unix seconds
}

func (r mediaRef) marshal() ([]byte, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "the upload can't be written down")
	}
	return raw, nil
}

// readMediaRef reads the Ref of an upload that is to be sent as the given kind, to
// a channel or to people. A file for channels is readable by whoever finds it.
func readMediaRef(u *engine.Upload, kind engine.Kind, channel bool) (mediaRef, error) {
	var r mediaRef
	if u == nil {
		return r, engine.Errorf(engine.CodeInternal, "the message's file has not been uploaded")
	}
	if err := json.Unmarshal(u.Ref, &r); err != nil {
		// Its text could quote the key.
		return r, engine.Errorf(engine.CodeInternal, "what is kept of an upload can't be read")
	}
	if channel != (len(r.Key) == 0) {
		return r, engine.Errorf(engine.CodeInternal, "a file is encrypted for people, and is not for channels")
	}
	if r.Class != mediaClass(kind) {
		return r, engine.Errorf(engine.CodeInternal, "a file that was uploaded as another kind can't be sent as %q", kind)
	}
	return r, nil
}

// mediaClass is what whatsmeow calls the kind of a file; keys depend on it. It is
// empty for kinds without a file.
func mediaClass(kind engine.Kind) whatsmeow.MediaType {
	switch kind {
	case engine.KindImage, engine.KindSticker:
		return whatsmeow.MediaImage
	case engine.KindVideo:
		return whatsmeow.MediaVideo
	case engine.KindAudio, engine.KindVoice:
		return whatsmeow.MediaAudio
	case engine.KindDocument:
		return whatsmeow.MediaDocument
	}
	return ""
}

// uploadExpiry reads when the media host drops a file: the parameter oe of its
// address, hexadecimal unix seconds, as Meta's CDN signs its links.
func uploadExpiry(now time.Time, addresses ...string) time.Time {
	for _, address := range addresses {
		parsed, err := url.Parse(address)
		if err != nil {
			continue
		}
		if seconds, err := strconv.ParseInt(parsed.Query().Get("oe"), 16, 64); err == nil {
			return time.Unix(seconds, 0).UTC()
		}
	}
	return now.Add(assumedLifetime).UTC()
}

// mediaHandle is what a channel's post names its file by; empty for every other
// message.
func mediaHandle(m engine.Outgoing) string {
	if m.Attachment == nil || m.Attachment.Upload == nil || m.To.Server() != engine.ServerNewsletter {
		return ""
	}
	ref, err := readMediaRef(m.Attachment.Upload, m.Kind, true)
	if err != nil {
		return "" // composing the message has said so
	}
	return ref.Handle
}
