package whatsapp

import (
	"os"
	"path/filepath"
	"testing"

	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/store/seal"
)

func TestDeviceFilesArePrivate(t *testing.T) {
	modes := func(dir string) map[string]os.FileMode {
		found := make(map[string]os.FileMode)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(filepath.Join(dir, FileName+suffix))
			if err != nil {
				t.Fatal(err)
			}
			found[FileName+suffix] = info.Mode().Perm()
		}
		return found
	}
	open := func(dir string) *devices {
		d, err := openDevices(t.Context(), dir, seal.Keys{}, waLog.Noop)
		if err != nil {
			t.Fatal(err)
		}
		d.make()
		t.Cleanup(func() { _ = d.close() })
		return d
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil { // past the umask
		t.Fatal(err)
	}
	open(dir)
	for file, mode := range modes(dir) {
		if mode != 0o600 {
			t.Errorf("%s is made with mode %o", file, mode)
		}
	}
	// Files of an earlier version, one connection still open so that all exist.
	for file := range modes(dir) {
		if err := os.Chmod(filepath.Join(dir, file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	open(dir)
	for file, mode := range modes(dir) {
		if mode != 0o600 {
			t.Errorf("%s keeps mode %o", file, mode)
		}
	}
}
