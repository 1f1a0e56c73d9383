package store

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestAcknowledgedWritesWereSynced watches the system calls of a process that writes,
// alone and by many: between the moment in which a write's page goes into the log and
// the one in which its caller is answered, the log was synced. It also tells how many
// callers share a sync.
func TestAcknowledgedWritesWereSynced(t *testing.T) {
	if dir := os.Getenv("WAPID_SYNC_DIR"); dir != "" {
		writeMarks(t, dir)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not on this machine")
	}
	if out, err := exec.Command(strace, "-f", "true").CombinedOutput(); err != nil {
		t.Skipf("strace is not allowed to watch: %v, %s", err, out)
	}
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace")
	// -y names the files; a page is at most 4096 bytes.
	c := exec.Command(strace, "-f", "-y", "-s", "4096", "-e", "trace=pwrite64,fdatasync,fsync,write", "-o", trace,
		os.Args[0], "-test.run", "^TestAcknowledgedWritesWereSynced$", "-test.count", "1")
	c.Env = append(os.Environ(), "WAPID_SYNC_DIR="+dir)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	acknowledged, syncs := checkTrace(t, raw)
	if want := lonely + crowd*each; acknowledged != want {
		t.Errorf("%d writes were acknowledged, want %d", acknowledged, want)
	}
	if syncs < lonely || syncs >= acknowledged {
		t.Errorf("%d syncs for %d writes", syncs, acknowledged)
	}
	t.Logf("%d writes were acknowledged behind %d syncs", acknowledged, syncs)
}

const lonely, crowd, each = 20, 32, 10

// writeMarks writes marked rows, and says of each that it is written.
func writeMarks(t *testing.T, dir string) {
	s, err := Open(t.Context(), filepath.Join(dir, FileName), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	acks, err := os.Create(filepath.Join(dir, "acks"))
	if err != nil {
		t.Fatal(err)
	}
	defer acks.Close()
	mark := func(n int) {
		err := s.update(context.Background(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO settings (name, value, updated_at) VALUES ($1, '', 0)`, fmt.Sprintf("<mark %d>", n))
			return err
		})
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(acks, "<ack %d>", n)
	}
	for n := range lonely {
		mark(n)
	}
	var wg sync.WaitGroup
	for c := range crowd {
		wg.Go(func() {
			for i := range each {
				mark(lonely + c*each + i)
			}
		})
	}
	wg.Wait()
}

var (
	markPattern = regexp.MustCompile(`<mark \d+>`)
	ackPattern  = regexp.MustCompile(`<ack (\d+)>`)
)

// checkTrace goes through the calls in the order in which they were begun, and ended
// where strace tells both. A sync counts for what was written before it began.
func checkTrace(t *testing.T, raw []byte) (acknowledged, syncs int) {
	written := map[string]bool{} // marks in the log since the last sync began
	synced := map[string]bool{}
	pending := map[string][]string{} // marks that a sync under way covers, by thread
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		thread := strings.Fields(line)[0]
		switch {
		case strings.Contains(line, "pwrite64(") && strings.Contains(line, FileName+"-wal"):
			for _, mark := range markPattern.FindAllString(line, -1) {
				written[mark] = true
			}
		case strings.Contains(line, "sync(") && strings.Contains(line, FileName+"-wal"):
			syncs++
			for mark := range written {
				pending[thread] = append(pending[thread], mark)
			}
			clear(written)
			if strings.Contains(line, "unfinished") {
				continue
			}
			fallthrough
		case strings.Contains(line, "sync resumed"):
			for _, mark := range pending[thread] {
				synced[mark] = true
			}
			delete(pending, thread)
		case strings.Contains(line, "write("):
			if ack := ackPattern.FindStringSubmatch(line); ack != nil {
				acknowledged++
				if mark := "<mark " + ack[1] + ">"; !synced[mark] {
					t.Errorf("%s was acknowledged before it was synced", mark)
				}
			}
		}
	}
	return acknowledged, syncs
}
