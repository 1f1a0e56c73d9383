package load

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestPercentiles(t *testing.T) {
	ms := func(n ...int) []time.Duration {
		var list []time.Duration
		for _, v := range n {
			list = append(list, time.Duration(v)*time.Millisecond)
		}
		return list
	}
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for _, tc := range []struct {
		name string
		took []time.Duration
		want Latency
	}{
		{"nothing", nil, Latency{}},
		{"one", ms(7), Latency{ms(7)[0], ms(7)[0], ms(7)[0], ms(7)[0], ms(7)[0]}},
		{"two", ms(9, 1), Latency{ms(1)[0], ms(1)[0], ms(9)[0], ms(9)[0], ms(9)[0]}},
		{"a hundred", ms(hundred...), Latency{ms(10)[0], ms(50)[0], ms(95)[0], ms(99)[0], ms(100)[0]}},
		{"ten", ms(10, 9, 8, 7, 6, 5, 4, 3, 2, 1), Latency{ms(1)[0], ms(5)[0], ms(10)[0], ms(10)[0], ms(10)[0]}},
	} {
		if got := Summarise(slices.Clone(tc.took)); got != tc.want {
			t.Errorf("%s: %+v, expected %+v", tc.name, got, tc.want)
		}
	}
}

// busy is a sender that takes the same time for each message, and notes when a
// session has two at once.
type busy struct {
	mu       sync.Mutex
	takes    time.Duration
	under    map[int]int
	sessions map[int]int
	twice    bool
}

func (b *busy) sendOne(_ context.Context, session, _ int) error {
	b.mu.Lock()
	b.under[session]++
	b.sessions[session]++
	b.twice = b.twice || b.under[session] > 1
	b.mu.Unlock()
	<-time.After(b.takes)
	b.mu.Lock()
	b.under[session]--
	b.mu.Unlock()
	return nil
}

func newBusy(takes time.Duration) *busy {
	return &busy{takes: takes, under: map[int]int{}, sessions: map[int]int{}}
}

func TestClosedLoop(t *testing.T) {
	for _, tc := range []struct {
		name     string
		plan     Plan
		per      float64
		sessions int
	}{
		{"one session", Plan{Sessions: 1, Workers: 50, Duration: 2 * time.Second}, 100, 1},
		{"a worker for each", Plan{Sessions: 5, Workers: 50, WarmUp: time.Second, Duration: 2 * time.Second}, 500, 5},
		{"several for each", Plan{Sessions: 10, Workers: 3, Duration: 2 * time.Second}, 300, 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBusy(10 * time.Millisecond)
			cpu := time.Duration(0)
			meter := func() (time.Duration, error) { cpu += time.Second; return cpu, nil }
			got, err := Run(t.Context(), tc.plan, b.sendOne, meter)
			if err != nil {
				t.Fatal(err)
			}
			if got.PerSecond < tc.per*0.97 || got.PerSecond > tc.per*1.03 || got.Elapsed != tc.plan.Duration {
				t.Errorf("%s: %.1f a second in %v, expected %.0f", tc.name, got.PerSecond, got.Elapsed, tc.per)
			}
			if got.Latency.P50 != b.takes || got.Latency.Max != b.takes || got.CPU != time.Second || got.Total < got.Count {
				t.Errorf("%s: %+v", tc.name, got)
			}
			if b.twice || len(b.sessions) != tc.sessions {
				t.Errorf("%s: %d sessions, one with two messages at once: %t", tc.name, len(b.sessions), b.twice)
			}
		})
	}
}

// TestOpenLoopCountsWaiting holds a single slow message against all that are due
// while it lasts: their latency counts from when they were due.
func TestOpenLoopCountsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := make(chan struct{}, 1) // one session sends one message at a time
		n := 0
		send := func(context.Context, int, int) error {
			lane <- struct{}{}
			defer func() { <-lane }()
			n++
			if n == 50 {
				<-time.After(time.Second)
			}
			<-time.After(time.Millisecond)
			return nil
		}
		got, err := Run(t.Context(), Plan{Sessions: 1, Rate: 100, Duration: 4 * time.Second}, send, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.PerSecond < 98 || got.PerSecond > 101 {
			t.Errorf("%.1f a second", got.PerSecond)
		}
		// A closed loop would have seen one slow message; a hundred were due meanwhile.
		if got.Latency.P50 > 2*time.Millisecond || got.Latency.P95 < 500*time.Millisecond || got.Latency.Max < time.Second {
			t.Errorf("%+v", got.Latency)
		}
	})
}

