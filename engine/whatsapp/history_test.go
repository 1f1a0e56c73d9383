package whatsapp

import (
	"bytes"
	"compress/zlib"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
	"wapid/engine/enginetest"
)

// TestHistoryTeachesTimersAndNames: a device that is linked later knows the timers
// of chats, and how people call themselves.
func TestHistoryTeachesTimersAndNames(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	peer.SetPushName("Asha")
	if _, err := peer.SendText(t.Context(), p.Person().Phone, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.SetTimer(t.Context(), peer.JID(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	s, id := enginetest.Link(t, n, p, "a")
	if err := p.Settle(t.Context(), id.Device); err != nil {
		t.Fatal(err)
	}
	notice := s.AwaitNotice(t, func(n engine.Notice) bool { return n.Timer != nil })
	if notice.Timer.After != 24*time.Hour || notice.Timer.Peer != peer.Person() || notice.At.IsZero() {
		t.Errorf("told %+v at %s", notice.Timer, notice.At)
	}
	soon(t, "the name is known", func() bool {
		list, err := able[engine.Directory](t, s).Contacts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Person == peer.Person() && c.PushName == "Asha" {
				return true
			}
		}
		return false
	})
}

func TestParseHistory(t *testing.T) {
	pack := func(raw []byte) []byte {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		_, _ = w.Write(raw) // a buffer takes everything
		_ = w.Close()
		return b.Bytes()
	}
	good, err := proto.Marshal(&waHistorySync.HistorySync{SyncType: waHistorySync.HistorySync_RECENT.Enum()})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		blob []byte
		says string
	}{
		"good":   {pack(good), ""},
		"empty":  {nil, "unpack"},
		"cut":    {pack(good)[:5], "unpack"},
		"noise":  {pack([]byte("\xff\xff\xff")), "decode"},
		"a bomb": {pack(make([]byte, maxHistoryPlain+1)), "unpacks to more than"},
	} {
		_, err := parseHistory(c.blob)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
