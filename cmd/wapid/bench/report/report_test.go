package report

import (
	"slices"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values []float64
		want   Spread
	}{
		{"one", []float64{3}, Spread{3, 3, 3}},
		{"two", []float64{4, 2}, Spread{3, 2, 4}},
		{"three", []float64{9, 1, 5}, Spread{5, 1, 9}},
		{"five", []float64{5, 1, 4, 100, 3}, Spread{4, 1, 100}},
	} {
		m := Measurement{}
		for _, v := range tc.values {
			m.Runs = append(m.Runs, Values{CPU: v})
		}
		if got, ok := m.Spread(CPU); !ok || got != tc.want {
			t.Errorf("%s: %+v %t", tc.name, got, ok)
		}
		if _, ok := m.Spread(RSS); ok {
			t.Errorf("%s: a figure that nobody has", tc.name)
		}
	}
}

func TestThousands(t *testing.T) {
	for _, tc := range []struct {
		value  float64
		digits int
		want   string
	}{{0, 0, "0"}, {999, 0, "999"}, {1000, 0, "1,000"}, {1234567.891, 2, "1,234,567.89"}, {-1234, 1, "-1,234.0"}, {-12, 0, "-12"}} {
		if got := Thousands(tc.value, tc.digits); got != tc.want {
			t.Errorf("%v: %q", tc.value, got)
		}
	}
}

// found is a report in which every promise that one run can show has its figures.
func found(better float64) *Report {
	r := &Report{Settings: Settings{Sessions: []int{50, 1000}}}
	for _, n := range []int{50, 1000} {
		add := func(scenario string, side Side, run Values) { r.Add(scenario, n, side, run) }
		add("repeat", Daemon, Values{PerSecond: 800 * better, CPU: 1.4 / better, P50: 10, P99: 25 / better})
		add("repeat", Bound, Values{PerSecond: 1000, CPU: 1, P50: 8, P99: 20})
		add("repeat at half load", Daemon, Values{P99: 30 / better})
		add("repeat at half load", Bound, Values{P99: 10})
		add("inbound", Daemon, Values{PerSecond: 700 * better})
		add("inbound", Bound, Values{PerSecond: 1000})
		add("inbound at half load", Daemon, Values{P99: 31 / better})
		add("inbound at half load", Bound, Values{P99: 2})
		add("idle after a restart", Daemon, Values{PerSession: 220 / better, RSS: 300})
		add("idle after a restart", Bound, Values{PerSession: 200})
		add("restart", Daemon, Values{Seconds: 3 / better})
		add("restart", Bound, Values{Seconds: 2})
	}
	r.Add("repeat, far away", 1, Daemon, Values{RoundTrips: 1.1 / better})
	r.Add("first, far away", 1, Daemon, Values{RoundTrips: 4.2 / better})
	r.Add("bulk, far away", 1, Daemon, Values{RoundTrips: 2.2 / better})
	r.Add("idle", 5000, Daemon, Values{RSS: 1500 / better})
	return r
}

func TestPromises(t *testing.T) {
	for name, tc := range map[string]struct {
		report *Report
		want   Verdict
	}{
		"kept":   {found(1), Reached},
		"broken": {found(0.5), NotReached},
		"empty":  {&Report{Settings: Settings{Sessions: []int{50}}}, Unmeasured},
	} {
		for i, p := range tc.report.Points() {
			if i == len(tc.report.Points())-1 {
				break // the price of syncing is none
			}
			if p.Verdict != tc.want {
				t.Errorf("%s: %s is %s: %s", name, p.Promise, p.Verdict, p.Found)
			}
		}
	}
	r := found(1)
	r.Add("synced", 50, Daemon, Values{PerSecond: 800})
	r.Add("synced", 50, Unsynced, Values{PerSecond: 1600})
	if p := r.sync(); p.Verdict != Reached || !strings.Contains(p.Found, "800 sends a second, 1,600 without") {
		t.Errorf("%+v", p)
	}
}

func TestTable(t *testing.T) {
	r := &Report{}
	r.Add("repeat", 1000, Daemon, Values{PerSecond: 1500, P50: 1.234, Errors: 0})
	r.Add("repeat", 50, Daemon, Values{PerSecond: 900, P50: 2, Errors: 0})
	r.Add("repeat", 50, Daemon, Values{PerSecond: 1100, P50: 4, Errors: 0})
	r.Add("repeat", 50, Bound, Values{PerSecond: 2000})
	r.Add("storm", 50, Bound, Values{Seconds: 1})
	want := `| sessions | | per second | p50 ms |
|---:|---|---:|---:|
| 50 | wapid | 1,000 (900–1,100) | 3.00 |
| 50 | bound | 2,000 |  |
| 1,000 | wapid | 1,500 | 1.23 |
`
	if got := r.Table("repeat"); got != want {
		t.Errorf("%s", got)
	}
	var all strings.Builder
	if err := r.WriteTables(&all); err != nil || strings.Index(all.String(), "**repeat**") > strings.Index(all.String(), "**storm**") {
		t.Errorf("%v %s", err, all.String())
	}
}

func TestRewrite(t *testing.T) {
	r := found(1)
	r.Note("nothing of the sort")
	r.Note("nothing of the sort")
	document := "# Title\n<!-- bench: repeat -->\nold\n<!-- /bench -->\nbetween\n<!-- bench: notes -->\n<!-- /bench -->\n<!-- bench: promises -->\n<!-- /bench -->\n<!-- bench: machine -->\n<!-- /bench -->\nend\n"
	once, err := r.Rewrite(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"# Title\n<!-- bench: repeat -->\n| sessions |", "between\n", "- nothing of the sort\n<!-- /bench -->", "| | promise |", "| machine |", "\nend\n"} {
		if strings.Count(once, part) != 1 {
			t.Errorf("%q stands there %d times:\n%s", part, strings.Count(once, part), once)
		}
	}
	if strings.Contains(once, "old") {
		t.Error("the old table is still there")
	}
	if none, err := r.Rewrite("<!-- bench: media -->\n<!-- /bench -->"); err != nil || !strings.Contains(none, "Not measured") {
		t.Errorf("%q %v", none, err)
	}
	if twice, err := r.Rewrite(once); err != nil || twice != once {
		t.Errorf("a second time changes it: %v", err)
	}
	for _, broken := range []string{"<!-- bench: repeat -->\n", "<!-- bench: dance -->\n<!-- /bench -->", "<!-- bench: repeat"} {
		if _, err := r.Rewrite(broken); err == nil {
			t.Errorf("%q was taken", broken)
		}
	}
	if !slices.Equal(r.Notes, []string{"nothing of the sort"}) {
		t.Errorf("%q", r.Notes)
	}
}
