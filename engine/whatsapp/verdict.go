package whatsapp

import (
	"fmt"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types/events"

	"wapid/engine"
)

// verdictOf reads from a stanza why the server is about to end a connection.
// The second result is false for a stanza that ends none.
//
// The codes are those that whatsmeow's connectionevents.go and events.go know,
// which in turn are those of WhatsApp Web.
func verdictOf(node *waBinary.Node, now time.Time) (engine.SignalDropped, bool) {
	switch node.Tag {
	case "stream:error":
		return streamVerdict(node), true
	case "failure":
		return failureVerdict(node, now), true
	}
	return engine.SignalDropped{}, false
}

// streamVerdict reads an error that ends a running stream.
func streamVerdict(node *waBinary.Node) engine.SignalDropped {
	code := attribute(node, "code")
	conflict, _ := node.GetOptionalChildByTag("conflict")
	kind := attribute(&conflict, "type")
	drop := engine.SignalDropped{Cause: engine.DropNetwork, Err: fmt.Errorf("stream error %q %s", code, kind)}
	switch {
	case code == "515":
		drop.Cause = engine.DropRestart
	case kind == "replaced":
		drop.Cause = engine.DropReplaced
	case code == "401":
		// Without the device_removed that goes with it today it still means that
		// this login is over; the next one will tell for certain.
		if kind == "device_removed" {
			drop.Cause = engine.DropLoggedOut
		}
	}
	return drop
}

// failureVerdict reads a refused login.
func failureVerdict(node *waBinary.Node, now time.Time) engine.SignalDropped {
	reason := events.ConnectFailureReason(number(node, "reason"))
	drop := engine.SignalDropped{Cause: engine.DropNetwork, Err: fmt.Errorf("login refused: %s", reason)}
	switch {
	case reason.IsLoggedOut(): // 401, 403, 406
		drop.Cause = engine.DropLoggedOut
	case reason == events.ConnectFailureTempBanned:
		drop.Cause = engine.DropBanned
		if seconds := number(node, "expire"); seconds > 0 {
			drop.Until = now.Add(time.Duration(seconds) * time.Second)
		}
	case reason == events.ConnectFailureClientOutdated, reason == events.ConnectFailureBadUserAgent:
		drop.Cause = engine.DropOutdated
	}
	return drop
}

// attribute is a string attribute, or empty.
func attribute(node *waBinary.Node, name string) string {
	switch v := node.Attrs[name].(type) {
	case string:
		return v
	case fmt.Stringer:
		return v.String()
	}
	return ""
}

// number is a numeric attribute, or 0.
func number(node *waBinary.Node, name string) int {
	n, _ := strconv.Atoi(attribute(node, name))
	return n
}
