package store

import (
	"encoding/binary"
	"math"
	"time"
)

// Durations are counted in buckets, four for each doubling, so that a quantile is right
// within a fifth of itself, from a millisecond to two days.
const (
	durationBuckets  = 112
	bucketsPerDouble = 4
)

// Durations counts how long things took. The zero value is empty.
type Durations [durationBuckets]uint32

// bucketOf is the bucket of a duration: the first holds what took less than a
// millisecond, the last all that took longer than the others tell.
func bucketOf(d time.Duration) int {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 1 {
		return 0
	}
	return min(1+int(bucketsPerDouble*math.Log2(ms)), durationBuckets-1)
}

// bucketEnd is where a bucket ends, in milliseconds.
func bucketEnd(bucket int) float64 { return math.Pow(2, float64(bucket)/bucketsPerDouble) }

// Add counts one duration.
func (h *Durations) Add(d time.Duration) { h[bucketOf(d)]++ }

// Merge adds the counts of another.
func (h *Durations) Merge(other *Durations) {
	for i, n := range other {
		h[i] += n
	}
}

// Count says how many durations were counted.
func (h *Durations) Count() (n int) {
	for _, one := range h {
		n += int(one)
	}
	return n
}

// Quantile is how long a share of what was counted took at most, 0.5 for the median. It
// is 0 when nothing was counted.
func (h *Durations) Quantile(share float64) time.Duration {
	total := h.Count()
	if total == 0 {
		return 0
	}
	rank := share * float64(total)
	below := 0.0
	for i, n := range h {
		if n == 0 {
			continue
		}
		if below+float64(n) >= rank {
			from := 0.0
			if i > 0 {
				from = bucketEnd(i - 1)
			}
			inside := (rank - below) / float64(n)
			return time.Duration((from + inside*(bucketEnd(i)-from)) * float64(time.Millisecond))
		}
		below += float64(n)
	}
	return time.Duration(bucketEnd(durationBuckets-1) * float64(time.Millisecond))
}

// encode writes the buckets that hold anything: each its number and its count, as
// varints.
func (h *Durations) encode() []byte {
	raw := []byte{} // NOT NULL
	for i, n := range h {
		if n > 0 {
			raw = binary.AppendUvarint(binary.AppendUvarint(raw, uint64(i)), uint64(n))
		}
	}
	return raw
}

// merge adds what encode wrote. Bytes that it can't have written end the reading: that
// is damage, and costs some counts.
func (h *Durations) merge(raw []byte) {
	for len(raw) > 0 {
		i, n := binary.Uvarint(raw)
		if n <= 0 || i >= durationBuckets {
			return
		}
		count, m := binary.Uvarint(raw[n:])
		if m <= 0 || count > math.MaxUint32 {
			return
		}
		h[i] += uint32(count)
		raw = raw[n+m:]
	}
}
