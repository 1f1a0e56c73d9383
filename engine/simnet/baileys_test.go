package simnet

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet/baileys"
)

// poem is a text that does not survive any careless handling.
const poem = "Grüße 👋🏽 \u2028 <b>&</b>\n\"second\" line\n\n🧑‍🚀"

// patientContext is for tests with processes in other languages, which need
// several times as long as testContext allows when the machine is busy.
func patientContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// startBaileys runs a Baileys on a state directory.
func startBaileys(t *testing.T, net *network, state string) *baileys.Client {
	t.Helper()
	return baileys.Start(t, baileys.Network(net.Describe()), state)
}

// linkedBaileys lets a phone scan the QR code of a new Baileys and waits until
// it is ready.
func linkedBaileys(t *testing.T, net *network, phone *Phone) (b *baileys.Client, device types.JID, state string) {
	t.Helper()
	state = t.TempDir()
	b = startBaileys(t, net, state)
	device, err := phone.ScanQR(patientContext(t), b.Await("qr", nil).QR)
	if err != nil {
		t.Fatal(err)
	}
	awaitLinked(t, net, b, device)
	return b, device, state
}

// awaitLinked waits until a Baileys that was just linked has logged in after
// the restart that follows linking, and has taken in what its phone sends first.
func awaitLinked(t *testing.T, net *network, b *baileys.Client, device types.JID) {
	t.Helper()
	b.Await("paired", nil)
	b.Await("close", func(e baileys.Event) bool { return e.Code == baileys.CloseRestart })
	open := b.Await("open", nil)
	if open.ID != device.String() {
		t.Errorf("Baileys is %s, the phone linked %s", open.ID, device)
	}
	b.Await("caughtUp", nil)
	b.Await("history", nil)
	eventually(t, func() bool {
		return len(net.Ledger().Acked(device)) > 0 && len(net.Ledger().Pending(device)) == 0
	})
}

// saying matches an event by its words.
func saying(words string) func(baileys.Event) bool {
	return func(e baileys.Event) bool { return e.Text == words }
}

// about matches an event by the message that it is about.
func about(id string) func(baileys.Event) bool {
	return func(e baileys.Event) bool { return e.ID == id }
}

// receiptFrom matches a receipt by its message, who sent it, and what it says.
func receiptFrom(id, who, state string) func(baileys.Event) bool {
	return func(e baileys.Event) bool { return e.ID == id && e.From == who && e.State == state }
}

func TestBaileysTalks(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	phone.SetPushName("Owner")
	peer.SetPushName("Customer")
	b, device, _ := linkedBaileys(t, net, phone)
	b.Await("me", func(e baileys.Event) bool { return e.Name == "Owner" })

	id, err := peer.SendText(ctx, phone.JID(), poem)
	if err != nil {
		t.Fatal(err)
	}
	got := b.Await("message", saying(poem))
	addresses := []string{got.Chat, got.ChatAlt}
	if got.ID != id || got.FromMe || got.PushName != "Customer" || got.Delivery != "notify" ||
		!slices.Contains(addresses, peer.JID().String()) || !slices.Contains(addresses, peer.LID().String()) {
		t.Errorf("Baileys got %+v", got)
	}
	if _, err = peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && !m.Delivered[device].IsZero() }); err != nil {
		t.Errorf("delivery: %v, %+v", err, peer.Sent())
	}
	b.Do(baileys.Command{Do: "read", ID: id})
	if _, err = peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && !m.Read[device].IsZero() }); err != nil {
		t.Errorf("read: %v, %+v", err, peer.Sent())
	}

	// It writes to both forms of the address.
	for _, to := range []string{peer.LID().String(), peer.JID().String()} {
		words := "to " + to + ": " + poem
		sent := b.Do(baileys.Command{Do: "text", To: to, Text: words})
		heard, err := peer.Await(ctx, withText(words))
		if err != nil {
			t.Fatal(err)
		}
		if heard.ID != sent.ID || heard.FromPN != phone.JID() || heard.Copies != 1 || heard.PushName != "Owner" {
			t.Errorf("the peer heard %+v", heard)
		}
		own, err := phone.Await(ctx, withText(words))
		if err != nil || !own.FromMe || own.Chat != peer.JID() {
			t.Errorf("the own phone heard %+v, %v", own, err)
		}
		b.Await("receipt", receiptFrom(sent.ID, to, "delivered"))
		b.Await("receipt", func(e baileys.Event) bool { return e.ID == sent.ID && e.State == "sender" })
		if err = peer.MarkRead(ctx, phone.JID(), sent.ID); err != nil {
			t.Fatal(err)
		}
		b.Await("status", func(e baileys.Event) bool { return e.ID == sent.ID && e.Status == baileys.StatusRead })
	}

	// What the own phone writes appears on the companion.
	if id, err = phone.SendText(ctx, peer.JID(), "from the phone"); err != nil {
		t.Fatal(err)
	}
	if own := b.Await("message", saying("from the phone")); own.ID != id || !own.FromMe {
		t.Errorf("Baileys got %+v", own)
	}
	b.Quit()
}

