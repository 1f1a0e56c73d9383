package simnet

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"google.golang.org/protobuf/proto"
)

func marshalled(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPasskeyLink plays the companion after whatsmeow's pair-passkey.go, whose
// functions need a socket.
func TestPasskeyLink(t *testing.T) {
	ephemeral, nonce := keys.NewKeyPair(), drawn(t, 32)
	identity := marshalled(t, &waCompanionReg.CompanionEphemeralIdentity{
		PublicKey: ephemeral.Pub[:], DeviceType: waCompanionReg.DeviceProps_CHROME.Enum(), Ref: proto.String("2@ref"),
	})
	commitment := sha256.Sum256(append(slices.Clone(identity), nonce...))
	prologue := marshalled(t, &waCompanionReg.ProloguePayload{
		CompanionEphemeralIdentity: identity,
		Commitment:                 &waCompanionReg.CompanionCommitment{Hash: commitment[:]},
	})
	link, err := openPasskeyLink(prologue)
	if err != nil {
		t.Fatal(err)
	}
	if link.ref() != "2@ref" {
		t.Errorf("ref %q", link.ref())
	}
	raw, err := link.answer()
	if err != nil {
		t.Fatal(err)
	}
	var primary waCompanionReg.PrimaryEphemeralIdentity
	if err := proto.Unmarshal(raw, &primary); err != nil {
		t.Fatal(err)
	}

	shared, err := curve25519.X25519(ephemeral.Priv[:], primary.GetPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	key := hkdfutil.SHA256(shared, []byte("Companion Pairing 1 with ref 2@ref"), []byte("Pairing Information Encryption Key"), 32)
	digest := sha256.Sum256(append(slices.Clone(nonce), primary.GetPublicKey()...))
	shown := make([]byte, 5)
	for i := range shown {
		shown[i] = primary.GetNonce()[i] ^ digest[i]
	}
	code := base32.NewEncoding("123456789ABCDEFGHJKLMNPQRSTVWXYZ").EncodeToString(shown)

	noise, companion, secret := drawn(t, 32), drawn(t, 32), drawn(t, 32)
	iv := drawn(t, 12)
	sealed, err := gcmutil.Encrypt(key, iv, marshalled(t, &waCompanionReg.PairingRequest{
		CompanionPublicKey: noise, CompanionIdentityKey: companion, AdvSecret: secret,
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	request := marshalled(t, &waCompanionReg.EncryptedPairingRequest{EncryptedPayload: sealed, IV: iv})

	if _, err := link.open(request); !errors.Is(err, errBadPrologue) {
		t.Errorf("request before the nonce: %v", err)
	}
	if _, err := link.reveal(drawn(t, 32)); !errors.Is(err, errBadPrologue) {
		t.Errorf("another nonce: %v", err)
	}
	got, err := link.reveal(nonce)
	if err != nil {
		t.Fatal(err)
	}
	if got != code[:4]+"-"+code[4:] {
		t.Errorf("phone shows %s, companion %s", got, code)
	}
	opened, err := link.open(request)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(opened.noise[:], noise) || !bytes.Equal(opened.identity[:], companion) || !bytes.Equal(opened.advSecret, secret) {
		t.Error("the opened request holds other keys")
	}

	scanned := drawn(t, 32)
	mac := hmac.New(sha256.New, hkdfutil.SHA256(scanned, nil, []byte("shortcake-passkey-handoff-v1"), 32))
	mac.Write(prologue)
	proof := mac.Sum(nil)
	if ok, err := provesHandoff(scanned, prologue, proof); !ok || err != nil {
		t.Errorf("handoff proof refused: %v", err)
	}
	if ok, _ := provesHandoff(secret, prologue, proof); ok {
		t.Error("handoff proof accepted under another secret")
	}
}

func TestPasskeyAssertion(t *testing.T) {
	key, err := newPasskey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := newPasskey()
	if err != nil {
		t.Fatal(err)
	}
	challenge := drawn(t, 32)
	raw, err := key.options(challenge)
	if err != nil {
		t.Fatal(err)
	}
	var request types.WebAuthnPublicKey // As whatsmeow hands it on.
	if err := json.Unmarshal(raw, &request); err != nil {
		t.Fatal(err)
	}
	response, err := key.sign(&request)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := json.Marshal(response) // As whatsmeow sends it.
	if err != nil {
		t.Fatal(err)
	}
	if err := key.verify(challenge, assertion); err != nil {
		t.Error(err)
	}
	if err := key.verify(drawn(t, 32), assertion); !errors.Is(err, errBadAssertion) {
		t.Errorf("another challenge: %v", err)
	}
	if err := other.verify(challenge, assertion); !errors.Is(err, errBadAssertion) {
		t.Errorf("another credential: %v", err)
	}
	if _, err := other.sign(&request); !errors.Is(err, errBadAssertion) {
		t.Errorf("authenticator without the credential: %v", err)
	}
	request.RelyingPartID = "example.org"
	if _, err := key.sign(&request); !errors.Is(err, errBadAssertion) {
		t.Errorf("another relying party: %v", err)
	}
	for i := range response.Response.Signature {
		if i%16 != 0 {
			continue
		}
		changed := *response
		changed.Response.Signature = slices.Clone(response.Response.Signature)
		changed.Response.Signature[i] ^= 1
		bad, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		if err := key.verify(challenge, bad); !errors.Is(err, errBadAssertion) {
			t.Errorf("signature with byte %d changed: %v", i, err)
		}
	}
}
