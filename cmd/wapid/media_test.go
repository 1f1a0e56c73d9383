package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"wapid/engine/simnet"
)

// upload posts a form with a file and returns the message's id.
func (a *api) upload(t testing.TB, id, name string, file io.Reader, fields map[string]string) string {
	t.Helper()
	in, out := io.Pipe()
	form := multipart.NewWriter(out)
	go func() {
		for field, value := range fields {
			_ = form.WriteField(field, value) // the pipe fails only if the request has
		}
		part, err := form.CreateFormFile("file", name)
		if err == nil {
			_, err = io.Copy(part, file)
		}
		if err == nil {
			err = form.Close()
		}
		_ = out.CloseWithError(err)
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.base+sessionPath(id)+"/send", in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", a.key)
	req.Header.Set("Content-Type", form.FormDataContentType())
	return a.messageID(t, req)
}

func (a *api) messageID(t testing.TB, req *http.Request) string {
	t.Helper()
	res, err := a.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s, %v", res.StatusCode, body, err)
	}
	_, rest, _ := strings.Cut(string(body), `"messageId":"`)
	message, _, _ := strings.Cut(rest, `"`)
	return message
}

// fetch gets a message's file and returns its hash and length.
func (a *api) fetch(t testing.TB, id, message string) (sum [32]byte, size int64, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.base+sessionPath(id)+"/messages/"+message+"/media", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", a.key)
	res, err := a.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	h := sha256.New()
	size, err = io.Copy(h, res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	return [32]byte(h.Sum(nil)), size, res.Header
}

// picture is a PNG of 30 × 20 pixels.
func picture(t testing.TB) []byte {
	t.Helper()
	var buffer bytes.Buffer
	if err := png.Encode(&buffer, image.NewGray(image.Rect(0, 0, 30, 20))); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// TestEveryKindIsSent: whatever the API can send arrives on the recipient's phone
// as that, with all that it holds.
func TestEveryKindIsSent(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, theirs := network.Phone("447700900133"), network.Phone("447700900134")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	photo := string(picture(t))
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, photo) }))
	defer site.Close()

	got := func(id string) simnet.Received {
		t.Helper()
		r, err := arrive(t, theirs, func(r simnet.Received) bool { return string(r.ID) == id })
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		return r
	}
	send := func(fields map[string]any) simnet.Received {
		t.Helper()
		fields["to"] = "+44 (0)7700 900134"
		return got(a.must(t, 200, "POST", sessionPath("main")+"/send", fields).text("messageId"))
	}
	holds := func(what string, r simnet.Received, file string) {
		t.Helper()
		b, err := theirs.Download(t.Context(), r)
		if err != nil || string(b) != file {
			t.Errorf("%s arrived with %d bytes, %v", what, len(b), err)
		}
	}
	text := send(map[string]any{"header": "H", "message": "@447700900134 hi", "footer": "F", "mentions": []string{"447700900134"}})
	if text.Text != "*H*\n\n@447700900134 hi\n\n_F_" || len(text.Message.GetExtendedTextMessage().GetContextInfo().GetMentionedJID()) != 1 {
		t.Errorf("text arrived as %v", text.Message)
	}
	id := string(text.ID)

	byURL := send(map[string]any{"type": "image", "mediaUrl": site.URL + "/p.png", "message": "by URL"})
	holds("an image by URL", byURL, photo)
	if m := byURL.Message.GetImageMessage(); m.GetCaption() != "by URL" || m.GetMimetype() != "image/png" || m.GetWidth() != 30 || len(m.GetJPEGThumbnail()) == 0 {
		t.Errorf("it says %v", m)
	}
	inBase64 := send(map[string]any{"type": "document", "mediaBase64": base64.StdEncoding.EncodeToString([]byte("%PDF-1.4\n")), "mediaMimeType": "application/pdf", "fileName": "invoice-march-2026.pdf"})
	holds("a document in base64", inBase64, "%PDF-1.4\n")
	form := got(a.upload(t, "main", "film.mp4", strings.NewReader(photo+"x"), map[string]string{"to": "447700900134", "type": "document", "message": "C"}))
	holds("a document in a form", form, photo+"x")
	if form.Text != "C" {
		t.Errorf("its caption is %q", form.Text)
	}
	frames := strings.Repeat("\xff\xfb\x90\x00"+strings.Repeat("\x00", 413), 4)
	song := send(map[string]any{"type": "audio", "header": "H", "message": "M", "mediaBase64": base64.StdEncoding.EncodeToString([]byte(frames))})
	holds("audio", song, frames)
	if logged := a.must(t, 200, "GET", sessionPath("main")+"/messages/"+string(song.ID), nil).text("message"); logged != "*H*\n\nM" {
		t.Errorf("the log has %q beside the audio", logged)
	}
	sticker := send(map[string]any{"type": "sticker", "mediaBase64": base64.StdEncoding.EncodeToString([]byte(photo))})
	if b, err := theirs.Download(t.Context(), sticker); err != nil || sticker.Message.GetStickerMessage() == nil || !strings.HasPrefix(string(b), "RIFF") {
		t.Errorf("a sticker arrived as %v, %v", sticker.Message, err)
	}
	if sum, size, header := a.fetch(t, "main", string(byURL.ID)); sum != sha256.Sum256([]byte(photo)) || size != int64(len(photo)) || header.Get("Content-Type") != "image/png" {
		t.Errorf("our own file comes back with %d bytes, %v", size, header)
	}

	poll := send(map[string]any{"type": "poll", "message": "When?", "options": []string{"Monday", "Tuesday"}, "selectableCount": 0})
	if p := pollOf(poll.Message); p.GetName() != "When?" || len(p.GetOptions()) != 2 || p.GetSelectableOptionsCount() != 0 {
		t.Errorf("a poll arrived as %v", poll.Message)
	}
	place := send(map[string]any{"type": "location", "latitude": 12.5, "longitude": -77.25, "locationName": "N"})
	if l := place.Message.GetLocationMessage(); l.GetDegreesLatitude() != 12.5 || l.GetDegreesLongitude() != -77.25 || l.GetName() != "N" {
		t.Errorf("a location arrived as %v", place.Message)
	}
	card := send(map[string]any{"type": "contact", "contacts": []map[string]string{{"name": "Asha", "phone": "+91 98765 43210"}}})
	if c := card.Message.GetContactMessage(); c.GetDisplayName() != "Asha" || !strings.Contains(c.GetVcard(), "919876543210") {
		t.Errorf("a contact arrived as %v", card.Message)
	}
	reaction := send(map[string]any{"type": "reaction", "messageId": id, "emoji": "👍"})
	if r := reaction.Message.GetReactionMessage(); r.GetText() != "👍" || r.GetKey().GetID() != id {
		t.Errorf("a reaction arrived as %v", reaction.Message)
	}
	reply := send(map[string]any{"message": "yes", "quotedMessageId": id})
	if reply.Message.GetExtendedTextMessage().GetContextInfo().GetStanzaID() != id {
		t.Errorf("a reply arrived as %v", reply.Message)
	}
	for kind, fields := range map[string]map[string]any{"edit": {"type": "edit", "messageId": id, "message": "new"}, "revoke": {"type": "revoke", "messageId": id}} {
		fields["to"] = "447700900134"
		a.must(t, 200, "POST", sessionPath("main")+"/send", fields)
		eventually(t, "the "+kind+" arrives", func() bool {
			for _, r := range theirs.Inbox() {
				if strings.Contains(r.Message.String(), id) && (kind == "edit" && strings.Contains(r.Message.String(), "new") ||
					kind == "revoke" && r.Message.GetProtocolMessage().GetType() == waE2E.ProtocolMessage_REVOKE) {
					return true
				}
			}
			return false
		})
	}
}