func TestBaileysLogsInAgain(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	b, device, state := linkedBaileys(t, net, phone)
	if _, err := peer.SendText(ctx, phone.JID(), "before"); err != nil {
		t.Fatal(err)
	}
	b.Await("message", saying("before"))
	eventually(t, func() bool { return len(net.Ledger().Pending(device)) == 0 })
	b.Quit()
	eventually(t, func() bool { return net.Connections() == 0 })

	ids := make(map[string]int)
	for _, words := range []string{"one", "two", "three"} {
		id, err := peer.SendText(ctx, phone.JID(), words)
		if err != nil {
			t.Fatal(err)
		}
		ids[id] = 0
	}
	b = startBaileys(t, net, state)
	b.Await("open", nil)
	for _, words := range []string{"one", "two", "three"} {
		if got := b.Await("message", saying(words)); got.Delivery != "append" {
			t.Errorf("what was queued comes as %q", got.Delivery)
		}
	}
	eventually(t, func() bool { return len(net.Ledger().Pending(device)) == 0 })
	last := b.Do(baileys.Command{Do: "text", To: peer.JID().String(), Text: "here again"})
	if _, err := peer.Await(ctx, func(r Received) bool { return r.ID == last.ID && r.Text == "here again" }); err != nil {
		t.Fatal(err)
	}
	b.Quit()

	// A third login brings nothing that was there before.
	third := startBaileys(t, net, state)
	third.Await("caughtUp", nil)
	if _, err := peer.SendText(ctx, phone.JID(), "last"); err != nil {
		t.Fatal(err)
	}
	third.Await("message", saying("last"))
	third.Quit()
	for _, event := range append(b.Events(), third.Events()...) {
		if event.Kind == "qr" {
			t.Error("a linked Baileys shows a QR code")
		}
		if _, queued := ids[event.ID]; queued && event.Kind == "message" {
			ids[event.ID]++
		}
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("message %s came %d times", id, n)
		}
	}
}

func TestBaileysRetries(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	b, _, state := linkedBaileys(t, net, phone)
	sent := b.Do(baileys.Command{Do: "text", To: peer.JID().String(), Text: poem})
	if _, err := peer.Await(ctx, withText(poem)); err != nil {
		t.Fatal(err)
	}
	// The peer's phone loses its session and asks again.
	if err := peer.RequestRetry(ctx, sent.ID); err != nil {
		t.Fatal(err)
	}
	again := func(r Received) bool { return r.ID == sent.ID && r.Copies >= 2 && r.Text == poem }
	if _, err := peer.Await(ctx, again); err != nil {
		t.Fatalf("Baileys did not encrypt again: %v, %+v", err, peer.Inbox())
	}
	b.Quit()

	// Now Baileys loses all its sessions, and the peer's phone has to.
	baileys.ForgetSessions(t, state)
	b = startBaileys(t, net, state)
	b.Await("caughtUp", nil)
	id, err := peer.SendText(ctx, phone.JID(), "can you read this?")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Await("message", saying("can you read this?")); got.ID != id {
		t.Errorf("Baileys got %+v", got)
	}
	if m, err := peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && m.Retries > 0 }); err != nil {
		t.Errorf("no retry came: %v, %+v", err, m)
	}
	b.Quit()
}

