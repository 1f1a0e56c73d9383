package report

import (
	"fmt"
	"strings"
)

// Point is one promise: what must be reached, what was, and whether that is it.
type Point struct {
	Number  int // as the promises are counted
	Promise string
	Found   string
	Verdict Verdict
}

// Verdict says whether a promise was kept.
type Verdict string

// The verdicts. A promise whose figures are not in the report is Unmeasured.
const (
	Reached    Verdict = "reached"
	NotReached Verdict = "not reached"
	Unmeasured Verdict = "not measured here"
)

// ratio is one figure of the daemon over the same of another side, by medians.
func (r *Report) ratio(scenario string, sessions int, over Side, metric Metric) (float64, bool) {
	ours, ok := r.Find(scenario, sessions, Daemon, metric)
	theirs, there := r.Find(scenario, sessions, over, metric)
	if !ok || !there || theirs.Median == 0 {
		return 0, false
	}
	return ours.Median / theirs.Median, true
}

// judge makes a point of some figures, each of which must keep its limit.
type judge struct {
	found []string
	known bool
	kept  bool
}

func newJudge() *judge { return &judge{kept: true} }

// most takes a figure that must not be above a limit.
func (j *judge) most(what string, value float64, ok bool, limit float64, digits int) {
	j.add(what, value, ok, value <= limit, digits)
}

// least takes one that must not be below.
func (j *judge) least(what string, value float64, ok bool, limit float64, digits int) {
	j.add(what, value, ok, value >= limit, digits)
}

func (j *judge) add(what string, value float64, ok, kept bool, digits int) {
	if !ok {
		return
	}
	j.known = true
	j.kept = j.kept && kept
	j.found = append(j.found, fmt.Sprintf("%s %s", what, Thousands(value, digits)))
}

func (j *judge) point(number int, promise string) Point {
	p := Point{Number: number, Promise: promise, Found: strings.Join(j.found, "; "), Verdict: Unmeasured}
	if j.known && j.kept {
		p.Verdict = Reached
	} else if j.known {
		p.Verdict = NotReached
	}
	return p
}

// Points holds the figures against what was promised, as far as one run can.
// What takes another tool (a soak, ten million rows, round trips) is not among
// them.
func (r *Report) Points() []Point {
	return []Point{r.sendCPU(), r.sendRate(), r.roundTrips(), r.spreadOfSends(), r.halfLoad(), r.inboundRate(), r.inboundLatency(), r.memory(), r.fiveThousand(), r.restarts(), r.sync()}
}

func (r *Report) sendCPU() Point {
	j := newJudge()
	for _, n := range r.Settings.Sessions {
		v, ok := r.ratio("repeat", n, Bound, CPU)
		j.most(fmt.Sprintf("%s sessions: ×", Thousands(float64(n), 0)), v, ok, 1.5, 2)
	}
	return j.point(1, "CPU per sent text through the API ≤ 1.5 × the bound's")
}

func (r *Report) sendRate() Point {
	j := newJudge()
	for _, n := range []int{50, 200} {
		v, ok := r.ratio("repeat", n, Bound, PerSecond)
		j.least(fmt.Sprintf("%d sessions: ×", n), v, ok, 0.7, 2)
	}
	return j.point(1, "sends a second at 50 and 200 sessions ≥ 0.7 × the bound's")
}

func (r *Report) roundTrips() Point {
	j := newJudge()
	for _, limit := range []struct {
		scenario string
		most     float64
	}{{"repeat", 1}, {"first", 4}, {"bulk", 2}} {
		s, ok := r.Find(limit.scenario+", far away", 1, Daemon, RoundTrips)
		// What the daemon itself takes is part of the time; half a round trip is not.
		j.most(limit.scenario, s.Median, ok, limit.most+0.5, 2)
	}
	return j.point(2, "a repeated send costs one round trip to the network, a first contact four, one in a bulk job two")
}

