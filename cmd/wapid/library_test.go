package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
	"wapid/engine/media"
	"wapid/store"
)

// TestUploadedFilesExpire: the janitor removes the bytes with the rows, and no others.
func TestUploadedFilesExpire(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1708243200, 0)
	clock := func() time.Time { return now }
	s, err := store.Open(t.Context(), filepath.Join(dir, store.FileName), store.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.EnsureDefaultTenant(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	library, err := media.OpenSpool(filepath.Join(dir, mediaDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, days := range []int{1, 30} {
		f, err := library.Take(t.Context(), bytes.NewReader([]byte("bytes")), 100)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.InsertMediaFile(t.Context(), store.MediaFile{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Size: f.Size,
			SHA256: f.SHA256, Path: mediaDir + "/" + filepath.Base(f.Path), ExpiresAt: now.AddDate(0, 0, days)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	j := newJanitor(nil, s, nil, library, 0, clock, zap.NewNop())
	for _, step := range []struct{ days, left int }{{0, 2}, {1, 1}, {29, 0}} {
		now = now.AddDate(0, 0, step.days)
		if err := j.expireMedia(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(filepath.Join(dir, mediaDir)); err != nil || len(left) != step.left {
			t.Errorf("after %d days more %d files are left, want %d, %v", step.days, len(left), step.left, err)
		}
	}
}

// TestUploadedFilesAreBackedUpAndErased: a backup has them, and an erased tenant's go.
func TestUploadedFilesAreBackedUpAndErased(t *testing.T) {
	dir := t.TempDir()
	a := startApp(t, startNetwork(t), dir, nil)
	a.admin = a.shellKey
	made := a.must(t, 201, "POST", "/api/admin/tenants", map[string]any{"name": "Passing"})
	theirs := &inProcess{api: api{base: a.base, key: made.text("apiKey")}, app: a.app}
	defer theirs.closeIdle()
	for _, who := range []*inProcess{a, theirs} {
		who.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
		d360{who, who.key}.do(t, 201, "POST", "/v1/media", "text/plain", []byte("of "+who.key))
	}
	var archive bytes.Buffer
	if _, err := writeBackup(t.Context(), &archive, dir, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	restored := t.TempDir()
	if _, err := unpack(t.Context(), &archive, restored); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadDir(filepath.Join(dir, mediaDir))
	if err != nil || len(kept) != 2 {
		t.Fatalf("%d files are kept, %v", len(kept), err)
	}
	for _, f := range kept {
		was, err := os.ReadFile(filepath.Join(dir, mediaDir, f.Name()))
		is, err2 := os.ReadFile(filepath.Join(restored, mediaDir, f.Name()))
		if err != nil || err2 != nil || !bytes.Equal(was, is) {
			t.Errorf("%s is restored as %q, %v, %v", f.Name(), is, err, err2)
		}
	}
	a.must(t, 202, "DELETE", "/api/admin/tenants/"+made.text("tenantId"), nil)
	eventually(t, "the tenant's file is gone", func() bool {
		left, err := os.ReadDir(filepath.Join(dir, mediaDir))
		return err == nil && len(left) == 1
	})
	if left, err := os.ReadFile(filepath.Join(dir, mediaDir, leftIn(t, dir))); err != nil || string(left) != "of "+a.key {
		t.Errorf("left is %q, %v", left, err)
	}
}

// leftIn is the name of the first file of the library.
func leftIn(t *testing.T, dir string) string {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(dir, mediaDir))
	if err != nil || len(left) == 0 {
		t.Fatal("no file is left", err)
	}
	return left[0].Name()
}
