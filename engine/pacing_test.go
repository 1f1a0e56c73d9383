package engine

import (
	"strings"
	"testing"
	"time"
)

func TestGap(t *testing.T) {
	for name, c := range map[string]struct {
		least, most time.Duration
		random      float64
		want        time.Duration
	}{
		"none":            {0, 0, 0.9, 0},
		"least":           {2 * time.Second, 6 * time.Second, 0, 2 * time.Second},
		"middle":          {2 * time.Second, 6 * time.Second, 0.5, 4 * time.Second},
		"no upper bound":  {2 * time.Second, 0, 0.5, 2 * time.Second},
		"upper below":     {5 * time.Second, 3 * time.Second, 0.9, 5 * time.Second},
		"negative bounds": {-time.Second, -time.Second, 0.9, 0},
	} {
		if got := (SessionOptions{DelayMin: c.least, DelayMax: c.most}).gap(c.random); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestTypingTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                         time.Second,
		"ok":                       time.Second,
		strings.Repeat("x", 50):    3 * time.Second,
		strings.Repeat("ä", 50):    3 * time.Second,
		strings.Repeat("x", 65536): 5 * time.Second,
	} {
		if got := typingTime(text); got != want {
			t.Errorf("%d bytes: %v, want %v", len(text), got, want)
		}
	}
}

func TestPauses(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		last        time.Time
		gap, typing time.Duration
		idle, types time.Duration
	}{
		"first send":              {time.Time{}, time.Minute, 0, 0, 0},
		"first send, typing":      {time.Time{}, time.Minute, 2 * time.Second, 0, 2 * time.Second},
		"right after another":     {now, 10 * time.Second, 0, 10 * time.Second, 0},
		"typing fits in":          {now, 10 * time.Second, 3 * time.Second, 7 * time.Second, 3 * time.Second},
		"typing takes longer":     {now, 2 * time.Second, 3 * time.Second, 0, 3 * time.Second},
		"part of it has passed":   {now.Add(-4 * time.Second), 10 * time.Second, 0, 6 * time.Second, 0},
		"all of it has passed":    {now.Add(-time.Hour), 10 * time.Second, 0, 0, 0},
		"the clock has gone back": {now.Add(time.Second), 10 * time.Second, 0, 11 * time.Second, 0},
	} {
		if idle, types := pauses(c.last, now, c.gap, c.typing); idle != c.idle || types != c.types {
			t.Errorf("%s: %v and %v, want %v and %v", name, idle, types, c.idle, c.types)
		}
	}
}
