package media

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"wapid/engine"
)

// What a file is told to be is believed as far as its bytes allow.
func TestIdentify(t *testing.T) {
	s, err := OpenSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	jpeg, pdf := "\xff\xd8\xff\xe0\x00\x10JFIF\x00", "%PDF-1.4\n"
	mp4 := "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
	for _, c := range []struct {
		name, bytes, declared string
		mime                  string
		kind                  engine.Kind
		code                  engine.Code
	}{
		{name: "picture", bytes: jpeg, declared: "image/jpeg", mime: "image/jpeg", kind: engine.KindImage},
		{name: "picture of another sort", bytes: jpeg, declared: "image/png", mime: "image/jpeg", kind: engine.KindImage},
		{name: "undeclared picture", bytes: jpeg, mime: "image/jpeg", kind: engine.KindImage},
		{name: "octets", bytes: jpeg, declared: "application/octet-stream", mime: "image/jpeg", kind: engine.KindImage},
		{name: "film as picture", bytes: mp4, declared: "image/jpeg", code: engine.CodeMediaInvalid},
		{name: "text as picture", bytes: "hello", declared: "image/jpeg", code: engine.CodeMediaInvalid},
		{name: "film", bytes: mp4, declared: "video/mp4", mime: "video/mp4", kind: engine.KindVideo},
		{name: "sound in a film's box", bytes: mp4, declared: "audio/mp4", mime: "audio/mp4", kind: engine.KindAudio},
		{name: "picture as film", bytes: jpeg, declared: "video/mp4", code: engine.CodeMediaInvalid},
		{name: "opus", bytes: "OggS\x00\x02" + strings.Repeat("\x00", 22) + "\x01\x13OpusHead", declared: "audio/ogg; codecs=opus",
			mime: "audio/ogg; codecs=opus", kind: engine.KindAudio},
		{name: "unknown sound", bytes: "\x00\x01\x02\x03", declared: "audio/amr-wb+", mime: "audio/amr-wb+", kind: engine.KindAudio},
		{name: "document", bytes: pdf, declared: "application/pdf", mime: "application/pdf", kind: engine.KindDocument},
		{name: "undeclared document", bytes: pdf, mime: "application/pdf", kind: engine.KindDocument},
		{name: "no type", bytes: pdf, declared: "image", code: engine.CodeMediaInvalid},
		{name: "empty", bytes: "", declared: "image/jpeg", code: engine.CodeMediaInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := s.Take(t.Context(), strings.NewReader(c.bytes), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			id, err := Identify(f, c.declared)
			if engine.CodeOf(err) != c.code || id.MIME != c.mime || id.Kind != c.kind {
				t.Errorf("%+v, %v", id, err)
			}
		})
	}
	if _, err := Identify(File{Path: "/nowhere", Size: 1}, ""); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("a file that is gone: %v", err)
	}
	big, err := s.Take(t.Context(), strings.NewReader(jpeg), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	big.Size = MaxImage + 1
	if _, err := Identify(big, "image/jpeg"); engine.CodeOf(err) != engine.CodeMediaInvalid {
		t.Errorf("a picture that is too large: %v", err)
	}
}

// A file that is adopted takes no room of its own, and outlives the one that it came from.
func TestAdopt(t *testing.T) {
	library, err := OpenSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f, err := library.Take(t.Context(), strings.NewReader("bytes"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if got := library.Locate("media/" + f.Path[strings.LastIndexByte(f.Path, '/')+1:]); got != f.Path {
		t.Errorf("located at %s, want %s", got, f.Path)
	}
	own, err := s.Adopt(t.Context(), f, 5)
	if err != nil || own.Path == f.Path || own.Size != 5 || !bytes.Equal(own.SHA256, f.SHA256) {
		t.Fatalf("%+v, %v", own, err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(own.Path, &st); err != nil || st.Nlink != 2 {
		t.Errorf("it has %d names, %v", st.Nlink, err)
	}
	if err := Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(own.Path); err != nil || string(kept) != "bytes" {
		t.Errorf("%q, %v", kept, err)
	}
	if _, err := s.Adopt(t.Context(), f, 5); engine.CodeOf(err) != engine.CodeMediaGone {
		t.Errorf("a file that is gone: %v", err)
	}
	if _, err := s.Adopt(t.Context(), own, 4); engine.CodeOf(err) != engine.CodeMediaInvalid {
		t.Errorf("a file that is too large: %v", err)
	}
	s.reserve = 1 << 62
	if _, err := s.Adopt(context.Background(), own, 5); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("a disk that is full: %v", err)
	}
	if _, err := os.Stat(own.Path); errors.Is(err, os.ErrNotExist) {
		t.Error("the file that was there is gone")
	}
}
