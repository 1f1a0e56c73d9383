package simnet

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"google.golang.org/protobuf/proto"
)

// errNotThisPoll says that a vote does not open under a poll's secret.
var errNotThisPoll = errors.New("vote that does not belong to the poll")

// pollMessage asks a question. choices is how many options one person may pick,
// zero for any number. A poll with a single choice travels in the third version
// of the field (source: Baileys' generateWAMessageContent).
func pollMessage(question string, options []string, choices int) *waE2E.Message {
	poll := &waE2E.PollCreationMessage{
		Name:                   proto.String(question),
		SelectableOptionsCount: proto.Uint32(uint32(choices)),
	}
	for _, option := range options {
		poll.Options = append(poll.Options, &waE2E.PollCreationMessage_Option{OptionName: proto.String(option)})
	}
	if choices == 1 {
		return withSecret(&waE2E.Message{PollCreationMessageV3: poll})
	}
	return withSecret(&waE2E.Message{PollCreationMessage: poll})
}

// pollOf returns the poll in a message, whichever field it came in, or nil.
func pollOf(msg *waE2E.Message) *waE2E.PollCreationMessage {
	msg = unwrapped(msg)
	for _, poll := range []*waE2E.PollCreationMessage{msg.PollCreationMessage, msg.PollCreationMessageV2, msg.PollCreationMessageV3, msg.PollCreationMessageV5} {
		if poll != nil {
			return poll
		}
	}
	return nil
}

// ballot is what ties a vote to its poll. The JIDs must be in the form in
// which the reader of the vote sees them: creator as the sender of the poll,
// voter as the sender of the vote.
type ballot struct {
	poll    reference
	secret  []byte // The poll's message secret, 32 bytes.
	creator types.JID
	voter   types.JID
}

// voteMessage votes for the named options; none takes the vote back.
func voteMessage(b ballot, options []string, at time.Time) (*waE2E.Message, error) {
	choice := &waE2E.PollVoteMessage{}
	for _, option := range options {
		hash := sha256.Sum256([]byte(option))
		choice.SelectedOptions = append(choice.SelectedOptions, hash[:])
	}
	plain, err := proto.Marshal(choice)
	if err != nil {
		return nil, fmt.Errorf("encode vote: %w", err)
	}
	key, bound, err := b.key()
	if err != nil {
		return nil, err
	}
	iv := make([]byte, 12)
	_, _ = rand.Read(iv) // crypto/rand never returns an error since Go 1.24.
	sealed, err := gcmutil.Encrypt(key, iv, plain, bound)
	if err != nil {
		return nil, fmt.Errorf("encrypt vote: %w", err)
	}
	return &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{
		PollCreationMessageKey: b.poll.key(),
		Vote:                   &waE2E.PollEncValue{EncPayload: sealed, EncIV: iv},
		SenderTimestampMS:      proto.Int64(at.UnixMilli()),
	}}, nil
}

// openVote reads the options that somebody else's vote names, in the poll's
// order. The error wraps errNotThisPoll.
func openVote(b ballot, poll *waE2E.PollCreationMessage, vote *waE2E.PollUpdateMessage) ([]string, error) {
	key, bound, err := b.key()
	if err != nil {
		return nil, err
	}
	if len(vote.GetVote().GetEncIV()) != 12 {
		return nil, fmt.Errorf("%w: iv of %d bytes", errNotThisPoll, len(vote.GetVote().GetEncIV()))
	}
	plain, err := gcmutil.Decrypt(key, vote.GetVote().GetEncIV(), vote.GetVote().GetEncPayload(), bound)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotThisPoll, err)
	}
	var choice waE2E.PollVoteMessage
	if err := proto.Unmarshal(plain, &choice); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotThisPoll, err)
	}
	var picked []string
	for _, option := range poll.GetOptions() {
		hash := sha256.Sum256([]byte(option.GetOptionName()))
		if slices.ContainsFunc(choice.GetSelectedOptions(), func(h []byte) bool { return slices.Equal(h, hash[:]) }) {
			picked = append(picked, option.GetOptionName())
		}
	}
	if len(picked) != len(choice.GetSelectedOptions()) {
		return nil, fmt.Errorf("%w: an option that it does not have", errNotThisPoll)
	}
	return picked, nil
}

// key derives a vote's key and the data that it is bound to (source: whatsmeow
// msgsecret.go).
func (b ballot) key() (key, bound []byte, err error) {
	creator, voter := b.creator.ToNonAD().String(), b.voter.ToNonAD().String()
	key, err = hkdf.Key(sha256.New, b.secret, nil, b.poll.id+creator+voter+"Poll Vote", 32)
	if err != nil {
		return nil, nil, fmt.Errorf("derive vote key: %w", err)
	}
	return key, []byte(b.poll.id + "\x00" + voter), nil
}
