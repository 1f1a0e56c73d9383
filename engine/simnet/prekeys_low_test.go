package simnet

import (
	"testing"

	"go.mau.fi/whatsmeow/types"
)

// exhaust takes prekeys of a device, as people who write to it for the first
// time do, until it has to be asked for more.
func exhaust(t *testing.T, net *network, dev *device) {
	t.Helper()
	for dev.preKeyCount() >= lowPreKeys {
		if _, err := net.fetchBundle(dev.jid(types.HiddenUserServer)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConnectedClientsRefillPreKeys: a client that is asked uploads at once,
// without a new login.
func TestConnectedClientsRefillPreKeys(t *testing.T) {
	net := startNetwork(t, Config{})
	phone := net.Phone(owner)
	linkedClient(t, net, phone)
	dev := phone.account.device(phone.Devices()[0].Device)
	for range 2 {
		exhaust(t, net, dev)
		eventually(t, func() bool { return dev.preKeyCount() >= 50 })
	}
}

func TestBaileysRefillsPreKeys(t *testing.T) {
	net := startNetwork(t, Config{})
	phone := net.Phone(owner)
	b, device, _ := linkedBaileys(t, net, phone)
	dev := phone.account.device(device.Device)
	exhaust(t, net, dev)
	eventually(t, func() bool { return dev.preKeyCount() >= lowPreKeys })
	if _, err := net.Phone(customer).SendText(patientContext(t), phone.JID(), "a new face"); err != nil {
		t.Fatal(err)
	}
	b.Await("message", saying("a new face"))
	b.Quit()
}
