package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// column is a figure as the table shows it.
type column struct {
	metric Metric
	title  string
	digits int
	spread bool // with smallest and largest
}

// columns is constant: what a table of a scenario may show, from left to right.
func columns() []column {
	return []column{
		{Offered, "offered/s", 0, false}, {PerSecond, "per second", 0, true}, {P50, "p50 ms", 2, false},
		{P95, "p95 ms", 2, false}, {P99, "p99 ms", 2, true}, {RoundTrips, "round trips", 2, true}, {CPU, "CPU ms each", 3, true},
		{NetworkCPU, "network's CPU ms", 3, false}, {GeneratorCPU, "generator's CPU ms", 3, false},
		{Seconds, "seconds", 2, true}, {RSS, "resident MiB", 1, true}, {Anon, "anonymous MiB", 1, false},
		{PerSession, "KiB a session", 0, false}, {IdleCPU, "CPU % of a core", 2, false},
		{Goroutines, "goroutines", 0, false}, {DiskBytes, "disk bytes each", 0, false}, {Errors, "errors", 0, false},
	}
}

// WriteTables writes one table for each scenario in Markdown, in the order in
// which they were measured.
func (r *Report) WriteTables(w io.Writer) error {
	var scenarios []string
	for _, m := range r.Measurements {
		if !slices.Contains(scenarios, m.Scenario) {
			scenarios = append(scenarios, m.Scenario)
		}
	}
	for _, scenario := range scenarios {
		if _, err := fmt.Fprintf(w, "**%s**\n\n%s\n", scenario, r.Table(scenario)); err != nil {
			return err
		}
	}
	return nil
}

// Table is one scenario in Markdown: medians, with the smallest and the largest
// where the spread matters. A column that nobody has is left out.
func (r *Report) Table(scenario string) string {
	var rows []Measurement
	for _, m := range r.Measurements {
		if m.Scenario == scenario {
			rows = append(rows, m)
		}
	}
	slices.SortStableFunc(rows, func(a, b Measurement) int { return cmp.Compare(a.Sessions, b.Sessions) })
	var shown []column
	for _, c := range columns() {
		if slices.ContainsFunc(rows, func(m Measurement) bool {
			s, ok := m.Spread(c.metric)
			return ok && (c.metric != Errors || s.Max > 0)
		}) {
			shown = append(shown, c)
		}
	}
	var out strings.Builder
	out.WriteString("| sessions | |")
	for _, c := range shown {
		fmt.Fprintf(&out, " %s |", c.title)
	}
	out.WriteString("\n|---:|---|" + strings.Repeat("---:|", len(shown)) + "\n")
	for _, m := range rows {
		fmt.Fprintf(&out, "| %s | %s |", Thousands(float64(m.Sessions), 0), m.Side)
		for _, c := range shown {
			fmt.Fprintf(&out, " %s |", m.cell(c))
		}
		out.WriteString("\n")
	}
	return out.String()
}

func (m Measurement) cell(c column) string {
	s, ok := m.Spread(c.metric)
	if !ok {
		return ""
	}
	text := Thousands(s.Median, c.digits)
	if c.spread && len(m.Runs) > 1 {
		text += fmt.Sprintf(" (%s–%s)", Thousands(s.Min, c.digits), Thousands(s.Max, c.digits))
	}
	return text
}

// Thousands writes a number with commas.
func Thousands(v float64, digits int) string {
	text := fmt.Sprintf("%.*f", digits, v)
	whole, fraction, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return sign + whole
}
