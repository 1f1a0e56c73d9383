package simnet

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// oneSecret is a whatsmeow store that knows the secret of one message.
type oneSecret struct {
	store.NoopStore
	secret []byte
	sender types.JID
}

func (s *oneSecret) GetMessageSecret(context.Context, types.JID, types.JID, types.MessageID) ([]byte, types.JID, error) {
	return s.secret, s.sender, nil
}

// TestPollVotesWithWhatsmeow lets a phone vote in a companion's poll and a
// companion in a phone's, one to one and in a group.
func TestPollVotesWithWhatsmeow(t *testing.T) {
	companion := types.JID{User: "200000000000002", Device: 7, Server: types.HiddenUserServer}
	for _, tt := range []struct {
		name           string
		chat, ofPhone  types.JID // The chat as the companion and as the phone know it.
		creator, voter types.JID
		companionsPoll bool
	}{
		{"companion's poll", jidA, companion.ToNonAD(), companion, jidA, true},
		{"companion's poll in a group", jidG, jidG, companion, jidA, true},
		{"phone's poll", jidA, companion.ToNonAD(), jidA, companion, false},
		{"phone's poll in a group", jidG, jidG, jidA, companion, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msg := pollMessage("lunch?", []string{"soup", "bread", "both"}, 2)
			secret := msg.GetMessageContextInfo().GetMessageSecret()
			cli := companionClient()
			cli.Store.ID, cli.Store.LID = &companion, companion
			cli.Store.MsgSecrets = &oneSecret{secret: secret, sender: tt.creator.ToNonAD()}
			b := ballot{
				poll:   reference{chat: tt.ofPhone, sender: tt.creator, id: "POLL", fromMe: !tt.companionsPoll},
				secret: secret, creator: tt.creator, voter: tt.voter,
			}
			info := types.MessageInfo{
				MessageSource: types.MessageSource{Chat: tt.chat, Sender: tt.voter, IsGroup: tt.chat == jidG},
				ID:            "VOTE",
			}
			if tt.companionsPoll {
				vote, err := voteMessage(b, []string{"bread", "both"}, noon)
				if err != nil {
					t.Fatal(err)
				}
				evt := received(t, vote)
				evt.Info = info
				got, err := cli.DecryptPollVote(context.Background(), evt)
				if err != nil {
					t.Fatal(err)
				}
				want := whatsmeow.HashPollOptions([]string{"bread", "both"})
				if !slices.EqualFunc(got.GetSelectedOptions(), want, slices.Equal[[]byte]) {
					t.Errorf("voted for %x, want %x", got.GetSelectedOptions(), want)
				}
				return
			}
			poll := types.MessageInfo{MessageSource: types.MessageSource{Chat: tt.chat, Sender: tt.creator, IsGroup: tt.chat == jidG}, ID: "POLL"}
			vote, err := cli.BuildPollVote(context.Background(), &poll, []string{"soup", "both"})
			if err != nil {
				t.Fatal(err)
			}
			got, err := openVote(b, pollOf(msg), received(t, vote).Message.GetPollUpdateMessage())
			if err != nil || !slices.Equal(got, []string{"soup", "both"}) {
				t.Errorf("voted for %v, %v", got, err)
			}
			b.voter = jidC
			if _, err := openVote(b, pollOf(msg), vote.GetPollUpdateMessage()); !errors.Is(err, errNotThisPoll) {
				t.Errorf("another voter: %v", err)
			}
		})
	}
}

func TestOpenVoteRefusesUnknownOption(t *testing.T) {
	msg := pollMessage("?", []string{"a"}, 1)
	b := ballot{poll: toChat, secret: msg.GetMessageContextInfo().GetMessageSecret(), creator: jidA, voter: jidB}
	vote, err := voteMessage(b, []string{"z"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openVote(b, pollOf(msg), vote.GetPollUpdateMessage()); !errors.Is(err, errNotThisPoll) {
		t.Errorf("error %v, want errNotThisPoll", err)
	}
	none, err := voteMessage(b, nil, noon)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := openVote(b, pollOf(msg), none.GetPollUpdateMessage()); err != nil || len(got) != 0 {
		t.Errorf("vote taken back: %v, %v", got, err)
	}
}
