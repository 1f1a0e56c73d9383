package main

import (
	"bytes"
	"encoding/json"
	"log"
	"testing"
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
