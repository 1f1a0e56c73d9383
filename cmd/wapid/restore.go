package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"wapid/engine/whatsapp"
	"wapid/store"
)

// restoreCommand is `wapid restore`.
type restoreCommand struct {
	File  string `arg:"" help:"A backup; - for standard input."`
	Data  string `help:"Data directory to put it into (default ${default})." default:"./data" env:"WAPID_DATA" placeholder:"DIR"`
	Force bool   `help:"Move what is in the data directory into a directory of its own there, instead of refusing."`
}

// restoringDir stands in a data directory while a restore changes it. Beside it no
// daemon starts, so half a restore is never run.
const restoringDir = "restoring"

// checkRestored refuses a data directory whose restore was interrupted.
func checkRestored(dir string) error {
	_, err := os.Lstat(filepath.Join(dir, restoringDir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("data directory: %w", err)
	}
	return fmt.Errorf("a restore into %s was interrupted: do it again, with --force", dir)
}

// daemonFiles are what a backup holds of a data directory.
var daemonFiles = [...]string{spoolDir, bulkDir, mediaDir, whatsapp.FileName, store.FileName}

// Run puts a backup into a data directory that no daemon uses.
func (c *restoreCommand) Run(env *environment) error {
	from, err := c.open()
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer from.Close()
	dir, err := dataDir(c.Data)
	if err != nil {
		return err
	}
	unlock, err := lockData(dir)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := present(dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if len(old) > 0 && !c.Force {
		return fmt.Errorf("%s holds %s: name an empty directory, or add --force to move aside what is there", dir, strings.Join(old, ", "))
	}
	m, aside, err := restoreInto(env.ctx, from, dir, old)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	files := len(m.Files) - 2 // beside the databases, as the backup counted them
	fmt.Fprintf(env.stdout, "%s: put back the backup of %s, written by wapid %s, with both databases and %d files\n",
		dir, m.TakenAt.Format(time.RFC3339), m.Version, files)
	if aside != "" {
		fmt.Fprintf(env.stdout, "What was there is in %s.\n", aside)
	}
	if m.KeyID != "" {
		fmt.Fprintf(env.stdout, "Its secrets are encrypted: start the daemon with key %s.\n", m.KeyID)
	}
	fmt.Fprintln(env.stdout, "Never run the daemon that it was taken from again: two with the same devices destroy each other's sessions.")
	return nil
}

func (c *restoreCommand) open() (io.ReadCloser, error) {
	if c.File == standardStream {
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(c.File)
}

// leftovers are all that a daemon may have left in its data directory.
var leftovers = [...]string{
	store.FileName, store.FileName + "-wal", store.FileName + "-shm",
	whatsapp.FileName, whatsapp.FileName + "-wal", whatsapp.FileName + "-shm", whatsapp.WitnessName,
	spoolDir, bulkDir, mediaDir, operatorFile,
}

// present lists what a daemon has left in a directory, as leftovers does.
func present(dir string) (names []string, err error) {
	for _, name := range leftovers {
		_, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case err == nil:
			names = append(names, name)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return names, nil
}

// restoreInto unpacks and checks a backup within dir, then moves old, what is
// there, aside, and puts the backup in its place. Until all is checked, nothing
// of old is touched.
func restoreInto(ctx context.Context, from io.Reader, dir string, old []string) (m manifest, aside string, err error) {
	staging, err := os.MkdirTemp(dir, ".restore-*")
	if err != nil {
		return manifest{}, "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	if m, err = unpack(ctx, from, staging); err != nil {
		return manifest{}, "", err
	}
	// From here on the directory is of no use until all is in its place.
	restoring := filepath.Join(dir, restoringDir)
	if err := os.RemoveAll(restoring); err != nil {
		return manifest{}, "", err
	}
	if err := errors.Join(os.Rename(staging, restoring), syncDir(dir)); err != nil {
		return manifest{}, "", err
	}
	if aside, err = moveAside(dir, old, m); err != nil {
		return manifest{}, "", err
	}
	for _, name := range daemonFiles {
		err := os.Rename(filepath.Join(restoring, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return manifest{}, "", err
		}
	}
	return m, aside, errors.Join(syncDir(dir), os.RemoveAll(restoring), syncDir(dir))
}

// unpack extracts a backup into an empty directory, looks closely at its
// databases, and notes that the device store has been set back. All of it is on
// the disk when it returns.
func unpack(ctx context.Context, from io.Reader, staging string) (manifest, error) {
	root, err := os.OpenRoot(staging)
	if err != nil {
		return manifest{}, err
	}
	defer root.Close()
	m, err := extract(ctx, from, root)
	if err != nil {
		return manifest{}, err
	}
	own := filepath.Join(staging, store.FileName)
	for _, name := range []string{store.FileName, whatsapp.FileName} {
		if err := store.CheckFile(ctx, filepath.Join(staging, name), store.Full); err != nil {
			return manifest{}, err
		}
	}
	if _, err := store.FileSchema(ctx, own); err != nil {
		return manifest{}, err
	}
	if err := store.MarkRestored(ctx, own, time.Now()); err != nil {
		return manifest{}, err
	}
	for _, name := range []string{".", spoolDir, bulkDir, mediaDir} {
		if err := syncDir(filepath.Join(staging, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return manifest{}, err
		}
	}
	return m, nil
}

// moveAside moves what is in the way into a new directory beside it, and returns
// its path; "" if there is nothing.
func moveAside(dir string, old []string, m manifest) (string, error) {
	if len(old) == 0 {
		return "", nil
	}
	aside, err := os.MkdirTemp(dir, "before-restore-"+m.TakenAt.Format("20060102T150405Z")+"-*")
	if err != nil {
		return "", err
	}
	for _, name := range old {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(aside, name)); err != nil {
			return "", fmt.Errorf("what was moved already is in %s: %w", aside, err)
		}
	}
	return aside, errors.Join(syncDir(aside), syncDir(dir))
}
