package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wapid/cmd/wapid/bench/report"
)

// TestReport writes a document and a plot from a report.
func TestReport(t *testing.T) {
	rep := &report.Report{Settings: report.Settings{Sessions: []int{1, 50}}}
	for _, n := range rep.Settings.Sessions {
		rep.Add("repeat", n, report.Daemon, report.Values{report.PerSecond: 700, report.CPU: 0.6})
		rep.Add("repeat", n, report.Bound, report.Values{report.PerSecond: 1000, report.CPU: 0.4})
	}
	raw, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	source := write("report.json", string(raw))
	document := write("document.md", "<!-- bench: repeat -->\n<!-- /bench -->\n<!-- bench: promises -->\n<!-- /bench -->\n")
	plot := filepath.Join(dir, "plot.svg")
	if err = run(source, document, plot); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil || !strings.Contains(string(text), "| 50 | wapid | 700") || !strings.Contains(string(text), "not reached") && !strings.Contains(string(text), "reached") {
		t.Errorf("%v %s", err, text)
	}
	drawn, err := os.ReadFile(plot)
	if err != nil || !strings.Contains(string(drawn), "<svg") || !strings.Contains(string(drawn), "repeat, wapid") {
		t.Errorf("%v, a plot of %d bytes", err, len(drawn))
	}
	for name, args := range map[string][3]string{
		"no report":    {filepath.Join(dir, "none.json"), document, plot},
		"not a report": {write("bad.json", "x"), document, plot},
		"no document":  {source, filepath.Join(dir, "none.md"), plot},
		"bad document": {source, write("bad.md", "<!-- bench: dance -->\n<!-- /bench -->"), plot},
	} {
		if err := run(args[0], args[1], args[2]); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestCommittedDocument holds the document to its report: every table that it
// names exists, and it says what the report says.
func TestCommittedDocument(t *testing.T) {
	raw, err := os.ReadFile("../../docs/benchmarks.json")
	if os.IsNotExist(err) {
		t.Skip("no report is committed yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	var rep report.Report
	if err = json.Unmarshal(raw, &rep); err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	next, err := rep.Rewrite(string(document))
	if err != nil {
		t.Fatal(err)
	}
	if next != string(document) {
		t.Error("docs/benchmarks.md is not what docs/benchmarks.json says: make report")
	}
}
