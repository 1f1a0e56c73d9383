package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listedPackage is what this test reads of `go list -json`.
type listedPackage struct {
	ImportPath string
	Imports    []string
}

// allowed is the house's import graph: which of our packages each may import.
var allowed = map[string][]string{
	"wapid/engine":                {},
	"wapid/engine/whatsapp":       {"wapid/engine", "wapid/store/checkpoint", "wapid/store/seal"},
	"wapid/engine/simnet":         {},
	"wapid/engine/enginetest":     {"wapid/engine"},
	"wapid/engine/media":          {"wapid/engine"},
	"wapid/engine/parcel":         {"wapid/engine"},
	"wapid/engine/simnet/baileys": {"wapid/engine/simnet/npm"},
	"wapid/engine/simnet/npm":     {},
	"wapid/bulk":                  {"wapid/engine", "wapid/engine/media"},
	"wapid/webhooks":              {"wapid/engine"},
	"wapid/store":                 {"wapid/engine", "wapid/engine/template", "wapid/engine/cloudapi", "wapid/bulk", "wapid/webhooks", "wapid/store/checkpoint", "wapid/store/seal"},
	"wapid/store/checkpoint":      {},
	"wapid/store/seal":            {},
	"wapid/engine/template":       {},
	"wapid/engine/cloudapi":       {"wapid/engine"},
	"wapid/httpapi/metabody":      {"wapid/engine"},
	"wapid/httpapi/cloudapi":      {"wapid/engine", "wapid/engine/template", "wapid/httpapi/metabody"},
	"wapid/httpapi/onprem":        {"wapid/engine", "wapid/engine/template", "wapid/httpapi/metabody"},
	"wapid/httpapi/hub":           {"wapid/engine", "wapid/engine/template"},
	"wapid/httpapi/realtime":      {"wapid/engine"},
	"wapid/httpapi": {"wapid/engine", "wapid/engine/cloudapi", "wapid/engine/media", "wapid/engine/parcel", "wapid/engine/template", "wapid/bulk", "wapid/webhooks", "wapid/store",
		"wapid/httpapi/cloudapi", "wapid/httpapi/onprem", "wapid/httpapi/hub", "wapid/httpapi/realtime"},
	"wapid/cmd/wapid": {"wapid/engine", "wapid/engine/media", "wapid/engine/parcel", "wapid/engine/whatsapp", "wapid/engine/cloudapi", "wapid/engine/simnet",
		"wapid/bulk", "wapid/webhooks", "wapid/store", "wapid/store/seal", "wapid/httpapi", "wapid/cmd/wapid/metrics", "wapid/cmd/wapid/tracing",
		"wapid/cmd/wapid/bench", "wapid/cmd/wapid/bench/bound", "wapid/cmd/wapid/bench/load", "wapid/cmd/wapid/bench/report"},
	"wapid/cmd/wapid/tracing":      {"wapid/engine", "wapid/bulk", "wapid/httpapi"},
	"wapid/cmd/wapid/metrics":      {"wapid/engine", "wapid/engine/whatsapp", "wapid/webhooks", "wapid/store", "wapid/httpapi"},
	"wapid/cmd/wapid/bench":        {"wapid/cmd/wapid/bench/bound", "wapid/cmd/wapid/bench/load", "wapid/cmd/wapid/bench/report"},
	"wapid/cmd/wapid/bench/bound":  {"wapid/cmd/wapid/bench/load"},
	"wapid/cmd/wapid/bench/load":   {},
	"wapid/cmd/wapid/bench/report": {},
	"wapid/cmd/benchreport":        {"wapid/cmd/wapid/bench/report"},
}

// onlyIn lists imports that belong to certain packages alone. A name that ends
// in "/…" stands for everything below it too.
var onlyIn = map[string][]string{
	"go.mau.fi/whatsmeow":           {"wapid/engine/whatsapp", "wapid/cmd/wapid/bench/bound"},
	"go.mau.fi/whatsmeow/…":         {"wapid/engine/whatsapp", "wapid/engine/simnet", "wapid/cmd/wapid/bench/bound"},
	"go.mau.fi/libsignal/…":         {"wapid/engine/whatsapp", "wapid/engine/simnet", "wapid/cmd/wapid/bench/bound"},
	"github.com/gofiber/fiber/v2/…": {"wapid/httpapi"},
	"github.com/gofiber/fiber/v2":   {"wapid/httpapi"},
	"gonum.org/v1/plot":             {"wapid/cmd/benchreport"},
	"gonum.org/v1/plot/…":           {"wapid/cmd/benchreport"},
	"database/sql":                  {"wapid/store", "wapid/store/checkpoint", "wapid/store/seal", "wapid/engine/whatsapp"},
	"github.com/mattn/go-sqlite3":   {"wapid/store", "wapid/store/seal", "wapid/engine/whatsapp", "wapid/cmd/wapid/bench/bound"},

	"github.com/prometheus/client_golang/…": {"wapid/cmd/wapid/metrics"},
	"go.opentelemetry.io/otel/…":            {"wapid/cmd/wapid/tracing"},
}

func TestImportsFollowTheGraph(t *testing.T) {
	for _, pkg := range listPackages(t) {
		permitted, known := allowed[pkg.ImportPath]
		if !known {
			t.Errorf("package %s is not in the graph; add it here and to docs/architecture.md", pkg.ImportPath)
			continue
		}
		for _, imported := range pkg.Imports {
			if strings.HasPrefix(imported, "wapid/") && !slices.Contains(permitted, imported) {
				t.Errorf("%s must not import %s", pkg.ImportPath, imported)
			}
			for name, owners := range onlyIn {
				if matches(name, imported) && !slices.Contains(owners, pkg.ImportPath) {
					t.Errorf("%s must not import %s: only %s may", pkg.ImportPath, imported, strings.Join(owners, " and "))
				}
			}
		}
	}
}

func matches(name, imported string) bool {
	if tree, ok := strings.CutSuffix(name, "/…"); ok {
		return strings.HasPrefix(imported, tree+"/")
	}
	return name == imported
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "wapid/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listedPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 6 {
		t.Fatalf("go list named only %d packages", len(packages))
	}
	return packages
}
