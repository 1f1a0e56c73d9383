package main

import (
	"bytes"
	"encoding/json"
	"log"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// What net/http says of a receiver that sends more than it should holds what that
// sent: it is for whoever looks for it, in the format of all else.
func TestLibrariesSpeakThroughOurLog(t *testing.T) {
	for level, want := range map[string]string{"info": "", "debug": "Unsolicited response"} {
		var out bytes.Buffer
		ours, err := newLog(level, "json", &out)
		if err != nil {
			t.Fatal(err)
		}
		undo, err := adoptStandardLog(ours)
		if err != nil {
			t.Fatal(err)
		}
		log.Print("Unsolicited response")
		undo()
		var line struct{ Level, Msg string }
		if want != "" {
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Errorf("%q is no JSON", out.String())
			}
		}
		if line.Msg != want || want == "" && out.Len() > 0 {
			t.Errorf("at level %s the log holds %q", level, out.String())
		}
	}
}

// TestRepeatedLinesAreSampled: a line that comes by the thousand does not fill the
// log, and hides no other.
func TestRepeatedLinesAreSampled(t *testing.T) {
	core, lines := observer.New(zapcore.DebugLevel)
	often := sampled(zap.New(core))
	for range sampledFirst + 2*sampledThen {
		often.Warn("the queue is full", zap.String("session", "s1"))
	}
	often.Error("something else")
	if n := lines.FilterMessage("the queue is full").Len(); n != sampledFirst+2 {
		t.Errorf("%d lines, want %d", n, sampledFirst+2)
	}
	if n := lines.FilterMessage("something else").Len(); n != 1 {
		t.Errorf("the other line stands there %d times", n)
	}
}