func TestLimitEndsALoad(t *testing.T) {
	b := newBusy(0)
	got, err := Run(t.Context(), Plan{Sessions: 4, Workers: 2, Duration: time.Hour, Limit: 9}, b.sendOne, nil)
	if err != nil || got.Total != 9 {
		t.Errorf("%d sent, %v", got.Total, err)
	}
}

func TestLoadsThatFail(t *testing.T) {
	broken := errors.New("broken")
	plan := Plan{Sessions: 1, Workers: 1, Duration: time.Second}
	synctest.Test(t, func(t *testing.T) {
		fails := func(context.Context, int, int) error { <-time.After(time.Millisecond); return broken }
		if _, err := Run(t.Context(), plan, fails, nil); !errors.Is(err, broken) {
			t.Errorf("nothing was sent: %v", err)
		}
		n := 0
		seldom := func(ctx context.Context, s, k int) error {
			if n++; n%10 == 0 {
				return fails(ctx, s, k)
			}
			<-time.After(time.Millisecond)
			return nil
		}
		got, err := Run(t.Context(), plan, seldom, nil)
		if err != nil || got.Errors < 50 || got.Count < 800 || got.Error != broken.Error() {
			t.Errorf("%+v %v", got, err)
		}
		if _, err = Run(t.Context(), plan, newBusy(time.Millisecond).sendOne, func() (time.Duration, error) { return 0, broken }); !errors.Is(err, broken) {
			t.Errorf("the meter failed: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err = Run(ctx, plan, newBusy(time.Millisecond).sendOne, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("after its end: %v", err)
		}
	})
	if _, err := Run(t.Context(), Plan{}, nil, nil); err == nil {
		t.Error("a plan without sessions was taken")
	}
}

func TestProcFiles(t *testing.T) {
	cpu, err := parseStat([]byte("42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 7"))
	if err != nil || cpu != 1750*time.Millisecond {
		t.Errorf("%v %v", cpu, err)
	}
	for _, text := range []string{"", "42 (x) S 1 2", "42 (x) S 1 2 3 4 5 6 7 8 9 10 a b"} {
		if _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	m, err := parseStatus("Name:\twapid\nVmRSS:\t    2048 kB\nRssAnon:\t    1024 kB\n")
	if err != nil || m != (Memory{2 << 20, 1 << 20}) {
		t.Errorf("%+v %v", m, err)
	}
	if _, err := parseStatus("Name:\twapid\n"); err == nil {
		t.Error("a status without memory was read")
	}
}

func TestPeopleAreDifferent(t *testing.T) {
	seen := map[string]string{}
	note := func(number, who string) {
		if other, taken := seen[number]; taken {
			t.Errorf("%s and %s are both %s", who, other, number)
		}
		if len(number) > 15 {
			t.Errorf("%s: %s is longer than a number can be", who, number)
		}
		seen[number] = who
	}
	for series := range 3 {
		n := Numbers{series}
		for i := range 5000 {
			note(n.Session(i), "session")
			note(n.Stranger(i), "stranger")
			for f := range Friends {
				note(n.Friend(i, f), "friend")
			}
		}
	}
	if a, b := Picture(1), Picture(2); len(a) < 80_000 || len(a) > 120_000 || slices.Equal(a, b) {
		t.Errorf("pictures of %d and %d bytes, the same: %t", len(a), len(b), slices.Equal(a, b))
	}
	if at, ok := Stamped("hello @1700000000000000001"); !ok || at.UnixNano() != 1700000000000000001 {
		t.Errorf("%v %t", at, ok)
	}
	if _, ok := Stamped("mail me @ home"); ok {
		t.Error("a time was found where there is none")
	}
}
