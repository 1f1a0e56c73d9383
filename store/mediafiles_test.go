package store_test

import (
	"slices"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

func uploaded(name string, size int64) store.MediaFile {
	return store.MediaFile{Session: key("main"), MIME: "image/jpeg", Name: name, Size: size, SHA256: []byte{1, 2, 3},
		Path: "media/" + name, ExpiresAt: start.Add(time.Hour)}
}

// The library knows a file for as long as it was to be kept, for its tenant alone, and
// tells what to remove from the disk.
func TestMediaFiles(t *testing.T) {
	now := start
	s := open(t, store.Options{Clock: func() time.Time { return now }})
	ctx := t.Context()
	must(t, s.InsertTenant(ctx, engine.Tenant{ID: "other", Name: "Other", CreatedAt: start}))
	one, err := s.InsertMediaFile(ctx, uploaded("one", 60), 100)
	must(t, err)
	if len(one.ID) != 36 || one.ID[14] != '4' || !one.CreatedAt.Equal(start) {
		t.Fatalf("%+v", one)
	}
	found, err := s.FindMediaFile(ctx, store.DefaultTenant, one.ID)
	if err != nil || found.Path != "media/one" || found.Session != key("main") || found.MIME != "image/jpeg" || found.Size != 60 ||
		found.Name != "one" || !slices.Equal(found.SHA256, []byte{1, 2, 3}) || !found.ExpiresAt.Equal(one.ExpiresAt) {
		t.Fatalf("%+v, %v", found, err)
	}
	_, err = s.FindMediaFile(ctx, "other", one.ID)
	wantCode(t, err, engine.CodeNotFound)
	_, err = s.DeleteMediaFile(ctx, "other", one.ID)
	wantCode(t, err, engine.CodeNotFound)

	_, err = s.InsertMediaFile(ctx, uploaded("large", 41), 100)
	wantCode(t, err, engine.CodeMediaInvalid)
	two, err := s.InsertMediaFile(ctx, uploaded("two", 40), 100)
	must(t, err)
	if files, bytes, err := s.MediaUse(ctx, store.DefaultTenant); files != 2 || bytes != 100 || err != nil {
		t.Errorf("%d files of %d bytes, %v", files, bytes, err)
	}
	if files, bytes, err := s.MediaUse(ctx, "other"); files != 0 || bytes != 0 || err != nil {
		t.Errorf("the other has %d files of %d bytes, %v", files, bytes, err)
	}
	path, err := s.DeleteMediaFile(ctx, store.DefaultTenant, one.ID)
	if path != "media/one" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
	_, err = s.DeleteMediaFile(ctx, store.DefaultTenant, one.ID)
	wantCode(t, err, engine.CodeNotFound)
	if _, err := s.InsertMediaFile(ctx, uploaded("again", 60), 100); err != nil {
		t.Errorf("a deleted file takes room: %v", err)
	}

	now = two.ExpiresAt
	_, err = s.FindMediaFile(ctx, store.DefaultTenant, two.ID)
	wantCode(t, err, engine.CodeNotFound)
	gone, err := s.ExpireMediaFiles(ctx)
	slices.Sort(gone)
	if !slices.Equal(gone, []string{"media/again", "media/two"}) || err != nil {
		t.Errorf("%v, %v", gone, err)
	}
	if gone, err = s.ExpireMediaFiles(ctx); len(gone) > 0 || err != nil {
		t.Errorf("%v, %v", gone, err)
	}
}

// The files of an erased tenant are known until its rows go, and none comes after.
func TestMediaFilesOfAnErasedTenant(t *testing.T) {
	s := open(t, store.Options{})
	ctx := t.Context()
	must(t, s.InsertTenant(ctx, engine.Tenant{ID: "other", Name: "Other", CreatedAt: start}))
	theirs := uploaded("theirs", 1)
	theirs.Session.Tenant = "other"
	_, err := s.InsertMediaFile(ctx, theirs, 0)
	must(t, err)
	_, err = s.InsertMediaFile(ctx, uploaded("mine", 1), 0)
	must(t, err)
	_, err = s.BeginErasure(ctx, store.Origin{}, "other")
	must(t, err)
	_, err = s.InsertMediaFile(ctx, theirs, 0)
	wantCode(t, err, engine.CodeNotFound)
	if paths, err := s.ListTenantMediaPaths(ctx, "other"); !slices.Equal(paths, []string{"media/theirs"}) || err != nil {
		t.Errorf("%v, %v", paths, err)
	}
	must(t, s.EraseTenant(ctx, "other"))
	if paths, err := s.ListMediaPaths(ctx); !slices.Equal(paths, []string{"media/mine"}) || err != nil {
		t.Errorf("%v, %v", paths, err)
	}
}
