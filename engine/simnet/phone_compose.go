package simnet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// In every method here, to is the chat: a phone number, a LID or a group. The
// methods fail where Send does, and with ErrUnknownMessage when they refer to a
// message that the phone neither sent nor received.

// Reply answers a message with a text.
func (p *Phone) Reply(ctx context.Context, to types.JID, id types.MessageID, text string) (types.MessageID, error) {
	ref, quoted, err := p.refer(to, id)
	if err != nil {
		return "", err
	}
	return p.Send(ctx, to, reply(textMessage(text), ref, quoted))
}

// Mention sends a text that mentions people: the text names each as @ and the
// user part of the JID that is given for them.
func (p *Phone) Mention(ctx context.Context, to types.JID, text string, people ...types.JID) (types.MessageID, error) {
	return p.Send(ctx, to, mention(textMessage(text), people...))
}

// Forward sends a message on to another chat.
func (p *Phone) Forward(ctx context.Context, to types.JID, id types.MessageID) (types.MessageID, error) {
	_, message, err := p.refer(to, id)
	if err != nil {
		return "", err
	}
	return p.Send(ctx, to, forwarded(message))
}

// SendDisappearing sends a text that vanishes after a time.
func (p *Phone) SendDisappearing(ctx context.Context, to types.JID, text string, after time.Duration) (types.MessageID, error) {
	return p.Send(ctx, to, ephemeral(textMessage(text), after, p.server.clock()))
}

// SetTimer sets the timer of disappearing messages in a one-to-one chat; zero
// turns it off.
func (p *Phone) SetTimer(ctx context.Context, to types.JID, after time.Duration) (types.MessageID, error) {
	return p.Send(ctx, to, timerChange(after, p.server.clock()))
}

// React puts an emoji on a message; an empty one takes it back.
func (p *Phone) React(ctx context.Context, to types.JID, id types.MessageID, emoji string) (types.MessageID, error) {
	ref, _, err := p.refer(to, id)
	if err != nil {
		return "", err
	}
	return p.Send(ctx, to, reaction(ref, emoji, p.server.clock()))
}

// Edit replaces the text of one of the phone's own messages.
func (p *Phone) Edit(ctx context.Context, to types.JID, id types.MessageID, text string) (types.MessageID, error) {
	ref, _, err := p.refer(to, id)
	if err != nil {
		return "", err
	}
	if !ref.fromMe {
		return "", errors.New("a phone edits its own messages only")
	}
	return p.Send(ctx, to, edit(ref, textMessage(text), p.server.clock()))
}

// Revoke deletes a message for everyone: one of the phone's own, or as a
// group's admin another member's.
func (p *Phone) Revoke(ctx context.Context, to types.JID, id types.MessageID) (types.MessageID, error) {
	ref, _, err := p.refer(to, id)
	if err != nil {
		return "", err
	}
	return p.Send(ctx, to, revoke(ref))
}

// SendLocation shares a place.
func (p *Phone) SendLocation(ctx context.Context, to types.JID, place Place) (types.MessageID, error) {
	return p.Send(ctx, to, locationMessage(place))
}

// SendLiveLocation shares a moving position; sequence rises with every update.
func (p *Phone) SendLiveLocation(ctx context.Context, to types.JID, place Place, caption string, sequence int64) (types.MessageID, error) {
	return p.Send(ctx, to, liveLocationMessage(place, caption, sequence))
}

// SendContacts shares one contact or several. It fails without any.
func (p *Phone) SendContacts(ctx context.Context, to types.JID, cards ...Card) (types.MessageID, error) {
	if len(cards) == 0 {
		return "", errors.New("no contact to share")
	}
	return p.Send(ctx, to, contactMessage(cards...))
}

// SendPoll asks a question; choices is how many options one person may pick,
// zero for any number.
func (p *Phone) SendPoll(ctx context.Context, to types.JID, question string, options []string, choices int) (types.MessageID, error) {
	return p.Send(ctx, to, pollMessage(question, options, choices))
}

// Vote picks options of a poll; without any it takes the vote back.
func (p *Phone) Vote(ctx context.Context, to types.JID, poll types.MessageID, options ...string) (types.MessageID, error) {
	ref, message, err := p.refer(to, poll)
	if err != nil {
		return "", err
	}
	if pollOf(message) == nil {
		return "", fmt.Errorf("%w: not a poll", ErrUnknownMessage)
	}
	// The key of a vote depends on the address forms: the vote travels in the
	// same one as the poll did.
	server := ref.sender.Server
	if to.Server != types.GroupServer {
		acct, err := p.server.directory.find(to)
		if err != nil {
			return "", err
		}
		to = acct.jid(server, 0)
		ref.chat = to
	}
	vote, err := voteMessage(ballot{
		poll: ref, secret: message.GetMessageContextInfo().GetMessageSecret(),
		creator: ref.sender, voter: p.account.jid(server, 0),
	}, options, p.server.clock())
	if err != nil {
		return "", err
	}
	return p.Send(ctx, to, vote)
}

// Votes returns what people picked in a poll that the phone sent or received,
// by the voter's phone number; a vote that was taken back is an empty list. It
// fails with ErrUnknownMessage, and when a vote does not open under the poll's
// secret.
func (p *Phone) Votes(poll types.MessageID) (map[types.JID][]string, error) {
	ref, message, err := p.refer(types.EmptyJID, poll)
	if err != nil {
		return nil, err
	}
	creator, err := p.server.directory.find(ref.sender)
	if err != nil {
		return nil, err
	}
	picked := make(map[types.JID][]string)
	for _, r := range p.Inbox() {
		vote := unwrapped(r.Message).GetPollUpdateMessage()
		if vote.GetPollCreationMessageKey().GetID() != poll {
			continue
		}
		voter, err := p.server.directory.find(r.FromPN)
		if err != nil {
			return nil, err
		}
		options, err := p.openVoteOf(ballot{poll: ref, secret: message.GetMessageContextInfo().GetMessageSecret()}, creator, voter, message, vote)
		if err != nil {
			return nil, err
		}
		picked[r.FromPN] = options
	}
	return picked, nil
}

// openVoteOf tries the address forms that a voter's client may have used.
func (p *Phone) openVoteOf(b ballot, creator, voter *account, poll *waE2E.Message, vote *waE2E.PollUpdateMessage) (options []string, err error) {
	for _, server := range []string{types.HiddenUserServer, types.DefaultUserServer} {
		b.creator, b.voter = creator.jid(server, 0), voter.jid(server, 0)
		if options, err = openVote(b, pollOf(poll), vote); err == nil {
			return options, nil
		}
	}
	return nil, err
}

// refer finds a message by its id, among those received and those sent. The
// reference is from the phone's point of view, with chat as it is given.
func (p *Phone) refer(chat types.JID, id types.MessageID) (reference, *waE2E.Message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.inbox {
		if r.ID == id && r.Message != nil {
			return reference{chat: chat.ToNonAD(), sender: r.From.ToNonAD(), id: id, fromMe: r.FromMe}, r.Message, nil
		}
	}
	if m := p.findSent(id); m != nil {
		server := m.to.Server
		if server != types.DefaultUserServer {
			server = types.HiddenUserServer // Groups address their members by LID.
		}
		return reference{chat: chat.ToNonAD(), sender: p.account.jid(server, 0), id: id, fromMe: true}, m.message, nil
	}
	return reference{}, nil, ErrUnknownMessage
}
