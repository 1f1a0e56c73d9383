package main

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"wapid/engine/whatsapp"
	"wapid/store"
)

// TestBackupIsOneWholeStream reads a backup to its last byte, as zstd and tar do: wapid
// restore stops at the end of the archive and would not see what stands behind it.
func TestBackupIsOneWholeStream(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{store.FileName, whatsapp.FileName} {
		db, err := store.Open(t.Context(), filepath.Join(dir, name), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if _, err := writeBackup(t.Context(), &file, dir, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	plain, err := zstd.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if n, err := io.Copy(io.Discard, plain); err != nil {
		t.Errorf("after %d bytes: %v", n, err)
	}
}
