package simnet

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// typingFades is how long somebody counts as writing who does not say that they
// stopped, and sends nothing. Assumed: phones show it about so long.
const typingFades = 25 * time.Second

// Chat is one conversation in a phone's list of them.
type Chat struct {
	JID    types.JID // the other side's phone number, or the group
	Name   string    // what the other side calls itself, or the group's subject; may be empty
	Unread int       // messages of others that were read on no device of the account
	Typing bool      // somebody of the other side is writing
	Last   Line      // the latest that is shown
}

// Line is one message as a phone shows it in a chat. Edits, deletions and
// reactions stand with the message that they are about, not on their own.
type Line struct {
	ID        types.MessageID
	FromMe    bool      // the phone sent it, or one of its linked devices
	Author    types.JID // phone-number form
	Name      string    // of the author, as it introduced itself; may be empty
	Time      time.Time // by the phone: when it was sent or came
	Text      string    // body, caption, question or name
	Kind      string    // text, media or poll
	Media     string    // image, ptt, document …, see traits; empty for none
	FileName  string    // of documents
	Status    Progress  // of the account's own messages; of others', ProgressRead once they are read here
	Quotes    types.MessageID
	Reactions []LineReaction // in the order of who reacted first
	Edited    bool
	Deleted   bool // Text and Media are gone
}

// LineReaction is what one person put on a message.
type LineReaction struct {
	Author types.JID
	Emoji  string
}

// Progress is how far a message has come; later ones include the earlier.
type Progress uint8

// The steps of a message. In a group, each is reached with the first member.
const (
	ProgressSent Progress = iota
	ProgressDelivered
	ProgressRead
	ProgressPlayed
)

// String is the word by which the controls name a step.
func (p Progress) String() string {
	return [...]string{"sent", "delivered", "read", "played"}[min(p, ProgressPlayed)]
}

// utterance is one message on a phone before it is put into its place.
type utterance struct {
	chat types.JID
	line Line
	what *waE2E.Message // unwrapped
}

// Chats lists the phone's conversations, the latest first.
func (p *Phone) Chats(_ context.Context) []Chat {
	var order []types.JID
	byChat := make(map[types.JID][]utterance)
	for _, u := range p.utterances(types.EmptyJID) {
		if byChat[u.chat] == nil {
			order = append(order, u.chat)
		}
		byChat[u.chat] = append(byChat[u.chat], u)
	}
	chats := make([]Chat, 0, len(order))
	for _, jid := range order {
		lines := conversation(byChat[jid])
		if len(lines) == 0 {
			continue // Nothing but settings.
		}
		chat := Chat{JID: jid, Last: lines[len(lines)-1], Typing: p.sawTyping(jid)}
		for _, line := range lines {
			if !line.FromMe && line.Status < ProgressRead {
				chat.Unread++
			}
			if !line.FromMe && line.Name != "" {
				chat.Name = line.Name
			}
		}
		if jid.Server == types.GroupServer {
			chat.Name = p.server.subjectOf(jid)
		}
		chats = append(chats, chat)
	}
	slices.SortStableFunc(chats, func(a, b Chat) int { return b.Last.Time.Compare(a.Last.Time) })
	return chats
}

// Lines lists one conversation, oldest first. to is a phone number, a LID or a
// group; a chat that nobody began is empty. It fails when there is no such account.
func (p *Phone) Lines(_ context.Context, to types.JID) ([]Line, error) {
	if to.Server != types.GroupServer {
		acct, err := p.server.directory.find(to)
		if err != nil {
			return nil, err
		}
		to = acct.pn()
	}
	return conversation(p.utterances(to)), nil
}

// utterances lists what the phone sent and received in the order in which it did,
// of one chat or of all.
func (p *Phone) utterances(chat types.JID) []utterance {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []utterance
	for _, r := range p.inbox {
		if r.Message == nil || !chat.IsEmpty() && r.Chat != chat {
			continue
		}
		list = append(list, utterance{chat: r.Chat, what: unwrapped(r.Message), line: lineOf(r.Message, Line{
			ID: r.ID, FromMe: r.FromMe, Author: r.FromPN, Name: r.PushName, Text: r.Text, Status: p.progress[r.ID],
			Time: cmp.Or(r.Got, r.Time),
		})})
	}
	for _, m := range p.outbox {
		if !chat.IsEmpty() && m.Chat != chat {
			continue
		}
		list = append(list, utterance{chat: m.Chat, what: unwrapped(m.message), line: lineOf(m.message, Line{
			ID: m.ID, FromMe: true, Author: p.account.pn(), Text: m.Text, Status: m.progress(), Time: m.Time,
		})})
	}
	slices.SortStableFunc(list, func(a, b utterance) int { return a.line.Time.Compare(b.line.Time) })
	return list
}

// lineOf adds to a line what its message says about itself.
func lineOf(message *waE2E.Message, line Line) Line {
	kind := traitsOf(message)
	line.Kind, line.Media = kind.kind, kind.media
	inner := unwrapped(message)
	line.FileName = inner.GetDocumentMessage().GetFileName()
	eachContext(inner, func(content protoreflect.Message, field protoreflect.FieldDescriptor) {
		if info, ok := content.Get(field).Message().Interface().(*waE2E.ContextInfo); ok {
			line.Quotes = info.GetStanzaID()
		}
	})
	return line
}

