package simnet

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func TestPairingCode(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone := net.Phone(owner)
	c := newClient(t, net)
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	await[*events.QR](c, nil)
	code, err := c.PairPhone(ctx, owner, true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = net.Phone(customer).EnterCode(ctx, code); !errors.Is(err, ErrNoCompanion) {
		t.Errorf("somebody else's phone: %v", err)
	}
	jid, err := phone.EnterCode(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	if paired := await[*events.PairSuccess](c, nil); paired.ID != jid {
		t.Errorf("client is %s, phone linked %s", paired.ID, jid)
	}
	await[*events.Connected](c, nil)
	if _, err = net.Phone(customer).SendText(ctx, phone.JID(), "linked by code"); err != nil {
		t.Fatal(err)
	}
	await(c, text("linked by code"))
}

func TestPairingCodeRefusesWrongCode(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	c := newClient(t, net)
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	await[*events.QR](c, nil)
	code, err := c.PairPhone(ctx, owner, true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Map(func(r rune) rune {
		switch r {
		case '-':
			return r
		case 'A':
			return 'B'
		default:
			return 'A'
		}
	}, code)
	if _, err = net.Phone(owner).EnterCode(ctx, other); !errors.Is(err, errWrongCode) {
		t.Errorf("wrong code: %v", err)
	}
	if n := len(net.Phone(owner).Devices()); n != 0 {
		t.Errorf("%d devices linked", n)
	}
}

func TestScanRefusals(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone := net.Phone(owner)
	c := newClient(t, net)
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	good := await[*events.QR](c, nil).Codes[0]
	fields := strings.Split(good, ",")
	stranger := base64.StdEncoding.EncodeToString(make([]byte, 32))
	cases := map[string]struct {
		qr   string
		want error
	}{
		"unknown ref":    {"2@nothing," + strings.Join(fields[1:], ","), ErrNoCompanion},
		"other identity": {fields[0] + "," + fields[1] + "," + stranger + "," + strings.Join(fields[3:], ","), errBadQR},
		"no QR code":     {"hello", errBadQR},
	}
	for name, tc := range cases {
		if _, err := phone.ScanQR(ctx, tc.qr); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// With another secret the companion must refuse: the server didn't see it.
	forged := fields[0] + "," + fields[1] + "," + fields[2] + "," + stranger + "," + fields[4]
	if _, err := phone.ScanQR(ctx, forged); err == nil {
		t.Error("the companion accepted a device identity under a wrong secret")
	}
	await[*events.PairError](c, nil)
}

func TestPasskey(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone := net.Phone(owner)
	if _, err := net.Faults().Set(Fault{Kind: FaultPasskey, Number: owner, Times: 1}); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, net)
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	qr := await[*events.QR](c, nil)
	scanned := make(chan error, 1)
	go func() {
		_, err := phone.ScanQR(ctx, qr.Codes[0])
		scanned <- err
	}()
	request := await[*events.PairPasskeyRequest](c, nil)
	answer, err := phone.SignPasskey(request.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err = c.SendPasskeyResponse(ctx, answer); err != nil {
		t.Fatal(err)
	}
	if confirmation := await[*events.PairPasskeyConfirmation](c, nil); !confirmation.SkipHandoffUX {
		t.Error("the handoff should have been proven")
	}
	if err = c.SendPasskeyConfirmation(ctx); err != nil {
		t.Fatal(err)
	}
	if err = <-scanned; err != nil {
		t.Fatal(err)
	}
	await[*events.PairSuccess](c, nil)
	await[*events.Connected](c, nil)
}

func TestUnlinkAndLogout(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone := net.Phone(owner)
	c := settledClient(t, net, phone)
	if err := phone.Unlink(ctx, phone.Devices()[0]); err != nil {
		t.Fatal(err)
	}
	if out := await[*events.LoggedOut](c, nil); out.OnConnect {
		t.Error("logged out at connect")
	}
	if err := phone.Unlink(ctx, c.net.Phone(owner).JID()); !errors.Is(err, ErrUnknownDevice) {
		t.Errorf("unlink of the phone itself: %v", err)
	}

	c = settledClient(t, net, phone)
	c.Disconnect()
	if err := phone.Unlink(ctx, phone.Devices()[0]); err != nil {
		t.Fatal(err)
	}
	again := c.reopen()
	if err := again.Connect(); err != nil {
		t.Fatal(err)
	}
	if out := await[*events.LoggedOut](again, nil); !out.OnConnect || out.Reason != events.ConnectFailureLoggedOut {
		t.Errorf("logged out %+v", out)
	}

	// The device unlinks itself. (Not by Logout, which deletes the store at the
	// same time as the stream error that follows: a race of whatsmeow's own.)
	c = settledClient(t, net, phone)
	//lint:ignore SA1019 only the client's internals can be asked
	_, err := c.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "md", Type: "set", To: types.ServerJID, Content: []waBinary.Node{{
			Tag: "remove-companion-device", Attrs: waBinary.Attrs{"jid": phone.Devices()[0], "reason": "user_initiated"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	await[*events.LoggedOut](c, nil)
	if n := len(phone.Devices()); n != 0 {
		t.Errorf("%d devices left", n)
	}
}
