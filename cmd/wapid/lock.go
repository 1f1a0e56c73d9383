package main

import (
	"fmt"
	"path/filepath"

	"github.com/gofrs/flock"
)

// lockData makes this process the only daemon on a data directory, until
// unlock. The kernel drops the lock when the process dies, however it dies.
func lockData(dir string) (unlock func() error, err error) {
	l := flock.New(filepath.Join(dir, "wapid.lock"))
	held, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data directory can't be locked: %w", err)
	}
	if !held {
		return nil, fmt.Errorf("another daemon is running on the data directory %s", dir)
	}
	return l.Unlock, nil
}
