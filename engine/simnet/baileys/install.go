package baileys

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"wapid/engine/simnet/npm"
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
	if err := npm.Install(t.Context(), dir); err != nil {
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
