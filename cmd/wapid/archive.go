package main

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"time"

	"github.com/klauspost/compress/zstd"

	"wapid/engine/whatsapp"
	"wapid/store"
)

// A backup is a tar archive compressed with zstd. It holds the two databases,
// the files of queued messages, of bulk jobs and of the media library, and as its last
// entry the manifest: one that was cut off has none.
const (
	manifestName  = "manifest.json"
	archiveFormat = 1
	maxManifest   = 64 << 20 // bytes
)

// manifest tells what an archive holds.
type manifest struct {
	Format  int            `json:"format"`
	Version string         `json:"version"` // of the wapid that wrote it
	Schema  int            `json:"schema"`  // of wapid.db
	TakenAt time.Time      `json:"takenAt"`
	KeyID   string         `json:"encryptedWith,omitempty"` // names the key of its secrets; empty if they are plain
	Files   []archivedFile `json:"files"`
}

// archivedFile is one file of an archive, in bytes and lower-case hex.
type archivedFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// archivedName matches what may be in an archive: nothing that leads elsewhere.
var archivedName = regexp.MustCompile(`^(` + regexp.QuoteMeta(store.FileName) + `|` + regexp.QuoteMeta(whatsapp.FileName) +
	`|(` + spoolDir + `|` + bulkDir + `|` + mediaDir + `)/[A-Za-z0-9_-]{1,64})$`)

// archiveWriter writes an archive as it comes, without a look back. It holds nothing
// that has to be given back, so one that isn't finished is just left.
type archiveWriter struct {
	compressor *zstd.Encoder
	tar        *tar.Writer
	files      []archivedFile
}

func newArchiveWriter(w io.Writer) (*archiveWriter, error) {
	// One goroutine: the daemon beside it needs the other processors.
	compressor, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return &archiveWriter{compressor: compressor, tar: tar.NewWriter(compressor)}, nil
}

// add copies a file into the archive. It returns fs.ErrNotExist, and has added
// nothing, if there is no such file.
func (w *archiveWriter) add(ctx context.Context, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime().Truncate(time.Second)}
	if err := w.tar.WriteHeader(header); err != nil {
		return err
	}
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(w.tar, hash), &cancelled{ctx, f}, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.files = append(w.files, archivedFile{name, info.Size(), hex.EncodeToString(hash.Sum(nil))})
	return nil
}

// finish writes the manifest and the end of the archive. It is called once: closing the
// compressor again would write its checksum again, behind the end of the stream.
func (w *archiveWriter) finish(m manifest) error {
	m.Files = w.files
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	err = w.tar.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(raw)), ModTime: m.TakenAt.Truncate(time.Second)})
	if err == nil {
		_, err = w.tar.Write(raw)
	}
	if err == nil {
		err = w.tar.Close()
	}
	return errors.Join(err, w.compressor.Close())
}

// cancelled is a reader that ends with its context.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

// errDamaged is what every defect of an archive is reported as.
var errDamaged = errors.New("the backup is damaged or incomplete")

// extract unpacks an archive into root, an empty directory, and compares every
// file with the manifest. After an error what is there is of no use.
func extract(ctx context.Context, r io.Reader, root *os.Root) (manifest, error) {
	plain, err := zstd.NewReader(&cancelled{ctx, r}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return manifest{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	defer plain.Close()
	var found []archivedFile
	for in := tar.NewReader(plain); ; {
		header, err := in.Next()
		if ctx.Err() != nil {
			return manifest{}, context.Cause(ctx)
		}
		if errors.Is(err, io.EOF) {
			return manifest{}, fmt.Errorf("%w: it has no manifest", errDamaged)
		}
		if err != nil {
			return manifest{}, fmt.Errorf("%w: %w", errDamaged, err)
		}
		if header.Name == manifestName {
			return readManifest(in, found)
		}
		one, err := extractFile(in, header, root)
		if err != nil {
			return manifest{}, err
		}
		found = append(found, one)
	}
}

// extractFile unpacks one entry. Names that lead elsewhere, links, devices and a
// second file of the same name are refused.
func extractFile(in io.Reader, header *tar.Header, root *os.Root) (archivedFile, error) {
	if header.Typeflag != tar.TypeReg || !archivedName.MatchString(header.Name) {
		return archivedFile{}, fmt.Errorf("%w: it holds %q, which is no part of one", errDamaged, header.Name)
	}
	if dir := path.Dir(header.Name); dir != "." {
		if err := root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return archivedFile{}, err
		}
	}
	f, err := root.OpenFile(header.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return archivedFile{}, fmt.Errorf("%w: it holds %s twice", errDamaged, header.Name)
	}
	if err != nil {
		return archivedFile{}, err
	}
	hash, source := sha256.New(), &watchedReader{r: in}
	size, err := io.Copy(io.MultiWriter(f, hash), source)
	if source.failed {
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return archivedFile{}, fmt.Errorf("%s: %w", header.Name, err)
	}
	return archivedFile{header.Name, size, hex.EncodeToString(hash.Sum(nil))}, nil
}

// watchedReader tells a source that can't be read from a target that can't be written.
type watchedReader struct {
	r      io.Reader
	failed bool
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.failed = err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// readManifest reads the last entry and compares it with what was found.
func readManifest(in io.Reader, found []archivedFile) (manifest, error) {
	var m manifest
	if err := json.NewDecoder(io.LimitReader(in, maxManifest)).Decode(&m); err != nil {
		return manifest{}, fmt.Errorf("%w: its manifest can't be read", errDamaged)
	}
	if m.Format > archiveFormat {
		return manifest{}, fmt.Errorf("the backup has format %d, this wapid knows formats up to %d: use a newer one", m.Format, archiveFormat)
	}
	if m.Schema > store.LatestSchema() {
		return manifest{}, fmt.Errorf("the backup has schema %d, this wapid knows schemas up to %d: use wapid %s or a newer one", m.Schema, store.LatestSchema(), m.Version)
	}
	told := make(map[string]archivedFile, len(m.Files))
	for _, f := range m.Files {
		told[f.Name] = f
	}
	for _, f := range found {
		if told[f.Name] != f {
			return manifest{}, fmt.Errorf("%w: %s is not as its manifest says", errDamaged, f.Name)
		}
		delete(told, f.Name)
	}
	for name := range told {
		return manifest{}, fmt.Errorf("%w: %s is missing", errDamaged, name)
	}
	return m, nil
}