func (r *Report) spreadOfSends() Point {
	j := newJudge()
	p50, ok := r.Find("repeat", 50, Daemon, P50)
	p99, there := r.Find("repeat", 50, Daemon, P99)
	if ok && there && p50.Median > 0 {
		j.most(fmt.Sprintf("p99 %.1f ms, p50 %.1f ms: ×", p99.Median, p50.Median), p99.Median/p50.Median, true, 3, 2)
	}
	return j.point(2, "p99 of a send at 50 sessions with 50 workers ≤ 3 × p50")
}

func (r *Report) halfLoad() Point {
	j := r.added("repeat at half load", 25)
	return j.point(2, "p99 at half the maximum load ≤ 25 ms over the network's own latency (the bound's at the same load)")
}

func (r *Report) inboundRate() Point {
	j := newJudge()
	for _, n := range r.Settings.Sessions {
		v, ok := r.ratio("inbound", n, Bound, PerSecond)
		j.least(fmt.Sprintf("%s sessions: ×", Thousands(float64(n), 0)), v, ok, 0.6, 2)
	}
	return j.point(3, "inbound messages to acknowledged webhooks ≥ 0.6 × the bound's rate of receiving")
}

func (r *Report) inboundLatency() Point {
	j := r.added("inbound at half load", 30)
	return j.point(3, "added latency of an inbound message at half load, p99 ≤ 30 ms")
}

// added judges by how many milliseconds the daemon's p99 lies over the bound's, at
// each number of sessions.
func (r *Report) added(scenario string, most float64) *judge {
	j := newJudge()
	for _, n := range r.Settings.Sessions {
		ours, ok := r.Find(scenario, n, Daemon, P99)
		network, there := r.Find(scenario, n, Bound, P99)
		j.most(fmt.Sprintf("%s sessions: + ms", Thousands(float64(n), 0)), ours.Median-network.Median, ok && there, most, 1)
	}
	return j
}

func (r *Report) memory() Point {
	j := newJudge()
	for _, side := range []Side{Bound, SQL} {
		v, ok := r.ratio("idle after a restart", 1000, side, PerSession)
		j.most(fmt.Sprintf("against the %s: ×", side), v, ok, 1.15, 2)
	}
	return j.point(4, "resident memory per idle linked session ≤ 1.15 × a raw client's at 1,000 sessions")
}

func (r *Report) fiveThousand() Point {
	j := newJudge()
	for _, scenario := range []string{"idle", "idle after a restart"} {
		rss, ok := r.Find(scenario, 5000, Daemon, RSS)
		j.most(scenario+", MiB", rss.Median, ok, 2048, 0)
	}
	return j.point(4, "5,000 sessions in one process under 2 GiB")
}

func (r *Report) restarts() Point {
	j := newJudge()
	v, ok := r.ratio("restart", 1000, Bound, Seconds)
	j.most("1,000 sessions: ×", v, ok, 2, 2)
	return j.point(5, "a restart until all are ready ≤ 2 × the time in which raw clients reconnect")
}

// sync is no promise but a price, which has to be known.
func (r *Report) sync() Point {
	p := Point{Number: 7, Promise: "commits that answer a caller are synced; the price of that", Verdict: Unmeasured}
	for _, n := range r.Settings.Sessions {
		full, ok := r.Find("synced", n, Daemon, PerSecond)
		normal, there := r.Find("synced", n, Unsynced, PerSecond)
		if ok && there && normal.Median > 0 {
			p.Verdict = Reached
			p.Found += fmt.Sprintf("%s sessions: %s sends a second, %s without; ", Thousands(float64(n), 0), Thousands(full.Median, 0), Thousands(normal.Median, 0))
		}
	}
	p.Found = strings.TrimSuffix(p.Found, "; ")
	return p
}

// WritePoints is the table of what was promised, in Markdown.
func (r *Report) WritePoints() string {
	var out strings.Builder
	out.WriteString("| | promise | found | |\n|---:|---|---|---|\n")
	for _, p := range r.Points() {
		fmt.Fprintf(&out, "| %d | %s | %s | %s |\n", p.Number, p.Promise, p.Found, p.Verdict)
	}
	return out.String()
}
