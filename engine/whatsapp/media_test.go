package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
	"wapid/engine/simnet"
)

// receiveFile lets a phone send a file to the session, and returns its reference.
func (s *speaker) receiveFile(t *testing.T, from *phone, kind simnet.MediaKind, data []byte) engine.MessageRef {
	t.Helper()
	id, err := from.SendMedia(t.Context(), s.phone.JID(), simnet.Media{Kind: kind, Data: data, Caption: "c"})
	if err != nil {
		t.Fatal(err)
	}
	in := s.AwaitMessage(t, engine.MessageID(id))
	// The own phone has it too before it is asked for it.
	if _, err := s.phone.Await(t.Context(), func(r simnet.Received) bool { return r.ID == id && r.Message != nil }); err != nil {
		t.Fatal(err)
	}
	return engine.MessageRef{ID: in.ID, Chat: in.Chat, Sender: in.Sender, Kind: in.Kind, Payload: s.payload(t, in)}
}

// payload is what is kept of an incoming message.
func (s *speaker) payload(t *testing.T, in engine.Incoming) []byte {
	t.Helper()
	if len(in.Payload) > 0 {
		return in.Payload
	}
	got, err := s.phone.Await(t.Context(), func(r simnet.Received) bool { return r.ID == string(in.ID) && r.Message != nil })
	if err != nil {
		t.Fatal(err)
	}
	raw, err := payloadOf(got.Message)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// fetch downloads a message's file.
func (s *speaker) fetch(t *testing.T, ref engine.MessageRef) ([]byte, error) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := s.media().Download(t.Context(), ref, file); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file) // From the beginning, which Download promises.
	if err != nil {
		t.Fatal(err)
	}
	return data, nil
}

func (s *speaker) wantFile(t *testing.T, what string, ref engine.MessageRef, want []byte) {
	t.Helper()
	if got, err := s.fetch(t, ref); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes of %d, %v", what, len(got), len(want), err)
	}
}

func TestDownload(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	for i, kind := range []simnet.MediaKind{simnet.MediaImage, simnet.MediaVideo, simnet.MediaAudio, simnet.MediaDocument, simnet.MediaSticker} {
		data := drawn(100_000 + i) // one of each length modulo the cipher's block
		s.wantFile(t, string(kind), s.receiveFile(t, peer, kind, data), data)
	}
	empty := []byte{}
	s.wantFile(t, "an empty file", s.receiveFile(t, peer, simnet.MediaDocument, empty), empty)
	// What the session has sent itself can be fetched too.
	data := drawn(3000)
	to := peer.Person().Phone
	s.wantFile(t, "an own file", s.say(t, engine.Outgoing{To: to, Kind: engine.KindVoice, ViewOnce: true, Attachment: s.attach(t, engine.KindVoice, to, data)}), data)
	text := s.say(t, engine.Outgoing{To: to, Kind: engine.KindText, Text: "no file"})
	_, err := s.fetch(t, text)
	wantCode(t, err, engine.CodeNotFound)
}

// TestDownloadAsksThePhone: the media host has dropped a file, or does not give it
// out any more.
func TestDownloadAsksThePhone(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	data := drawn(20_000)
	theirs := s.receiveFile(t, peer, simnet.MediaImage, data)
	to := peer.Person().Phone
	mine := s.say(t, engine.Outgoing{To: to, Kind: engine.KindImage, Attachment: s.attach(t, engine.KindImage, to, data)})
	heard(t, s.phone, mine)
	for _, code := range []int{403, 404, 410} {
		for _, ref := range []engine.MessageRef{theirs, mine} {
			sim.fault(t, simnet.Fault{Kind: simnet.FaultMediaGone, Code: code, Times: 1})
			s.wantFile(t, "uploaded again", ref, data)
		}
	}
	if left := sim.Faults().List(); len(left) > 0 {
		t.Errorf("nothing was lost: %+v", left)
	}
	// Several at once share the phone's answers.
	if err := s.phone.ExpireFile(string(theirs.ID)); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if got, err := s.fetch(t, theirs); err != nil || !bytes.Equal(got, data) {
				t.Errorf("one of several: %d bytes, %v", len(got), err)
			}
		})
	}
	all.Wait()
	// Also if the phone has lost it.
	if err := s.phone.LoseFile(string(theirs.ID)); err != nil {
		t.Fatal(err)
	}
	_, err := s.fetch(t, theirs)
	wantCode(t, err, engine.CodeMediaGone)
	// A message that the phone has never seen.
	sim.fault(t, simnet.Fault{Kind: simnet.FaultMediaGone, Code: 404, Times: 1})
	theirs.ID = "3EB0000000000000000000"
	_, err = s.fetch(t, theirs)
	wantCode(t, err, engine.CodeMediaGone)
}

