package baileys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// errNoModule says that the working directory is in no Go module.
var errNoModule = errors.New("no go.mod above the working directory")

// install returns the directory of the client, with its dependencies beside it.
// Without node the test is skipped, unless CI=true: then it fails, because
// nothing may be left out there.
func install(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("Baileys needs %s: %v", tool, err)
			}
			t.Skipf("left out: Baileys needs %s, which is not on this machine", tool)
		}
	}
	dir, err := sourceDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := fetchDependencies(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sourceDir finds this package's directory from that of a test in any package.
func sourceDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "engine", "simnet", "baileys"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errNoModule
		}
		dir = parent
	}
}

// fetchPatience bounds one run of npm.
const fetchPatience = 3 * time.Minute

// fetchDependencies runs npm unless the pinned versions are there already. The
// lock keeps the tests of two packages, which run at once, from doing it twice.
func fetchDependencies(dir string) error {
	lock := flock.New(filepath.Join(dir, "package-lock.json"), flock.SetFlag(os.O_RDONLY))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	defer lock.Unlock()
	wanted, err := lockedVersion(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	// npm writes this copy of the lock file when it is done.
	if have, err := lockedVersion(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil && have == wanted {
		return nil
	}
	// How it does that stands in .npmrc.
	ctx, cancel := context.WithTimeout(context.Background(), fetchPatience)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

// lockedVersion reads Baileys' version from a lock file of npm's.
func lockedVersion(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var lock struct {
		Packages map[string]struct {
			Version string `json:"version"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(raw, &lock); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	version := lock.Packages["node_modules/baileys"].Version
	if version == "" {
		return "", fmt.Errorf("%s doesn't name baileys", file)
	}
	return version, nil
}