// conversation folds what happened in one chat into the lines that are shown.
func conversation(list []utterance) []Line {
	lines := make([]Line, 0, len(list))
	place := make(map[types.MessageID]int, len(list))
	for _, u := range list {
		target := aboutMessage(u.what)
		i, known := place[target]
		switch change := u.what.GetProtocolMessage(); {
		case u.what.ReactionMessage != nil:
			if known {
				lines[i].react(u.line.Author, u.what.GetReactionMessage().GetText())
			}
		case change.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT && target != "":
			if known {
				lines[i].Text, lines[i].Edited = textOf(change.GetEditedMessage()), true
			}
		case change != nil:
			if known && change.GetType() == waE2E.ProtocolMessage_REVOKE {
				lines[i].Text, lines[i].Media, lines[i].FileName, lines[i].Kind = "", "", "", "text"
				lines[i].Deleted = true
			}
		case u.line.Text != "" || u.line.Media != "" || u.line.Kind == "poll" && u.what.PollUpdateMessage == nil:
			place[u.line.ID] = len(lines)
			lines = append(lines, u.line)
		}
	}
	return lines
}

// aboutMessage is the message that another one changes or reacts to, "" for none.
func aboutMessage(message *waE2E.Message) types.MessageID {
	if reaction := message.GetReactionMessage(); reaction != nil {
		return reaction.GetKey().GetID()
	}
	return message.GetProtocolMessage().GetKey().GetID()
}

// react puts a person's emoji in the place of an earlier one; "" takes it away.
func (l *Line) react(author types.JID, emoji string) {
	i := slices.IndexFunc(l.Reactions, func(r LineReaction) bool { return r.Author == author })
	switch {
	case i < 0 && emoji != "":
		l.Reactions = append(l.Reactions, LineReaction{author, emoji})
	case i >= 0 && emoji == "":
		l.Reactions = slices.Delete(l.Reactions, i, i+1)
	case i >= 0:
		l.Reactions[i].Emoji = emoji
	}
}

// progress is what the receipts of one of the phone's own messages say.
func (m *sentMessage) progress() Progress {
	switch {
	case len(m.Played) > 0:
		return ProgressPlayed
	case len(m.Read) > 0:
		return ProgressRead
	case len(m.Delivered) > 0:
		return ProgressDelivered
	}
	return ProgressSent
}

// noteProgress remembers how far messages have come that the phone did not send
// itself: those of its linked devices, and those that were read. The caller holds mu.
func (p *Phone) noteProgress(step Progress, ids ...types.MessageID) {
	if p.progress == nil {
		p.progress = make(map[types.MessageID]Progress)
	}
	for _, id := range ids {
		p.progress[id] = max(p.progress[id], step)
	}
	p.notifyChange()
}

// progressOf is the step that a receipt of a type tells of.
func progressOf(receipt string) Progress {
	switch receipt {
	case "read", "read-self":
		return ProgressRead
	case "played", "played-self":
		return ProgressPlayed
	}
	return ProgressDelivered
}

// sawTyping tells whether somebody else writes in a chat just now.
func (p *Phone) sawTyping(chat types.JID) bool {
	now := p.server.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	writing := make(map[types.JID]time.Time)
	for _, state := range p.chatStates {
		if state.Chat != chat || state.From == p.account.pn() {
			continue
		}
		if delete(writing, state.From); state.State == "composing" {
			writing[state.From] = state.at
		}
	}
	for _, r := range p.inbox[max(0, len(p.inbox)-maxChatStates):] { // A message ends the writing of it.
		if since, ok := writing[r.FromPN]; ok && r.Chat == chat && r.Got.After(since) {
			delete(writing, r.FromPN)
		}
	}
	for _, since := range writing {
		if now.Sub(since) < typingFades {
			return true
		}
	}
	return false
}

// subjectOf is a group's name, "" if there is no such group.
func (s *Server) subjectOf(jid types.JID) string {
	s.groups.mu.Lock()
	defer s.groups.mu.Unlock()
	if g := s.groups.find(jid); g != nil {
		return g.Subject
	}
	return ""
}

// File decrypts the file of a message that the phone sent or received, and says of
// what type its sender called it. It fails with ErrUnknownMessage, also where the
// phone has lost it, and when the media host has.
func (p *Phone) File(ctx context.Context, id types.MessageID) (body []byte, mime, name string, err error) {
	message := p.messageByID(id)
	if message == nil || p.hasLost(id) {
		return nil, "", "", ErrUnknownMessage
	}
	if body, err = p.Download(ctx, Received{Message: message}); err != nil {
		return nil, "", "", err
	}
	inner := unwrapped(message)
	mime = cmp.Or(inner.GetImageMessage().GetMimetype(), inner.GetVideoMessage().GetMimetype(), inner.GetAudioMessage().GetMimetype(),
		inner.GetDocumentMessage().GetMimetype(), inner.GetStickerMessage().GetMimetype())
	return body, mime, inner.GetDocumentMessage().GetFileName(), nil
}

// messageByID finds a message that the phone sent or received, nil for none.
func (p *Phone) messageByID(id types.MessageID) *waE2E.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.findSent(id); m != nil {
		return m.message
	}
	for _, r := range p.inbox {
		if r.ID == id && r.Message != nil {
			return r.Message
		}
	}
	return nil
}
