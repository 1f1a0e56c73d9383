package media

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/semaphore"

	"wapid/engine"
)

// Spool is a directory of files on their way. Whoever makes a file in it removes
// it; what a crash leaves behind Clean removes at the next start. It is safe for
// concurrent use.
type Spool struct {
	dir    string
	pixels *semaphore.Weighted // bytes that pictures being decoded may take

	reserve uint64 // room on the disk, in bytes, that stays free for the databases
}

// File is a file in a spool.
type File struct {
	Path   string
	Size   int64
	SHA256 []byte // of its bytes
}

// OpenSpool makes the directory if need be, private to its owner.
func OpenSpool(dir string) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return &Spool{dir: dir, pixels: semaphore.NewWeighted(pixelBudget), reserve: reserve}, nil
}

// Clean removes every file but those in keep, which are paths as in File. It is
// called before the spool is used.
func (s *Spool) Clean(keep []string) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	kept := make(map[string]bool, len(keep)) // a library has 100,000 files of every tenant
	for _, path := range keep {
		kept[path] = true
	}
	var failed []error
	for _, e := range entries {
		path := filepath.Join(s.dir, e.Name())
		if e.IsDir() || kept[path] {
			continue
		}
		failed = append(failed, Remove(path))
	}
	return errors.Join(failed...)
}

// Remove removes a file of a spool. One that is gone already is no error, and
// neither is the empty path.
func Remove(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// Empty makes an empty file for reading and writing. The caller closes it and
// removes it by its Name. It returns CodeStorage, also while the disk is nearly full.
func (s *Spool) Empty() (*os.File, error) {
	if err := s.checkRoom(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, errStorage(err)
	}
	return f, nil
}

// Path names a file that is not there yet, for those who make it themselves. Its
// caller removes it. It returns CodeStorage while the disk is nearly full.
func (s *Spool) Path() (string, error) {
	if err := s.checkRoom(); err != nil {
		return "", err
	}
	return filepath.Join(s.dir, rand.Text()), nil
}

// Take copies r into a new file. It returns CodeMediaInvalid if there are more
// than limit bytes, CodeStorage, and as they are the errors of r and of ctx; after
// an error there is no file.
func (s *Spool) Take(ctx context.Context, r io.Reader, limit int64) (File, error) {
	w, err := s.Create(limit)
	if err != nil {
		return File{}, err
	}
	defer w.Discard()
	buffer := make([]byte, 64<<10)
	for {
		n, readErr := r.Read(buffer)
		if _, err := w.Write(buffer[:n]); err != nil {
			return File{}, err
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return w.Finish()
		case readErr != nil:
			return File{}, readErr
		case ctx.Err() != nil:
			return File{}, context.Cause(ctx)
		}
	}
}

// Writer is a file of a spool that is being written.
type Writer struct {
	spool *Spool
	file  *os.File // nil once finished or discarded
	hash  hash.Hash
	size  int64
	limit int64
}

const (
	// reserve is how much room on the disk, in bytes, the spool leaves to the databases.
	reserve = 256 << 20
	// recheck is after how many bytes of a file the room is looked at again: many
	// files may be growing at the same time.
	recheck = 1 << 20
)

// checkRoom returns CodeStorage where files would take the databases' room.
func (s *Spool) checkRoom() error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &disk); err != nil {
		return errStorage(err)
	}
	if uint64(disk.Bavail)*uint64(disk.Bsize) < s.reserve {
		return errStorage(errors.New("the disk of the spool is nearly full"))
	}
	return nil
}

// Create begins a file of at most limit bytes. The caller calls Finish or Discard.
// It returns CodeStorage, also while the disk is nearly full.
func (s *Spool) Create(limit int64) (*Writer, error) {
	f, err := s.Empty()
	if err != nil {
		return nil, err
	}
	return &Writer{spool: s, file: f, hash: sha256.New(), limit: limit}, nil
}

// Write returns CodeMediaInvalid beyond the limit, and CodeStorage, also once the
// disk is nearly full.
func (w *Writer) Write(p []byte) (int, error) {
	after := w.size + int64(len(p))
	if after > w.limit {
		return 0, errTooLarge(w.limit)
	}
	if w.size/recheck != after/recheck {
		if err := w.spool.checkRoom(); err != nil {
			return 0, err
		}
	}
	n, err := w.file.Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	if err != nil {
		return n, errStorage(err)
	}
	return n, nil
}

func errTooLarge(limit int64) error {
	return errInvalid("the file is larger than the %d bytes that it may have", limit)
}

// Finish closes the file, which is the caller's from here on. After an error
// there is none.
func (w *Writer) Finish() (File, error) {
	path := w.file.Name()
	err := w.file.Close()
	w.file = nil
	if err != nil {
		return File{}, errors.Join(errStorage(err), Remove(path))
	}
	return File{Path: path, Size: w.size, SHA256: w.hash.Sum(nil)}, nil
}

// Discard removes an unfinished file, and does nothing to a finished one. What
// can't be removed is left to the next Clean.
func (w *Writer) Discard() {
	if w.file == nil {
		return
	}
	_ = w.file.Close()
	_ = Remove(w.file.Name())
	w.file = nil
}

// Settle returns once a file and its name survive a power cut. It returns CodeStorage.
func (s *Spool) Settle(path string) error {
	for _, name := range []string{path, s.dir} {
		f, err := os.Open(name)
		if err != nil {
			return errStorage(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return errStorage(err)
		}
	}
	return nil
}

var _ io.Writer = (*Writer)(nil)

// attachment is what is known of every file.
func (f File) attachment(mime string) engine.Attachment {
	return engine.Attachment{Path: f.Path, Size: f.Size, SHA256: f.SHA256, MIME: mime}
}
