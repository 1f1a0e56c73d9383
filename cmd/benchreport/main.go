// Command benchreport writes what a run of `wapid bench` has found into
// docs/benchmarks.md, and draws it. It is a program of its own so that the
// daemon's does not carry a plotting library.
//
//	benchreport docs/benchmarks.json docs/benchmarks.md docs/benchmarks.svg
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"wapid/cmd/wapid/bench/report"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: benchreport REPORT.json DOCUMENT.md PLOT.svg")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "benchreport:", err)
		os.Exit(1)
	}
}

// run rewrites the document's generated parts and the plot from the report.
func run(reportFile, documentFile, plotFile string) error {
	raw, err := os.ReadFile(reportFile)
	if err != nil {
		return err
	}
	var rep report.Report
	if err = json.Unmarshal(raw, &rep); err != nil {
		return fmt.Errorf("%s: %w", reportFile, err)
	}
	document, err := os.ReadFile(documentFile)
	if err != nil {
		return err
	}
	next, err := rep.Rewrite(string(document))
	if err != nil {
		return fmt.Errorf("%s: %w", documentFile, err)
	}
	if err = os.WriteFile(documentFile, []byte(next), 0o644); err != nil {
		return err
	}
	return drawTo(&rep, plotFile)
}
