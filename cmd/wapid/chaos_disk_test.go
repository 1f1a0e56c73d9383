package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// diskSize is the room of the daemon's data directory, in bytes, as mount takes it.
const diskSize = "size=512m"

// disk is where the daemon's data directory lies: a file system of its own where
// the test may mount one, so that it can be filled to the last byte.
type disk struct {
	dir     string
	mounted bool
	story   *story
}

func mountDisk(t testing.TB, s *story) *disk {
	d := &disk{dir: t.TempDir(), story: s}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, diskSize); err != nil {
		t.Logf("left out: the full disk (a tmpfs can't be mounted here: %v)", err)
		return d
	}
	d.mounted = true
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill takes all the room that is left, but for less than a page. The daemon may
// give some back meanwhile: that is taken, too, but not waited for.
func (d *disk) fill() error {
	f, err := os.Create(d.filler())
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size >= 4096; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(err, io.ErrShortWrite)
	}
	return nil
}

// free gives the room back.
func (d *disk) free() error {
	err := os.Remove(d.filler())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
