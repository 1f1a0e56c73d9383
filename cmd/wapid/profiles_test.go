package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestProfilesAreForThisMachine(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":6060", "192.0.2.1:6060", "example.com:6060", "6060"} {
		if p, err := openProfiles(address); err == nil {
			p.close()
			t.Errorf("%q was taken", address)
		}
	}
}

// TestProfilesOfADaemon asks a running daemon what it does.
func TestProfilesOfADaemon(t *testing.T) {
	d := startDaemon(t, "", startNetwork(t), t.TempDir(), "--pprof", "127.0.0.1:0")
	var url string
	for d.stdout.Scan() {
		if _, rest, ok := strings.Cut(d.stdout.Text(), "Profiles: "); ok {
			url = rest
			break
		}
	}
	resp, err := http.Get(url + "goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || !strings.HasPrefix(string(raw), "goroutine profile: total ") {
		t.Errorf("%.80q %v", raw, err)
	}
	// The API itself shows nothing of it.
	if ans, err := d.call("GET", "/debug/pprof/", nil); err != nil || ans.code != http.StatusNotFound {
		t.Errorf("the API answers %d %v", ans.code, err)
	}
}
