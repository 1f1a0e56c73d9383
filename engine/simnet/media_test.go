package simnet

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// TestFilesExpireAndGetLost: the media host drops files, phones lose theirs, and
// neither minds the other.
func TestFilesExpireAndGetLost(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	data := picture(t)
	id, err := peer.SendMedia(ctx, phone.JID(), Media{Kind: MediaImage, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	m := await(c, func(m *events.Message) bool { return m.Info.ID == id })
	if _, err = phone.Await(ctx, func(r Received) bool { return r.ID == id && r.Message != nil }); err != nil {
		t.Fatal(err)
	}
	image := m.Message.GetImageMessage()
	ask := func() (*waMmsRetry.MediaRetryNotification, error) {
		t.Helper()
		if err := c.SendMediaRetryReceipt(ctx, &m.Info, image.GetMediaKey()); err != nil {
			t.Fatal(err)
		}
		answer := await(c, func(e *events.MediaRetry) bool { return e.MessageID == id })
		return whatsmeow.DecryptMediaRetryNotification(answer, image.GetMediaKey())
	}
	if err := phone.ExpireFile(id); err != nil {
		t.Fatal(err)
	}
	if _, err = c.Download(ctx, image); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) {
		t.Errorf("an expired file: %v", err)
	}
	answer, err := ask()
	if err != nil || answer.GetResult() != waMmsRetry.MediaRetryNotification_SUCCESS {
		t.Fatalf("the phone has its copy still, but says %v, %v", answer, err)
	}
	again := proto.CloneOf(image)
	again.DirectPath = answer.DirectPath
	if file, err := c.Download(ctx, again); err != nil || !bytes.Equal(file, data) {
		t.Errorf("uploaded again: %d bytes, %v", len(file), err)
	}
	if err := errors.Join(phone.LoseFile(id), phone.LoseFile(id)); err != nil {
		t.Fatal(err)
	}
	if err := phone.LoseFile("3EB0"); !errors.Is(err, ErrUnknownMessage) {
		t.Errorf("losing what never was: %v", err)
	}
	if err := phone.ExpireFile("3EB0"); !errors.Is(err, ErrUnknownMessage) {
		t.Errorf("expiring what never was: %v", err)
	}
}

// TestFilesOutliveTheProcess: with a state file they lie beside it.
func TestFilesOutliveTheProcess(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state.json")
	host := func() *mediaHost { return newMediaHost(&Server{cfg: Config{State: state}}) }
	path, err := host().store(bytes.NewReader([]byte("sealed")), nil)
	if err != nil {
		t.Fatal(err)
	}
	later := host()
	if body, ok := later.fetch(path); !ok || string(body) != "sealed" {
		t.Errorf("after a restart: %q, %v", body, ok)
	}
	if err := later.close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := host().fetch(path); !ok {
		t.Error("closing the host has removed files that are to stay")
	}
	fleeting := newMediaHost(&Server{})
	if path, err = fleeting.store(bytes.NewReader(nil), nil); err != nil {
		t.Fatal(err)
	}
	if err := fleeting.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(fleeting.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("files without a state file stay behind: %v", err)
	}
	for _, address := range []string{"", "/v/t62.7118-24/../../state.json", "/v/t62.7118-24/..%2Fx_n.enc", "/etc/passwd", path + "\x00"} {
		if _, ok := later.fetch(address); ok {
			t.Errorf("%q is a file", address)
		}
	}
}

func TestUploadsAreRefused(t *testing.T) {
	net := startNetwork(t, Config{})
	c := linkedClient(t, net, net.Phone(owner))
	setFault(t, net, Fault{Kind: FaultUploadRefused, Code: 413, Times: 1})
	if _, err := c.Upload(testContext(t), []byte("file"), whatsmeow.MediaImage); err == nil || !strings.Contains(err.Error(), "413") {
		t.Errorf("a refused upload: %v", err)
	}
	if _, err := c.Upload(testContext(t), []byte("file"), whatsmeow.MediaImage); err != nil {
		t.Errorf("the next one: %v", err)
	}
}
