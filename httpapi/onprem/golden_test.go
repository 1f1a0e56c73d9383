package onprem

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

var update = flag.Bool("update", false, "write the golden files anew")

// eachGolden holds what show makes of each file against the golden one beside it.
func eachGolden(t *testing.T, pattern string, show func(t *testing.T, raw []byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal("there are no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, golden := show(t, raw), strings.TrimSuffix(file, ".json")+".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(golden); err != nil || string(want) != string(got) {
				t.Errorf("%s: %v\n%s", golden, err, got)
			}
		})
	}
}

func TestMessagesAreRead(t *testing.T) {
	eachGolden(t, "testdata/messages/*.json", func(t *testing.T, raw []byte) []byte {
		m, err := DecodeMessage(raw, engine.ParseRecipient)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.MarshalIndent(m, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return append(got, '\n')
	})
}

func TestEventsAreTold(t *testing.T) {
	eachGolden(t, "testdata/events/*.json", func(t *testing.T, raw []byte) []byte {
		var c struct {
			Type  engine.EventType
			Data  json.RawMessage
			Facts EventFacts
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		e := engine.Event{Type: c.Type, Data: c.Data, At: time.Unix(1708243200, 0)}
		body, tells, err := EncodeEvent(e, c.Facts)
		if err != nil {
			t.Fatal(err)
		}
		if again, _, err := EncodeEvent(e, c.Facts); err != nil || string(again) != string(body) {
			t.Errorf("it is told in two ways, %v", err)
		}
		if !tells {
			return []byte("nothing is told\n")
		}
		return append(body, '\n')
	})
}
