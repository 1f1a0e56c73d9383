package media

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/image/webp"

	"wapid/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openSpool(t testing.TB) *Spool {
	t.Helper()
	s, err := OpenSpool(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func take(t testing.TB, s *Spool, b []byte) File {
	t.Helper()
	f, err := s.Take(t.Context(), bytes.NewReader(b), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func files(t testing.TB, s *Spool) []string {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, filepath.Join(s.dir, e.Name()))
	}
	return names
}

func TestPrepare(t *testing.T) {
	blank := image.NewNRGBA(image.Rect(0, 0, 20, 20))
	mp3 := append([]byte("\xff\xfb\x90\x00"), make([]byte, 400)...)
	photo := asJPEG(t, halves(640, 480))
	for name, c := range map[string]struct {
		kind engine.Kind
		file []byte
		hint Hint
		want engine.Attachment // of what is set: MIME, sizes, duration, name
		says string            // of an error
	}{
		"jpeg":                     {kind: "image", file: photo, want: engine.Attachment{MIME: "image/jpeg", Width: 640, Height: 480}},
		"jpeg, so declared":        {kind: "image", file: photo, hint: Hint{MIME: "image/jpeg"}, want: engine.Attachment{MIME: "image/jpeg", Width: 640, Height: 480}},
		"jpeg, nearly so declared": {kind: "image", file: photo, hint: Hint{MIME: "image/jpg"}, want: engine.Attachment{MIME: "image/jpeg", Width: 640, Height: 480}},
		"jpeg turned":              {kind: "image", file: turned(photo, 6), want: engine.Attachment{MIME: "image/jpeg", Width: 480, Height: 640}},
		"png":                      {kind: "image", file: asPNG(t, halves(30, 20)), want: engine.Attachment{MIME: "image/png", Width: 30, Height: 20}},
		"gif":                      {kind: "image", file: asGIF(t, halves(30, 20)), want: engine.Attachment{MIME: "image/gif", Width: 30, Height: 20}},
		"webp":                     {kind: "image", file: asWebP(t, halves(30, 20)), want: engine.Attachment{MIME: "image/webp", Width: 30, Height: 20}},
		"jpeg called png":          {kind: "image", file: photo, hint: Hint{MIME: "image/png"}, want: engine.Attachment{MIME: "image/jpeg", Width: 640, Height: 480}},
		"jpeg called anything":     {kind: "image", file: photo, hint: Hint{MIME: "application/octet-stream"}, want: engine.Attachment{MIME: "image/jpeg", Width: 640, Height: 480}},
		"jpeg called pdf":          {kind: "image", file: photo, hint: Hint{MIME: "application/pdf"}, says: "of another type"},
		"a kind of its own":        {kind: "image", file: []byte("\x01\x02\x03\x04"), hint: Hint{MIME: "image/x-own"}, want: engine.Attachment{MIME: "image/x-own"}},
		"bytes without a name":     {kind: "image", file: []byte("\x01\x02\x03\x04"), says: "an image must be"},
		"a cut jpeg":               {kind: "image", file: photo[:len(photo)/2], says: "not a readable picture"},
		"a text as image":          {kind: "image", file: []byte("hello"), hint: Hint{MIME: "image/png"}, says: "an image must be"},
		"a page as image":          {kind: "image", file: []byte("<!DOCTYPE html><p>Not found"), hint: Hint{MIME: "image/png"}, says: "an image must be"},
		"no type":                  {kind: "image", file: photo, hint: Hint{MIME: "jpeg"}, says: "not a media type"},
		"nothing":                  {kind: "image", says: "empty"},

		"mp4":               {kind: "video", file: mp4("isom", 3*time.Second, 320, 240, false), want: engine.Attachment{MIME: "video/mp4", Width: 320, Height: 240, Duration: 3 * time.Second}},
		"mp4 turned":        {kind: "video", file: mp4("isom", 1500*time.Millisecond, 320, 240, true), want: engine.Attachment{MIME: "video/mp4", Width: 240, Height: 320, Duration: 1500 * time.Millisecond}},
		"mp4 cut off":       {kind: "video", file: mp4("isom", 3*time.Second, 320, 240, false)[:3000], want: engine.Attachment{MIME: "video/mp4"}},
		"a film of its own": {kind: "video", file: []byte("\x01\x02\x03\x04"), hint: Hint{MIME: "video/mp4"}, want: engine.Attachment{MIME: "video/mp4"}},
		"a photo as film":   {kind: "video", file: photo, says: "a video must be"},
		"film as audio":     {kind: "audio", file: mp4("isom", 3*time.Second, 320, 240, false), says: "no audio"},

		"mp3":                 {kind: "audio", file: mp3, want: engine.Attachment{MIME: "audio/mpeg"}},
		"m4a":                 {kind: "audio", file: mp4("M4A ", 2*time.Second, 0, 0, false), want: engine.Attachment{MIME: "audio/mp4", Duration: 2 * time.Second}},
		"mp4 without picture": {kind: "audio", file: mp4("isom", 2*time.Second, 0, 0, false), want: engine.Attachment{MIME: "audio/mp4", Duration: 2 * time.Second}},
		"opus":                {kind: "audio", file: opus(2500 * time.Millisecond), want: engine.Attachment{MIME: typeOpus, Duration: 2500 * time.Millisecond}},
		"voice":               {kind: "voice", file: opus(12 * time.Second), hint: Hint{MIME: "audio/ogg"}, want: engine.Attachment{MIME: typeOpus, Duration: 12 * time.Second}},
		"audio of its own":    {kind: "audio", file: []byte("xxxx"), hint: Hint{MIME: "audio/x-own"}, want: engine.Attachment{MIME: "audio/x-own"}},
		"text as audio":       {kind: "audio", file: []byte("xxxx"), says: "no audio"},
		"voice of its own":    {kind: "voice", file: []byte("\x01\x02\x03"), hint: Hint{MIME: "audio/ogg; codecs=opus"}, want: engine.Attachment{MIME: typeOpus}},
		"mp3 called ogg":      {kind: "voice", file: mp3, hint: Hint{MIME: "audio/ogg"}, says: "must be Opus in an Ogg file"},
		"mp3 as voice":        {kind: "voice", file: mp3, says: "must be Opus in an Ogg file"},

		"webp sticker":     {kind: "sticker", file: asWebP(t, halves(512, 512)), want: engine.Attachment{MIME: "image/webp", Width: 512, Height: 512}},
		"animated sticker": {kind: "sticker", file: animatedWebP(512, 512), want: engine.Attachment{MIME: "image/webp", Width: 512, Height: 512, Animated: true}},
		"large sticker":    {kind: "sticker", file: animatedWebP(513, 512), says: "512 by 512"},
		"png sticker":      {kind: "sticker", file: asPNG(t, halves(1000, 500)), want: engine.Attachment{MIME: "image/webp", Width: 512, Height: 512}},
		"jpeg sticker":     {kind: "sticker", file: photo, want: engine.Attachment{MIME: "image/webp", Width: 512, Height: 512}},
		"gif sticker":      {kind: "sticker", file: asGIF(t, blank), says: "a sticker must be"},

		"pdf":              {kind: "document", file: []byte("%PDF-1.7\n"), want: engine.Attachment{MIME: "application/pdf", FileName: "document.pdf"}},
		"named":            {kind: "document", file: []byte("%PDF-1.7\n"), hint: Hint{"application/pdf", "invoice-march-2026.pdf"}, want: engine.Attachment{MIME: "application/pdf", FileName: "invoice-march-2026.pdf"}},
		"a path as name":   {kind: "document", file: []byte("a,b\n"), hint: Hint{"text/csv", "../../etc/a\u202eb\n.csv"}, want: engine.Attachment{MIME: "text/csv", FileName: "ab.csv"}},
		"a Windows path":   {kind: "document", file: []byte("a,b\n"), hint: Hint{"text/csv", `C:\x\a.csv`}, want: engine.Attachment{MIME: "text/csv", FileName: "a.csv"}},
		"photo as a file":  {kind: "document", file: photo, hint: Hint{Name: "p.jpg"}, want: engine.Attachment{MIME: "image/jpeg", FileName: "p.jpg"}},
		"broken as a file": {kind: "document", file: photo[:300], hint: Hint{Name: "p.jpg"}, want: engine.Attachment{MIME: "image/jpeg", FileName: "p.jpg"}},
		"a text has none":  {kind: "text", file: photo, says: "larger than the 0 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSpool(t)
			f := take(t, s, c.file)
			got, err := s.Prepare(t.Context(), f, c.kind, c.hint)
			if c.says != "" {
				if engine.CodeOf(err) != engine.CodeMediaInvalid || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("error %v, want %q", err, c.says)
				}
				if left := files(t, s); len(left) != 1 || left[0] != f.Path {
					t.Errorf("the spool holds %v", left)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.MIME != c.want.MIME || got.Width != c.want.Width || got.Height != c.want.Height || got.Animated != c.want.Animated ||
				got.FileName != c.want.FileName || (got.Duration-c.want.Duration).Abs() > time.Millisecond {
				t.Errorf("got %+v", got)
			}
			if left := files(t, s); len(left) != 1 || left[0] != got.Path {
				t.Errorf("the spool holds %v, the attachment is %s", left, got.Path)
			}
			if c.kind == engine.KindImage && c.want.Width > 0 || name == "photo as a file" {
				checkThumbnail(t, got.Thumbnail, c.want.Width < c.want.Height)
			}
			if c.want.MIME == "image/webp" && c.kind == engine.KindSticker && !c.want.Animated {
				checkSticker(t, got)
			}
		})
	}
}

// checkThumbnail wants red before blue, from left to right or, turned by 90°, from the top down.
func checkThumbnail(t *testing.T, b []byte, upright bool) {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	if max(w, h) > thumbnailSide {
		t.Errorf("the thumbnail has %d by %d pixels", w, h)
	}
	first, last := img.At(2, h/2), img.At(w-3, h/2)
	if upright {
		first, last = img.At(w/2, 2), img.At(w/2, h-3)
	}
	if r, _, b, _ := first.RGBA(); r < 0xc000 || b > 0x4000 {
		t.Errorf("it begins with %v", first)
	}
	if r, _, b, _ := last.RGBA(); b < 0xc000 || r > 0x4000 {
		t.Errorf("it ends with %v", last)
	}
}

func checkSticker(t *testing.T, a engine.Attachment) {
	t.Helper()
	f, err := os.Open(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := webp.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Dx() != 512 || img.Bounds().Dy() != 512 {
		t.Errorf("it has %v", img.Bounds())
	}
	if r, _, b, alpha := img.At(10, 256).RGBA(); r < 0xc000 || b > 0x4000 || alpha != 0xffff {
		t.Errorf("its left is %v", img.At(10, 256))
	}
}

// TestBombs sends small files that would unpack to gigabytes.
func TestBombs(t *testing.T) {
	s := openSpool(t)
	for name, bomb := range map[string][]byte{"png": bombPNG(t), "gif": bombGIF()} {
		t.Run(name, func(t *testing.T) {
			f := take(t, s, bomb)
			a, err := s.Prepare(t.Context(), f, engine.KindImage, Hint{})
			if err != nil || a.Width != 60000 || a.Thumbnail != nil {
				t.Errorf("got %+v, %v", a, err)
			}
			if _, err := s.Prepare(t.Context(), f, engine.KindSticker, Hint{}); engine.CodeOf(err) != engine.CodeMediaInvalid {
				t.Errorf("as a sticker: %v", err)
			}
		})
	}
}

func TestSpool(t *testing.T) {
	s := openSpool(t)
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v", info.Mode(), err)
	}
	a, b := take(t, s, []byte("hello")), take(t, s, []byte("world"))
	if a.Size != 5 || len(a.SHA256) != 32 || a.Path == b.Path {
		t.Errorf("took %+v and %+v", a, b)
	}
	if err := s.Settle(a.Path); err != nil {
		t.Error(err)
	}
	if _, err := s.Take(t.Context(), strings.NewReader("hello"), 4); engine.CodeOf(err) != engine.CodeMediaInvalid {
		t.Errorf("five bytes of four: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Take(ended, endless{}, 1<<40); err != context.Canceled {
		t.Errorf("endless: %v", err)
	}
	if left := files(t, s); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	if err := s.Clean([]string{b.Path}); err != nil {
		t.Error(err)
	}
	if left := files(t, s); len(left) != 1 || left[0] != b.Path {
		t.Errorf("left: %v", left)
	}
	if err := Remove(a.Path); err != nil {
		t.Errorf("a file that is gone: %v", err)
	}
}

// A start must not take the longer the more files there are, times their number.
func BenchmarkClean(b *testing.B) {
	s := openSpool(b)
	keep := make([]string, 5000)
	for i := range keep {
		keep[i] = filepath.Join(s.dir, strconv.Itoa(i))
		if err := os.WriteFile(keep[i], nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := s.Clean(keep); err != nil {
			b.Fatal(err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// FuzzPrepare puts any bytes through every kind: nothing panics, and an error is
// one of ours.
func FuzzPrepare(f *testing.F) {
	kinds := []engine.Kind{engine.KindImage, engine.KindVideo, engine.KindAudio, engine.KindVoice, engine.KindDocument, engine.KindSticker}
	f.Add(byte(0), turned(asJPEG(f, halves(9, 7)), 5), "image/jpeg", "a.jpg")
	f.Add(byte(5), animatedWebP(3, 3), "", "")
	f.Add(byte(1), mp4("isom", time.Second, 10, 10, true), "video/mp4", "")
	f.Add(byte(3), opus(time.Second), "", "")
	f.Add(byte(4), []byte("%PDF"), "text/x", "../x")
	s := openSpool(f)
	f.Fuzz(func(t *testing.T, kind byte, b []byte, mime, name string) {
		file := take(t, s, b)
		a, err := s.Prepare(t.Context(), file, kinds[int(kind)%len(kinds)], Hint{mime, name})
		if err != nil {
			if engine.CodeOf(err) != engine.CodeMediaInvalid {
				t.Fatal(err)
			}
			a.Path = file.Path
		} else if a.MIME == "" || a.Size == 0 || a.Width < 0 || a.Duration < 0 || strings.ContainsAny(a.FileName, "/\\\x00\n") {
			t.Fatalf("%+v", a)
		}
		if err := Remove(a.Path); err != nil {
			t.Fatal(err)
		}
		if left := files(t, s); len(left) != 0 {
			t.Fatalf("left: %v", left)
		}
	})
}
