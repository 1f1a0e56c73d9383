package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"wapid/engine/whatsapp"
	"wapid/store"
)

// standardStream is the file name that stands for standard output or input.
const standardStream = "-"

// backupCommand is `wapid backup`. It reads the databases beside the daemon,
// as SQLite lets several processes do, and so needs nothing of it.
type backupCommand struct {
	File  string `arg:"" help:"Where the backup goes; - for standard output."`
	Data  string `help:"Data directory of the daemon (default ${default})." default:"./data" env:"WAPID_DATA" placeholder:"DIR"`
	Force bool   `help:"Replace FILE if it is there."`
}

// Run writes a backup. What is there under the file's name is always a whole one.
func (c *backupCommand) Run(env *environment) error {
	if c.File == standardStream {
		return c.stream(env)
	}
	if err := c.checkTarget(); err != nil {
		return err
	}
	// On the same disk: the archive is renamed, and this is where the room is.
	work, err := os.MkdirTemp(filepath.Dir(c.File), ".wapid-backup-*")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer os.RemoveAll(work)
	part := filepath.Join(work, "archive")
	report, err := c.writeFile(env.ctx, part, work)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := c.checkTarget(); err != nil { // it has taken a while
		return err
	}
	if err := os.Rename(part, c.File); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := syncDir(filepath.Dir(c.File)); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	fmt.Fprintf(env.stdout, "%s: %s\n", c.File, report)
	return nil
}

// checkTarget refuses to replace a file without --force.
func (c *backupCommand) checkTarget() error {
	info, err := os.Lstat(c.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("backup: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", c.File)
	case !c.Force:
		return fmt.Errorf("%s is there already: add --force to replace it", c.File)
	}
	return nil
}

// stream writes the archive to standard output, and a word on it to standard error.
func (c *backupCommand) stream(env *environment) error {
	work, err := os.MkdirTemp("", "wapid-backup-*")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer os.RemoveAll(work)
	report, err := writeBackup(env.ctx, env.stdout, c.Data, work)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	fmt.Fprintln(env.stderr, report)
	return nil
}

// writeFile writes the archive into a new file that only its owner can read, and
// returns when it is on the disk.
func (c *backupCommand) writeFile(ctx context.Context, path, work string) (report backupReport, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return report, err
	}
	report, err = writeBackup(ctx, f, c.Data, work)
	if err == nil {
		err = f.Sync()
	}
	return report, errors.Join(err, f.Close())
}

// backupReport is what a backup tells of itself.
type backupReport struct {
	databases int64 // bytes
	files     int
	sent      int    // files that were sent or deleted before they were reached
	keyID     string // of the key that secrets are encrypted with; empty for plain ones
	took      time.Duration
}

func (r backupReport) String() string {
	text := fmt.Sprintf("%.1f MiB of databases and %d files in %v", float64(r.databases)/(1<<20), r.files, r.took.Round(time.Millisecond))
	if r.keyID != "" {
		text += fmt.Sprintf("; its secrets are encrypted with key %s, which a restore needs and which is not in it", r.keyID)
	}
	if r.sent > 0 {
		text += fmt.Sprintf("; %d files were sent or deleted meanwhile and left out", r.sent)
	}
	return text
}

// writeBackup writes the archive of a data directory to w. Copies of the
// databases stand in work meanwhile. It does not return before it has removed
// them or failed.
//
// Both databases are held still before anything is copied, the device store
// first. If it were the younger one, it could know a message as dealt with whose
// event the other does not have, and WhatsApp, which has not been told so, would
// bring that message for nothing. The other way round, what the device store does
// not know yet is decrypted again and found in the events.
func writeBackup(ctx context.Context, w io.Writer, data, work string) (report backupReport, err error) {
	begin := time.Now()
	if err := checkRestored(data); err != nil {
		return report, err
	}
	devices, err := store.TakeSnapshot(ctx, filepath.Join(data, whatsapp.FileName))
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, devices.Close()) }()
	own, err := store.TakeSnapshot(ctx, filepath.Join(data, store.FileName))
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	taken := time.Now().UTC()

	archive, err := newArchiveWriter(w)
	if err != nil {
		return report, err
	}
	// The files first: each goes when its message is sent.
	if report.files, report.sent, err = addFiles(ctx, archive, data, own); err != nil {
		return report, err
	}
	for _, db := range []struct {
		name     string
		snapshot *store.Snapshot
	}{{store.FileName, own}, {whatsapp.FileName, devices}} {
		if err := db.snapshot.CopyTo(ctx, filepath.Join(work, db.name)); err != nil {
			return report, err
		}
	}
	m := manifest{Format: archiveFormat, Version: version, TakenAt: taken}
	if m.Schema, err = store.FileSchema(ctx, filepath.Join(work, store.FileName)); err != nil {
		return report, err
	}
	sealed, err := inspectSeal(ctx, work)
	if err != nil {
		return report, err
	}
	m.KeyID = sealed.keyIDs()
	report.keyID = m.KeyID
	for _, name := range []string{store.FileName, whatsapp.FileName} {
		path := filepath.Join(work, name)
		if err := store.CheckFile(ctx, path, store.Quick); err != nil {
			return report, err
		}
		if err := archive.add(ctx, name, path); err != nil {
			return report, err
		}
		report.databases += archive.files[len(archive.files)-1].Size
	}
	report.took = time.Since(begin)
	return report, archive.finish(m)
}

// addFiles adds the files of queued messages and of bulk jobs, and those of the media
// library. One that is gone belonged to a message or a job that has ended since the
// snapshot, or was deleted.
func addFiles(ctx context.Context, archive *archiveWriter, data string, own *store.Snapshot) (added, gone int, err error) {
	queued, err := own.ListSpooled(ctx)
	if err != nil {
		return 0, 0, err
	}
	var names []string
	for _, path := range queued {
		names = append(names, spoolDir+"/"+filepath.Base(path))
	}
	uploaded, err := own.ListMediaPaths(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, path := range uploaded {
		names = append(names, mediaDir+"/"+filepath.Base(path))
	}
	jobs, err := os.ReadDir(filepath.Join(data, bulkDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, err
	}
	for _, f := range jobs {
		if name := bulkDir + "/" + f.Name(); f.Type().IsRegular() && archivedName.MatchString(name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		err := archive.add(ctx, name, filepath.Join(data, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			gone++
		case err != nil:
			return added, gone, err
		default:
			added++
		}
	}
	return added, gone, nil
}

// syncDir makes what was created or renamed in a directory survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
