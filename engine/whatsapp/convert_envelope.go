package whatsapp

import "go.mau.fi/whatsmeow/proto/waE2E"

// maxWrappers bounds how deep envelopes may be nested; real ones are two deep.
const maxWrappers = 8

// envelope is what the wrappers around a message tell of it.
type envelope struct {
	viewOnce bool
	edit     bool // its content replaces that of another message
}

// unwrap opens every envelope around a message: sent by another own device,
// disappearing, viewed once, with a caption, edited.
func unwrap(m *waE2E.Message) *waE2E.Message {
	m, _ = open(m)
	return m
}

// open is unwrap that looks at the envelopes.
func open(m *waE2E.Message) (inner *waE2E.Message, e envelope) {
	for range maxWrappers {
		next := m.GetDeviceSentMessage().GetMessage()
		for _, wrapper := range []*waE2E.FutureProofMessage{
			m.GetEphemeralMessage(), m.GetDocumentWithCaptionMessage(), m.GetLottieStickerMessage(), m.GetBotInvokeMessage(),
			m.GetGroupMentionedMessage(), m.GetPollCreationMessageV4(),
		} {
			if wrapper.GetMessage() != nil {
				next = wrapper.GetMessage()
			}
		}
		for _, wrapper := range []*waE2E.FutureProofMessage{
			m.GetViewOnceMessage(), m.GetViewOnceMessageV2(), m.GetViewOnceMessageV2Extension(),
		} {
			if wrapper.GetMessage() != nil {
				next, e.viewOnce = wrapper.GetMessage(), true
			}
		}
		if wrapper := m.GetEditedMessage(); wrapper.GetMessage() != nil {
			next, e.edit = wrapper.GetMessage(), true
		}
		if next == nil {
			return m, e
		}
		m = next
	}
	return m, e
}
