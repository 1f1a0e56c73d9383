package whatsapp

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/reflect/protoreflect"

	"wapid/engine"
)

// personOf collects a person's addresses from JIDs of its devices. Addresses
// that are neither a phone number nor a LID are left out.
func personOf(addresses ...types.JID) engine.Person {
	var p engine.Person
	for _, a := range addresses {
		if a.User == "" {
			continue
		}
		switch a.Server {
		case types.DefaultUserServer, types.HostedServer:
			p.Phone = engine.JID(a.User + "@" + engine.ServerPhone)
		case types.HiddenUserServer, types.HostedLIDServer:
			p.LID = engine.JID(a.User + "@" + engine.ServerLID)
		}
	}
	return p
}

// isForTenant tells whether an event is a message that somebody wrote to the
// session. What its own account says, what the network's clients say among
// themselves, status posts, channels and bots are not.
func isForTenant(evt *events.Message) bool {
	return isFromSomebody(evt.Info) && !isHousekeeping(unwrap(evt.Message))
}

func isFromSomebody(info types.MessageInfo) bool {
	switch {
	case info.IsFromMe, info.Category == "peer":
		return false
	case info.Chat.Server == types.BroadcastServer && info.Chat.User == "status":
		return false
	}
	return isPerson(info.Sender) || isPerson(info.SenderAlt)
}

// isPerson tells whether personOf takes something from an address.
func isPerson(a types.JID) bool {
	switch a.Server {
	case types.DefaultUserServer, types.HostedServer, types.HiddenUserServer, types.HostedLIDServer:
		return a.User != ""
	}
	return false
}

// isHousekeeping tells a message that holds nothing for a person: keys of a
// group, a changed setting, an empty envelope.
func isHousekeeping(m *waE2E.Message) bool {
	if p := m.GetProtocolMessage(); p != nil {
		switch p.GetType() {
		case waE2E.ProtocolMessage_REVOKE, waE2E.ProtocolMessage_MESSAGE_EDIT:
			return false
		}
		return true
	}
	return contentField(m) == nil
}

// contentField is the field of a message that holds what it is about, or nil. If
// there are several it is the one with the lowest number.
func contentField(m *waE2E.Message) (found protoreflect.FieldDescriptor) {
	if m == nil {
		return nil
	}
	if m.Conversation != nil { // the first field, and that of most messages: looking at all takes ten times as long
		return m.ProtoReflect().Descriptor().Fields().ByNumber(1)
	}
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		switch field.Name() {
		case "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage", "messageContextInfo":
			return true
		}
		if found == nil || field.Number() < found.Number() {
			found = field
		}
		return true
	})
	return found
}

// timerOf is the disappearing timer that a message of the network's own sets for
// its chat. The message holds nothing else.
func timerOf(m *waE2E.Message) (timer time.Duration, ok bool) {
	p := unwrap(m).GetProtocolMessage()
	if p.GetType() != waE2E.ProtocolMessage_EPHEMERAL_SETTING {
		return 0, false
	}
	return time.Duration(p.GetEphemeralExpiration()) * time.Second, true
}

// converter makes the engine's messages of whatsmeow's.
type converter struct {
	// person collects a person's addresses and adds the one that is missing, where
	// the network has told it before. It fails only with the device store.
	person func(addresses ...types.JID) (engine.Person, error)
	own    engine.Person
}

// incoming converts a message that is for the tenant. vote is what has been
// decrypted of a vote; nil if that is no vote, or one that can't be read.
func (c converter) incoming(evt *events.Message, vote *waE2E.PollVoteMessage) (engine.Incoming, error) {
	sender, err := c.person(evt.Info.Sender, evt.Info.SenderAlt)
	if err != nil {
		return engine.Incoming{}, err
	}
	in := engine.Incoming{
		ID:        engine.MessageID(evt.Info.ID),
		Chat:      chatIn(evt.Info.Chat, sender),
		Sender:    sender,
		PushName:  evt.Info.PushName,
		Timestamp: evt.Info.Timestamp,
		IsGroup:   evt.Info.Chat.Server == types.GroupServer,
	}
	inner, wrapped := open(evt.Message)
	change, err := c.changeOf(inner, in.IsGroup)
	if err != nil {
		return in, err
	}
	if change.vote != nil {
		change.vote.Undecryptable = vote == nil
		change.vote.Hashes = vote.GetSelectedOptions()
	}
	if change.content != nil { // the new form of the message that was edited
		inner, wrapped.edit = change.content, true
	}
	content := contentOf(inner)
	in.Kind, in.Text, in.HasMedia, in.Details = content.kind, content.text, content.media, content.details
	change.apply(&in, evt.IsEdit || wrapped.edit)
	if in.Kind == engine.KindEdit && !hasFile(inner) { // a caption; the file is that of the first message
		in.HasMedia, in.Details.Media = false, nil
	}
	in.Details.ViewOnce = in.Details.ViewOnce || evt.IsViewOnce || wrapped.viewOnce
	if err := c.addContext(&in, contextOf(inner)); err != nil {
		return in, err
	}
	in.Payload, err = payloadOf(evt.Message)
	return in, err
}

// chatIn is the chat of a message. A broadcast list is a group to the network
// only: its messages are personal.
func chatIn(chat types.JID, sender engine.Person) engine.JID {
	if chat.Server == types.GroupServer {
		return engine.JID(chat.ToNonAD().String())
	}
	return sender.Preferred()
}
