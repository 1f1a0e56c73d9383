package main

import (
	"context"
	"syscall"

	"wapid/engine"
)

// leastRoom is how much room on the disk, in bytes, a daemon needs to call itself
// ready: some minutes of messages, and time to be told. Files are refused long
// before, see engine/media.
const leastRoom = 64 << 20

// checkRoom returns a check of the disk that holds a directory. It fails with
// CodeStorage.
func checkRoom(dir string) func(context.Context) error {
	return func(context.Context) error {
		var disk syscall.Statfs_t
		if err := syscall.Statfs(dir, &disk); err != nil {
			return engine.WrapError(engine.CodeStorage, err, "the disk of the data directory does not answer")
		}
		if room := disk.Bavail * uint64(disk.Bsize); room < leastRoom {
			return engine.Errorf(engine.CodeStorage, "the disk of the data directory is full: %d MiB are left, of the %d that are needed", room>>20, leastRoom>>20)
		}
		return nil
	}
}
