package store

import (
	"testing"
	"time"
)

// A quantile lies within a fifth of what it estimates, whatever the size.
func TestQuantiles(t *testing.T) {
	for _, unit := range []time.Duration{time.Millisecond, 37 * time.Millisecond, time.Second, time.Minute} {
		var h Durations
		for i := 1; i <= 1000; i++ {
			h.Add(time.Duration(i) * unit)
		}
		if h.Count() != 1000 {
			t.Fatalf("%d were counted", h.Count())
		}
		for _, share := range []float64{0.5, 0.9, 0.99} {
			want := time.Duration(share * 1000 * float64(unit))
			if got := h.Quantile(share); float64(got) < 0.8*float64(want) || float64(got) > 1.2*float64(want) {
				t.Errorf("%g of %v: %v, want about %v", share, unit, got, want)
			}
		}
	}
}

func TestBuckets(t *testing.T) {
	for d, want := range map[time.Duration]int{
		-time.Second: 0, 0: 0, 999 * time.Microsecond: 0, time.Millisecond: 1, 2 * time.Millisecond: 5,
		time.Second: 40, 24 * time.Hour: 106, 100 * 24 * time.Hour: durationBuckets - 1,
	} {
		got := bucketOf(d)
		if got != want {
			t.Errorf("%v is in bucket %d, want %d", d, got, want)
		}
		if ms := float64(d) / float64(time.Millisecond); got < durationBuckets-1 && ms >= bucketEnd(got)*1.0001 {
			t.Errorf("%v lies behind the end of its bucket, %g ms", d, bucketEnd(got))
		}
	}
	if q := new(Durations).Quantile(0.5); q != 0 {
		t.Errorf("the median of nothing is %v", q)
	}
}

// What is stored comes back, and damage costs no more than counts.
func FuzzDurations(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3, 200, 1, 111, 1})
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 7})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h, again Durations
		h.merge(raw)
		again.merge(h.encode())
		if h != again {
			t.Errorf("%v came back as %v", h, again)
		}
	})
}
