package whatsapp

import (
	"unicode/utf8"

	"wapid/engine"
)

// checkStrings refuses texts that are not UTF-8: no client could show them.
func checkStrings(m engine.Outgoing) error {
	texts := []string{m.Text}
	if a := m.Attachment; a != nil {
		texts = append(texts, a.MIME, a.FileName)
	}
	if m.Poll != nil {
		texts = append(append(texts, m.Poll.Question), m.Poll.Options...)
	}
	if m.Location != nil {
		texts = append(texts, m.Location.Name, m.Location.Address)
	}
	if c := m.Choices; c != nil && c.Form == engine.InteractiveNative {
		texts = append(texts, c.Header, c.Footer, c.Button)
		for _, o := range c.Options {
			texts = append(texts, o.ID, o.Title, o.Description, o.Section)
		}
	}
	for _, c := range m.Contacts {
		texts = append(texts, c.Name, c.Phone, c.VCard)
	}
	if m.Preview != nil {
		texts = append(texts, m.Preview.URL, m.Preview.Title, m.Preview.Description)
	}
	for _, ref := range []*engine.MessageRef{m.Target, m.Quoted} {
		if ref != nil {
			texts = append(texts, ref.Text)
		}
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return engine.Errorf(engine.CodeInvalid, "the message holds text that is not UTF-8")
		}
	}
	return nil
}

// checkChannel refuses what can't be published in a channel. Its posts are not
// encrypted. Reactions need the server's id of the post, which is not kept here;
// votes on a channel's poll don't travel as messages, so that nobody could vote
// (source: whatsmeow's newsletter.go and Baileys' generateWAMessageFromContent,
// which leaves out quotes).
func checkChannel(m engine.Outgoing) error {
	switch m.Kind {
	case engine.KindText, engine.KindImage, engine.KindVideo, engine.KindAudio, engine.KindVoice, engine.KindDocument,
		engine.KindSticker, engine.KindEdit, engine.KindRevoke:
	default:
		return engine.Errorf(engine.CodeNotSupported, "messages of kind %q can't be sent to a channel", m.Kind)
	}
	if m.Quoted != nil || m.ViewOnce {
		return engine.Errorf(engine.CodeNotSupported, "channels know neither replies nor messages that are viewed once")
	}
	if m.Target != nil && !m.Target.FromMe {
		return engine.Errorf(engine.CodeInvalid, "only the account's own posts in a channel can be changed")
	}
	return nil
}
