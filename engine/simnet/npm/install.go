// Package npm installs the packages of JavaScript that tests need, in the versions
// that a lock file pins. Only tests import it.
package npm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// patience bounds one run of npm.
const patience = 3 * time.Minute

// flags keep packages from outside from running programs on their way in, and have
// a registry that falls silent asked again after 20 seconds: npm itself waits for
// five minutes.
var flags = [...]string{
	"--ignore-scripts", "--no-audit", "--no-fund",
	"--fetch-timeout=20000", "--fetch-retries=5", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000",
}

// Install runs npm in the directory of a package-lock.json, unless what that pins is
// there already. A lock keeps the tests of two packages, which run at once, from
// doing it twice.
func Install(ctx context.Context, dir string) error {
	pinned := filepath.Join(dir, "package-lock.json")
	lock := flock.New(pinned, flock.SetFlag(os.O_RDONLY))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	defer lock.Unlock()
	wanted, err := versions(pinned)
	if err != nil {
		return err
	}
	// npm writes this file when it is done.
	if have, err := versions(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil && contains(have, wanted) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", append([]string{"ci"}, flags[:]...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

// versions reads a lock file of npm's: the version of each package by its path. What
// is optional is left out, because not every machine gets it.
func versions(file string) (map[string]string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct {
			Version  string `json:"version"`
			Optional bool   `json:"optional"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(raw, &lock); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	found := make(map[string]string, len(lock.Packages))
	for path, p := range lock.Packages {
		if path != "" && !p.Optional { // "" is the directory's own
			found[path] = p.Version
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s pins nothing", file)
	}
	return found, nil
}

// contains tells whether all that is wanted is there, in its version.
func contains(have, wanted map[string]string) bool {
	for path, version := range wanted {
		if have[path] != version {
			return false
		}
	}
	return true
}
