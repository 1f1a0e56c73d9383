package simnet

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// freePort finds a port that a network can take again after a restart.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestStateSurvivesARestart(t *testing.T) {
	cfg := Config{Listen: freePort(t), State: filepath.Join(t.TempDir(), "state.json")}
	network := openNetwork(t, cfg)
	ctx := testContext(t)
	phone, peer := network.Phone(owner), network.Phone(customer)
	network.SetAbsent("15550009009")
	c := linkedClient(t, network, phone)
	sent, err := c.SendMessage(ctx, peer.JID(), hello("before"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = peer.Await(ctx, withText("before")); err != nil {
		t.Fatal(err)
	}
	if _, err = peer.SendText(ctx, phone.JID(), "answer"); err != nil {
		t.Fatal(err)
	}
	await(c, text("answer"))
	c.Disconnect()
	offline, err := peer.SendText(ctx, phone.JID(), "while away")
	if err != nil {
		t.Fatal(err)
	}
	before := network.Describe()
	network.stop()
	if info, err := os.Stat(cfg.State); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("state file: %v %v", info, err)
	}

	raw, err := os.ReadFile(cfg.State)
	if err != nil {
		t.Fatal(err)
	}
	var saved savedNetwork
	if err = json.Unmarshal(raw, &saved); err != nil || [32]byte(saved.Noise.Root) != testNoise.Root {
		t.Fatalf("state file does not hold the noise root: %v", err)
	}

	network = startNetwork(t, cfg)
	peer = network.Phone(customer)
	after := network.Describe()
	if after.Address != before.Address || after.CA != before.CA {
		t.Error("a client that trusted the network can't trust it any more")
	}
	c.net = network
	c = c.reopen()
	c.connect()
	if m := await(c, text("while away")); m.Info.ID != offline {
		t.Errorf("queued message %+v", m.Info)
	}
	if _, err = c.SendMessage(ctx, peer.JID(), hello("after")); err != nil {
		t.Fatal(err)
	}
	if _, err = peer.Await(ctx, withText("after")); err != nil {
		t.Fatalf("the session did not survive: %v", err)
	}
	if _, err = peer.Await(ctx, func(r Received) bool { return r.ID == sent.ID && r.Text == "before" }); err != nil {
		t.Errorf("the inbox did not survive: %v", err)
	}
	if err = peer.RequestRetry(ctx, sent.ID); err != nil {
		t.Errorf("retry of an old message: %v", err)
	}
	if _, err = network.directory.number("15550009009"); err == nil {
		t.Error("the absent number is present")
	}
}

func TestStateRefusals(t *testing.T) {
	for name, body := range map[string]string{
		"newer":   `{"version":99}`,
		"damaged": `{"version":1}`,
		"garbage": `hello`,
	} {
		path := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Config{State: path}); err == nil || !strings.Contains(err.Error(), "state") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
