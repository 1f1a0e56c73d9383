// Package parcel packs an exported session into one file that can be carried to
// another server: encrypted with a passphrase (the age format, so that its age tool
// can open it too), and useless when it was cut off.
package parcel

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"filippo.io/age"

	"wapid/engine"
)

const (
	format = 1
	// MinPassphrase and MaxPassphrase are how many bytes a passphrase has.
	MinPassphrase, MaxPassphrase = 12, 1024
	// MaxDevice is the largest device store that is carried, in bytes.
	MaxDevice = 1 << 30
	// maxHead is the largest description, in bytes.
	maxHead = 1 << 20
	// workFactor makes a try of a passphrase cost 64 MiB and about a quarter of a
	// second; maxWork is what is borne of files from elsewhere (age's own default is 18).
	workFactor, maxWork = 16, 18

	headName, deviceName = "session.json", "device.db"
)

// Head describes a session that is carried.
type Head struct {
	Format     int                   `json:"format"`
	Session    engine.SessionID      `json:"session,omitempty"` // what it was called
	Name       string                `json:"name,omitempty"`
	Options    engine.SessionOptions `json:"options"`
	Device     engine.DeviceID       `json:"device"`
	ExportedAt time.Time             `json:"exportedAt"`
}

// CheckPassphrase returns CodeInvalid for a passphrase that is too short, or that can't be
// given again: an import takes it in a header, which has no control characters, no blanks
// at its ends, and no room for more than so much.
func CheckPassphrase(passphrase string) error {
	switch {
	case len(passphrase) < MinPassphrase || len(passphrase) > MaxPassphrase:
		return engine.Errorf(engine.CodeInvalid, "passphrase must have %d to %d characters", MinPassphrase, MaxPassphrase)
	case strings.TrimSpace(passphrase) != passphrase || strings.ContainsFunc(passphrase, unicode.IsControl) || !utf8.ValidString(passphrase):
		return engine.Errorf(engine.CodeInvalid, "passphrase must not begin or end with blanks, nor hold control characters")
	}
	return nil
}

// Pack writes a session, with its device store's file at path. It returns the errors of
// CheckPassphrase, and those of w and of the file. What was
// written before an error can't be unpacked.
func Pack(w io.Writer, passphrase string, h Head, path string) error {
	return pack(w, passphrase, h, path, workFactor)
}

// PackOnce is Pack for a file that is unpacked at once and never kept, with a passphrase
// that nobody can guess: it takes no time.
func PackOnce(w io.Writer, passphrase string, h Head, path string) error {
	return pack(w, passphrase, h, path, 1)
}

func pack(w io.Writer, passphrase string, h Head, path string, work int) error {
	if err := CheckPassphrase(passphrase); err != nil {
		return err
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return err
	}
	recipient.SetWorkFactor(work)
	sealed, err := age.Encrypt(w, recipient)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(sealed)
	h.Format = format
	raw, err := json.Marshal(h)
	if err == nil {
		err = archive.WriteHeader(&tar.Header{Name: headName, Mode: 0o600, Size: int64(len(raw)), ModTime: h.ExportedAt})
	}
	if err == nil {
		_, err = archive.Write(raw)
	}
	if err == nil {
		err = addFile(archive, path, h.ExportedAt)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		return err
	}
	return sealed.Close() // without it the last part is missing, and nothing can be unpacked
}

func addFile(archive *tar.Writer, path string, at time.Time) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: deviceName, Mode: 0o600, Size: info.Size(), ModTime: at}); err != nil {
		return err
	}
	_, err = io.CopyN(archive, f, info.Size())
	return err
}

// Unpack reads a session and writes its device store into a new file at path, which is
// there only if it returns nil. It returns CodeInvalid for a wrong passphrase and for
// what is no such file or is damaged, CodeStorage, and the errors of r that are an *engine.Error.
func Unpack(r io.Reader, passphrase, path string) (h Head, err error) {
	source := &watched{r: r}
	h, err = unpack(source, passphrase, path)
	if err == nil {
		return h, nil
	}
	if removed := os.Remove(path); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	if e, ok := errors.AsType[*engine.Error](source.err); ok {
		return Head{}, e
	}
	if _, ok := errors.AsType[*engine.Error](err); ok {
		return Head{}, err
	}
	return Head{}, engine.WrapError(engine.CodeInvalid, err, "the passphrase is wrong, or the file is damaged or no exported session")
}

func unpack(r io.Reader, passphrase, path string) (Head, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return Head{}, err
	}
	identity.SetMaxWorkFactor(maxWork)
	plain, err := age.Decrypt(r, identity)
	if err != nil {
		return Head{}, err
	}
	archive := tar.NewReader(plain)
	h, err := readHead(archive)
	if err != nil {
		return Head{}, err
	}
	entry, err := archive.Next()
	if err != nil {
		return Head{}, err
	}
	if entry.Name != deviceName || entry.Typeflag != tar.TypeReg || entry.Size > MaxDevice {
		return Head{}, fmt.Errorf("it holds %q of %d bytes", entry.Name, entry.Size)
	}
	if err := writeFile(path, archive); err != nil {
		return Head{}, err
	}
	// The end is authenticated as well: a file that was cut off is none.
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return Head{}, fmt.Errorf("something follows the device: %w", err)
	}
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return Head{}, err
	}
	return h, nil
}

func readHead(archive *tar.Reader) (h Head, err error) {
	entry, err := archive.Next()
	if err != nil {
		return h, err
	}
	if entry.Name != headName {
		return h, fmt.Errorf("it begins with %q", entry.Name)
	}
	if err := json.NewDecoder(io.LimitReader(archive, maxHead)).Decode(&h); err != nil {
		return h, err
	}
	if h.Format > format {
		return h, engine.Errorf(engine.CodeInvalid, "the session was exported in format %d, this version knows formats up to %d", h.Format, format)
	}
	return h, nil
}

func writeFile(path string, from io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the file could not be stored, nothing was done")
	}
	target := &written{w: f}
	_, err = io.Copy(target, from)
	if closed := f.Close(); target.err == nil {
		target.err = closed
	}
	if target.err != nil {
		return engine.WrapError(engine.CodeStorage, target.err, "the file could not be stored, nothing was done")
	}
	return err
}

// watched remembers the error of a source, which age wraps into texts of its own.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// written tells a target that can't be written from a source that can't be read.
type written struct {
	w   io.Writer
	err error
}

func (w *written) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.err = err
	return n, err
}
