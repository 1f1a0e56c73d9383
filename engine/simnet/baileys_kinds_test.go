package simnet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet/baileys"
)

// TestBaileysReadsEveryKind lets a phone send everything that it can to a
// Baileys, which must take it for what it is.
func TestBaileysReadsEveryKind(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	b, _, _ := linkedBaileys(t, net, phone)
	to := phone.JID()
	file := func(kind MediaKind, voice bool) Media {
		return Media{Kind: kind, Data: drawn(t, 10_007), Voice: voice, Caption: poem, FileName: "Übung.pdf", Duration: 3 * time.Second}
	}
	first, err := peer.SendText(ctx, to, "the first")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		send  func(context.Context) (types.MessageID, error)
		media *Media
		kind  string
		text  string
	}{
		"image":    {media: new(file(MediaImage, false)), kind: "imageMessage", text: poem},
		"video":    {media: new(file(MediaVideo, false)), kind: "videoMessage", text: poem},
		"audio":    {media: new(file(MediaAudio, false)), kind: "audioMessage"},
		"voice":    {media: new(file(MediaAudio, true)), kind: "audioMessage"},
		"document": {media: new(file(MediaDocument, false)), kind: "documentMessage", text: poem},
		"sticker":  {media: new(file(MediaSticker, false)), kind: "stickerMessage"},
		"reply": {kind: "extendedTextMessage", text: "reply: " + poem, send: func(ctx context.Context) (types.MessageID, error) {
			return peer.Reply(ctx, to, first, "reply: "+poem)
		}},
		"mention": {kind: "extendedTextMessage", text: "@you", send: func(ctx context.Context) (types.MessageID, error) {
			return peer.Mention(ctx, to, "@you", phone.LID())
		}},
		"disappearing": {kind: "extendedTextMessage", text: "gone soon", send: func(ctx context.Context) (types.MessageID, error) {
			return peer.SendDisappearing(ctx, to, "gone soon", 24*time.Hour)
		}},
		"place": {kind: "locationMessage", text: "Café", send: func(ctx context.Context) (types.MessageID, error) {
			return peer.SendLocation(ctx, to, Place{Latitude: 52.5, Longitude: -13.4, Name: "Café"})
		}},
		"card": {kind: "contactMessage", send: func(ctx context.Context) (types.MessageID, error) {
			return peer.SendContacts(ctx, to, Card{Name: "Zoë", Number: bystander})
		}},
		"poll": {kind: "pollCreationMessageV3", text: "Tea?", send: func(ctx context.Context) (types.MessageID, error) {
			return peer.SendPoll(ctx, to, "Tea?", []string{"yes", "no"}, 1)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var id types.MessageID
			var err error
			if tc.media != nil {
				id, err = peer.SendMedia(ctx, to, *tc.media)
			} else {
				id, err = tc.send(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
			got := b.Await("message", about(id))
			if got.Type != tc.kind || got.Text != tc.text {
				t.Errorf("Baileys got a %s with %q, expected a %s with %q", got.Type, got.Text, tc.kind, tc.text)
			}
			if tc.media != nil {
				wantFile(t, got, tc.media.Data)
			}
		})
	}

	if _, err = peer.Edit(ctx, to, first, "the first, better"); err != nil {
		t.Fatal(err)
	}
	if edited := b.Await("edited", about(first)); edited.Text != "the first, better" {
		t.Errorf("edited to %q", edited.Text)
	}
	if _, err = peer.Revoke(ctx, to, first); err != nil {
		t.Fatal(err)
	}
	b.Await("revoked", about(first))
	b.Quit()
}

func wantFile(t *testing.T, got baileys.Event, data []byte) {
	t.Helper()
	sum := sha256.Sum256(data)
	want := hex.EncodeToString(sum[:])
	if got.MediaError != "" || got.MediaSHA256 != want || got.DeclaredSHA256 != want {
		t.Errorf("Baileys downloaded %s (declared %s), expected %s: %s", got.MediaSHA256, got.DeclaredSHA256, want, got.MediaError)
	}
}

func TestBaileysSendsImages(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	b, _, _ := linkedBaileys(t, net, phone)
	picture := drawn(t, 100_003)
	file := filepath.Join(t.TempDir(), "picture.png")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	sent := b.Do(baileys.Command{Do: "image", To: peer.JID().String(), File: file, Caption: poem})
	heard, err := peer.Await(ctx, func(r Received) bool { return r.ID == sent.ID })
	if err != nil {
		t.Fatal(err)
	}
	have, err := peer.Download(ctx, heard)
	if err != nil || !slices.Equal(have, picture) || heard.Message.GetImageMessage().GetCaption() != poem {
		t.Errorf("the peer got %d bytes with %q: %v", len(have), heard.Text, err)
	}

	// A file that the media host has lost is uploaded anew by the own phone.
	if _, err = net.Faults().Set(Fault{Kind: FaultMediaGone, Number: Everyone, Code: 410, Times: 1}); err != nil {
		t.Fatal(err)
	}
	id, err := peer.SendMedia(ctx, phone.JID(), Media{Kind: MediaImage, Data: picture})
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, b.Await("message", about(id)), picture)
	if n := len(net.Faults().List()); n != 0 {
		t.Errorf("%d faults left: nothing was lost", n)
	}
	b.Quit()
}
