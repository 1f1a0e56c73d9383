package whatsapp

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"wapid/engine"
)

const (
	largeFile   = 50 << 20
	memoryLimit = 12 << 20 // what the heap may grow by while a large file is moved
)

// TestLargeFilesStayOnDisk moves 50 MB in both directions and watches the heap.
// The media host is in the same process; it keeps files on disk too.
func TestLargeFilesStayOnDisk(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	path := filepath.Join(t.TempDir(), "large")
	want := writeLarge(t, path)
	to := peer.Person().Phone
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var up engine.Upload
	grown := heapGrowth(func() {
		up, err = s.media().Upload(t.Context(), engine.Outgoing{Kind: engine.KindDocument, To: to}, file)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("uploading %d MiB: the heap grew by %d KiB", largeFile>>20, grown>>10)
	if grown > memoryLimit {
		t.Errorf("uploading %d bytes took %d bytes of heap", largeFile, grown)
	}

	ref := s.say(t, engine.Outgoing{To: to, Kind: engine.KindDocument, Attachment: &engine.Attachment{Upload: &up, FileName: "large"}})
	back, err := os.Create(filepath.Join(t.TempDir(), "back"))
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	grown = heapGrowth(func() { err = s.media().Download(t.Context(), ref, back) })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("downloading %d MiB: the heap grew by %d KiB", largeFile>>20, grown>>10)
	if grown > memoryLimit {
		t.Errorf("downloading %d bytes took %d bytes of heap", largeFile, grown)
	}
	if got := hashOf(t, back); got != want {
		t.Error("another file came back")
	}
}

// writeLarge fills a file and returns its hash.
func writeLarge(t *testing.T, path string) [32]byte {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(file, hash), rand.NewChaCha8([32]byte{50}), largeFile); err != nil {
		t.Fatal(err)
	}
	return [32]byte(hash.Sum(nil))
}

func hashOf(t *testing.T, file io.Reader) [32]byte {
	t.Helper()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		t.Fatal(err)
	}
	return [32]byte(hash.Sum(nil))
}

// heapGrowth is by how much the heap was larger, at its largest, than before.
func heapGrowth(do func()) int64 {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	runtime.GC()
	before, most := heap(), int64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, heap())
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	do()
	close(stop)
	<-stopped
	return most - before
}
