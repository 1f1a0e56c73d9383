package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestClientLogTellsNoSecrets(t *testing.T) {
	core, seen := observer.New(zapcore.DebugLevel)
	log := clientLog{log: zap.New(core)}.Sub("Recv")
	peer := types.NewJID("4917012345678", types.DefaultUserServer)
	node := &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"from": peer}}
	log.Warnf("Failed to encrypt %s for %s: %v (try %d of %d)", "3EB0A1B2C3D4E5F6A7B8C9", peer, errors.New("no session with 4917012345678:3"), 2, 5)
	log.Errorf("Failed to get LID for %s: %v", peer, errors.New("locked"))
	log.Warnf("Failed to download media due to network error: %v", fmt.Errorf("request: %w",
		&url.Error{Op: "Get", URL: "https://media.example/v/secret?auth=secret", Err: errors.New("refused")}))
	log.Warnf("Unknown connect failure: %s", node)
	log.Warnf("key %X", []byte{1, 2, 3})
	log.Infof("Successfully paired %s", peer)
	var above []string
	for _, e := range seen.All() {
		if e.Level > zapcore.DebugLevel {
			above = append(above, e.Level.String()+" "+e.Message)
		}
	}
	want := []string{
		"warn Failed to encrypt … for …: no session with #:3 (try 2 of 5)",
		"error Failed to get LID for …: locked",
		"warn Failed to download media due to network error: Get: refused",
		"warn Unknown connect failure: …",
		"warn key …",
	}
	if strings.Join(above, "\n") != strings.Join(want, "\n") {
		t.Errorf("above debug level:\n%s\nwant:\n%s", strings.Join(above, "\n"), strings.Join(want, "\n"))
	}
	if got := seen.FilterMessageSnippet("4917012345678").FilterLevelExact(zapcore.DebugLevel).Len(); got != 4 {
		t.Errorf("%d debug lines show the number, want the 4 that name it", got)
	}
}

// tapped records what the log has shown to the adapter.
type tapped struct{ in, out []string }

func (r *tapped) received(n *waBinary.Node) { r.in = append(r.in, n.Tag) }
func (r *tapped) sending(n *waBinary.Node)  { r.out = append(r.out, n.Tag) }

func TestClientLogShowsStanzas(t *testing.T) {
	tap := &tapped{}
	log := clientLog{log: zap.NewNop(), tap: tap}
	log.Sub("Recv").Debugf("%s", &waBinary.Node{Tag: "failure"})
	log.Sub("Send").Debugf("%s", &waBinary.Node{Tag: "message"})
	log.Sub("Recv").Debugf("%s", "text")
	log.Debugf("%s", &waBinary.Node{Tag: "elsewhere"})
	if strings.Join(tap.in, " ") != "failure" || strings.Join(tap.out, " ") != "message" {
		t.Errorf("got %+v", tap)
	}
}

// TestClientLogKeepsQuietAboutWhatWasBrokenOff: unlinking a device ends a link
// while whatsmeow still deletes the device.
func TestClientLogKeepsQuietAboutWhatWasBrokenOff(t *testing.T) {
	core, seen := observer.New(zapcore.WarnLevel)
	ctx, end := context.WithCancel(t.Context())
	log := clientLog{log: zap.New(core), ended: ctx}
	complain := func(err error) { log.Warnf("Failed to delete store after device_removed error: %v", err) }
	complain(context.Canceled)
	end()
	complain(context.Canceled)
	complain(errors.New("disk full"))
	if n := seen.Len(); n != 2 {
		t.Errorf("%d warnings, want the one before the end and the one of the disk", n)
	}
}
