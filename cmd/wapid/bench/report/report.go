// Package report is what a benchmark has found: its JSON, its tables, and which
// of the promised figures were reached.
package report

import (
	"slices"
	"time"
)

// Report is one run of the benchmark.
type Report struct {
	Started      time.Time     `json:"started"`
	Took         string        `json:"took"`
	Machine      Machine       `json:"machine"`
	Settings     Settings      `json:"settings"`
	Notes        []string      `json:"notes,omitempty"` // what could not be measured, and why
	Measurements []Measurement `json:"measurements"`
}

// Machine is where it ran.
type Machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	MemoryGiB  float64 `json:"memoryGiB"`
	Kernel     string  `json:"kernel"`
	Load       float64 `json:"load"`       // what else ran at the start: the load of the minute before
	Filesystem string  `json:"filesystem"` // of the data directory
	FsyncMs    float64 `json:"fsyncMs"`    // median of an append of 4 kB and its fdatasync
	Go         string  `json:"go"`
	Whatsmeow  string  `json:"whatsmeow"`
	Revision   string  `json:"revision"` // of the source, with -dirty where it was changed
}

// Settings are how it was run.
type Settings struct {
	Sessions  []int    `json:"sessions"`
	Scenarios []string `json:"scenarios"`
	Runs      int      `json:"runs"`
	WarmUp    string   `json:"warmUp"`
	Duration  string   `json:"duration"`
	Latency   string   `json:"latency"` // that the network adds to each of its stanzas
	Remote    bool     `json:"remote,omitempty"`
}

// Side says what was measured.
type Side string

// The sides. SQL is the bound with whatsmeow's own store in SQLite; Generator is
// the load generator against a server that does nothing; Unsynced is the daemon
// with commits that a power cut takes back.
const (
	Daemon    Side = "wapid"
	Bound     Side = "bound"
	SQL       Side = "bound, SQLite"
	Generator Side = "generator"
	Unsynced  Side = "wapid, not synced"
)

// Metric names a figure; its unit stands in the name.
type Metric string

// The metrics.
const (
	PerSecond    Metric = "perSecond"
	P10          Metric = "p10Ms"
	P50          Metric = "p50Ms"
	P95          Metric = "p95Ms"
	P99          Metric = "p99Ms"
	Max          Metric = "maxMs"
	CPU          Metric = "cpuMs"          // of the process under test, for each message
	GeneratorCPU Metric = "generatorCpuMs" // of the load generator, for each message
	NetworkCPU   Metric = "networkCpuMs"   // of the simulated network, for each message
	Errors       Metric = "errors"
	Offered      Metric = "offeredPerSecond" // of an open loop
	RSS          Metric = "rssMiB"
	Anon         Metric = "anonMiB"
	PerSession   Metric = "kibPerSession" // resident, above the process without sessions
	Goroutines   Metric = "goroutines"
	DiskBytes    Metric = "diskBytes" // for each message
	Seconds      Metric = "seconds"
	IdleCPU      Metric = "idleCpuPercent" // of one core
	RoundTrips   Metric = "roundTrips"     // how often a message waits for the network
)

// Scenarios are the names under which a report has tables, in their order.
func Scenarios() []string {
	return []string{"generator", "boot", "linking", "idle", "repeat", "repeat at half load", "first", "inbound", "inbound at half load", "media", "bulk", "bulk, known",
		"repeat, far away", "first, far away", "bulk, far away", "after load", "reconnect storm", "restart", "idle after a restart", "disk", "synced"}
}

// Values are the figures of one run.
type Values map[Metric]float64

// Measurement is one scenario with so many sessions, run some times.
type Measurement struct {
	Scenario string   `json:"scenario"`
	Sessions int      `json:"sessions"`
	Side     Side     `json:"side"`
	Runs     []Values `json:"runs"`
}

// Spread is the median of some runs, with the smallest and the largest.
type Spread struct{ Median, Min, Max float64 }

// Spread looks at one figure. It is false where no run has it.
func (m Measurement) Spread(metric Metric) (Spread, bool) {
	var values []float64
	for _, run := range m.Runs {
		if v, ok := run[metric]; ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return Spread{}, false
	}
	slices.Sort(values)
	n := len(values)
	return Spread{Median: (values[(n-1)/2] + values[n/2]) / 2, Min: values[0], Max: values[n-1]}, true
}

// Add puts a run to its measurement.
func (r *Report) Add(scenario string, sessions int, side Side, run Values) {
	for i := range r.Measurements {
		m := &r.Measurements[i]
		if m.Scenario == scenario && m.Sessions == sessions && m.Side == side {
			m.Runs = append(m.Runs, run)
			return
		}
	}
	r.Measurements = append(r.Measurements, Measurement{scenario, sessions, side, []Values{run}})
}

// Find looks a figure up. It is false where it was not measured.
func (r *Report) Find(scenario string, sessions int, side Side, metric Metric) (Spread, bool) {
	for _, m := range r.Measurements {
		if m.Scenario == scenario && m.Sessions == sessions && m.Side == side {
			return m.Spread(metric)
		}
	}
	return Spread{}, false
}

// Note writes down, once, what could not be measured.
func (r *Report) Note(text string) {
	if !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}
