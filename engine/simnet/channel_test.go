package simnet

import (
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

func TestChannelPosts(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone := net.Phone(owner)
	c := linkedClient(t, net, phone)
	channel := phone.CreateChannel()
	first, err := c.SendMessage(ctx, channel, textMessage("first"))
	if err != nil || first.ServerID == 0 {
		t.Fatalf("a post: %+v, %v", first, err)
	}
	again, err := c.SendMessage(ctx, channel, textMessage("first"), whatsmeow.SendRequestExtra{ID: first.ID})
	if err != nil || again.ServerID != first.ServerID || len(net.Posts(channel)) != 1 {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	if _, err = c.SendMessage(ctx, channel, c.BuildEdit(channel, first.ID, textMessage("better"))); err != nil {
		t.Fatal(err)
	}
	if posts := net.Posts(channel); len(posts) != 1 || textOf(posts[0].Message) != "better" || posts[0].Edits != 1 {
		t.Errorf("posts %+v", posts)
	}
	if _, err = c.SendMessage(ctx, channel, c.BuildRevoke(channel, phone.JID(), first.ID)); err != nil {
		t.Fatal(err)
	}
	if posts := net.Posts(channel); len(posts) != 1 || posts[0].Message != nil {
		t.Errorf("posts %+v", posts)
	}
	up, err := c.UploadNewsletter(ctx, picture(t), whatsmeow.MediaImage)
	if err != nil || up.Handle == "" {
		t.Fatalf("upload %+v, %v", up, err)
	}
	image := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Mimetype: proto.String("image/png"),
	}}
	if _, err = c.SendMessage(ctx, channel, image, whatsmeow.SendRequestExtra{MediaHandle: up.Handle}); err != nil {
		t.Error(err)
	}
	if _, err = c.SendMessage(ctx, net.Phone(customer).CreateChannel(), textMessage("not mine")); err == nil {
		t.Error("posted in somebody else's channel")
	}
}
