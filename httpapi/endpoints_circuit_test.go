package httpapi

import (
	"testing"
	"time"

	"wapid/webhooks"
)

// TestCircuitsAreDescribed: a receiver that has asked for patience is shown with
// until when it gets it, whether or not its circuit is open.
func TestCircuitsAreDescribed(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 8, 10, minute, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		given webhooks.Circuit
		want  circuitResponse
	}{
		"well":    {webhooks.Circuit{}, circuitResponse{State: "closed"}},
		"patient": {webhooks.Circuit{Failures: 1, FailingSince: at(1), HeldUntil: at(4)}, circuitResponse{State: "closed", NextProbeAt: "2026-03-08T10:04:00.000Z", FailingSince: "2026-03-08T10:01:00.000Z", ConsecutiveFailures: 1}},
		"open":    {webhooks.Circuit{Failures: 5, FailingSince: at(1), OpenedAt: at(2), HeldUntil: at(3)}, circuitResponse{State: "open", Since: "2026-03-08T10:02:00.000Z", NextProbeAt: "2026-03-08T10:03:00.000Z", FailingSince: "2026-03-08T10:01:00.000Z", ConsecutiveFailures: 5}},
	} {
		if got := describeCircuit(c.given); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
