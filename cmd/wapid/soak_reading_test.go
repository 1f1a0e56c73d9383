package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reading is what a daemon takes at one moment.
type reading struct {
	at         time.Duration // since the beginning of the load
	heap       float64       // bytes in use after a collection
	goroutines float64
	fds        float64
	resident   float64 // bytes
	disk       float64 // bytes of the data directory, without the device store
	devices    float64 // bytes of the device store
	messages   float64 // out and in, so far
}

var (
	heapLine      = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)
	goroutineLine = regexp.MustCompile(`^goroutine profile: total (\d+)`)
	residentLine  = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)
)

func (s *soak) read(at time.Duration) reading {
	s.t.Helper()
	pid := s.daemon.cmd.Process.Pid
	one := reading{at: at, messages: float64(s.sent.Load() + s.received.Load())}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		s.t.Fatal(err)
	}
	one.resident = 1024 * s.figure(residentLine, string(status))
	// The collection comes after the resident size, which it changes.
	one.heap = s.figure(heapLine, s.profile("heap?gc=1&debug=1"))
	one.goroutines = s.figure(goroutineLine, s.profile("goroutine?debug=1"))
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		s.t.Fatal(err)
	}
	one.fds = float64(len(fds))
	err = filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // a file that was there a moment ago
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		if strings.HasPrefix(entry.Name(), "whatsapp.db") {
			one.devices += float64(info.Size())
		} else {
			one.disk += float64(info.Size())
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return one
}

func (s *soak) profile(name string) string {
	s.t.Helper()
	resp, err := s.client.Get(s.profiles + name)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}

func (s *soak) figure(line *regexp.Regexp, text string) float64 {
	s.t.Helper()
	match := line.FindStringSubmatch(text)
	if match == nil {
		s.t.Fatalf("no %s in %.200q", line, text)
	}
	n, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// measure is one thing that must not go on growing.
type measure struct {
	name     string
	of       func(reading) float64
	share    float64 // of growth from the third quarter of a run to the fourth that is noise
	slack    float64 // the same, in its own unit
	longOnly bool    // a short run is over before it has settled
	free     bool    // it may grow: it is told, not judged
}

// measures are all of them. The device store is only told: it keeps for a week what
// retry receipts may ask for and for two what has been handled, which is more than a
// run lasts, and by the machine's clock.
func measures() []measure {
	const mib = 1 << 20
	return []measure{
		{name: "heap after GC", of: func(s reading) float64 { return s.heap }, share: 0.05, slack: 2 * mib},
		{name: "goroutines", of: func(s reading) float64 { return s.goroutines }, share: 0.05, slack: 20},
		{name: "file descriptors", of: func(s reading) float64 { return s.fds }, share: 0.05, slack: 10},
		{name: "resident", of: func(s reading) float64 { return s.resident }, share: 0.1, slack: 16 * mib, longOnly: true},
		{name: "data directory", of: func(s reading) float64 { return s.disk }, share: 0.05, slack: 4 * mib, longOnly: true},
		{name: "device store", of: func(s reading) float64 { return s.devices }, free: true},
		{name: "messages", of: func(s reading) float64 { return s.messages }, free: true},
	}
}

func (m measure) series(samples []reading) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = m.of(s)
	}
	return out
}

// grows compares the medians of the last two quarters of a run: what warms up does so
// before, and what leaks goes on.
func (m measure) grows(series []float64) (third, fourth float64, grows bool) {
	half, rest := len(series)/2, len(series)-len(series)/4
	third, fourth = median(series[half:rest]), median(series[rest:])
	return third, fourth, !m.free && fourth > third*(1+m.share)+m.slack
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func TestSoakTellsGrowthFromNoise(t *testing.T) {
	m := measure{share: 0.05, slack: 10}
	run := func(f func(i int) float64) []float64 {
		out := make([]float64, 60)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	for name, c := range map[string]struct {
		series []float64
		want   bool
	}{
		"even":                  {run(func(int) float64 { return 1000 }), false},
		"warms up, then stands": {run(func(i int) float64 { return 1000 + float64(min(i, 20))*100 }), false},
		"saw teeth":             {run(func(i int) float64 { return 1000 + float64(i%7)*100 }), false},
		"one peak at the end":   {run(func(i int) float64 { return 1000 + float64(i/59)*5000 }), false},
		"falls":                 {run(func(i int) float64 { return 5000 - float64(i)*20 }), false},
		"a leak":                {run(func(i int) float64 { return 1000 + float64(i)*10 }), true},
		"a leak among teeth":    {run(func(i int) float64 { return 1000 + float64(i)*20 + float64(i%7)*20 }), true},
		"a late leak":           {run(func(i int) float64 { return 1000 + float64(max(0, i-40))*30 }), true},
		"a leak of few":         {run(func(i int) float64 { return float64(i) }), true},
	} {
		if third, fourth, got := m.grows(c.series); got != c.want {
			t.Errorf("%s: growing is %v, from %.0f to %.0f", name, got, third, fourth)
		}
	}
}

// TestSoakReadsEveryQuarter looks that a run of any length is judged by what was read in
// its last quarters, and by what needs time to settle only if it had that.
func TestSoakReadsEveryQuarter(t *testing.T) {
	for minutes, settles := range map[int]bool{0: false, 1: false, 5: false, 6: true, 30: true} {
		if minutes > 0 {
			t.Setenv("SOAK_MINUTES", strconv.Itoa(minutes))
		}
		o := soakFromEnvironment(t)
		if n := o.length / o.every; n < 12 || o.every > 30*time.Second || o.long != settles {
			t.Errorf("%d minutes: %d readings, one each %v, settles: %t", minutes, n, o.every, o.long)
		}
		os.Unsetenv("SOAK_MINUTES")
	}
}
