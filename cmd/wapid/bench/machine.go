package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"wapid/cmd/wapid/bench/report"
)

// describeMachine says where the benchmark runs; dir is on the filesystem that
// matters. What can't be found out stays empty.
func describeMachine(dir string) (report.Machine, error) {
	m := report.Machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	m.CPU = procField("/proc/cpuinfo", "model name")
	if kb, err := strconv.ParseFloat(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 64); err == nil {
		m.MemoryGiB = float64(int(kb/1024/1024*10)) / 10
	}
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(raw))
	}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		text, _, _ := strings.Cut(string(raw), " ")
		m.Load, _ = strconv.ParseFloat(text, 64) // 0 where the file has another form
	}
	m.Filesystem = filesystem(dir)
	if build, ok := debug.ReadBuildInfo(); ok {
		m.Whatsmeow, m.Revision = whatsmeowVersion(build), revision(build)
	}
	synced, err := fsyncTime(dir)
	m.FsyncMs = milliseconds(synced)
	return m, err
}

// procField reads the first line "name : value" of a file in /proc.
func procField(file, name string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(raw)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func whatsmeowVersion(build *debug.BuildInfo) string {
	i := slices.IndexFunc(build.Deps, func(m *debug.Module) bool { return m.Path == "go.mau.fi/whatsmeow" })
	if i < 0 {
		return ""
	}
	return build.Deps[i].Version
}

func revision(build *debug.BuildInfo) string {
	var hash, dirty string
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			hash = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return hash + dirty
}

// filesystem names the type of the filesystem of a directory, by its mount.
func filesystem(dir string) string {
	raw, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return ""
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	name, longest := "", -1
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		mount := strings.TrimSuffix(fields[1], "/")
		if (abs == mount || strings.HasPrefix(abs, mount+"/")) && len(mount) >= longest {
			name, longest = fields[2], len(mount)
		}
	}
	return name
}

// fsyncTime is the median time of an append of 4 kB and its fdatasync.
func fsyncTime(dir string) (median time.Duration, err error) {
	file, err := os.CreateTemp(dir, "fsync-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	block := make([]byte, 4096)
	var took []time.Duration
	for range 50 {
		begun := time.Now()
		if _, err = file.Write(block); err != nil {
			return 0, err
		}
		if err = syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, fmt.Errorf("fdatasync: %w", err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
