package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"syscall"
	"time"

	"wapid/engine/whatsapp"
	"wapid/httpapi"
	"wapid/store"
)

// vitals returns how the process and the disk under a directory are, whenever it is
// asked. What the system does not tell is 0.
func vitals(dir string, started time.Time) func() httpapi.Vitals {
	return func() httpapi.Vitals {
		v := httpapi.Vitals{StartedAt: started, Goroutines: runtime.NumGoroutine(), Resident: residentBytes(), Heap: heapBytes()}
		var disk syscall.Statfs_t
		if err := syscall.Statfs(dir, &disk); err == nil {
			v.DiskFree, v.DiskSize = disk.Bavail*uint64(disk.Bsize), disk.Blocks*uint64(disk.Bsize)
		}
		v.Database = databaseBytes(filepath.Join(dir, store.FileName))
		v.DeviceStore = databaseBytes(filepath.Join(dir, whatsapp.FileName))
		return v
	}
}

// databaseBytes is the size of a database with its write-ahead log.
func databaseBytes(path string) (total uint64) {
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			total += uint64(info.Size())
		}
	}
	return total
}

// residentBytes reads the second number of statm: pages.
func residentBytes() uint64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(raw)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
