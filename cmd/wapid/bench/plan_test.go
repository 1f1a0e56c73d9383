package bench

import (
	"testing"
	"time"
)

// TestEverythingTakesLessThanThreeQuartersOfAnHour holds the defaults of the
// command to what is said of them.
func TestEverythingTakesLessThanThreeQuartersOfAnHour(t *testing.T) {
	opts := Options{
		Sessions: []int{1, 50, 200, 1000, 5000}, Runs: 5, WarmUp: 500 * time.Millisecond, Duration: 2500 * time.Millisecond, Rest: 5 * time.Second,
	}
	whole := Estimate(opts)
	t.Logf("about %v", whole.Round(time.Second))
	if whole > 45*time.Minute || whole < 20*time.Minute {
		t.Errorf("all of it is estimated to take %v", whole)
	}
	opts.Scenarios = []string{"repeat"}
	if part := Estimate(opts); part >= whole {
		t.Errorf("a part takes %v, all %v", part, whole)
	}
}

func TestWhatIsMeasuredWithHowManySessions(t *testing.T) {
	for _, tc := range []struct {
		scenario string
		size     int
		chosen   []string
		want     bool
	}{
		{"media", 50, nil, true},
		{"media", 200, nil, false},
		{"media", 1000, nil, false},
		{"bulk", 1000, nil, true},
		{"bulk", 5000, nil, false},
		{"restart", 5000, nil, true},
		{"storm", 5000, nil, true},
		{"idle", 5000, nil, true},
		{"repeat", 5000, nil, true},
		{"inbound", 5000, nil, true},
		{"media", 5000, []string{"media"}, true},
		{"repeat", 1, []string{"media"}, false},
	} {
		if got := (Options{Scenarios: tc.chosen}).wants(tc.scenario, tc.size); got != tc.want {
			t.Errorf("%s with %d sessions of %v: %t", tc.scenario, tc.size, tc.chosen, got)
		}
	}
	for _, scenario := range Scenarios() {
		if !matters(scenario, 1) {
			t.Errorf("%s is never measured", scenario)
		}
	}
}
