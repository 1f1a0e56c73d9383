package engine_test

import (
	"testing"
	"time"

	"wapid/engine"
)

func TestDetailsRoundSecondsUp(t *testing.T) {
	for d, want := range map[time.Duration]int64{0: 0, time.Millisecond: 1, time.Second: 1, 1990 * time.Millisecond: 2} {
		m := engine.Outgoing{Kind: engine.KindVoice, Attachment: &engine.Attachment{Duration: d}}
		if got := m.Details().Media.Seconds; got != want {
			t.Errorf("%v is logged as %d seconds, expected %d", d, got, want)
		}
	}
}
