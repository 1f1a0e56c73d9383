package simnet

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types/events"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

// canned answers every request with the same body.
type canned []byte

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(c))}, nil
}

func TestWhatsmeowOpensSealedMedia(t *testing.T) {
	for kind, want := range map[MediaKind]whatsmeow.MediaType{
		MediaImage: whatsmeow.MediaImage, MediaSticker: whatsmeow.MediaImage, MediaVideo: whatsmeow.MediaVideo,
		MediaAudio: whatsmeow.MediaAudio, MediaDocument: whatsmeow.MediaDocument,
		mediaHistory: whatsmeow.MediaHistory, mediaAppState: whatsmeow.MediaAppState,
	} {
		for _, size := range []int{0, 1, 15, 16, 4096} {
			plain := drawn(t, size)
			class, err := mediaClassOf(kind)
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := sealMedia(class, plain)
			if err != nil {
				t.Fatal(err)
			}
			cli := companionClient()
			cli.SetMediaHTTPClient(&http.Client{Transport: canned(sealed.body)})
			//lint:ignore SA1019 the test holds our file format against the client's own decoder
			got, err := cli.DangerousInternals().DownloadAndDecrypt(context.Background(), "https://host/x", sealed.key, want, sealed.bodyHash, sealed.plainHash)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s of %d bytes: whatsmeow read %d bytes, %v", kind, size, len(got), err)
			}
			if got, err := openMedia(class, sealed, sealed.body); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s of %d bytes: %v", kind, size, err)
			}
		}
	}
	if _, err := mediaClassOf("smell"); err == nil {
		t.Error("an unknown kind has a class")
	}
}

func TestOpenMediaRefuses(t *testing.T) {
	class, _ := mediaClassOf(MediaImage)
	video, _ := mediaClassOf(MediaVideo)
	good, err := sealMedia(class, []byte("picture"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		class  mediaClass
		change func(want *sealedMedia)
	}{
		"another kind":   {video, func(*sealedMedia) {}},
		"another key":    {class, func(w *sealedMedia) { w.key = make([]byte, 32) }},
		"another hash":   {class, func(w *sealedMedia) { w.bodyHash = make([]byte, 32) }},
		"another file":   {class, func(w *sealedMedia) { w.plainHash = make([]byte, 32) }},
		"another length": {class, func(w *sealedMedia) { w.length++ }},
	} {
		want := good
		tt.change(&want)
		if _, err := openMedia(tt.class, want, good.body); !errors.Is(err, errBadMedia) {
			t.Errorf("%s: %v, want errBadMedia", name, err)
		}
	}
	if _, err := openMedia(class, good, good.body[:5]); !errors.Is(err, errBadMedia) {
		t.Errorf("short file: %v", err)
	}
}

func TestMediaMessageDescribesTheFile(t *testing.T) {
	picture := image.NewRGBA(image.Rect(0, 0, 200, 100))
	picture.Set(0, 0, color.White)
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	class, _ := mediaClassOf(MediaImage)
	sealed, err := sealMedia(class, file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	msg, err := mediaMessage(Media{Kind: MediaImage, Data: file.Bytes(), MIME: "image/png", Caption: "c"},
		storedMedia{sealedMedia: sealed, url: "https://host/v/x?y", directPath: "/v/x?y", at: noon})
	if err != nil {
		t.Fatal(err)
	}
	content := received(t, viewOnce(msg)).Message.GetImageMessage()
	if content.GetWidth() != 200 || content.GetHeight() != 100 || content.GetMimetype() != "image/png" {
		t.Errorf("content %v", content)
	}
	small, err := jpeg.DecodeConfig(bytes.NewReader(content.GetJPEGThumbnail()))
	if err != nil || small.Width != 72 || small.Height != 36 {
		t.Errorf("thumbnail %dx%d, %v", small.Width, small.Height, err)
	}
	kind, at, ok := mediaOf(viewOnce(msg))
	if !ok || kind != MediaImage || at.directPath != "/v/x?y" {
		t.Fatalf("media %s %s %v", kind, at.directPath, ok)
	}
	if got, err := openMedia(class, at.sealedMedia, sealed.body); err != nil || !bytes.Equal(got, file.Bytes()) {
		t.Errorf("reading by the message: %v", err)
	}
	if _, _, ok := mediaOf(textMessage("x")); ok {
		t.Error("a text has media")
	}
}

func TestMediaRetry(t *testing.T) {
	key := drawn(t, 32)
	retryKey := hkdfutil.SHA256(key, nil, []byte("WhatsApp Media Retry Notification"), 32)
	iv := drawn(t, 12)
	request, err := gcmutil.Encrypt(retryKey, iv, marshalled(t, &waMmsRetry.ServerErrorReceipt{StanzaID: proto.String("ID1")}), []byte("ID1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := openMediaRetry("ID1", key, iv, request); err != nil {
		t.Error(err)
	}
	if err := openMediaRetry("ID2", key, iv, request); !errors.Is(err, errBadMedia) {
		t.Errorf("for another message: %v", err)
	}
	for path, want := range map[string]waMmsRetry.MediaRetryNotification_ResultType{
		"/v/new?x": waMmsRetry.MediaRetryNotification_SUCCESS, "": waMmsRetry.MediaRetryNotification_NOT_FOUND,
	} {
		iv, sealed, err := sealMediaRetry("ID1", key, path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := whatsmeow.DecryptMediaRetryNotification(&events.MediaRetry{MessageID: "ID1", Ciphertext: sealed, IV: slices.Clone(iv)}, key)
		if err != nil || got.GetResult() != want || got.GetDirectPath() != path {
			t.Errorf("answer %v, %v", got, err)
		}
	}
}
