package report

import (
	"fmt"
	"slices"
	"strings"
)

// Rewrite replaces what stands between the markers of a document, which are
//
//	<!-- bench: NAME -->
//	<!-- /bench -->
//
// on lines of their own. A name is "machine", "promises", "notes", or that of a scenario,
// whose table it stands for. It fails on a name that it does not know and on a
// marker without an end.
func (r *Report) Rewrite(document string) (string, error) {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(document, "<!-- bench: ")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		name, rest, ok := strings.Cut(rest, " -->\n")
		_, after, ended := strings.Cut(rest, "<!-- /bench -->")
		if !ok || !ended {
			return "", fmt.Errorf("the marker of %.40q has no end", name)
		}
		block, err := r.block(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "<!-- bench: %s -->\n%s<!-- /bench -->", name, block)
		document = after
	}
}

func (r *Report) block(name string) (string, error) {
	switch name {
	case "machine":
		return r.describe(), nil
	case "promises":
		return r.WritePoints(), nil
	case "notes":
		var out strings.Builder
		for _, note := range r.Notes {
			fmt.Fprintf(&out, "- %s\n", note)
		}
		return out.String(), nil
	}
	if !slices.Contains(Scenarios(), name) {
		return "", fmt.Errorf("there is no table %q", name)
	}
	if !slices.ContainsFunc(r.Measurements, func(m Measurement) bool { return m.Scenario == name }) {
		return "Not measured in this run.\n", nil
	}
	return r.Table(name), nil
}

// describe is where and how the report came about.
func (r *Report) describe() string {
	m, s := r.Machine, r.Settings
	return fmt.Sprintf(`| | |
|---|---|
| machine | %s, %d cores, %.1f GiB |
| kernel, filesystem | %s, %s; an append of 4 kB with its fdatasync takes %.2f ms |
| load before the start | %.1f; above 0.5 or so others used the machine, and rates and times are worse than they would be |
| built with | %s, whatsmeow %s, revision %s |
| measured | %s, in %s: %d runs of %s each after %s of load, %s added latency |
`, m.CPU, m.Cores, m.MemoryGiB, m.Kernel, m.Filesystem, m.FsyncMs, m.Load, m.Go, m.Whatsmeow, m.Revision,
		r.Started.Format("2 January 2006"), r.Took, s.Runs, s.Duration, s.WarmUp, s.Latency)
}
