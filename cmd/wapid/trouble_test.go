package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/simnet"
	"wapid/engine/whatsapp"
	"wapid/store"
)

// TestDeafServer: a connection that is open but says nothing is noticed, and
// the session comes back when the server does.
func TestDeafServer(t *testing.T) {
	network, receiver := startNetwork(t), startHooks(t)
	a := startApp(t, network, t.TempDir(), func(o *whatsapp.Options) {
		o.LoginTimeout = 2 * time.Second
	})
	receiver.subscribe(t, &a.api)
	phone := network.Phone("447700900123")
	a.pair(t, "main", phone)
	settle(t, network, phone)
	id, err := network.Faults().Set(simnet.Fault{Kind: simnet.FaultDeaf, Number: phone.Number()})
	if err != nil {
		t.Fatal(err)
	}
	if told := receiver.awaitEvent(t, "main", "disconnected"); told.Data.Reason != "network" {
		t.Errorf("webhook says %s", told.Raw)
	}
	network.Faults().Clear(id)
	a.awaitStatus(t, "main", "ready")
	a.send(t, "main", "447700900124", "heard again")
}

// TestSocketDropsAroundTheAck: the caller gets one answer, the phone one message.
func TestSocketDropsAroundTheAck(t *testing.T) {
	for _, kind := range []simnet.FaultKind{simnet.FaultDropBeforeRelay, simnet.FaultDropBeforeAck, simnet.FaultDropAfterAck} {
		t.Run(string(kind), func(t *testing.T) {
			network := startNetwork(t)
			a := startApp(t, network, t.TempDir(), nil)
			mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
			a.pair(t, "main", mine)
			settle(t, network, mine)
			a.send(t, "main", theirs.Number(), "first contact")
			eventually(t, "the token of the first contact is issued", func() bool { return theirs.TrustedBy(mine.JID()) })
			fault(simnet.Fault{Kind: kind, Number: mine.Number(), Times: 1})(t, network, mine)
			sent := a.send(t, "main", theirs.Number(), "through the drop")
			got, err := arrive(t, theirs, func(r simnet.Received) bool { return r.Text == "through the drop" })
			if err != nil {
				t.Fatal(err)
			}
			if got.ID != sent.text("messageId") {
				t.Errorf("the phone has id %s, the API said %s", got.ID, sent.text("messageId"))
			}
			a.awaitStatus(t, "main", "ready")
			a.send(t, "main", theirs.Number(), "and on")
			if _, err := arrive(t, theirs, func(r simnet.Received) bool { return r.Text == "and on" }); err != nil {
				t.Fatal(err)
			}
			if n := len(theirs.Inbox()); n != 3 {
				t.Errorf("the phone has %d messages, expected 3", n)
			}
		})
	}
}

