package whatsapp

import (
	"slices"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// maxMentions is how many people one message may mention: as many as the largest
// group has members. What is beyond is left out.
const maxMentions = 1024

// contextOf is what surrounds a message's content: what it replies to, whom it
// mentions. Nearly every kind has a field for it.
func contextOf(m *waE2E.Message) *waE2E.ContextInfo {
	field := contentField(m)
	if field == nil || field.Message() == nil || field.IsList() || field.IsMap() {
		return nil
	}
	inner := field.Message().Fields().ByName("contextInfo")
	if inner == nil || inner.Message() == nil {
		return nil
	}
	value := m.ProtoReflect().Get(field).Message()
	if !value.Has(inner) {
		return nil
	}
	info, _ := value.Get(inner).Message().Interface().(*waE2E.ContextInfo)
	return info
}

// addContext adds to a message what its context tells.
func (c converter) addContext(in *engine.Incoming, info *waE2E.ContextInfo) error {
	if info == nil {
		return nil
	}
	in.Details.Forwarded = info.GetIsForwarded()
	if info.Expiration != nil {
		in.Details.ExpiresIn = int64(info.GetExpiration())
		timer := time.Duration(info.GetExpiration()) * time.Second
		in.Expiration = &timer
	}
	for _, text := range info.GetMentionedJID()[:min(len(info.GetMentionedJID()), maxMentions)] {
		who, err := c.address(text)
		if err != nil {
			return err
		}
		if who != "" && !slices.Contains(in.Details.Mentions, who) {
			in.Details.Mentions = append(in.Details.Mentions, who)
		}
	}
	if info.GetStanzaID() == "" {
		return nil
	}
	from, err := c.address(info.GetParticipant())
	if err != nil {
		return err
	}
	quoted := &engine.QuotedInfo{MessageID: engine.MessageID(info.GetStanzaID()), From: from}
	if m := unwrap(info.GetQuotedMessage()); contentField(m) != nil {
		content := contentOf(m)
		quoted.Type, quoted.Body = content.kind, content.text
		if question := m.GetInteractiveMessage().GetBody().GetText(); question != "" { // one of ours, with buttons
			quoted.Type, quoted.Body = engine.KindText, question
		}
	}
	in.Details.Quoted = quoted
	if in.Details.Choice != nil {
		in.Details.Choice.MessageID = quoted.MessageID
	}
	return nil
}

// address is the preferred address of a person that a message names; "" if it
// names nobody.
func (c converter) address(text string) (engine.JID, error) {
	if text == "" {
		return "", nil
	}
	jid, err := types.ParseJID(text)
	if err != nil || personOf(jid) == (engine.Person{}) {
		return "", nil
	}
	p, err := c.person(jid)
	return p.Preferred(), err
}
