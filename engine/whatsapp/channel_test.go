package whatsapp

import (
	"bytes"
	"testing"

	"wapid/engine"
)

// TestChannel publishes, changes and withdraws posts.
func TestChannel(t *testing.T) {
	sim := simulate(t)
	s, other := sim.speaker(t), sim.phone()
	channel := s.phone.CreateChannel()
	to := engine.JID(channel.String())
	text := s.say(t, engine.Outgoing{To: to, Kind: engine.KindText, Text: "news"})
	data := drawn(4000)
	picture := s.say(t, engine.Outgoing{To: to, Kind: engine.KindImage, Text: "look", Attachment: s.attach(t, engine.KindImage, to, data)})
	s.say(t, engine.Outgoing{To: to, Kind: engine.KindEdit, Text: "better news", Target: &text})
	posts := sim.Posts(channel)
	if len(posts) != 2 || posts[0].Message.GetConversation() != "better news" || posts[0].Edits != 1 ||
		posts[1].Message.GetImageMessage().GetCaption() != "look" || posts[1].MediaID == "" {
		t.Fatalf("the channel shows %+v", posts)
	}
	if got, err := s.fetch(t, picture); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the post's file: %d bytes, %v", len(got), err)
	}
	s.say(t, engine.Outgoing{To: to, Kind: engine.KindRevoke, Target: &text})
	if posts = sim.Posts(channel); posts[0].Message != nil {
		t.Errorf("a withdrawn post is still there: %v", posts[0].Message)
	}

	for _, forbidden := range []engine.JID{engine.JID(other.CreateChannel().String()), "120363999999999999@newsletter"} {
		_, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: s.net.NewMessageID(), To: forbidden, Kind: engine.KindText, Text: "x"})
		wantCode(t, err, engine.CodeRecipientInvalid)
	}
	_, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: s.net.NewMessageID(), To: to, Kind: engine.KindReaction, Text: "👍", Target: &picture})
	wantCode(t, err, engine.CodeNotSupported)
}