// TestRefusedSends: what can't be sent answers with its code, and leaves no row.
func TestRefusedSends(t *testing.T) {
	network := startNetwork(t)
	network.SetAbsent("447700900199")
	a := startApp(t, network, t.TempDir(), nil)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	a.pair(t, "main", mine)
	settle(t, network, mine) // the fault for refused acks is meant for none of the phone's own messages
	sent := a.send(t, "main", theirs.Number(), "known from here on")
	row, err := a.store.FindMessage(t.Context(), engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"},
		engine.Outbound, engine.MessageID(sent.text("messageId")))
	if want := (engine.Person{Phone: engine.JID(theirs.JID().String()), LID: engine.JID(theirs.LID().String())}); err != nil || row.Peer != want {
		t.Errorf("the log names %+v, expected %+v (%v)", row.Peer, want, err)
	}

	refuse := func(to string, status int, code string) {
		t.Helper()
		ans := a.must(t, status, "POST", sessionPath("main")+"/send", map[string]any{"to": to, "message": "x"})
		if ans.text("code") != code {
			t.Errorf("to %s: %s, expected code %s", to, ans.raw, code)
		}
	}
	refuse("447700900199", 400, "NOT_ON_WHATSAPP")
	fault(simnet.Fault{Kind: simnet.FaultAckError, Number: mine.Number(), Times: 1, Code: 479})(t, network, mine)
	refuse(theirs.Number(), 500, "SEND_REJECTED")
	id, err := network.Faults().Set(simnet.Fault{Kind: simnet.FaultNoPreKeys, Number: "447700900125"})
	if err != nil {
		t.Fatal(err)
	}
	refuse("447700900125", 500, "RECIPIENT_UNREACHABLE")
	network.Faults().Clear(id)
	a.send(t, "main", "447700900125", "now there are keys")

	fault(simnet.Fault{Kind: simnet.FaultTimelock, Number: mine.Number(), Expire: time.Hour})(t, network, mine)
	refuse("447700900126", 429, "REACHOUT_TIMELOCK")
	status := a.status(t, "main")
	list, _ := status.body["restrictions"].([]any)
	if status.text("status") != "ready" || len(list) != 1 {
		t.Fatalf("status under a timelock: %s", status.raw)
	}
	restriction, _ := list[0].(map[string]any)
	until, _ := restriction["until"].(float64)
	if left := time.Until(time.UnixMilli(int64(until))); restriction["type"] != "reachout_timelock" || left < 50*time.Minute || left > 61*time.Minute {
		t.Errorf("restriction: %s", status.raw)
	}
}

// TestRetryAfterKillNine: a phone that could not decrypt an acknowledged message
// asks for it while the daemon is dead, and gets it from the next one.
func TestRetryAfterKillNine(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	d.pair(t, "main", mine)
	id := d.send(t, "main", theirs.Number(), "asked for again").text("messageId")
	if _, err := arrive(t, theirs, func(r simnet.Received) bool { return r.ID == id }); err != nil {
		t.Fatal(err)
	}
	d.kill()
	if err := theirs.RequestRetry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	if _, err := arrive(t, theirs, func(r simnet.Received) bool { return r.ID == id && r.Copies > 1 }); err != nil {
		t.Fatalf("the message was not sent again: %v", err)
	}
	d.stop(t)
}

// TestKillWhilePairing: a kill at each step of the linking leaves a session that
// can be linked, and no device that the phone shows and the daemon does not know.
func TestKillWhilePairing(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	phone := network.Phone("447700900123")
	for range 3 {
		d := startDaemon(t, "", network, dir)
		d.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
		qr := d.awaitStatus(t, "main", "qr_ready").text("qr")
		if _, err := phone.ScanQR(t.Context(), qr); err != nil {
			t.Fatal(err)
		}
		d.kill() // the companion has countersigned; the login after the 515 may not have come
		d = startDaemon(t, "", network, dir)
		eventually(t, "the session is ready, or says that it must be linked again", func() bool {
			got := d.status(t, "main")
			return got.text("status") == "ready" || got.text("reason") == "logged_out" || got.text("reason") == "pairing_failed"
		})
		if d.status(t, "main").text("status") != "ready" {
			d.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
			d.scan(t, "main", phone)
			d.awaitStatus(t, "main", "ready")
		}
		d.must(t, 200, "DELETE", sessionPath("main"), nil)
		d.stop(t)
	}
}

// TestALostDatabaseIsNoFreshStart: without the daemon's own database, its linked
// devices would be forgotten here and stay on the phones.
func TestALostDatabaseIsNoFreshStart(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", network.Phone("447700900123"))
	d.stop(t)
	aside := t.TempDir()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		name := store.FileName + suffix
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(aside, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	for range 2 { // a start that was refused does not make the next one right
		code, stdout, stderr := command(t, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--network", network.file, "--log-level", "error")
		if code != 1 || !strings.Contains(stderr, "1 linked devices") || strings.Contains(stdout, "API key") {
			t.Fatalf("status %d: %s%s", code, stdout, stderr)
		}
	}
	if err := os.Rename(filepath.Join(aside, store.FileName), filepath.Join(dir, store.FileName)); err != nil {
		t.Fatal(err)
	}
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	d.stop(t)
}
