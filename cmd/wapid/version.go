package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct {
	JSON bool `help:"Print it as JSON, with what the program was built of."`
}

// builtOf is what a binary tells of itself.
type builtOf struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Revision is the commit that it was built of; empty where the build did not know.
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the commit had changes on top
	Client   string `json:"whatsmeow,omitempty"`
}

// Run prints the version.
func (c *versionCommand) Run(env *environment) error {
	if !c.JSON {
		fmt.Fprintln(env.stdout, version)
		return nil
	}
	b := builtOf{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
		for _, d := range info.Deps {
			if d.Path == "go.mau.fi/whatsmeow" {
				b.Client = d.Version
			}
		}
	}
	return json.NewEncoder(env.stdout).Encode(b)
}
