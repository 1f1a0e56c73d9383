package whatsapp

import (
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"wapid/engine"
)

func TestVerdicts(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	stream := func(code, conflict string) *waBinary.Node {
		node := &waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{}}
		if code != "" {
			node.Attrs["code"] = code
		}
		if conflict != "" {
			node.Content = []waBinary.Node{{Tag: "conflict", Attrs: waBinary.Attrs{"type": conflict}}}
		}
		return node
	}
	failure := func(reason, expire string) *waBinary.Node {
		node := &waBinary.Node{Tag: "failure", Attrs: waBinary.Attrs{"reason": reason}}
		if expire != "" {
			node.Attrs["expire"] = expire
		}
		return node
	}
	for name, c := range map[string]struct {
		node  *waBinary.Node
		want  engine.DropCause
		until time.Time
	}{
		"restart":            {stream("515", ""), engine.DropRestart, time.Time{}},
		"replaced":           {stream("", "replaced"), engine.DropReplaced, time.Time{}},
		"device removed":     {stream("401", "device_removed"), engine.DropLoggedOut, time.Time{}},
		"401 without a word": {stream("401", ""), engine.DropNetwork, time.Time{}},
		"server going down":  {stream("503", ""), engine.DropNetwork, time.Time{}},
		"something new":      {stream("599", ""), engine.DropNetwork, time.Time{}},
		"empty stream error": {stream("", ""), engine.DropNetwork, time.Time{}},
		"logged out":         {failure("401", ""), engine.DropLoggedOut, time.Time{}},
		"account locked":     {failure("403", ""), engine.DropLoggedOut, time.Time{}},
		"account banned":     {failure("406", ""), engine.DropLoggedOut, time.Time{}},
		"temporarily banned": {failure("402", "3600"), engine.DropBanned, now.Add(time.Hour)},
		"banned for a while": {failure("402", ""), engine.DropBanned, time.Time{}},
		"outdated":           {failure("405", ""), engine.DropOutdated, time.Time{}},
		"bad user agent":     {failure("409", ""), engine.DropOutdated, time.Time{}},
		"server error":       {failure("500", ""), engine.DropNetwork, time.Time{}},
		"unavailable":        {failure("503", ""), engine.DropNetwork, time.Time{}},
		"unknown client":     {failure("418", ""), engine.DropNetwork, time.Time{}},
		"garbage":            {failure("x", ""), engine.DropNetwork, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := verdictOf(c.node, now)
			if !ok || got.Cause != c.want || !got.Until.Equal(c.until) || got.Err == nil {
				t.Errorf("got %+v, %v", got, ok)
			}
		})
	}
	if _, ok := verdictOf(&waBinary.Node{Tag: "success"}, now); ok {
		t.Error("a login that succeeds ends the connection")
	}
}
