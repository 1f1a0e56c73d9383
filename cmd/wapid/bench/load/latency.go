package load

import (
	"slices"
	"time"
)

// Latency are percentiles of a sample, by the nearest rank.
type Latency struct {
	P10 time.Duration `json:"p10"`
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

// Summarise sorts the sample. All percentiles of an empty one are zero.
func Summarise(took []time.Duration) Latency {
	slices.Sort(took)
	return Latency{P10: rank(took, 10), P50: rank(took, 50), P95: rank(took, 95), P99: rank(took, 99), Max: rank(took, 100)}
}

// rank is the smallest value that at least p percent of a sorted sample do not
// exceed.
func rank(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(1, (len(sorted)*p+99)/100)-1]
}
