package webhooks

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)

// failures lets tries fail, each so long after the one before, in the middle of
// what chance allows.
func failures(c Circuit, from time.Time, gaps ...time.Duration) (Circuit, time.Time) {
	for _, gap := range gaps {
		from = from.Add(gap)
		c = c.Fail(Attempt{At: from}, 0, 0.5)
	}
	return c, from
}

func TestCircuitOpensAndProbes(t *testing.T) {
	c, at := failures(Circuit{}, noon, 0, 0, 0, 0)
	if c.Open() || c.Failures != 4 || !c.FailingSince.Equal(noon) || !c.HeldUntil.IsZero() {
		t.Fatalf("after four: %+v", c)
	}
	c, at = failures(c, at, time.Second)
	if !c.Open() || !c.OpenedAt.Equal(at) || !c.HeldUntil.Equal(at.Add(30*time.Second)) {
		t.Fatalf("after five: %+v", c)
	}
	// What was under way when it opened is no probe.
	c = c.Fail(Attempt{At: at.Add(-time.Second), Duration: 9 * time.Second}, 0, 0.5)
	if c.Probes != 0 || !c.HeldUntil.Equal(at.Add(30*time.Second)) || c.Failures != 6 {
		t.Fatalf("a latecomer: %+v", c)
	}
	for i, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
		at = c.HeldUntil
		c = c.Fail(Attempt{At: at}, 0, 0.5)
		if !c.HeldUntil.Equal(at.Add(wait)) {
			t.Errorf("after probe %d: held for %v, want %v", i+1, c.HeldUntil.Sub(at), wait)
		}
	}
	for random, want := range map[float64]time.Duration{0: 4 * time.Minute, 0.75: 5*time.Minute + 30*time.Second} {
		if got := c.Fail(Attempt{At: c.HeldUntil}, 0, random).HeldUntil.Sub(c.HeldUntil); got != want {
			t.Errorf("with chance %v the probe waits %v, want %v", random, got, want)
		}
	}
}

func TestCircuitHoldsBackWhenAskedTo(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{0: 0, 10 * time.Second: 10 * time.Second, time.Hour: 5 * time.Minute} {
		c := Circuit{}.Fail(Attempt{At: noon}, asked, 0.5)
		if c.Open() || want == 0 && !c.HeldUntil.IsZero() || want > 0 && !c.HeldUntil.Equal(noon.Add(want)) {
			t.Errorf("asked for %v: %+v", asked, c)
		}
	}
}

func TestCircuitIsExhausted(t *testing.T) {
	const hour = time.Hour
	days := func(n int) (gaps []time.Duration) {
		for range n * 4 {
			gaps = append(gaps, 6*hour)
		}
		return gaps
	}
	for name, c := range map[string]struct {
		gaps []time.Duration
		want bool
	}{
		"five days":                     {append([]time.Duration{0}, days(5)...), true},
		"a little less":                 {append([]time.Duration{0}, days(5)[1:]...), false},
		"two, a week apart":             {[]time.Duration{0, 7 * 24 * hour}, false},
		"silence in between":            {append([]time.Duration{0, 30 * hour}, days(4)...), false},
		"five days after a silence":     {append([]time.Duration{0, 30 * hour}, days(5)...), true},
		"one":                           {[]time.Duration{0}, false},
		"days apart, but not that many": {[]time.Duration{0, 23 * hour, 23 * hour}, false},
	} {
		if got, _ := failures(Circuit{}, noon, c.gaps...); got.Exhausted() != c.want {
			t.Errorf("%s: %t, %+v", name, got.Exhausted(), got)
		}
	}
}

func TestCircuitBringsForward(t *testing.T) {
	if (Circuit{}).BringsForward(noon) {
		t.Error("a closed one has nothing to bring forward")
	}
	c, at := failures(Circuit{}, noon, 0, 0, 0, 0, 0)
	if c.BringsForward(at.Add(59*time.Second)) || !c.BringsForward(at.Add(time.Minute)) {
		t.Errorf("%+v", c)
	}
}

// A circuit that opened before the clock went back is probed at the usual pace.
func TestCircuitWhenTheClockGoesBack(t *testing.T) {
	var c Circuit
	ahead := time.UnixMilli(1708243200000).Add(5 * time.Hour)
	for range 6 { // the sixth is a probe
		c = c.Fail(Attempt{At: ahead}, 0, 0.5)
	}
	now := ahead.Add(-5 * time.Hour)
	c = c.Fail(Attempt{At: now, Duration: time.Second}, 0, 0.5)
	end := now.Add(time.Second)
	if want := end.Add(2 * time.Minute); !c.HeldUntil.Equal(want) || !c.Open() || !c.FailingSince.Equal(end) || c.Probes != 2 {
		t.Errorf("after the clock went back %+v, want held until %v", c, want)
	}
	if c = c.Fail(Attempt{At: c.HeldUntil}, 0, 0.5); c.Probes != 3 {
		t.Errorf("the next probe: %+v", c)
	}
}