// pollOf finds the poll in the form that its number of choices gives it.
func pollOf(m *waE2E.Message) *waE2E.PollCreationMessage {
	for _, p := range []*waE2E.PollCreationMessage{m.GetPollCreationMessage(), m.GetPollCreationMessageV2(), m.GetPollCreationMessageV3()} {
		if p != nil {
			return p
		}
	}
	return nil
}

// BenchmarkLargeFile moves 50 MB and tells how far the daemon's memory rises
// above what it had before, at most.
func BenchmarkLargeFile(b *testing.B) {
	const size = 50 << 20
	network := startNetwork(b)
	d := startDaemon(b, buildBinary(b), network, b.TempDir(), "--egress-allow", "127.0.0.0/8")
	mine := network.Phone("447700900143")
	d.pair(b, "main", mine)
	settle(b, network, mine)
	content := func(salt int64) io.Reader { return io.LimitReader(&pattern{next: salt}, size) }
	salt := int64(0)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, content(salt)) }))
	defer site.Close()
	var last string
	for _, c := range []struct {
		name string
		move func()
	}{
		{"json", func() {
			in, out := io.Pipe()
			go func() {
				_, _ = io.WriteString(out, `{"to":"447700900144","type":"document","mediaBase64":"`)
				w := base64.NewEncoder(base64.StdEncoding, out)
				_, _ = io.Copy(w, content(salt))
				_ = w.Close()
				_, err := io.WriteString(out, `"}`)
				_ = out.CloseWithError(err)
			}()
			req, err := http.NewRequest(http.MethodPost, d.base+sessionPath("main")+"/send", in)
			if err != nil {
				b.Fatal(err)
			}
			req.ContentLength = int64(len(`{"to":"447700900144","type":"document","mediaBase64":""}`) + base64.StdEncoding.EncodedLen(size))
			req.Header.Set("X-API-Key", d.key)
			req.Header.Set("Content-Type", "application/json")
			last = d.messageID(b, req)
		}},
		{"form", func() {
			last = d.upload(b, "main", "a.bin", content(salt), map[string]string{"to": "447700900144", "type": "document"})
		}},
		{"url", func() {
			last = d.must(b, 200, "POST", sessionPath("main")+"/send", map[string]any{"to": "447700900144", "type": "document", "mediaUrl": site.URL}).text("messageId")
		}},
		{"out", func() {
			if _, n, _ := d.fetch(b, "main", last); n != size {
				b.Fatalf("%d bytes", n)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var most int64
			for b.Loop() {
				salt++
				before := d.memory(b, "VmRSS:")
				if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", d.cmd.Process.Pid), []byte("5"), 0); err != nil {
					b.Fatal(err)
				}
				c.move()
				most = max(most, d.memory(b, "VmHWM:")-before)
			}
			b.ReportMetric(float64(most)/1024, "MiB-above")
			b.ReportMetric(float64(d.memory(b, "VmHWM:"))/1024, "MiB-peak")
			b.SetBytes(size)
		})
	}
}

// memory reads a line of the daemon's status, in KiB.
func (d *daemon) memory(t testing.TB, name string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var n int64
		if rest, ok := strings.CutPrefix(line, name); ok {
			if _, err := fmt.Sscan(rest, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// pattern is bytes without end that differ by where they begin.
type pattern struct{ next int64 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(p.next * 2654435761 >> 16)
		p.next++
	}
	return len(b), nil
}
