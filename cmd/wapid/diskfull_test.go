package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wapid/engine/simnet"
)

// smallDisk mounts a file system of so many MiB for a data directory.
func smallDisk(t *testing.T, mib int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=700", mib))
	if errors.Is(err, syscall.EPERM) && (os.Getenv("CI") == "" || os.Geteuid() != 0) {
		t.Skipf("mounting a small disk is not allowed here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes what room a disk has, but for so many bytes, until free is called.
func fill(t *testing.T, dir string, but int64) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for taken := int64(0); ; { // the daemon takes some meanwhile
		var disk syscall.Statfs_t
		if err := syscall.Statfs(dir, &disk); err != nil {
			t.Fatal(err)
		}
		room := int64(disk.Bavail)*int64(disk.Bsize) - but
		if room <= 0 {
			break
		}
		switch err := syscall.Fallocate(int(f.Fd()), 0, taken, room); {
		case err == nil:
			taken += room
		case !errors.Is(err, syscall.ENOSPC):
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

func (a *api) ready(t *testing.T) answer {
	t.Helper()
	ans, err := a.call("GET", "/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	return ans
}

// TestAFullDisk: what can't be written down is refused, in words; nothing that was
// acknowledged is lost, in either direction; and with room everything goes on by
// itself.
func TestAFullDisk(t *testing.T) {
	dir, receiver := smallDisk(t, 160), startHooks(t)
	network := startNetwork(t)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	d := startDaemon(t, "", network, dir)
	receiver.subscribe(t, &d.api)
	d.pair(t, "main", mine)
	settle(t, network, mine)
	acknowledged := map[string]bool{d.send(t, "main", theirs.Number(), "before").text("messageId"): true}
	eventually(t, "it is ready", func() bool { return d.ready(t).code == 200 })

	free := fill(t, dir, 0)
	eventually(t, "it says that the disk is full", func() bool {
		ans := d.ready(t)
		return ans.code == 503 && strings.Contains(ans.raw, "disk")
	})
	// The write-ahead logs have room of their own: it ends when it is used up.
	refused := answer{}
	eventually(t, "a send is refused", func() bool {
		ans, err := d.call("POST", sessionPath("main")+"/send", map[string]any{"to": theirs.Number(), "message": strings.Repeat("x", 4000)})
		if err != nil {
			t.Fatal(err)
		}
		if ans.code == 200 {
			acknowledged[ans.text("messageId")] = true
		} else {
			refused = ans
		}
		return ans.code != 200
	})
	if refused.code != 500 || refused.text("code") != "STORAGE_UNAVAILABLE" {
		t.Errorf("a send to a full disk answered %d %s", refused.code, refused.raw)
	}
	for _, path := range []string{"/send?wait=false", "/send"} {
		// Moving a log's contents may just have made some room: what is taken then counts.
		eventually(t, path+" is refused", func() bool {
			ans, err := d.call("POST", sessionPath("main")+path, map[string]any{"to": theirs.Number(), "message": strings.Repeat("y", 4000)})
			if err != nil {
				t.Fatal(err)
			}
			if ans.code == 200 || ans.code == 202 {
				acknowledged[ans.text("messageId")] = true
				return false
			}
			if ans.code != 500 && ans.code != 409 {
				t.Errorf("%s answered %d %s", path, ans.code, ans.raw)
			}
			return true
		})
	}
	var late []string
	for n := range 5 {
		text := fmt.Sprintf("late %d %s", n, strings.Repeat("z", 2000))
		if _, err := theirs.SendText(t.Context(), mine.JID(), text); err != nil {
			t.Fatal(err)
		}
		late = append(late, text)
	}
	pause(t.Context(), 2*time.Second) // it tries, and fails
	for _, text := range late {
		for _, out := range theirs.Sent() {
			if out.Text == text && network.handedOver(out.ID) {
				t.Errorf("a message was acknowledged to the network that could not be written down")
			}
		}
	}
	if ans := d.ready(t); ans.code != 503 {
		t.Errorf("readyz answered %d %s", ans.code, ans.raw)
	}

	free()
	for _, text := range late {
		receiver.await(t, "a message from when the disk was full", func(h hook) bool { return h.Data.Body == text })
	}
	eventually(t, "it is ready again", func() bool { return d.ready(t).code == 200 })
	d.awaitStatus(t, "main", "ready")
	acknowledged[d.send(t, "main", theirs.Number(), "afterwards").text("messageId")] = true
	for id := range acknowledged {
		if _, err := arrive(t, theirs, func(r simnet.Received) bool { return r.ID == id }); err != nil {
			t.Errorf("an acknowledged message has not arrived: %v", err)
		}
	}
	told := map[string]int{}
	for _, h := range receiver.all() {
		if h.Event == "message" {
			told[h.Data.ID]++
		}
	}
	if len(told) != len(late) {
		t.Errorf("%d messages were told, expected %d", len(told), len(late))
	}
	d.stop(t)
}

// TestMediaAndAFullDisk: files leave the databases their room.
func TestMediaAndAFullDisk(t *testing.T) {
	dir := smallDisk(t, 400)
	network := startNetwork(t)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", mine)
	settle(t, network, mine)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("a document\n", 200_000))
	}))
	defer site.Close()
	document := map[string]any{"to": theirs.Number(), "type": "document", "mediaUrl": site.URL + "/doc.txt"}
	d.must(t, 200, "POST", sessionPath("main")+"/send", document)

	free := fill(t, dir, 200<<20)
	for _, wait := range []string{"true", "false"} {
		ans := d.must(t, 500, "POST", sessionPath("main")+"/send?wait="+wait, document)
		if ans.text("code") != "STORAGE_UNAVAILABLE" {
			t.Errorf("wait=%s answered %s", wait, ans.raw)
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, spoolDir)); err != nil || len(left) > 0 {
		t.Errorf("files were left behind: %v (%v)", left, err)
	}
	d.send(t, "main", theirs.Number(), "text needs no room to speak of")
	eventually(t, "it is ready", func() bool { return d.ready(t).code == 200 })
	free()
	d.must(t, 200, "POST", sessionPath("main")+"/send", document)
	d.stop(t)
}
