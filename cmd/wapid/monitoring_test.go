package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// metricName finds names of metrics in an expression: ours, Go's and the process's.
var metricName = regexp.MustCompile(`\b(wapid|go|process)_[a-z_]+`)

// Every figure that the dashboard, the rules and the table name is one that the daemon
// exports, and the table leaves none of ours out.
func TestExamplesNameRealMetrics(t *testing.T) {
	app := startApp(t, startNetwork(t), t.TempDir(), nil)
	network := app.must(t, 200, "GET", "/healthz", nil).text("network")
	exported := map[string]bool{}
	for series := range scrape(t, app.URL()+"/metrics", app.NewAdminKey) {
		name, _, _ := strings.Cut(series, "{")
		exported[name] = true
	}
	known := func(name string) bool {
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && exported[base] {
				return true
			}
		}
		return false
	}
	if network != "simulated" || len(exported) < 40 {
		t.Fatalf("%d metrics are exported", len(exported))
	}
	docs := filepath.Join("..", "..", "docs")
	check := func(where, expr string) {
		t.Helper()
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 && !strings.HasPrefix(expr, "up{") {
			t.Errorf("%s asks for nothing: %s", where, expr)
		}
		for _, name := range names {
			if !known(name) {
				t.Errorf("%s asks for %s, which nobody exports", where, name)
			}
		}
		if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") ||
			strings.Count(expr, "[") != strings.Count(expr, "]") || strings.Count(expr, `"`)%2 != 0 {
			t.Errorf("%s is no expression: %s", where, expr)
		}
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	raw, err := os.ReadFile(filepath.Join(docs, "monitoring", "grafana.json"))
	if err == nil {
		err = json.Unmarshal(raw, &board)
	}
	if err != nil || len(board.Panels) < 20 {
		t.Fatalf("the dashboard has %d panels: %v", len(board.Panels), err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			check("panel "+p.Title, target.Expr)
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	raw, err = os.ReadFile(filepath.Join(docs, "monitoring", "alerts.yaml"))
	if err == nil {
		err = yaml.Unmarshal(raw, &rules)
	}
	if err != nil || len(rules.Groups) != 1 || len(rules.Groups[0].Rules) < 15 {
		t.Fatalf("the rules are %+v: %v", rules, err)
	}
	for _, r := range rules.Groups[0].Rules {
		check("alert "+r.Alert, r.Expr)
		if r.Annotations["summary"] == "" {
			t.Errorf("alert %s says nothing", r.Alert)
		}
	}
	table, err := os.ReadFile(filepath.Join(docs, "monitoring.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range exported {
		if strings.HasPrefix(name, "wapid_") && !strings.Contains(string(table), "`"+name+"`") {
			t.Errorf("docs/monitoring.md does not explain %s", name)
		}
	}
	for _, name := range regexp.MustCompile("`(wapid_[a-z_]+)`").FindAllStringSubmatch(string(table), -1) {
		if !known(name[1]) {
			t.Errorf("docs/monitoring.md explains %s, which nobody exports", name[1])
		}
	}
}
