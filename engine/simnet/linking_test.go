package simnet

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// companionClient is whatsmeow without a socket and with a store that forgets,
// enough to drive its half of the linking cryptography.
func companionClient() *whatsmeow.Client {
	device := &store.Device{
		NoiseKey:     keys.NewKeyPair(),
		IdentityKey:  keys.NewKeyPair(),
		AdvSecretKey: slices.Repeat([]byte{7}, 32),
		Container:    &store.NoopStore{},
		LIDs:         &store.NoopStore{},
	}
	device.SetAllStores(&store.NoopStore{})
	return whatsmeow.NewClient(device, nil)
}

func TestParseQRFromWhatsmeow(t *testing.T) {
	cli := companionClient()
	//lint:ignore SA1019 the test holds our side of the linking against the client's own
	text := cli.DangerousInternals().MakeQRData([]byte("2@ref/with+chars="), whatsmeow.PairClientChrome)
	code, err := parseQR(text)
	if err != nil {
		t.Fatal(err)
	}
	if code.ref != "2@ref/with+chars=" || code.client != "1" || code.noise != *cli.Store.NoiseKey.Pub ||
		code.identity != *cli.Store.IdentityKey.Pub || !slices.Equal(code.advSecret, cli.Store.AdvSecretKey) {
		t.Errorf("parsed %+v from %s", code, text)
	}
}

func TestParseQR(t *testing.T) {
	const key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"bare", "ref," + key + "," + key + "," + key, true},
		{"with client", "ref," + key + "," + key + "," + key + ",c", true},
		{"with link", "https://wa.me/settings/linked_devices#ref," + key + "," + key + "," + key + ",1", true},
		{"with two hashes", "https://x#y#ref," + key + "," + key + "," + key, true},
		{"empty", "", false},
		{"no ref", "," + key + "," + key + "," + key, false},
		{"missing secret", "ref," + key + "," + key, false},
		{"too many fields", "ref," + key + "," + key + "," + key + ",1,2", false},
		{"short key", "ref,AQEB," + key + "," + key, false},
		{"not base64", "ref," + key + ",?," + key, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, err := parseQR(tt.text)
			if tt.ok && (err != nil || code.ref != "ref") {
				t.Errorf("ref %q, %v", code.ref, err)
			}
			if !tt.ok && !errors.Is(err, errBadQR) {
				t.Errorf("error %v, want errBadQR", err)
			}
		})
	}
}

// TestWhatsmeowAcceptsIssuedIdentity hands a sealed identity to whatsmeow and
// checks the signature with which it answers.
func TestWhatsmeowAcceptsIssuedIdentity(t *testing.T) {
	cli := companionClient()
	account := keys.NewKeyPair()
	identity := *cli.Store.IdentityKey.Pub
	issued, err := issueIdentity(account, identity, 4711, 1, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	pair := func(secret []byte) error {
		sealed, err := sealIdentity(issued, secret)
		if err != nil {
			t.Fatal(err)
		}
		jid := types.JID{User: "100000000000001", Device: 1, Server: types.DefaultUserServer}
		lid := types.JID{User: "200000000000001", Device: 1, Server: types.HiddenUserServer}
		//lint:ignore SA1019 the test holds our side of the linking against the client's own
		return cli.DangerousInternals().HandlePair(context.Background(), sealed, "1", "", "smba", jid, lid)
	}
	if err := pair(slices.Repeat([]byte{8}, 32)); !errors.Is(err, whatsmeow.ErrPairInvalidDeviceIdentityHMAC) {
		t.Fatalf("sealed under another secret: %v", err)
	}
	// It can't send its answer without a socket, and has accepted by then.
	if err := pair(cli.Store.AdvSecretKey); !errors.Is(err, whatsmeow.ErrNotConnected) {
		t.Fatalf("whatsmeow refused the identity: %v", err)
	}
	answer := proto.Clone(cli.Store.Account).(*waAdv.ADVSignedDeviceIdentity)
	answer.AccountSignatureKey = nil
	raw, err := proto.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	complete, err := acceptAnswer(issued, identity, raw)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(complete, cli.Store.Account) {
		t.Error("the complete identity is not the one that whatsmeow keeps")
	}
	if err := verifyIdentity(complete, *account.Pub, identity); err != nil {
		t.Error(err)
	}
	if err := verifyIdentity(complete, *account.Pub, *keys.NewKeyPair().Pub); !errors.Is(err, errBadSignature) {
		t.Errorf("another companion: %v", err)
	}
	if err := verifyIdentity(complete, *keys.NewKeyPair().Pub, identity); !errors.Is(err, errWrongIdentity) {
		t.Errorf("another account: %v", err)
	}

	for name, damage := range map[string]struct {
		do   func(*waAdv.ADVSignedDeviceIdentity)
		want error
	}{
		"no device signature":   {func(a *waAdv.ADVSignedDeviceIdentity) { a.DeviceSignature = nil }, errIncompleteProof},
		"bad device signature":  {func(a *waAdv.ADVSignedDeviceIdentity) { a.DeviceSignature[3] ^= 1 }, errBadSignature},
		"other details":         {func(a *waAdv.ADVSignedDeviceIdentity) { a.Details = []byte{8, 1} }, errWrongIdentity},
		"other account key":     {func(a *waAdv.ADVSignedDeviceIdentity) { a.AccountSignatureKey = make([]byte, 32) }, errWrongIdentity},
		"other account's proof": {func(a *waAdv.ADVSignedDeviceIdentity) { a.AccountSignature[0] ^= 1 }, errWrongIdentity},
	} {
		changed := proto.Clone(answer).(*waAdv.ADVSignedDeviceIdentity)
		damage.do(changed)
		raw, err := proto.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := acceptAnswer(issued, identity, raw); !errors.Is(err, damage.want) {
			t.Errorf("%s: %v, want %v", name, err, damage.want)
		}
	}
}
