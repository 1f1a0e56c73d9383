package npm

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// What is there in its version costs no run of npm; anything else does.
func TestWhatIsThereIsNotFetched(t *testing.T) {
	const pinned = `{"packages": {"": {"version": "1.0.0"}, "node_modules/a": {"version": "1.2.3"}, "node_modules/b": {"version": "2.0.0", "optional": true}}}`
	for _, c := range []struct {
		name, have string
		fetched    bool
	}{
		{"all of it", `{"packages": {"node_modules/a": {"version": "1.2.3"}}}`, false},
		{"and more", `{"packages": {"node_modules/a": {"version": "1.2.3"}, "node_modules/c": {"version": "1.0.0"}}}`, false},
		{"another version", `{"packages": {"node_modules/a": {"version": "1.2.4"}}}`, true},
		{"another package", `{"packages": {"node_modules/c": {"version": "1.2.3"}}}`, true},
		{"a torn file", `{"packages": {"node_mod`, true},
		{"nothing", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, tools := t.TempDir(), t.TempDir()
			ran := filepath.Join(dir, "ran")
			write := func(file, text string, mode os.FileMode) {
				t.Helper()
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), mode); err != nil {
					t.Fatal(err)
				}
			}
			write(filepath.Join(dir, "package-lock.json"), pinned, 0o600)
			if c.have != "" {
				write(filepath.Join(dir, "node_modules", ".package-lock.json"), c.have, 0o600)
			}
			write(filepath.Join(tools, "npm"), "#!/bin/sh\necho \"$@\" > "+ran+"\n", 0o700)
			t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
			if err := Install(context.Background(), dir); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(ran); (err == nil) != c.fetched {
				t.Errorf("npm ran: %t", err == nil)
			}
		})
	}
}
