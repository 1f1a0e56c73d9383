package httpapi

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestDashboardLogic runs what is pure in the pages (how recipients are read, how a text
// becomes segments, what a chat is made of) through its tests, in node.
func TestDashboardLogic(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is missing, without which the logic of the pages is not tested")
		}
		t.Skip("node is not on this machine")
	}
	dir := t.TempDir()
	write := func(name string, text []byte) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("package.json", []byte(`{"type":"module"}`)) // so that node takes .js for modules, as browsers do
	pages, err := fs.Glob(dashboardFiles, "dashboard/pages/*.js")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	for _, name := range pages {
		text, err := fs.ReadFile(dashboardFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		write(filepath.Join("pages", filepath.Base(name)), text)
	}
	tests, err := filepath.Glob("testdata/dashboard/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatalf("%d tests: %v", len(tests), err)
	}
	arguments := []string{"--test"}
	for _, name := range tests {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(filepath.Base(name), text)
		arguments = append(arguments, filepath.Base(name))
	}
	run := exec.CommandContext(t.Context(), node, arguments...)
	run.Dir = dir
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
