package simnet

import (
	"bytes"
	"image"
	"image/png"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// TestEveryKindReachesTheClient sends one of each from a phone and lets the
// real client decrypt, unwrap, download and count it.
func TestEveryKindReachesTheClient(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	to := phone.JID()
	question := c.sendText(peer.JID(), "question")
	_, err := peer.Await(ctx, withText("question"))
	succeed(t, err)

	arrives := func(id types.MessageID, err error) *events.Message {
		t.Helper()
		succeed(t, err)
		return await(c, func(m *events.Message) bool { return m.Info.ID == id })
	}
	if got := arrives(peer.Reply(ctx, to, question, "answer")); got.Message.GetExtendedTextMessage().GetContextInfo().GetStanzaID() != question ||
		got.Message.GetExtendedTextMessage().GetContextInfo().GetQuotedMessage().GetConversation() != "question" ||
		len(got.Message.GetMessageContextInfo().GetMessageSecret()) != 32 {
		t.Errorf("reply %v", got.Message)
	}
	if got := arrives(peer.Mention(ctx, to, "hi @"+phone.Number(), phone.JID())); len(got.Message.GetExtendedTextMessage().GetContextInfo().GetMentionedJID()) != 1 {
		t.Errorf("mention %v", got.Message)
	}
	if got := arrives(peer.Forward(ctx, to, question)); !got.Message.GetExtendedTextMessage().GetContextInfo().GetIsForwarded() {
		t.Errorf("forwarded %v", got.Message)
	}
	if got := arrives(peer.SendDisappearing(ctx, to, "soon gone", time.Hour)); got.Message.GetExtendedTextMessage().GetContextInfo().GetExpiration() != 3600 {
		t.Errorf("disappearing %v", got.Message)
	}
	if got := arrives(peer.React(ctx, to, question, "👍")); got.Info.Type != "reaction" || got.Message.GetReactionMessage().GetKey().GetID() != question || got.Message.GetReactionMessage().GetKey().GetFromMe() {
		t.Errorf("reaction %v", got.Message)
	}
	own, err := peer.SendText(ctx, to, "tpyo")
	if got := arrives(own, err); got.Message.GetConversation() != "tpyo" {
		t.Errorf("text %v", got.Message)
	}
	if got := arrives(peer.Edit(ctx, to, own, "typo")); !got.IsEdit || got.Info.Edit != types.EditAttributeMessageEdit || got.Message.GetProtocolMessage().GetKey().GetID() != own ||
		got.Message.GetProtocolMessage().GetEditedMessage().GetConversation() != "typo" {
		t.Errorf("edit %v", got.Message)
	}
	if got := arrives(peer.Revoke(ctx, to, own)); got.Info.Edit != types.EditAttributeSenderRevoke || got.Message.GetProtocolMessage().GetKey().GetID() != own {
		t.Errorf("revocation %v", got.Message)
	}
	if got := arrives(peer.SendLocation(ctx, to, Place{Latitude: 52.5, Longitude: 13.4, Name: "Here"})); got.Message.GetLocationMessage().GetName() != "Here" {
		t.Errorf("place %v", got.Message)
	}
	if got := arrives(peer.SendLiveLocation(ctx, to, Place{Latitude: 52.5, Longitude: 13.4}, "moving", 1)); got.Message.GetLiveLocationMessage().GetCaption() != "moving" {
		t.Errorf("live place %v", got.Message)
	}
	if got := arrives(peer.SendContacts(ctx, to, Card{"Ann", friend})); got.Message.GetContactMessage().GetDisplayName() != "Ann" || got.Info.MediaType != "vcard" {
		t.Errorf("contact %v", got.Message)
	}
	if got := arrives(peer.SendContacts(ctx, to, Card{"Ann", friend}, Card{"Bob", stranger})); len(got.Message.GetContactsArrayMessage().GetContacts()) != 2 {
		t.Errorf("contacts %v", got.Message)
	}
	if _, err = peer.React(ctx, to, "no such id", "?"); err == nil {
		t.Error("reacted to nothing")
	}
	if _, err = peer.Edit(ctx, to, question, "mine now"); err == nil {
		t.Error("edited somebody else's message")
	}
}

func TestMediaReachesTheClient(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	var picture bytes.Buffer
	succeed(t, png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 64, 32))))
	for name, media := range map[string]Media{
		"image":              {Kind: MediaImage, Data: picture.Bytes(), MIME: "image/png", Caption: "look"},
		"view-once image":    {Kind: MediaImage, Data: picture.Bytes(), MIME: "image/png", ViewOnce: true},
		"video":              {Kind: MediaVideo, Data: drawn(t, 5000), Duration: 3 * time.Second},
		"gif":                {Kind: MediaVideo, Data: drawn(t, 5000), GIF: true},
		"audio":              {Kind: MediaAudio, Data: drawn(t, 100)},
		"voice":              {Kind: MediaAudio, Data: drawn(t, 100), Voice: true, Duration: time.Second},
		"view-once voice":    {Kind: MediaAudio, Data: drawn(t, 100), Voice: true, ViewOnce: true},
		"document":           {Kind: MediaDocument, Data: drawn(t, 70000), MIME: "application/pdf", FileName: "a.pdf"},
		"captioned document": {Kind: MediaDocument, Data: drawn(t, 1), MIME: "application/pdf", FileName: "a.pdf", Caption: "read"},
		"sticker":            {Kind: MediaSticker, Data: drawn(t, 300)},
	} {
		id, err := peer.SendMedia(ctx, phone.JID(), media)
		succeed(t, err)
		got := await(c, func(m *events.Message) bool { return m.Info.ID == id })
		//lint:ignore SA1019 the kind does not matter here
		data, err := c.DownloadAny(ctx, got.Message)
		if err != nil || !bytes.Equal(data, media.Data) {
			t.Errorf("%s: downloaded %d bytes, %v", name, len(data), err)
		}
		if got.IsViewOnce != media.ViewOnce || got.Info.Type != "media" {
			t.Errorf("%s: %+v", name, got.Info)
		}
	}
	if _, err := peer.SendMedia(ctx, phone.JID(), Media{Kind: MediaSticker, Data: []byte{1}, ViewOnce: true}); err == nil {
		t.Error("a sticker was sent to be viewed once")
	}
}

