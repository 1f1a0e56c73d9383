package simnet

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

func picture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewRGBA(image.Rect(0, 0, 40, 30))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestMediaInBothDirections(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	data := picture(t)

	up, err := c.Upload(ctx, data, whatsmeow.MediaImage)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.SendMessage(ctx, peer.JID(), &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, Mimetype: proto.String("image/png"),
		FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Caption: proto.String("look"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := peer.Await(ctx, withText("look"))
	if err != nil {
		t.Fatal(err)
	}
	if file, err := peer.Download(ctx, got); err != nil || !bytes.Equal(file, data) {
		t.Errorf("peer's download: %v", err)
	}

	if _, err = peer.SendMedia(ctx, phone.JID(), Media{Kind: MediaImage, Data: data, MIME: "image/png", Caption: "yours"}); err != nil {
		t.Fatal(err)
	}
	m := await(c, func(m *events.Message) bool { return m.Message.GetImageMessage().GetCaption() == "yours" })
	file, err := c.Download(ctx, m.Message.GetImageMessage())
	if err != nil || !bytes.Equal(file, data) {
		t.Errorf("client's download: %v", err)
	}

	// The file goes missing; the account's phone uploads it again.
	setFault(t, net, Fault{Kind: FaultMediaGone, Code: 410, Times: 1})
	if _, err = c.Download(ctx, m.Message.GetImageMessage()); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410) {
		t.Fatalf("gone: %v", err)
	}
	if _, err = phone.Await(ctx, func(r Received) bool { return r.ID == m.Info.ID }); err != nil {
		t.Fatal(err)
	}
	if err = c.SendMediaRetryReceipt(ctx, &m.Info, m.Message.GetImageMessage().GetMediaKey()); err != nil {
		t.Fatal(err)
	}
	retry := await(c, func(e *events.MediaRetry) bool { return e.MessageID == m.Info.ID })
	answer, err := whatsmeow.DecryptMediaRetryNotification(retry, m.Message.GetImageMessage().GetMediaKey())
	if err != nil || answer.GetResult() != waMmsRetry.MediaRetryNotification_SUCCESS {
		t.Fatalf("media retry %v %v", answer, err)
	}
	again := proto.CloneOf(m.Message.GetImageMessage())
	again.DirectPath = answer.DirectPath
	if file, err = c.Download(ctx, again); err != nil || !bytes.Equal(file, data) {
		t.Errorf("download of the new upload: %v", err)
	}
}
