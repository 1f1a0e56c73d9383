package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// blamesShown is how many findings of a kind are told with their story.
const blamesShown = 5

// report prints the table, and fails the test if anything is in it that must not be.
func (h *chaos) report(r *reckoning) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	row := func(what string, n any) { fmt.Fprintf(w, "%s\t%v\n", what, n) }
	h.searchLogs()
	kinds := map[string]int{}
	for _, f := range h.wrong {
		kinds[f.kind]++
	}
	never := func(kind string) {
		row("  "+kind+" (must be 0)", kinds[kind])
		delete(kinds, kind)
	}
	row("seed", h.o.seed)
	row("requests to send", r.requests)
	row("  acknowledged", r.acknowledged)
	row("  refused, certainly not sent", r.refused)
	for code, n := range h.refusals() {
		row("    "+code, n)
	}
	row("  nobody said what became of them", r.unknown)
	never(lostSend)
	never(twiceAtPhone)
	never(refusedYetSent)
	never(neverAnswered)
	never(logDisagrees)
	row("  copies under a known id, dropped by the phones", r.copies)
	row("messages that phones sent in", r.inbound)
	never(lostInbound)
	never(twiceLogged)
	row("  asked for again, as they could not be read", r.retries)
	row("events written down", r.events)
	row("  requests that the receivers read", r.arrivals)
	never(lostEvent)
	never(twoWebhookIDs)
	row("  duplicated at a receiver, same webhook-id (allowed)", r.again)
	row("  first tries compared for their order", r.ordered)
	never(outOfOrder)
	row("  events read from the log by cursor", r.read)
	never(readMissed)
	never(readTwice)
	row("bulk jobs", r.jobs)
	row("  recipients", r.recipients)
	row("  sent", r.bulkSent)
	row("  failed", r.bulkFailed)
	never(bulkZero)
	never(bulkTwice)
	never(bulkFailedSent)
	never(bulkCounters)
	never(bulkEnd)
	for kind, n := range sorted(kinds) {
		row(kind, n)
	}
	for kind, n := range sorted(h.faults) {
		row("fault: "+kind, n)
	}
	for mood, n := range h.moods() {
		row("answer of a receiver: "+mood, n)
	}
	for message, n := range h.complaints() {
		row("the daemon's log, error: "+message, n)
	}
	w.Flush()
	h.t.Logf("\n%s", b.String())
	h.tellWrong()
	if r.acknowledged == 0 || r.inbound == 0 || r.jobs == 0 || r.ordered == 0 {
		h.t.Error("there was no traffic to speak of: the run proves nothing")
	}
}

// refusals counts the codes of what was certainly not sent.
func (h *chaos) refusals() func(yield func(string, int) bool) {
	sum := map[string]int{}
	for _, q := range h.books.requests {
		if q.id == "" && !q.maybe {
			sum[q.refused]++
		}
	}
	return sorted(sum)
}

// complaints counts what the daemons said at level error.
func (h *chaos) complaints() func(yield func(string, int) bool) {
	sum := map[string]int{}
	for _, log := range h.logs {
		for line := range strings.Lines(log.String()) {
			var entry struct{ Level, Msg string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Level == "error" {
				sum[entry.Msg]++
			}
		}
	}
	return sorted(sum)
}

// searchLogs looks for what no daemon may say, whatever is done to it.
func (h *chaos) searchLogs() {
	for i, log := range h.logs {
		text := log.String()
		for _, never := range []string{"panic: ", "panicked", "fatal error: "} {
			if strings.Contains(text, never) {
				h.blame("daemons that said "+never, fmt.Sprintf("daemon %d", i+1))
			}
		}
		for _, report := range strings.Split(text, "WARNING: DATA RACE")[1:] {
			report, _, _ = strings.Cut(report, "==================")
			if !knownRace(report) {
				h.blame("data races", fmt.Sprintf("daemon %d: %s", i+1, report))
			}
		}
	}
}

// knownRace tells a race that is in a library of whatsmeow's and does no harm: of
// those who wait for a connection, each sets the same flag to true under a read lock.
func knownRace(report string) bool {
	return strings.Count(report, "exsync.(*Event).GetChan()") == 2
}

// moods adds up how the receivers answered.
func (h *chaos) moods() func(yield func(string, int) bool) {
	sum := map[string]int{}
	for _, r := range h.receivers {
		r.mu.Lock()
		for mood, n := range r.moods {
			sum[mood] += n
		}
		r.mu.Unlock()
	}
	return sorted(sum)
}

// sorted yields counts in the order of their names.
func sorted(counts map[string]int) func(yield func(string, int) bool) {
	return func(yield func(string, int) bool) {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			if !yield(name, counts[name]) {
				return
			}
		}
	}
}

// tellWrong fails the test with the story of what was wrong.
func (h *chaos) tellWrong() {
	told := map[string]int{}
	for _, f := range h.wrong {
		if told[f.kind]++; told[f.kind] > blamesShown {
			h.t.Errorf("%s: %s", f.kind, f.subject)
			continue
		}
		h.t.Errorf("%s: %s\n%s", f.kind, f.subject, h.story.of(h.related(f.subject)...))
	}
}

// related are the names under which the story knows a subject.
func (h *chaos) related(subject string) []string {
	names := []string{subject}
	for _, q := range h.books.requests {
		if q.text == subject && q.id != "" {
			names = append(names, q.id)
		}
	}
	for _, j := range h.books.jobs {
		if strings.HasPrefix(subject, j.name+" ") {
			names = append(names, j.name)
		}
	}
	return names
}
