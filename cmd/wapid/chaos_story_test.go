package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// story is what happened, in its order: what a failed run is understood by.
type story struct {
	mu      sync.Mutex
	begin   time.Time
	entries []storyEntry
}

type storyEntry struct {
	at      time.Duration
	subject string // a text, a message's or an event's id; "" is about everybody
	what    string
}

func newStory() *story { return &story{begin: time.Now()} }

// tell adds an entry. The subject is what it is about, "" for the whole run.
func (s *story) tell(subject, format string, args ...any) {
	s.tellOf(time.Now(), subject, format, args...)
}

// tellOf adds an entry about an earlier moment.
func (s *story) tellOf(at time.Time, subject, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, storyEntry{at.Sub(s.begin), subject, fmt.Sprintf(format, args...)})
}

// of tells what is known of some subjects, with what happened to everybody from two
// seconds before their first entry to five after their last.
func (s *story) of(subjects ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortStableFunc(s.entries, func(a, b storyEntry) int { return cmp.Compare(a.at, b.at) })
	first, last := time.Duration(-1), time.Duration(0)
	for _, e := range s.entries {
		if e.subject != "" && slices.Contains(subjects, e.subject) {
			if first < 0 {
				first = e.at
			}
			last = e.at
		}
	}
	var b strings.Builder
	for _, e := range s.entries {
		near := first >= 0 && e.at >= first-2*time.Second && e.at <= last+5*time.Second
		if e.subject == "" && near || e.subject != "" && slices.Contains(subjects, e.subject) {
			fmt.Fprintf(&b, "    %s\n", e)
		}
	}
	return b.String()
}

func (e storyEntry) String() string {
	text := fmt.Sprintf("%9.3fs  %s", e.at.Seconds(), e.what)
	if e.subject != "" {
		text += "  [" + e.subject + "]"
	}
	return text
}

// save writes the whole story.
func (s *story) save(t testing.TB, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.entries {
		fmt.Fprintln(&b, e)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Error(err)
	}
}
