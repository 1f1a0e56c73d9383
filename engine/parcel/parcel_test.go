package parcel

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"wapid/engine"
)

const passphrase = "correct horse battery"

func packed(t *testing.T) (file []byte, device []byte, head Head) {
	t.Helper()
	device = bytes.Repeat([]byte("device keys "), 20_000) // several of age's parts
	path := filepath.Join(t.TempDir(), "device")
	if err := os.WriteFile(path, device, 0o600); err != nil {
		t.Fatal(err)
	}
	head = Head{
		Format: format, Session: "main", Name: "Shop", Device: "447700900123:7@s.whatsapp.net",
		Options:    engine.SessionOptions{Proxy: "socks5://user:password@proxy:1", Typing: true},
		ExportedAt: time.UnixMilli(1_700_000_000_000).UTC(),
	}
	var b bytes.Buffer
	if err := PackOnce(&b, passphrase, head, path); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), device, head
}

func TestParcelsComeBack(t *testing.T) {
	file, device, head := packed(t)
	for _, secret := range []string{"device keys", "password", "447700900123"} {
		if bytes.Contains(file, []byte(secret)) {
			t.Errorf("%q can be read in the file", secret)
		}
	}
	path := filepath.Join(t.TempDir(), "unpacked")
	got, err := Unpack(bytes.NewReader(file), passphrase, path)
	if err != nil || got != head {
		t.Fatalf("got %+v, %v", got, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(raw, device) {
		t.Errorf("the device has %d bytes, %v", len(raw), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

// TestUnpackRefuses: nothing is left of what is refused.
func TestUnpackRefuses(t *testing.T) {
	file, _, _ := packed(t)
	flipped := bytes.Clone(file)
	flipped[len(flipped)/2] ^= 1
	broken := engine.Errorf(engine.CodeNotFound, "the connection broke")
	for name, c := range map[string]struct {
		from       io.Reader
		passphrase string
		want       engine.Code
	}{
		"wrong passphrase": {bytes.NewReader(file), "wrong horse battery", engine.CodeInvalid},
		"no passphrase":    {bytes.NewReader(file), "", engine.CodeInvalid},
		"cut off":          {bytes.NewReader(file[:len(file)-1]), passphrase, engine.CodeInvalid},
		"cut at a part":    {bytes.NewReader(file[:len(file)/2]), passphrase, engine.CodeInvalid},
		"with more behind": {bytes.NewReader(append(bytes.Clone(file), 'x')), passphrase, engine.CodeInvalid},
		"changed":          {bytes.NewReader(flipped), passphrase, engine.CodeInvalid},
		"empty":            {bytes.NewReader(nil), passphrase, engine.CodeInvalid},
		"no parcel":        {bytes.NewReader(bytes.Repeat([]byte("text"), 99)), passphrase, engine.CodeInvalid},
		"broken off":       {io.MultiReader(bytes.NewReader(file[:len(file)/2]), iotest.ErrReader(broken)), passphrase, engine.CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "unpacked")
			if _, err := Unpack(c.from, c.passphrase, path); engine.CodeOf(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a file is left: %v", err)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "missing", "unpacked")
	if _, err := Unpack(bytes.NewReader(file), passphrase, path); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// TestPackRefusesPassphrases that could not be given again, with which a session would be lost.
func TestPackRefusesPassphrases(t *testing.T) {
	for _, bad := range []string{"short", passphrase + " ", "\t" + passphrase, "correct\x01horse battery", "correct horse\nbattery", "correct\xffhorse battery", strings.Repeat("x", MaxPassphrase+1)} {
		var b bytes.Buffer
		if err := Pack(&b, bad, Head{}, "none"); engine.CodeOf(err) != engine.CodeInvalid || b.Len() > 0 {
			t.Errorf("%.30q: got %v", bad, err)
		}
	}
	for _, good := range []string{passphrase, "Fünf Äpfel, süß", strings.Repeat("x", MaxPassphrase)} {
		if err := CheckPassphrase(good); err != nil {
			t.Errorf("%.30q: got %v", good, err)
		}
	}
}