// TestPollsWithTheClient votes in both directions, one to one and in a group.
func TestPollsWithTheClient(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	group, err := peer.CreateGroup(ctx, "Polls", phone.JID())
	succeed(t, err)
	await[*events.JoinedGroup](c, nil)
	for _, chat := range []struct {
		name            string
		toPhone, toPeer types.JID
	}{{"one to one", phone.JID(), peer.JID()}, {"by LID", phone.LID(), peer.LID()}, {"group", group, group}} {
		id, err := peer.SendPoll(ctx, chat.toPhone, "lunch?", []string{"soup", "bread"}, 1)
		succeed(t, err)
		// The first message in a group comes with the sender key, which whatsmeow
		// reports as a message of the same id.
		poll := await(c, func(m *events.Message) bool { return m.Info.ID == id && pollOf(m.Message) != nil })
		if pollOf(poll.Message).GetName() != "lunch?" || poll.Info.Type != "poll" {
			t.Errorf("%s: poll %v", chat.name, poll.Message)
		}
		vote, err := c.BuildPollVote(ctx, &poll.Info, []string{"soup"})
		succeed(t, err)
		sent, err := c.SendMessage(ctx, chat.toPeer, vote)
		succeed(t, err)
		_, err = peer.Await(ctx, func(r Received) bool { return r.ID == sent.ID })
		succeed(t, err)
		if votes, err := peer.Votes(id); err != nil || !slices.Equal(votes[phone.JID()], []string{"soup"}) {
			t.Errorf("%s: votes %v, %v", chat.name, votes, err)
		}

		sent, err = c.SendMessage(ctx, chat.toPeer, c.BuildPollCreation("dinner?", []string{"fish", "rice", "both"}, 2))
		succeed(t, err)
		_, err = peer.Await(ctx, func(r Received) bool { return r.ID == sent.ID })
		succeed(t, err)
		id, err = peer.Vote(ctx, chat.toPhone, sent.ID, "rice", "both")
		succeed(t, err)
		got, err := c.DecryptPollVote(ctx, await(c, func(m *events.Message) bool { return m.Info.ID == id }))
		if err != nil || !slices.EqualFunc(got.GetSelectedOptions(), whatsmeow.HashPollOptions([]string{"rice", "both"}), bytes.Equal) {
			t.Errorf("%s: client read %v, %v", chat.name, got, err)
		}
	}
}