func TestBaileysActs(t *testing.T) {
	net := startNetwork(t, Config{})
	net.SetAbsent("15550009009")
	ctx := patientContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	b, _, _ := linkedBaileys(t, net, phone)
	id, err := peer.SendText(ctx, phone.JID(), "a question")
	if err != nil {
		t.Fatal(err)
	}
	chat := b.Await("message", saying("a question")).Chat

	b.Do(baileys.Command{Do: "react", ID: id, Text: "👍🏽"})
	if _, err = peer.Await(ctx, func(r Received) bool {
		given := r.Message.GetReactionMessage()
		return given.GetText() == "👍🏽" && given.GetKey().GetID() == id && !given.GetKey().GetFromMe()
	}); err != nil {
		t.Errorf("reaction: %v", err)
	}
	answer := b.Do(baileys.Command{Do: "text", To: chat, Text: "an answer", Quote: id})
	if _, err = peer.Await(ctx, func(r Received) bool {
		return r.ID == answer.ID && r.Message.GetExtendedTextMessage().GetContextInfo().GetStanzaID() == id
	}); err != nil {
		t.Errorf("answer: %v", err)
	}
	b.Do(baileys.Command{Do: "edit", ID: answer.ID, Text: "a better answer"})
	if _, err = peer.Await(ctx, func(r Received) bool {
		change := r.Message.GetProtocolMessage()
		return change.GetKey().GetID() == answer.ID && change.GetEditedMessage().GetExtendedTextMessage().GetText() == "a better answer"
	}); err != nil {
		t.Errorf("edit: %v", err)
	}
	b.Do(baileys.Command{Do: "revoke", ID: answer.ID})
	if _, err = peer.Await(ctx, func(r Received) bool {
		change := r.Message.GetProtocolMessage()
		return change.GetKey().GetID() == answer.ID && change.GetType().String() == "REVOKE"
	}); err != nil {
		t.Errorf("revoke: %v", err)
	}

	b.Do(baileys.Command{Do: "subscribe", To: chat})
	if err = peer.Typing(ctx, phone.JID(), true); err != nil {
		t.Fatal(err)
	}
	b.Await("presence", func(e baileys.Event) bool { return e.State == "composing" })
	b.Do(baileys.Command{Do: "typing", To: chat, On: true})

	if _, err = peer.React(ctx, phone.JID(), answer.ID, "❤️"); err != nil {
		t.Fatal(err)
	}
	b.Await("reaction", func(e baileys.Event) bool { return e.ID == answer.ID && e.Text == "❤️" })
	poll := b.Do(baileys.Command{Do: "poll", To: chat, Text: "Tea?", People: []string{"yes", "no 🙅"}})
	if _, err = peer.Await(ctx, func(r Received) bool { return r.ID == poll.ID && pollOf(r.Message) != nil }); err != nil {
		t.Fatal(err)
	}
	if _, err = peer.Vote(ctx, phone.JID(), poll.ID, "no 🙅"); err != nil {
		t.Fatal(err)
	}
	if vote := b.Await("vote", about(poll.ID)); !slices.Equal(vote.People, []string{"no 🙅"}) {
		t.Errorf("the vote is %v", vote.People)
	}

	// A name that it gives itself goes through the app state to the phone, and
	// from there to those who get messages.
	b.Do(baileys.Command{Do: "rename", Text: "New Name 🎩"})
	renamed := b.Do(baileys.Command{Do: "text", To: chat, Text: "who am I?"})
	if r, err := peer.Await(ctx, func(r Received) bool { return r.ID == renamed.ID }); err != nil || r.PushName != "New Name 🎩" {
		t.Errorf("renamed: %+v, %v", r, err)
	}
	b.Do(baileys.Command{Do: "block", To: chat, On: true})
	if unheard, err := peer.SendText(ctx, phone.JID(), "blocked"); err != nil {
		t.Error(err)
	} else if list := net.Ledger().Message(unheard); len(list) > 0 {
		t.Errorf("a blocked message went to %+v", list)
	}
	b.Do(baileys.Command{Do: "block", To: chat})
	if _, err = peer.SendText(ctx, phone.JID(), "unblocked"); err != nil {
		t.Fatal(err)
	}
	b.Await("message", saying("unblocked"))

	if known := b.Do(baileys.Command{Do: "exists", Number: customer}).Found; len(known) != 1 || !known[0].Exists {
		t.Errorf("a number on the network: %+v", known)
	}
	if absent := b.Do(baileys.Command{Do: "exists", Number: "15550009009"}).Found; slices.ContainsFunc(absent, func(f baileys.Found) bool { return f.Exists }) {
		t.Errorf("a number that isn't: %+v", absent)
	}
	b.Quit()
}

func TestBaileysLinksByCode(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone := net.Phone(owner)
	b := startBaileys(t, net, t.TempDir())
	b.Await("qr", nil)
	code := b.Do(baileys.Command{Do: "pairingCode", Number: owner}).PairingCode
	eventually(t, func() bool { comp, _ := net.pairings.findCode(phone.account); return comp != nil })
	device, err := phone.EnterCode(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	awaitLinked(t, net, b, device)
	if _, err = net.Phone(customer).SendText(ctx, phone.JID(), poem); err != nil {
		t.Fatal(err)
	}
	b.Await("message", saying(poem))
	b.Quit()
}

func TestBaileysIsUnlinked(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone := net.Phone(owner)
	b, device, state := linkedBaileys(t, net, phone)
	if err := phone.Unlink(ctx, device); err != nil {
		t.Fatal(err)
	}
	loggedOut := func(e baileys.Event) bool { return e.Code == baileys.CloseLoggedOut }
	out := b.Await("close", loggedOut)
	if !strings.Contains(out.Error, "device_removed") && !strings.Contains(out.Error, "conflict") {
		t.Errorf("Baileys closed with %q", out.Error)
	}
	b.Quit()
	// Its old state is worth nothing any more.
	b = startBaileys(t, net, state)
	b.Await("close", loggedOut)
	b.Quit()

	b, _, _ = linkedBaileys(t, net, phone)
	b.Do(baileys.Command{Do: "logout"})
	eventually(t, func() bool { return len(phone.Devices()) == 0 })
	b.Quit()
}

func TestBaileysIsReplaced(t *testing.T) {
	net := startNetwork(t, Config{})
	b, _, state := linkedBaileys(t, net, net.Phone(owner))
	other := startBaileys(t, net, state)
	other.Await("open", nil)
	b.Await("close", func(e baileys.Event) bool { return e.Code == baileys.CloseReplaced })
	b.Quit()
	other.Quit()
}