// TestDownloadWaitsForThePhone: one that is switched off does not answer, and the
// caller's patience or the session's end ends the wait.
func TestDownloadWaitsForThePhone(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	ref := s.receiveFile(t, peer, simnet.MediaImage, drawn(1000))
	s.phone.SetOnline(false)
	sim.fault(t, simnet.Fault{Kind: simnet.FaultMediaGone, Code: 404})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	wantCode(t, s.media().Download(ctx, ref, file), engine.CodeNetworkRefused)

	ended := make(chan error, 1)
	go func() { ended <- s.media().Download(t.Context(), ref, file) }()
	c := s.Conn.(*conn)
	s.Until(t, "the wait for the phone", func() bool {
		l := c.readyLink()
		l.reuploads.mu.Lock()
		defer l.reuploads.mu.Unlock()
		return len(l.reuploads.waiting) > 0
	})
	s.phone.Cut(t)
	wantCode(t, <-ended, engine.CodeSessionNotReady)
	_, err = s.media().Upload(t.Context(), engine.Outgoing{Kind: engine.KindImage, To: "1@lid"}, bytes.NewReader(nil))
	wantCode(t, err, engine.CodeSessionNotReady)
}

// TestDownloadTrustsNoDescription: a message may describe anything.
func TestDownloadTrustsNoDescription(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	good := s.receiveFile(t, peer, simnet.MediaImage, drawn(50_000))
	for name, c := range map[string]struct {
		change func(*waE2E.ImageMessage)
		want   engine.Code
	}{
		"shorter than the file": {func(m *waE2E.ImageMessage) { m.FileLength = proto.Uint64(1000) }, engine.CodeMediaInvalid},
		"another hash":          {func(m *waE2E.ImageMessage) { m.FileSHA256 = make([]byte, 32) }, engine.CodeMediaInvalid},
		"another sealed hash":   {func(m *waE2E.ImageMessage) { m.FileEncSHA256 = make([]byte, 32) }, engine.CodeMediaInvalid},
		"another key":           {func(m *waE2E.ImageMessage) { m.MediaKey = make([]byte, 32) }, engine.CodeMediaInvalid},
		"sealed hash too short": {func(m *waE2E.ImageMessage) { m.FileEncSHA256 = []byte{1} }, engine.CodeNetworkRefused},
		"no hash":               {func(m *waE2E.ImageMessage) { m.FileSHA256 = nil }, engine.CodeMediaGone},
		"no path":               {func(m *waE2E.ImageMessage) { m.DirectPath, m.URL = nil, nil }, engine.CodeMediaGone},
		"a path that is none":   {func(m *waE2E.ImageMessage) { m.DirectPath = proto.String("..") }, engine.CodeMediaGone},
		"another host":          {func(m *waE2E.ImageMessage) { m.DirectPath = proto.String("/v/elsewhere") }, engine.CodeMediaGone},
	} {
		var message waE2E.Message
		if err := proto.Unmarshal(good.Payload, &message); err != nil {
			t.Fatal(err)
		}
		c.change(message.ImageMessage)
		bad := good
		bad.ID = "" // The phone is not to be asked.
		bad.Payload, _ = proto.Marshal(&message)
		_, err := s.fetch(t, bad)
		if engine.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestUploadRefused(t *testing.T) {
	sim := simulate(t)
	s := sim.speaker(t)
	dir := filepath.Join(s.net.opts.DataDir, spoolDir)
	for code, want := range map[int]engine.Code{
		401: engine.CodeNetworkRefused, 413: engine.CodeMediaInvalid, 429: engine.CodeRateLimited, 500: engine.CodeNetworkRefused,
	} {
		id := sim.fault(t, simnet.Fault{Kind: simnet.FaultUploadRefused, Code: code})
		_, err := s.media().Upload(t.Context(), engine.Outgoing{Kind: engine.KindImage, To: "1@lid"}, bytes.NewReader(drawn(200_000)))
		wantCode(t, err, want)
		for _, secret := range []string{"auth", "https", "/mms"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells an address: %v", err)
			}
		}
		sim.Faults().Clear(id)
	}
	// A permission that has run out is renewed.
	sim.fault(t, simnet.Fault{Kind: simnet.FaultUploadRefused, Code: 401, Times: 1})
	s.attach(t, engine.KindImage, "1@lid", drawn(200_000))
	_, err := s.media().Upload(t.Context(), engine.Outgoing{Kind: engine.KindImage, To: "1@lid"}, brokenFile{})
	wantCode(t, err, engine.CodeStorage)
	_, err = s.media().Upload(t.Context(), engine.Outgoing{Kind: engine.KindText, To: "1@lid"}, bytes.NewReader(nil))
	wantCode(t, err, engine.CodeInvalid)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.media().Upload(ctx, engine.Outgoing{Kind: engine.KindImage, To: "1@lid"}, bytes.NewReader(nil))
	wantCode(t, err, engine.CodeSessionNotReady)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

type brokenFile struct{ io.ReadSeeker }

func (brokenFile) Seek(int64, int) (int64, error) {
	return 0, &os.PathError{Op: "seek", Err: errors.New("broken")}
}

// TestErrorsHaveNoAddresses: net/http puts whole addresses into its errors.
func TestErrorsHaveNoAddresses(t *testing.T) {
	sim := simulate(t)
	s := sim.speaker(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.media().Upload(ctx, engine.Outgoing{Kind: engine.KindImage, To: "1@lid"}, &cancelling{bytes.NewReader(drawn(1_000_000)), cancel})
	if err == nil || strings.Contains(err.Error(), "://") || strings.Contains(err.Error(), "auth=") {
		t.Errorf("a broken upload says %v", err)
	}
}

// cancelling ends a context when it has been read to the end.
type cancelling struct {
	*bytes.Reader
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		c.cancel()
	}
	return n, err
}

// TestTransfersTakeTurns: one session moves a few files at a time.
func TestTransfersTakeTurns(t *testing.T) {
	sim := simulate(t)
	s := sim.speaker(t)
	gate := make(chan struct{})
	var mu sync.Mutex
	reading, most := 0, 0
	var all sync.WaitGroup
	for range 3 * transfersPerSession {
		all.Go(func() {
			_, err := s.media().Upload(t.Context(), engine.Outgoing{Kind: engine.KindDocument, To: "1@lid"}, &gated{Reader: bytes.NewReader(drawn(10)), open: func() {
				mu.Lock()
				reading++
				most = max(most, reading)
				if reading == transfersPerSession {
					close(gate)
				}
				mu.Unlock()
				<-gate
				mu.Lock()
				reading = -1000 // Only the first ones are counted.
				mu.Unlock()
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most != transfersPerSession {
		t.Errorf("%d uploads at once, want %d", most, transfersPerSession)
	}
}

// gated calls open before it is read for the first time.
type gated struct {
	*bytes.Reader
	once sync.Once
	open func()
}

func (g *gated) Read(p []byte) (int, error) {
	g.once.Do(g.open)
	return g.Reader.Read(p)
}

func TestAnimatedStickers(t *testing.T) {
	head := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00"), 0x02, 0, 0, 0)
	still := slices.Clone(head)
	still[20] = 0x10 // transparent
	for name, c := range map[string]struct {
		kind engine.Kind
		file []byte
		want bool
	}{
		"moving": {engine.KindSticker, head, true}, "still": {engine.KindSticker, still, false}, "short": {engine.KindSticker, head[:12], false},
		"empty": {engine.KindSticker, nil, false}, "image": {engine.KindImage, head, false},
	} {
		if got, err := isAnimated(c.kind, bytes.NewReader(c.file)); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestChannelUpload(t *testing.T) {
	sim := simulate(t)
	s := sim.speaker(t)
	data := drawn(30_000)
	up, err := s.media().Upload(t.Context(), engine.Outgoing{Kind: engine.KindImage, To: "120363000000000009@newsletter"}, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	m := engine.Outgoing{To: "120363000000000009@newsletter", Kind: engine.KindImage, Attachment: &engine.Attachment{Upload: &up}}
	post, err := composeMessage(m, setting{chat: types.NewJID("120363000000000009", types.NewsletterServer)})
	if err != nil || post.GetImageMessage().MediaKey != nil || post.GetImageMessage().FileEncSHA256 != nil || mediaHandle(m) == "" {
		t.Fatalf("a channel's image is %v, %v", post, err)
	}
	payload, err := payloadOf(post)
	if err != nil {
		t.Fatal(err)
	}
	s.wantFile(t, "a channel's file", engine.MessageRef{ID: "A", Chat: m.To, FromMe: true, Payload: payload}, data)
	sim.fault(t, simnet.Fault{Kind: simnet.FaultMediaGone, Code: 404, Times: 1})
	_, err = s.fetch(t, engine.MessageRef{ID: "A", Chat: m.To, FromMe: true, Payload: payload})
	wantCode(t, err, engine.CodeMediaGone)
}
