package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wapid/engine/simnet"
	"wapid/engine/simnet/baileys"
)

// difficult is a text that does not survive careless handling.
const difficult = "Grüße 👋🏽 \u2028 <b>&</b>\n\"second\" line\n\n🧑‍🚀"

// meetBaileys pairs a session "main" with one phone and a Baileys with another,
// whose name is Asha. The state is the directory of Baileys.
func meetBaileys(t *testing.T, network *simulated, d *daemon, mine, theirs *simnet.Phone) (client *baileys.Client, state string) {
	t.Helper()
	theirs.SetPushName("Asha")
	state = t.TempDir()
	client = baileys.Start(t, baileys.Network(network.Describe()), state)
	device, err := theirs.ScanQR(t.Context(), client.Await("qr", nil).QR)
	if err != nil {
		t.Fatal(err)
	}
	d.pair(t, "main", mine)
	client.Await("open", func(e baileys.Event) bool { return e.ID == device.String() })
	// Baileys knows its name once it has taken in what its phone sends first.
	client.Await("me", func(e baileys.Event) bool { return e.Name == "Asha" })
	eventually(t, "Baileys has everything", func() bool { return len(network.Ledger().Pending(device)) == 0 })
	return client, state
}

// TestTalkToBaileys lets the daemon talk to somebody who uses another client:
// Baileys, linked to the phone of the other side.
func TestTalkToBaileys(t *testing.T) {
	network := startNetwork(t)
	receiver := startHooks(t)
	d := startDaemon(t, "", network, t.TempDir())
	receiver.subscribe(t, &d.api)
	mine, theirs := network.Phone("919876543210"), network.Phone("919876543211")
	client, _ := meetBaileys(t, network, d, mine, theirs)

	sent := d.send(t, "main", theirs.Number(), difficult)
	got := client.Await("message", func(e baileys.Event) bool { return e.ID == sent.text("messageId") })
	if got.Text != difficult || got.FromMe ||
		!slices.Contains([]string{got.Chat, got.ChatAlt}, mine.JID().String()) ||
		!slices.Contains([]string{got.Chat, got.ChatAlt}, mine.LID().String()) {
		t.Errorf("Baileys got %+v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	onPhone, err := theirs.Await(ctx, func(r simnet.Received) bool { return r.ID == sent.text("messageId") })
	if err != nil {
		t.Fatal(err)
	}
	if onPhone.Text != difficult || onPhone.FromPN != mine.JID() || onPhone.Copies != 1 {
		t.Errorf("the phone got %+v", onPhone)
	}

	// The answer goes to the address that the message came from, and another
	// message to the other form: for the daemon both are the same person.
	for _, to := range []string{got.Chat, got.ChatAlt} {
		answer := client.Do(baileys.Command{Do: "text", To: to, Text: to + ": " + difficult})
		told := receiver.await(t, "the answer to "+to, func(h hook) bool { return h.Data.ID == answer.ID })
		if told.Event != "message" || told.SessionID != "main" || told.Data.Body != to+": "+difficult || told.Data.Type != "text" ||
			told.Data.From != theirs.JID().String() || told.Data.FromLID != theirs.LID().String() ||
			told.Data.PushName != "Asha" || told.Data.IsGroup || told.Data.HasMedia {
			t.Errorf("webhook: %s", told.Raw)
		}
		// The phone confirms as well: only the one with a device is the daemon.
		client.Await("receipt", func(e baileys.Event) bool {
			return e.ID == answer.ID && (e.State == "delivered" || e.State == "inactive") && strings.Contains(e.From, ":")
		})
	}

	file := filepath.Join(t.TempDir(), "picture.png")
	if err := os.WriteFile(file, []byte("the daemon does not look into it"), 0o600); err != nil {
		t.Fatal(err)
	}
	picture := client.Do(baileys.Command{Do: "image", To: got.Chat, File: file, Caption: "a picture"})
	told := receiver.await(t, "the picture", func(h hook) bool { return h.Data.ID == picture.ID })
	if told.Event != "message" || told.Data.Type != "image" || !told.Data.HasMedia || told.Data.Body != "a picture" {
		t.Errorf("webhook: %s", told.Raw)
	}
	client.Quit()
	d.stop(t)
	if n := countHooks(receiver, picture.ID); n != 1 {
		t.Errorf("the picture was told %d times", n)
	}
}

// TestBaileysGroup lets the daemon write and read in a group that Baileys made,
// and answer it when a kill -9 came between question and answer.
func TestBaileysGroup(t *testing.T) {
	network := startNetwork(t)
	receiver := startHooks(t)
	dir := t.TempDir()
	d := startDaemon(t, "", network, dir)
	receiver.subscribe(t, &d.api)
	mine, theirs := network.Phone("919876543210"), network.Phone("919876543211")
	client, _ := meetBaileys(t, network, d, mine, theirs)

	group := client.Do(baileys.Command{Do: "groupCreate", Subject: "Orders", People: []string{mine.JID().String()}}).Group
	asked := client.Do(baileys.Command{Do: "text", To: group, Text: "in the group: " + difficult})
	told := receiver.await(t, "the question in the group", func(h hook) bool { return h.Data.ID == asked.ID })
	if told.Data.Body != "in the group: "+difficult || !told.Data.IsGroup || told.Data.Chat != group ||
		told.Data.From != theirs.JID().String() || told.Data.FromLID != theirs.LID().String() {
		t.Errorf("webhook: %s", told.Raw)
	}

	for _, words := range []string{"first answer", "after the kill"} {
		sent := d.send(t, "main", group, words)
		got := client.Await("message", func(e baileys.Event) bool { return e.ID == sent.text("messageId") })
		if got.Text != words || got.Chat != group || got.Participant != mine.LID().String() || got.ParticipantAlt != mine.JID().String() {
			t.Errorf("Baileys got %+v", got)
		}
		if words != "first answer" {
			break
		}
		// The sender key of the group must outlive the daemon.
		d.kill()
		d = startDaemon(t, "", network, dir)
		d.awaitStatus(t, "main", "ready")
	}
	client.Quit()
	d.stop(t)
}

// TestBaileysAsksAgainAfterAKill: what the API acknowledged can be asked for
// again although the daemon was killed in the meantime.
func TestBaileysAsksAgainAfterAKill(t *testing.T) {
	network := startNetwork(t)
	dir := t.TempDir()
	d := startDaemon(t, "", network, dir)
	mine, theirs := network.Phone("919876543210"), network.Phone("919876543211")
	client, state := meetBaileys(t, network, d, mine, theirs)
	first := d.send(t, "main", theirs.Number(), "opens the sessions")
	client.Await("message", func(e baileys.Event) bool { return e.ID == first.text("messageId") })
	eventually(t, "Baileys has everything", func() bool { return len(network.Ledger().Pending(theirs.Devices()[0])) == 0 })
	client.Quit()

	sent := d.send(t, "main", theirs.Number(), difficult)
	d.kill()
	baileys.ForgetSessions(t, state)
	client = baileys.Start(t, baileys.Network(network.Describe()), state)
	client.Await("caughtUp", nil)
	d = startDaemon(t, "", network, dir)
	if got := client.Await("message", func(e baileys.Event) bool { return e.ID == sent.text("messageId") && e.Text != "" }); got.Text != difficult {
		t.Errorf("Baileys got %+v", got)
	}
	if !slices.ContainsFunc(client.Events(), func(e baileys.Event) bool { return e.ID == sent.text("messageId") && e.Stub == baileys.StubCiphertext }) {
		t.Error("Baileys could read the message at once: nobody was asked")
	}
	client.Quit()
	d.stop(t)
}

// countHooks counts the deliveries about one message.
func countHooks(receiver *hooks, id string) (n int) {
	for _, h := range receiver.all() {
		if h.Data.ID == id {
			n++
		}
	}
	return n
}
