package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// userHZ is the unit of times in /proc: a hundredth of a second on every Linux.
const userHZ = 100

// ProcessCPU reads the CPU time, user and system, that a process has used so
// far, in hundredths of a second. It fails where there is no /proc.
func ProcessCPU(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(raw)
}

// parseStat reads utime and stime, fields 14 and 15. The name of the program,
// in parentheses, may hold anything.
func parseStat(raw []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(raw, ')')
	if end < 0 {
		return 0, errors.New("/proc stat: no program name")
	}
	fields := strings.Fields(string(raw[end+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc stat: too few fields")
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / userHZ), nil
}

// OwnCPU is the CPU time of this process so far.
func OwnCPU() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

// Memory is what a process holds of the machine's memory, in bytes.
type Memory struct {
	RSS  int64 `json:"rss"`  // all of it: VmRSS
	Anon int64 `json:"anon"` // without mapped files, such as the program itself: RssAnon
}

// ProcessMemory reads the resident memory of a process. It fails where there is
// no /proc.
func ProcessMemory(pid int) (Memory, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	return parseStatus(string(raw))
}

func parseStatus(text string) (Memory, error) {
	var m Memory
	for name, into := range map[string]*int64{"VmRSS:": &m.RSS, "RssAnon:": &m.Anon} {
		_, rest, ok := strings.Cut(text, "\n"+name)
		line, _, _ := strings.Cut(rest, "\n")
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
		if !ok || err != nil {
			return m, fmt.Errorf("/proc status: no %s", strings.TrimSuffix(name, ":"))
		}
		*into = kb << 10
	}
	return m, nil
}
